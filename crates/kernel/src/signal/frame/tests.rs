//! Signal frames on a stack of the test's own.

use super::*;

/// A stack in memory that the kernel takes for the program's.
pub(in crate::signal) struct Stack(Vec<u128>);

impl Stack {
    pub(in crate::signal) fn new() -> Self {
        Self(vec![0; 4096])
    }

    pub(in crate::signal) fn base(&self) -> u64 {
        self.0.as_ptr() as u64
    }

    pub(in crate::signal) fn size(&self) -> u64 {
        size_of_val(&*self.0) as u64
    }

    pub(in crate::signal) fn top(&self) -> u64 {
        self.base() + self.size()
    }
}

/// Registers that are all different.
pub(in crate::signal) fn registers(rsp: u64) -> Frame {
    Frame {
        xmm: core::array::from_fn(|index| 0x1111_2222_3333_4444_5555_6666 + index as u128),
        r15: 15,
        r14: 14,
        r13: 13,
        r12: 12,
        rbp: 5,
        rbx: 3,
        r11: 11,
        r10: 10,
        r9: 9,
        r8: 8,
        rax: 100,
        rcx: 101,
        rdx: 102,
        rsi: 103,
        rdi: 104,
        orig_rax: -1,
        rip: 0x40_1000,
        rflags: 0x202 | DF | 1,
        rsp,
        ..Frame::default()
    }
}

fn action(flags: u32) -> Action {
    Action {
        handler: 0x50_0000,
        flags: u64::from(flags),
        restorer: 0x60_0000,
        mask: 0,
    }
}

fn visible(frame: &Frame) -> impl PartialEq + core::fmt::Debug + use<> {
    (
        [
            frame.r8, frame.r9, frame.r10, frame.r11, frame.r12, frame.r13, frame.r14, frame.r15,
        ],
        [
            frame.rdi, frame.rsi, frame.rbp, frame.rbx, frame.rdx, frame.rax, frame.rcx, frame.rsp, frame.rip,
        ],
        (frame.rflags, frame.xmm),
    )
}

const NONE: AltStack = AltStack {
    base: 0,
    size: 0,
    flags: 0,
};

/// What the handler's `ret` to the restorer does.
fn handler_returns(frame: &mut Frame) -> u64 {
    let address = UserPtr::<u64>::new(frame.rsp).read().unwrap();
    frame.rsp += 8;
    address
}

#[test]
fn a_handler_is_entered_as_linux_does_and_all_comes_back() {
    let stack = Stack::new();
    let before = registers(stack.top() - 64);
    let mut frame = before;
    let info = SigInfo::fault(11, 2, 0xdead);
    let cause = Cause {
        trap: 14,
        error: 6,
        cr2: 0xdead,
    };
    push(&mut frame, &action(raw::SA_SIGINFO), &info, 0x55, NONE, cause).unwrap();

    assert_eq!(
        (frame.rip, frame.rdi, frame.rax, frame.orig_rax),
        (0x50_0000, 11, 0, -1)
    );
    assert_eq!(frame.rsp % 16, 8, "as after a call");
    assert!(frame.rsp + size_of::<SigFrame>() as u64 <= before.rsp - RED_ZONE);
    assert_eq!(frame.rflags & DF, 0);
    assert_eq!(frame.xmm, [0; 16], "a handler starts with initial vector state");
    assert_eq!(UserPtr::<SigInfo>::new(frame.rsi).read(), Ok(info));
    // `uc_mcontext.gregs[REG_RIP]`, `[REG_ERR]`, `[REG_TRAPNO]`, `[REG_CR2]`, and `uc_sigmask`, at glibc's offsets.
    let word = |at: u64| UserPtr::<u64>::new(frame.rdx + at).read().unwrap();
    assert_eq!(
        [40 + 16 * 8, 40 + 19 * 8, 40 + 20 * 8, 40 + 22 * 8, 296].map(word),
        [0x40_1000, 6, 14, 0xdead, 0x55]
    );

    frame.r8 = 77;
    assert_eq!(handler_returns(&mut frame), 0x60_0000);
    let restored = pop(&mut frame).unwrap();
    assert_eq!(visible(&frame), visible(&before));
    assert_eq!((restored.mask, restored.stack.flags), (0x55, raw::SS_DISABLE));
}

#[test]
fn a_handler_can_change_where_the_program_goes_on() {
    let stack = Stack::new();
    let mut frame = registers(stack.top());
    push(
        &mut frame,
        &action(0),
        &SigInfo::new(11, 1),
        0,
        NONE,
        Cause::default(),
    )
    .unwrap();
    UserPtr::<u64>::new(frame.rdx + 40 + 16 * 8)
        .write(0x40_2000)
        .unwrap();
    // XMM0 in the legacy region, which `uc_mcontext.fpregs` points to.
    let area = UserPtr::<u64>::new(frame.rdx + 224).read().unwrap();
    UserPtr::<u64>::new(area + 160).write(0xabcd).unwrap();
    handler_returns(&mut frame);
    pop(&mut frame).unwrap();
    assert_eq!((frame.rip, frame.xmm[0] as u64), (0x40_2000, 0xabcd));
}

#[test]
fn the_extended_state_carries_linuxs_marks() {
    let stack = Stack::new();
    let mut frame = registers(stack.top());
    push(
        &mut frame,
        &action(0),
        &SigInfo::new(10, 0),
        0,
        NONE,
        Cause::default(),
    )
    .unwrap();
    let area = UserPtr::<u64>::new(frame.rdx + 224).read().unwrap();
    let word = |at: u64| UserPtr::<u32>::new(area + at).read().unwrap();
    let size = fpu::area_size() as u32;
    assert_eq!((area % 64, word(464), word(480)), (0, MAGIC1, size));
    assert_eq!((word(468), word(u64::from(size))), (size + 4, MAGIC2));
    assert_eq!(word(160), 0x5555_6666, "XMM0");
}

#[test]
fn an_alternate_stack_is_used_once_and_not_overflowed() {
    let (stack, other) = (Stack::new(), Stack::new());
    let alt = AltStack {
        base: other.base(),
        size: other.size(),
        flags: 0,
    };
    let mut frame = registers(stack.top());
    let on = action(raw::SA_ONSTACK);
    push(&mut frame, &on, &SigInfo::new(11, 1), 0, alt, Cause::default()).unwrap();
    assert!(alt.contains(frame.rsp));
    let first = frame.rsp;
    push(&mut frame, &on, &SigInfo::new(10, 0), 0, alt, Cause::default()).unwrap();
    assert!(alt.contains(frame.rsp) && frame.rsp < first, "nested below");
    let mut low = registers(alt.base + 200);
    assert_eq!(
        push(&mut low, &on, &SigInfo::new(10, 0), 0, alt, Cause::default()),
        Err(Errno::EFAULT)
    );
    let enough = AltStack {
        size: min_stack() as u64,
        ..alt
    };
    let mut frame = registers(stack.top());
    assert_eq!(
        push(&mut frame, &on, &SigInfo::new(10, 0), 0, enough, Cause::default()),
        Ok(())
    );
    let small = AltStack {
        size: 2048.min(fpu::area_size() as u64),
        ..alt
    };
    let mut frame = registers(stack.top());
    assert_eq!(
        push(&mut frame, &on, &SigInfo::new(10, 0), 0, small, Cause::default()),
        Err(Errno::EFAULT)
    );
}

#[test]
fn hostile_frames_are_refused_or_made_harmless() {
    let stack = Stack::new();
    let pushed = || {
        let mut frame = registers(stack.top());
        push(
            &mut frame,
            &action(0),
            &SigInfo::new(10, 0),
            0,
            NONE,
            Cause::default(),
        )
        .unwrap();
        frame
    };
    let mut frame = pushed();
    UserPtr::<u64>::new(frame.rdx + 40 + 16 * 8)
        .write(1 << 63)
        .unwrap();
    handler_returns(&mut frame);
    assert_eq!(
        pop(&mut frame).err(),
        Some(Errno::EFAULT),
        "an address that is none"
    );

    let mut frame = pushed();
    UserPtr::<u64>::new(frame.rdx + 224)
        .write(stack.base() + 8)
        .unwrap();
    handler_returns(&mut frame);
    assert_eq!(
        pop(&mut frame).err(),
        Some(Errno::EFAULT),
        "an area that is not aligned"
    );

    // Components and bits that the processor would fault on; flags that are not the program's.
    let mut frame = pushed();
    let area = UserPtr::<u64>::new(frame.rdx + 224).read().unwrap();
    UserPtr::<[u64; 8]>::new(area + 512).write([u64::MAX; 8]).unwrap();
    UserPtr::<u32>::new(area + 24).write(u32::MAX).unwrap();
    UserPtr::<u64>::new(frame.rdx + 40 + 17 * 8)
        .write(u64::MAX)
        .unwrap();
    handler_returns(&mut frame);
    pop(&mut frame).unwrap();
    assert_eq!(frame.rflags & !CHANGEABLE_FLAGS, 0x202);

    let mut frame = registers(64);
    assert_eq!(pop(&mut frame).err(), Some(Errno::EFAULT), "no frame there");
}

#[test]
fn a_frame_without_marks_or_without_area_still_returns() {
    let stack = Stack::new();
    for without_area in [false, true] {
        let mut frame = registers(stack.top());
        push(
            &mut frame,
            &action(0),
            &SigInfo::new(10, 0),
            0,
            NONE,
            Cause::default(),
        )
        .unwrap();
        let pointer = UserPtr::<u64>::new(frame.rdx + 224);
        let area = pointer.read().unwrap();
        UserPtr::<u32>::new(area + 464).write(0).unwrap();
        if without_area {
            pointer.write(0).unwrap();
        }
        handler_returns(&mut frame);
        pop(&mut frame).unwrap();
        let expected = if without_area { 0 } else { registers(0).xmm[3] };
        assert_eq!(frame.xmm[3], expected);
    }
}
