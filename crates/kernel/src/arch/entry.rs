//! The ring-3 side of every way into the kernel and out of it.
//!
//! - `syscall_entry`: where `syscall` lands. On a host that shadows page tables the processor stays in ring 3; on hardware KVM and TCG it is now in ring 0 with interrupts off
//!   (`trap::init` sees to that), and goes down with `iretq` once the frame stands.
//! - `upcall_interrupt`, `upcall_exception`: where the shim sends an interrupted program, on a scratch stack, with RIP, RFLAGS and RSP in the shared page.
//! - `return_to_program`: back, by `iretq` from ring 3 to ring 3, which needs no privilege and restores all registers; a plain system call
//!   goes back by a jump, as RCX and R11 are lost anyway.
//!
//! While `in_kernel` is 0 an interrupt may come up at any instruction. The first instruction of each way in sets it, so that an interrupt before that simply finds the
//! program at the kernel's door. On the way out the flag falls before the last jump: the jump of a system call works from registers alone and may be interrupted like any code of the program;
//! the `iretq` reads its frame from the top of the kernel stack, where an upcall would put the next one, so an upcall that finds itself between `window_start` and `window_end` takes that frame as the program's state.
//! An interrupt noted while the flag was still set is seen by the look at `pending` after it fell.

core::arch::global_asm!(
    r#"
.section .shared, "aw"
.balign 4096
.globl shared
shared:
    .quad 0                     # 0x00 pending
    .quad 0, 0, 0, 0, 0         # 0x08 saved rip, cs, rflags, rsp, ss
    .quad 0, 0, 0               # 0x30 error code, cr2, vector
    .quad scratch_top           # 0x48
    .quad upcall_interrupt      # 0x50
    .quad upcall_exception      # 0x58
    .quad upcall_kernel_fault   # 0x60
    .quad fault_stack_top       # 0x68
    .quad 0, 0                  # 0x70 boot kind, boot info
    .quad enter                 # 0x80
    .quad boot_stack_top        # 0x88
    .quad syscall_entry         # 0x90
    .quad 0                     # 0x98 top of the current thread's kernel stack
    .quad 0                     # 0xa0 the program's rsp during syscall_entry
    .quad 0, 0                  # 0xa8 cs and ss of ring 3 as the processor shows them
    .quad 0                     # 0xb8 system calls that came in through ring 0
    .quad 0                     # 0xc0
    .quad 1                     # 0xc8 in_kernel
.balign 4096

.section .bss.stacks, "aw", @nobits
.balign 16
    .skip 1024
scratch_top:
    .skip 16384
fault_stack_top:
    .skip 65536
boot_stack_top:

.section .text.entry, "ax"

.macro SAVE_REGISTERS           # from orig_rax down; RSP points just above the pad
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $256, %rsp
    movaps %xmm0, 0(%rsp)
    movaps %xmm1, 16(%rsp)
    movaps %xmm2, 32(%rsp)
    movaps %xmm3, 48(%rsp)
    movaps %xmm4, 64(%rsp)
    movaps %xmm5, 80(%rsp)
    movaps %xmm6, 96(%rsp)
    movaps %xmm7, 112(%rsp)
    movaps %xmm8, 128(%rsp)
    movaps %xmm9, 144(%rsp)
    movaps %xmm10, 160(%rsp)
    movaps %xmm11, 176(%rsp)
    movaps %xmm12, 192(%rsp)
    movaps %xmm13, 208(%rsp)
    movaps %xmm14, 224(%rsp)
    movaps %xmm15, 240(%rsp)
    cld
.endm

.macro LOAD_XMM
    movaps 0(%rsp), %xmm0
    movaps 16(%rsp), %xmm1
    movaps 32(%rsp), %xmm2
    movaps 48(%rsp), %xmm3
    movaps 64(%rsp), %xmm4
    movaps 80(%rsp), %xmm5
    movaps 96(%rsp), %xmm6
    movaps 112(%rsp), %xmm7
    movaps 128(%rsp), %xmm8
    movaps 144(%rsp), %xmm9
    movaps 160(%rsp), %xmm10
    movaps 176(%rsp), %xmm11
    movaps 192(%rsp), %xmm12
    movaps 208(%rsp), %xmm13
    movaps 224(%rsp), %xmm14
    movaps 240(%rsp), %xmm15
    addq $256, %rsp
.endm

.macro TAKE_PROGRAM             # the stack pointer goes to the thread's kernel stack, with the program's iretq frame on it
    pushq %rax
    pushq %rcx
    movq shared+0x08(%rip), %rax
    leaq window_start(%rip), %rcx
    subq %rcx, %rax
    cmpq $(window_end - window_start), %rax
    popq %rcx
    popq %rax
    movq shared+0x98(%rip), %rsp
    jbe 1f
    pushq shared+0xb0(%rip)
    pushq shared+0x20(%rip)
    pushq shared+0x18(%rip)
    pushq shared+0xa8(%rip)
    pushq shared+0x08(%rip)
    jmp 2f
1:  leaq -40(%rsp), %rsp        # on its way out: the frame is still there
2:
.endm

.balign 64
.globl call_entry
call_entry:                     # as from `syscall` in ring 3, but that RFLAGS is not in R11 yet
    movb $1, shared+0xc8(%rip)
    movq %rsp, shared+0xa0(%rip)
    movq shared+0x98(%rip), %rsp
    pushq shared+0xb0(%rip)     # ss
    pushq shared+0xa0(%rip)     # rsp
    pushfq
    movq (%rsp), %r11
    pushq shared+0xa8(%rip)     # cs
    pushq %rcx                  # rip
    pushq $1                    # jumped
    pushq %rax                  # orig_rax
    SAVE_REGISTERS
    jmp 1f

.balign 64
.globl syscall_entry
syscall_entry:
    movb $1, shared+0xc8(%rip)
    movq %rsp, shared+0xa0(%rip)
    movq shared+0x98(%rip), %rsp
    pushq shared+0xb0(%rip)     # ss
    pushq shared+0xa0(%rip)     # rsp
    pushq %r11                  # rflags
    pushq shared+0xa8(%rip)     # cs
    pushq %rcx                  # rip
    pushq $0
    pushq %rax                  # orig_rax
    SAVE_REGISTERS
    movl %cs, %eax
    testb $3, %al
    jz 2f
1:  movq %rsp, %rdi
    call kernel_syscall
    testb %al, %al
    jnz return_to_program
    LOAD_XMM
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    addq $8, %rsp               # r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    addq $8, %rsp               # rcx
    popq %rdx
    popq %rsi
    popq %rdi
    movq 16(%rsp), %rcx         # rip
    movq 32(%rsp), %r11         # rflags
    movq 40(%rsp), %rsp
    movb $0, shared+0xc8(%rip)
.globl leaving_start
leaving_start:
    cmpq $0, shared(%rip)
    jne 3f
    jmpq *%rcx
.globl leaving_end
leaving_end:
2:  incq shared+0xb8(%rip)      # in ring 0: down to ring 3
    movq %rsp, %rax
    pushq $0x23
    pushq %rax
    pushq $0x202
    pushq $0x2b
    leaq 1b(%rip), %rax
    pushq %rax
    iretq
3:  movb $1, shared+0xc8(%rip)  # something became pending on the way out: as if it interrupted the program
    movq %rsp, shared+0xa0(%rip)
    movq shared+0x98(%rip), %rsp
    pushq shared+0xb0(%rip)
    pushq shared+0xa0(%rip)
    pushq %r11
    pushq shared+0xa8(%rip)
    pushq %rcx
    jmp interrupted

.globl upcall_interrupt
upcall_interrupt:
    TAKE_PROGRAM
interrupted:
    pushq $0
    pushq $-1
    SAVE_REGISTERS
    movq %rsp, %rdi
    call kernel_interrupt
    # falls through

.globl return_to_program
return_to_program:
    LOAD_XMM
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
    addq $16, %rsp
    movb $0, shared+0xc8(%rip)
window_start:
    cmpq $0, shared(%rip)
    jne 1f
window_end:
    iretq
1:  movb $1, shared+0xc8(%rip)
    jmp interrupted

.globl upcall_exception
upcall_exception:
    TAKE_PROGRAM
    pushq $0
    pushq $-1
    SAVE_REGISTERS
    movq %rsp, %rdi
    call kernel_exception
    jmp return_to_program

.globl upcall_kernel_fault
upcall_kernel_fault:
    pushq shared+0xb0(%rip)
    pushq shared+0x20(%rip)
    pushq shared+0x18(%rip)
    pushq shared+0xa8(%rip)
    pushq shared+0x08(%rip)
    pushq $0
    pushq $-1
    SAVE_REGISTERS
    movq %rsp, %rdi
    call kernel_fault
    ud2

enter:
    movl %cs, %eax
    movq %rax, shared+0xa8(%rip)
    movl %ss, %eax
    movq %rax, shared+0xb0(%rip)
    xorl %ebp, %ebp
    call kernel_enter
    ud2

# switch_stacks(save: *mut u64 in RDI, load: u64 in RSI)
.globl switch_stacks
switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    retq

# A new thread's first switch returns here, with its frame at RSP.
.globl thread_start
thread_start:
    movq %rsp, %rdi
    call kernel_thread_start
    jmp return_to_program
"#,
    options(att_syntax)
);
