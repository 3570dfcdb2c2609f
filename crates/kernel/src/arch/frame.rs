//! The registers of a program's thread while the kernel runs on its behalf.

/// What the entry code saves at the top of the thread's kernel stack, and loads on the way back.
///
/// The last five words are an `iretq` frame (Intel SDM volume 3, 6.14.2). `entry.rs` knows the layout; the assertion below pins it.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug, Default)]
#[expect(missing_docs, reason = "the registers' own names")]
pub struct Frame {
    /// XMM0 to XMM15: the kernel's own code uses these, and no wider ones.
    pub xmm: [u128; 16],
    pub r15: u64,
    pub r14: u64,
    pub r13: u64,
    pub r12: u64,
    pub rbp: u64,
    pub rbx: u64,
    pub r11: u64,
    pub r10: u64,
    pub r9: u64,
    pub r8: u64,
    pub rax: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// The system call's number, or -1 when the thread came in by an interrupt or a fault.
    pub orig_rax: i64,
    /// 1 for a system call that came by a jump, 0 for all else.
    pub jumped: u64,
    pub rip: u64,
    pub cs: u64,
    pub rflags: u64,
    pub rsp: u64,
    pub ss: u64,
}

const _: () = assert!(
    size_of::<Frame>() == 256 + 22 * 8,
    "entry.rs builds this by pushes"
);
