//! Ring 0: everything of the kernel that is privileged, in assembly and static tables.
//!
//! - **Boot**: by the PVH note (32-bit protected mode, paging off, `EBX` = `hvm_start_info`; Xen's `docs/misc/pvh.pandoc`) or the Linux 64-bit
//!   entry (`RSI` = `boot_params`; Linux's `Documentation/arch/x86/boot.rst`). Sets the control registers and goes to ring 3.
//! - **Interrupts**: note the GSI in `pending`, end of interrupt, and, if the program was running, go up to `upcall_interrupt`.
//! - **Exceptions**: save the error code and CR2, go up to `upcall_exception` (or `upcall_kernel_fault`).
//! - **Services** (`int3` from the kernel, number in EDI): 0 halt until an interrupt, 1 flush the TLB, 2 flush one page (RSI), 3 `wrmsr`.
//!
//! Each instruction here costs about a microsecond on a host that emulates ring 0, so there are no saved registers where a memory operand does, and no tables built.
//! "Interrupts off" for the kernel in ring 3 is the byte `in_kernel` of the shared page: ring 3 cannot be kept from being interrupted there.
//!
//! The shared page is the first page of the kernel's data, seen by ring 0 at 0x1ff000; the local APIC is seen at 0x1fe000.

core::arch::global_asm!(
    r#"
.set SHARED, 0x1ff000
.set EOI, 0x1fe0b0
.set PENDING, SHARED
.set IN_KERNEL, SHARED + 0xc8
.set SAVED_RIP, SHARED + 0x08
.set SAVED_CS, SHARED + 0x10
.set SAVED_RFLAGS, SHARED + 0x18
.set SAVED_RSP, SHARED + 0x20
.set SAVED_SS, SHARED + 0x28
.set EXC_ERROR, SHARED + 0x30
.set EXC_CR2, SHARED + 0x38
.set EXC_VECTOR, SHARED + 0x40
.set SCRATCH_TOP, SHARED + 0x48
.set UPCALL_INTERRUPT, SHARED + 0x50
.set UPCALL_EXCEPTION, SHARED + 0x58
.set UPCALL_KERNEL_FAULT, SHARED + 0x60
.set FAULT_STACK_TOP, SHARED + 0x68
.set BOOT_KIND, SHARED + 0x70
.set BOOT_INFO, SHARED + 0x78
.set ENTER, SHARED + 0x80
.set ENTER_STACK, SHARED + 0x88
.set SYSCALL_ENTRY, SHARED + 0x90

.section .note.pvh, "a", @note
.balign 4
.globl pvh_note
pvh_note:
    .long 4, 4, 18              # XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_start

.section .shim, "awx"
# One stub of 16 bytes for each vector; the IDT below relies on place and size.
shim_stubs:
.set v, 0
.rept 256
    .balign 16
    .if v == 3
        jmp breakpoint
    .elseif (v == 8) || ((v >= 10) && (v <= 14)) || (v == 17) || (v == 21) || (v == 29) || (v == 30)
        movb $v, EXC_VECTOR
        jmp exception
    .elseif v < 32
        pushq $0
        movb $v, EXC_VECTOR
        jmp exception
    .elseif (v >= 0x40) && (v < 0x80)
        orb $(1 << ((v - 0x40) % 8)), PENDING + (v - 0x40) / 8
        jmp interrupt
    .else
        iretq                   # spurious
    .endif
    .set v, v + 1
.endr
    .balign 16

interrupt:
    movl $0, EOI
    cmpb $0, IN_KERNEL
    jne 1f
    movb $1, IN_KERNEL
    popq SAVED_RIP
    popq SAVED_CS
    popq SAVED_RFLAGS
    popq SAVED_RSP
    popq SAVED_SS
    pushq $0x23
    pushq SCRATCH_TOP
    pushq $0x202
    pushq $0x2b
    pushq UPCALL_INTERRUPT
1:  iretq

breakpoint:
    cmpb $0, IN_KERNEL
    je 3f
    testl %edi, %edi
    jnz 1f
    cmpq $0, PENDING            # with interrupts off, so that none is missed
    jne 2f
    sti
    hlt
    cli
2:  iretq
1:  cmpl $2, %edi
    je 4f
    ja 5f
    movq %cr3, %rax
    movq %rax, %cr3
    iretq
4:  invlpg (%rsi)
    iretq
5:  wrmsr
    iretq
3:  pushq $0
    movb $3, EXC_VECTOR

exception:
    popq EXC_ERROR
    pushq %rax
    movq %cr2, %rax
    movq %rax, EXC_CR2
    popq %rax
    popq SAVED_RIP
    popq SAVED_CS
    popq SAVED_RFLAGS
    popq SAVED_RSP
    popq SAVED_SS
    cmpb $0, IN_KERNEL
    jne 1f
    movb $1, IN_KERNEL
    pushq $0x23
    pushq SCRATCH_TOP
    pushq $0x202
    pushq $0x2b
    pushq UPCALL_EXCEPTION
    iretq
1:  pushq $0x23
    pushq FAULT_STACK_TOP
    pushq $0x202
    pushq $0x2b
    pushq UPCALL_KERNEL_FAULT
    iretq

.code32
pvh_start:
    cli
    movl $pml4, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x20, %eax             # PAE
    movl %eax, %cr4
    movl $0xc0000080, %ecx      # EFER: SCE, LME, NXE
    rdmsr
    orl $0x901, %eax
    wrmsr
    movl $0x80010033, %eax      # PG, WP, NE, ET, MP, PE
    movl %eax, %cr0
    lgdtl gdt_pointer
    ljmpl $8, $pvh_long
.code64
pvh_long:
    movl %ebx, %esi
    movq $1, %rdi
    jmp 1f
.globl _start
_start:
    cli
    xorl %edi, %edi
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x901, %eax
    wrmsr
    movl $pml4, %eax
    movq %rax, %cr3
    lgdt gdt_pointer
    movq %cr0, %rax
    andl $~0xc, %eax            # no EM, no TS
    orl $0x10022, %eax
    movq %rax, %cr0
1:  movl $0x10, %eax
    movl %eax, %ss
    movl %eax, %ds
    movl %eax, %es
    movl $ring0_stack_top, %esp
    lidt idt_pointer            # (CS stays the monitor's until ring 3: interrupts load 0x08 by themselves)
    movl $0x30, %eax
    ltr %ax
    movq %rdi, BOOT_KIND
    movq %rsi, BOOT_INFO
    movq %cr4, %rax
    orl $0x50600, %eax          # OSXSAVE, FSGSBASE, OSXMMEXCPT, OSFXSR
    movq %rax, %cr4
    movl $0xd, %eax
    xorl %ecx, %ecx
    cpuid
    andl $0xe7, %eax            # x87, SSE, AVX, AVX-512
    xorl %edx, %edx
    xorl %ecx, %ecx
    xsetbv
    movl $0xc0000081, %ecx      # STAR
    xorl %eax, %eax
    movl $0x001b0008, %edx
    wrmsr
    incl %ecx                   # LSTAR
    movl SYSCALL_ENTRY, %eax
    movl SYSCALL_ENTRY + 4, %edx
    wrmsr
    movl $0xc0000084, %ecx      # SFMASK: ring 3 may turn on IF's bit later (see trap.rs)
    xorl %eax, %eax
    xorl %edx, %edx
    wrmsr
    pushq $0x23
    pushq ENTER_STACK
    pushq $0x202
    pushq $0x2b
    pushq ENTER
    iretq

.balign 16
gdt:
    .quad 0
    .quad 0x00af9b000000ffff    # 0x08 ring 0 code, 64 bit
    .quad 0x00cf93000000ffff    # 0x10 ring 0 data
    .quad 0x00cffb000000ffff    # 0x18 ring 3 code, 32 bit (never used; STAR's layout wants the place)
    .quad 0x00cff3000000ffff    # 0x20 ring 3 data
    .quad 0x00affb000000ffff    # 0x28 ring 3 code, 64 bit
    # 0x30: the task state segment. Its place is fixed (see the .org of tss), so that its address can be cut up here.
    .word 104 + 160, TSS_AT & 0xffff
    .byte (TSS_AT >> 16) & 0xff, 0x89, 0, TSS_AT >> 24
    .quad 0
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
idt_pointer:
    .word 4095
    .quad idt

.set TSS_AT, 0x100000 + 0x1800
.org shim_stubs + 0x1800
tss:
    .long 0
    .quad ring0_stack_top
    .fill 90, 1, 0
    .word 104                   # the I/O bitmap follows: ring 3 may use ports 0 to 0x4ff
    .fill 160, 1, 0
    .byte 0xff

.org shim_stubs + 0x2000
idt:
.set v, 0
.rept 256
    .word (0x100000 + v * 16) & 0xffff, 8
    .if v == 3
        .word 0xee00
    .else
        .word 0x8e00
    .endif
    .word 0x10
    .quad 0
    .set v, v + 1
.endr

# Page tables. Flags: 0x27 table, 0x63 supervisor page, 0xe7 ring-3 large page, bit 63 not executable; accessed and dirty are set,
# so that neither the processor nor a shadowing host has to write them.
.org shim_stubs + 0x3000
pml4:
    .quad pdpt_low + 0x27
    .fill 253, 8, 0
    .quad pdpt_linear + 0x27
    .quad pdpt_kernel + 0x27
    .fill 256, 8, 0
pdpt_low:
    .quad pd_low + 0x27
    .fill 511, 8, 0
pd_low:
    .quad pt_low + 0x27
    .fill 511, 8, 0
pt_low:
.set v, 0
.rept 510
    .quad (v << 12) + 0x63
    .set v, v + 1
.endr
    .quad 0xfee00000 + 0x7b     # local APIC, uncached
    .quad 0x600000 + 0x63       # the shared page
pdpt_linear:                    # the first GiB and the devices' one; mm::paging adds the others that have memory
    .quad pd_first + 0x27
    .quad 0, 0
    .quad pd_devices + 0x27
    .fill 508, 8, 0
pd_first:
.set v, 0
.rept 512
    .quad (v << 21) + 0xe7 + (1 << 63)
    .set v, v + 1
.endr
pd_devices:
.set v, 0
.rept 512
    .quad (3 << 30) + (v << 21) + 0xff + (1 << 63)   # uncached
    .set v, v + 1
.endr
pdpt_kernel:
    .quad pd_kernel + 0x27
    .fill 511, 8, 0
pd_kernel:
    .quad 0
    .quad 0x200000 + 0xe5
    .quad 0x400000 + 0xe5
    .quad 0x600000 + 0xe7 + (1 << 63)
    .fill 508, 8, 0
    .fill 1024, 1, 0
ring0_stack_top:
"#,
    options(att_syntax)
);
