//! Delivery, with a thread's signals, registers and stack of the test's own. Actions belong to the whole process, so each test has a signal of its own.

use super::*;
use crate::signal::{
    AltStack, ThreadSignals,
    frame::tests::{Stack, registers},
    info::{REALTIME, SigInfo},
    set_action,
};

const HANDLER: u64 = 0x50_0000;

fn handle(signal: i32, flags: u32) {
    set_action(
        signal,
        Action {
            handler: HANDLER + signal as u64,
            flags: u64::from(flags),
            restorer: 1,
            mask: 0,
        },
    )
    .unwrap();
}

fn interrupted(stack: &Stack, code: Errno) -> Frame {
    let mut frame = registers(stack.top());
    frame.orig_rax = 0;
    frame.rax = -i64::from(code.0) as u64;
    frame
}

fn send(signals: &ThreadSignals, signal: i32) {
    assert_eq!(signals.push(SigInfo::new(signal, raw::SI_TKILL)), Ok(true));
}

/// RAX and RIP of the interrupted code, as the handler will restore them.
fn saved(frame: &Frame) -> (i64, u64) {
    let word = |at| crate::user::UserPtr::<u64>::new(frame.rdx + at).read().unwrap();
    (word(40 + 13 * 8) as i64, word(40 + 16 * 8))
}

const RIP: u64 = 0x40_1000;
const EINTR: i64 = -4;

#[test]
fn calls_are_made_again_as_signal_7_says() {
    let (with_restart, without) = (REALTIME + 1, REALTIME + 2);
    handle(with_restart, raw::SA_RESTART);
    handle(without, 0);
    let stack = Stack::new();
    let cases = [
        (Errno::ERESTARTSYS, with_restart, (0, RIP - 2)),
        (Errno::ERESTARTSYS, without, (EINTR, RIP)),
        (Errno::ERESTARTNOHAND, with_restart, (EINTR, RIP)),
        (Errno::ERESTARTNOHAND, without, (EINTR, RIP)),
        (Errno::EAGAIN, with_restart, (-11, RIP)),
    ];
    for (code, signal, expected) in cases {
        let signals = ThreadSignals::default();
        let mut frame = interrupted(&stack, code);
        send(&signals, signal);
        serve(&signals, &mut frame).unwrap();
        assert_eq!(frame.rip, HANDLER + signal as u64);
        assert_eq!(saved(&frame), expected, "{code:?} signal {signal}");
    }
    // No handler: always made again.
    for code in [Errno::ERESTARTSYS, Errno::ERESTARTNOHAND] {
        let mut frame = interrupted(&stack, code);
        serve(&ThreadSignals::default(), &mut frame).unwrap();
        assert_eq!((frame.rax, frame.rip), (0, RIP - 2));
    }
}

#[test]
fn two_handlers_stack_up_and_the_signal_is_blocked_meanwhile() {
    let (first, second) = (REALTIME + 3, REALTIME + 4);
    handle(first, 0);
    handle(second, raw::SA_NODEFER);
    let (stack, signals) = (Stack::new(), ThreadSignals::default());
    send(&signals, second);
    send(&signals, first);
    let mut frame = registers(stack.top());
    serve(&signals, &mut frame).unwrap();
    assert_eq!(frame.rip, HANDLER + second as u64, "pushed last, runs first");
    assert_eq!(saved(&frame).1, HANDLER + first as u64);
    assert_eq!(signals.mask(), bit(first));
}

#[test]
fn the_mask_before_a_wait_is_what_the_handler_goes_back_to() {
    let signal = REALTIME + 5;
    handle(signal, 0);
    let (stack, signals) = (Stack::new(), ThreadSignals::default());
    signals.set_mask(bit(signal) | 1);
    signals.set_wait_mask(0);
    send(&signals, signal);
    let mut frame = interrupted(&stack, Errno::ERESTARTNOHAND);
    serve(&signals, &mut frame).unwrap();
    assert_eq!(signals.mask(), bit(signal));
    frame.rsp += 8;
    return_from_handler(&signals, &mut frame).unwrap();
    assert_eq!(signals.mask(), bit(signal) | 1);
    assert_eq!((frame.rax as i64, frame.rip), (EINTR, RIP));
}

#[test]
fn an_action_for_once_is_reset() {
    let signal = REALTIME + 6;
    handle(signal, raw::SA_RESETHAND);
    let (stack, signals) = (Stack::new(), ThreadSignals::default());
    send(&signals, signal);
    serve(&signals, &mut registers(stack.top())).unwrap();
    assert!(!action::get(signal).has_handler());
}

#[test]
fn without_a_handler_the_signal_is_fatal() {
    let signals = ThreadSignals::default();
    let stack = Stack::new();
    send(&signals, raw::SIGUSR2 as i32);
    let Err(info) = serve(&signals, &mut registers(stack.top())) else {
        panic!("survived")
    };
    assert_eq!(info.signo, raw::SIGUSR2 as i32);
}

#[test]
fn a_fault_runs_its_handler_and_a_blocked_one_is_fatal() {
    let signal = raw::SIGFPE as i32;
    handle(signal, raw::SA_SIGINFO);
    let (stack, signals) = (Stack::new(), ThreadSignals::default());
    let info = SigInfo::fault(signal, 1, RIP);
    let mut frame = registers(stack.top());
    force_info(&signals, &info, &mut frame, Cause::default()).unwrap();
    assert_eq!((frame.rip, saved(&frame).1), (HANDLER + signal as u64, RIP));
    // In its handler the signal is blocked: the same fault again is the end.
    assert_eq!(
        force_info(&signals, &info, &mut frame, Cause::default()),
        Err(Fatal {
            signo: signal,
            address: Some(RIP)
        })
    );
}

#[test]
fn a_stack_overflow_needs_an_alternate_stack() {
    let signal = raw::SIGBUS as i32;
    handle(signal, raw::SA_ONSTACK);
    let signals = ThreadSignals::default();
    let info = SigInfo::fault(signal, 1, 64);
    let no_stack = || registers(256);
    let Err(fatal) = force_info(&signals, &info, &mut no_stack(), Cause::default()) else {
        panic!("survived")
    };
    assert_eq!(fatal.signo, raw::SIGSEGV as i32);
    let stack = Stack::new();
    let alt = AltStack {
        base: stack.base(),
        size: stack.size(),
        flags: raw::SS_AUTODISARM,
    };
    signals.set_alt_stack(alt);
    let mut frame = no_stack();
    force_info(&signals, &info, &mut frame, Cause::default()).unwrap();
    assert_eq!(
        signals.alt_stack(),
        AltStack::default(),
        "given up while the handler runs"
    );
    frame.rsp += 8;
    return_from_handler(&signals, &mut frame).unwrap();
    assert_eq!((signals.alt_stack(), frame.rsp), (alt, 256));
}
