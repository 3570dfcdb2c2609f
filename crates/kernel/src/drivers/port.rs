//! Port I/O. The TSS's I/O bitmap allows it from ring 3; each access leaves the VM.

#[cfg(not(test))]
pub use real::{read_u8, write_bytes, write_u8, write_u32};

#[cfg(test)]
pub(crate) use fake::{read_u8, write_bytes, write_u8, write_u32};

#[cfg(not(test))]
mod real {
    use core::arch::asm;

    /// Reads a byte from a port.
    #[must_use]
    pub fn read_u8(port: u16) -> u8 {
        let value;
        // SAFETY: the ports that this kernel names belong to devices that do not touch memory; stack and flags stay as they are.
        unsafe {
            asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags))
        };
        value
    }

    /// Writes a byte to a port.
    pub fn write_u8(port: u16, value: u8) {
        // SAFETY: as for `read_u8`.
        unsafe {
            asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags))
        };
    }

    /// Writes 32 bits to a port.
    pub fn write_u32(port: u16, value: u32) {
        // SAFETY: as for `read_u8`.
        unsafe {
            asm!("out dx, eax", in("dx") port, in("eax") value, options(nomem, nostack, preserves_flags))
        };
    }

    /// Writes bytes to one port, one after another.
    pub fn write_bytes(port: u16, bytes: &[u8]) {
        // SAFETY: `rsi` and `rcx` span the slice, which is only read; the direction flag is clear by the ABI.
        unsafe {
            asm!(
                "rep outsb",
                in("dx") port,
                inout("rsi") bytes.as_ptr() => _,
                inout("rcx") bytes.len() => _,
                options(readonly, nostack, preserves_flags)
            );
        }
    }
}

/// Ports for the tests: writes are recorded, reads are prepared, per thread.
#[cfg(test)]
pub(crate) mod fake {
    use std::{
        cell::RefCell,
        collections::{HashMap, VecDeque},
    };

    #[derive(Default)]
    struct Ports {
        written: Vec<(u16, u32)>,
        to_read: HashMap<u16, VecDeque<u8>>,
    }

    thread_local! {
        static PORTS: RefCell<Ports> = RefCell::default();
    }

    /// What this thread wrote since the last call, port by value.
    pub(crate) fn take_written() -> Vec<(u16, u32)> {
        PORTS.with_borrow_mut(|ports| std::mem::take(&mut ports.written))
    }

    /// What this thread wrote to one port since the last call, as text.
    pub(crate) fn take_text(port: u16) -> String {
        let bytes = take_written()
            .into_iter()
            .filter(|&(to, _)| to == port)
            .map(|(_, value)| value as u8)
            .collect();
        String::from_utf8(bytes).unwrap()
    }

    /// Makes the next reads of a port give these bytes; after them it reads as 0xff, as an empty bus does.
    pub(crate) fn prepare(port: u16, bytes: &[u8]) {
        PORTS.with_borrow_mut(|ports| ports.to_read.entry(port).or_default().extend(bytes));
    }

    pub(crate) fn read_u8(port: u16) -> u8 {
        PORTS.with_borrow_mut(|ports| {
            ports
                .to_read
                .get_mut(&port)
                .and_then(VecDeque::pop_front)
                .unwrap_or(0xff)
        })
    }

    pub(crate) fn write_u8(port: u16, value: u8) {
        write_u32(port, u32::from(value));
    }

    pub(crate) fn write_u32(port: u16, value: u32) {
        PORTS.with_borrow_mut(|ports| ports.written.push((port, value)));
    }

    pub(crate) fn write_bytes(port: u16, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| write_u8(port, byte));
    }
}
