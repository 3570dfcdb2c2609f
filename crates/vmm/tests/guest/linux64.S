/* A kernel without a PVH note: entered in long mode with the zero page in rsi (Documentation/arch/x86/boot.rst). */
    .code64
    .globl _start
_start:
    cmpl $0x53726448, 0x202(%rsi)      /* "HdrS" */
    jne bad
    cmpb $3, 0x1e8(%rsi)               /* three e820 entries */
    jne bad
    mov 0x228(%rsi), %eax              /* cmd_line_ptr */
    cmpl $0x656c6966, (%rax)           /* "file" */
    jne bad
    mov 0x218(%rsi), %eax              /* ramdisk_image */
    cmpl $0x31323334, (%rax)
    jne bad
    mov $0x40000010, %eax              /* TSC frequency in kHz */
    cpuid
    test %eax, %eax
    jz bad
    cmp $1000000, %ebx
    jne bad
    mov $7, %eax
    jmp end
bad:
    mov $98, %eax
end:
    mov $0xf4, %dx
    out %eax, %dx
1:  hlt
    jmp 1b
