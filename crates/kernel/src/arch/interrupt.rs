//! Device interrupts: noted by the shim, served here, in kernel context and never nested.
//!
//! GSI n (0 to 47) has vector 0x40 + n and bit n of `pending`; the local timer has bit [`TIMER_BIT`].

use crate::sync::Lock;
use alloc::vec::Vec;

/// The bit of `pending`, and with 0x40 the vector, of the local APIC's timer.
pub const TIMER_BIT: u32 = 48;

/// First vector of device interrupts.
pub const FIRST_VECTOR: u8 = 0x40;

/// What is called for an interrupt.
pub type Handler = fn();

static HANDLERS: Lock<Vec<(u32, Handler)>> = Lock::new(Vec::new());

/// Has `handler` called (in kernel context, not blocking) after each interrupt of that global system interrupt, and opens it at the IOAPIC (edge-triggered,
/// as every monitor here raises them).
pub fn register(gsi: u32, handler: Handler) {
    if gsi >= TIMER_BIT {
        crate::log!("interrupt {gsi} is out of range; its device will not be heard");
        return;
    }
    HANDLERS.lock().push((gsi, handler));
    #[cfg(feature = "elf")]
    super::lapic::open_gsi(gsi, FIRST_VECTOR + gsi as u8);
}

/// Asked before the processor halts; true if it found something to do, and the processor must not.
static BEFORE_HALT: Lock<Option<fn() -> bool>> = Lock::new(None);

/// Has `look` called before each halt. It may take some microseconds, as waking up takes longer, but not without end.
pub fn before_halt(look: fn() -> bool) {
    *BEFORE_HALT.lock() = Some(look);
}

/// Asks what [`before_halt`] set.
#[cfg(feature = "elf")]
pub(super) fn look_before_halt() -> bool {
    let look = *BEFORE_HALT.lock();
    look.is_some_and(|look| look())
}

/// True if an interrupt waits to be served.
#[must_use]
pub fn is_pending() -> bool {
    #[cfg(feature = "elf")]
    return super::trap::is_pending();
    #[cfg(not(feature = "elf"))]
    false
}

/// Masks both legacy interrupt controllers (8259A): the IOAPIC hears the same lines.
#[cfg(feature = "elf")]
pub fn mask_legacy() {
    crate::drivers::port::write_u8(0x21, 0xff);
    crate::drivers::port::write_u8(0xa1, 0xff);
}

/// Runs what became pending; `bits` are those that the shim noted.
pub fn serve(bits: u64) {
    if bits & 1 << TIMER_BIT != 0 {
        #[cfg(feature = "elf")]
        super::lapic::fired();
    }
    if bits & !(1 << TIMER_BIT) != 0 {
        for index in 0.. {
            let Some(&(gsi, handler)) = HANDLERS.lock().get(index) else {
                break;
            };
            if bits & 1 << gsi != 0 {
                handler();
            }
        }
    }
    crate::time::expire(crate::time::now());
}
