//! Clauses of `signal(7)` that one thread can show.

use super::*;

const USR1: i32 = raw::SIGUSR1 as i32;
const CHLD: i32 = raw::SIGCHLD as i32;

fn sent(signal: i32) -> SigInfo {
    SigInfo::from_process(signal, raw::SI_TKILL)
}

#[test]
fn a_blocked_signal_waits_and_an_unblocked_one_is_deliverable() {
    let thread = ThreadSignals::default();
    thread.set_mask(bit(USR1));
    assert_eq!(thread.push(sent(USR1)), Ok(true));
    assert!(!thread.deliverable());
    assert_eq!(thread.pending_set() & bit(USR1), bit(USR1));
    thread.set_mask(0);
    assert!(thread.deliverable());
    assert_eq!(thread.take(!0).map(|info| info.signo), Some(USR1));
    assert!(!thread.deliverable());
}

#[test]
fn some_signals_cannot_be_blocked() {
    let thread = ThreadSignals::default();
    thread.set_mask(!0);
    assert_eq!(thread.mask(), !UNSTOPPABLE);
}

#[test]
fn an_ignored_signal_is_kept_only_while_blocked() {
    let thread = ThreadSignals::default();
    assert_eq!(thread.push(sent(CHLD)), Ok(false));
    thread.set_mask(bit(CHLD));
    assert_eq!(thread.push(sent(CHLD)), Ok(true));
    assert_eq!(thread.pending_set() & bit(CHLD), bit(CHLD));
    thread.set_mask(0);
    assert_eq!(thread.pending_set() & bit(CHLD), 0);
}

#[test]
fn a_wait_mask_is_taken_back_unless_a_signal_ended_the_wait() {
    let thread = ThreadSignals::default();
    thread.set_mask(bit(USR1));
    thread.set_wait_mask(bit(CHLD));
    assert_eq!(thread.mask(), bit(CHLD));
    thread.end_wait(true);
    assert_eq!(thread.mask(), bit(CHLD));
    thread.end_wait(false);
    assert_eq!(thread.mask(), bit(USR1));
    thread.end_wait(false);
    assert_eq!(thread.mask(), bit(USR1));
}

#[test]
fn a_new_thread_has_the_mask_and_nothing_else() {
    let thread = ThreadSignals::default();
    thread.set_mask(bit(USR1));
    thread.push(sent(USR1)).unwrap();
    thread.set_alt_stack(AltStack {
        base: 4096,
        size: 8192,
        flags: 0,
    });
    let child = thread.inherit();
    assert_eq!(
        (child.mask(), child.pending.set(), child.alt_stack()),
        (bit(USR1), 0, AltStack::default())
    );
}

#[test]
fn the_alternate_stack_knows_its_bounds() {
    let stack = AltStack {
        base: 0x1000,
        size: 0x1000,
        flags: 0,
    };
    assert_eq!(
        [0x1000, 0x1001, 0x2000, 0x2001].map(|sp| stack.contains(sp)),
        [false, true, true, false]
    );
    assert!(
        !AltStack {
            flags: raw::SS_AUTODISARM,
            ..stack
        }
        .contains(0x1800)
    );
    assert!(!AltStack::default().contains(0));
}
