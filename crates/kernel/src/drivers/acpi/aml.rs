//! Virtio devices in a definition block (ACPI 6.5, 20), without an interpreter.
//!
//! Monitors write each as a `Device` with the `_HID` "LNRO0005" and, after that, a `_CRS` that is a constant buffer of resource descriptors (ACPI 6.5, 6.4).
//! So it is enough to find that name, and the buffer before the next one.

use super::unsigned;
use alloc::vec::Vec;
use uigniter_abi::boot_args::MmioDevice;

const HARDWARE_ID: &[u8] = b"LNRO0005";
const RESOURCES: &[u8] = b"_CRS";
/// `_CRS` follows `_HID` within so many bytes in what monitors write (with room for other names in between).
const REACH: usize = 256;
const MAX_DEVICES: usize = 256;

const BUFFER: u8 = 0x11;

/// The virtio devices, in the order of their description.
#[must_use]
pub fn virtio_devices(aml: &[u8]) -> Vec<MmioDevice> {
    let mut devices = Vec::new();
    let mut rest = aml;
    while let Some(at) = position(rest, HARDWARE_ID)
        && devices.len() < MAX_DEVICES
    {
        rest = &rest[at + HARDWARE_ID.len()..];
        let scope = &rest[..position(rest, HARDWARE_ID).unwrap_or(rest.len()).min(REACH)];
        devices.extend(position(scope, RESOURCES).and_then(|crs| device(&rest[crs + RESOURCES.len()..])));
    }
    devices
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Reads the buffer that the bytes begin with.
fn device(aml: &[u8]) -> Option<MmioDevice> {
    let (&BUFFER, rest) = aml.split_first()? else {
        return None;
    };
    let (package, prefix) = package_length(rest)?;
    let package = rest.get(prefix..package)?;
    // The buffer's size (an integer) comes first; the package's length says the same.
    let integer = match *package.first()? {
        0x00 | 0x01 => 1,
        0x0a => 2,
        0x0b => 3,
        0x0c => 5,
        _ => return None,
    };
    let (mut window, mut irq) = (None, None);
    let mut descriptors = package.get(integer..)?;
    while let Some((tag, body, next)) = descriptor(descriptors) {
        match tag {
            // Memory32Fixed: information, base, length.
            0x86 => window = Some((unsigned(body, 1, 4)?, unsigned(body, 5, 4)?)),
            // Memory32: information, minimum, maximum, alignment, length.
            0x85 => window = Some((unsigned(body, 1, 4)?, unsigned(body, 13, 4)?)),
            // DWord and QWord address space of type 0 (memory): three bytes; granularity, minimum, maximum, translation, length.
            0x87 if body.first() == Some(&0) => {
                window = Some((unsigned(body, 7, 4)?, unsigned(body, 19, 4)?))
            }
            0x8a if body.first() == Some(&0) => {
                window = Some((unsigned(body, 11, 8)?, unsigned(body, 35, 8)?))
            }
            // Extended interrupt: flags, count, the first of them.
            0x89 if body.get(1).is_some_and(|&count| count > 0) => irq = unsigned(body, 2, 4),
            // IRQ: a mask.
            0x04 => {
                irq = unsigned(body, 0, 2)
                    .filter(|&mask| mask != 0)
                    .map(|mask| u64::from(mask.trailing_zeros()))
            }
            _ => {}
        }
        descriptors = next;
    }
    let (base, size) = window?;
    Some(MmioDevice {
        size,
        base,
        irq: u32::try_from(irq?).ok()?,
    })
}

/// Splits the first resource descriptor off (ACPI 6.5, 6.4.2 and 6.4.3); `None` at the end.
///
/// Its tag is the whole byte of a large one, the type (4 bits) of a small one.
fn descriptor(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    const END: u8 = 0x0f;
    let &first = bytes.first()?;
    let (tag, head, len) = if first & 0x80 != 0 {
        (first, 3, unsigned(bytes, 1, 2)? as usize)
    } else {
        (first >> 3, 1, usize::from(first & 7))
    };
    let body = bytes.get(head..head + len)?;
    (tag != END).then(|| (tag, body, &bytes[head + len..]))
}

/// A package length (ACPI 6.5, 20.2.4), which counts itself, and the bytes that it takes itself.
fn package_length(bytes: &[u8]) -> Option<(usize, usize)> {
    let &lead = bytes.first()?;
    let following = usize::from(lead >> 6);
    let len = match following {
        0 => usize::from(lead & 0x3f),
        _ => usize::from(lead & 0x0f) | (unsigned(bytes, 1, following)? as usize) << 4,
    };
    Some((len, following + 1))
}
