//! The memory functions that compiled code calls: there is no C library below the kernel, and the toolchain's own are left out on this target.
//!
//! Short copies go by overlapping moves of one size class; long ones by the string instructions, which processors of the last ten years do
//! at full speed. In assembly, as a loop in Rust would be compiled into a call of itself.

core::arch::global_asm!(
    r#"
.section .text.mem, "ax"
.balign 32
.globl memcpy
memcpy:
    movq %rdi, %rax
    movq %rdx, %rcx
    cmpq $16, %rdx
    jb 2f
    cmpq $32, %rdx
    ja 1f
    movups (%rsi), %xmm0
    movups -16(%rsi,%rdx), %xmm1
    movups %xmm0, (%rdi)
    movups %xmm1, -16(%rdi,%rdx)
    retq
1:  cmpq $64, %rdx
    ja 5f
    movups (%rsi), %xmm0
    movups 16(%rsi), %xmm1
    movups -32(%rsi,%rdx), %xmm2
    movups -16(%rsi,%rdx), %xmm3
    movups %xmm0, (%rdi)
    movups %xmm1, 16(%rdi)
    movups %xmm2, -32(%rdi,%rdx)
    movups %xmm3, -16(%rdi,%rdx)
    retq
5:  rep movsb
    retq
2:  cmpq $8, %rdx
    jb 3f
    movq (%rsi), %rcx
    movq -8(%rsi,%rdx), %r8
    movq %rcx, (%rdi)
    movq %r8, -8(%rdi,%rdx)
    retq
3:  cmpq $4, %rdx
    jb 4f
    movl (%rsi), %ecx
    movl -4(%rsi,%rdx), %r8d
    movl %ecx, (%rdi)
    movl %r8d, -4(%rdi,%rdx)
    retq
4:  testq %rdx, %rdx
    jz 6f
    movzbl (%rsi), %ecx
    movzbl -1(%rsi,%rdx), %r8d
    movq %rdx, %r9
    shrq %r9
    movzbl (%rsi,%r9), %r10d
    movb %cl, (%rdi)
    movb %r10b, (%rdi,%r9)
    movb %r8b, -1(%rdi,%rdx)
6:  retq

.balign 32
.globl memmove
memmove:
    movq %rdi, %rcx
    subq %rsi, %rcx
    cmpq %rdx, %rcx             # unsigned: also when the target lies below
    jae memcpy
    cmpq $64, %rdx
    jbe memcpy                  # short copies load all before they store
    movq %rdi, %rax
    movq %rdx, %rcx
    leaq -8(%rsi,%rdx), %rsi
    leaq -8(%rdi,%rdx), %rdi
    shrq $3, %rcx
    andl $7, %edx
    std
    rep movsq
    addq $7, %rsi
    addq $7, %rdi
    movl %edx, %ecx
    rep movsb
    cld
    retq

.balign 32
.globl memset
memset:
    movq %rdi, %r9
    movl %esi, %eax
    movq %rdx, %rcx
    cmpq $32, %rdx
    ja 1f
    movzbl %sil, %eax
    movabsq $0x0101010101010101, %r8
    imulq %r8, %rax
    cmpq $8, %rdx
    jb 2f
    movq %rax, (%rdi)
    movq %rax, -8(%rdi,%rdx)
    cmpq $16, %rdx
    jbe 3f
    movq %rax, 8(%rdi)
    movq %rax, -16(%rdi,%rdx)
    jmp 3f
2:  testq %rcx, %rcx
    jz 3f
    movb %al, -1(%rdi,%rcx)
    decq %rcx
    jmp 2b
1:  rep stosb
3:  movq %r9, %rax
    retq

.balign 32
.globl memcmp
.globl bcmp
memcmp:
bcmp:
    xorl %ecx, %ecx
1:  leaq 8(%rcx), %r8
    cmpq %rdx, %r8
    ja 2f
    movq (%rdi,%rcx), %rax
    cmpq (%rsi,%rcx), %rax
    jne 2f
    movq %r8, %rcx
    jmp 1b
2:  cmpq %rdx, %rcx
    jae 3f
    movzbl (%rdi,%rcx), %eax
    movzbl (%rsi,%rcx), %r8d
    incq %rcx
    subl %r8d, %eax
    jz 2b
    retq
3:  xorl %eax, %eax
    retq

.balign 32
# The toolchain's `alloc` was compiled to unwind and names these; nothing here unwinds (`panic = "abort"`).
.globl _Unwind_Resume
.globl rust_eh_personality
_Unwind_Resume:
rust_eh_personality:
    ud2

.balign 32
.globl strlen
strlen:
    movq $-1, %rax
1:  incq %rax
    cmpb $0, (%rdi,%rax)
    jne 1b
    retq
"#,
    options(att_syntax)
);
