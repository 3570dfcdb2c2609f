//! Last words: what is printed when the program, or the kernel itself, dies of a fault.

use crate::{arch::frame::Frame, drivers::serial, fs, mm, process::process, sched};
use alloc::{format, string::String, vec, vec::Vec};
use core::sync::atomic::{AtomicBool, Ordering};
use uigniter_abi::exit::ExitStatus;

/// Set when a report began: a fault in the middle of it must not begin another.
static DYING: AtomicBool = AtomicBool::new(false);

/// Where a report goes: all of it to one device, as lines through two would mix.
type Printer = fn(core::fmt::Arguments<'_>);

fn registers(frame: &Frame, print: Printer) {
    let rows = [
        [
            ("rax", frame.rax),
            ("rbx", frame.rbx),
            ("rcx", frame.rcx),
            ("rdx", frame.rdx),
        ],
        [
            ("rsi", frame.rsi),
            ("rdi", frame.rdi),
            ("rbp", frame.rbp),
            ("rsp", frame.rsp),
        ],
        [
            ("r8 ", frame.r8),
            ("r9 ", frame.r9),
            ("r10", frame.r10),
            ("r11", frame.r11),
        ],
        [
            ("r12", frame.r12),
            ("r13", frame.r13),
            ("r14", frame.r14),
            ("r15", frame.r15),
        ],
    ];
    for row in rows {
        let [a, b, c, d] = row;
        print(format_args!(
            "uigniter:   {} {:016x}  {} {:016x}  {} {:016x}  {} {:016x}\n",
            a.0, a.1, b.0, b.1, c.0, c.1, d.0, d.1
        ));
    }
    print(format_args!(
        "uigniter:   rip {:016x}  rflags {:x}\n",
        frame.rip, frame.rflags
    ));
}

/// The report on a program that a signal with the default action "core" ends.
pub fn program(signal: i32, frame: &Frame, address: Option<u64>) {
    if DYING.swap(true, Ordering::Relaxed) {
        return;
    }
    crate::drivers::console::flush();
    let thread = sched::current();
    let path = process().executable.lock().clone();
    crate::log!(
        "{path}: thread {} ({}) ended by signal {signal}",
        thread.tid,
        thread.name.lock()
    );
    if let Some(address) = address {
        crate::log!("faulting address {address:#x}");
    }
    registers(frame, crate::log::print);
    if let Some(symbol) = symbol(&path, frame.rip) {
        crate::log!("at {symbol}");
    }
}

/// The name of the function that holds an address, from the program's own symbol table, as `name+offset`.
fn symbol(path: &str, address: u64) -> Option<String> {
    let bias = super::start::load_bias();
    let file = fs::open_kernel(path).ok()?;
    let read = |offset: u64, len: usize| -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        (mm::space::read_full(file.file.as_ref(), offset, &mut bytes).ok()? == len).then_some(bytes)
    };
    let long = |bytes: &[u8], at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let short = |bytes: &[u8], at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let word = |bytes: &[u8], at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let header = read(0, 64)?;
    let (table, size, count) = (long(&header, 40)?, short(&header, 58)?, short(&header, 60)?);
    let sections = read(table, usize::from(size) * usize::from(count))?;
    let section = |index: usize| {
        sections
            .get(index * usize::from(size)..)?
            .get(..usize::from(size))
    };
    // SHT_SYMTAB
    let symbols = (0..usize::from(count))
        .filter_map(section)
        .find(|row| word(row, 4) == Some(2))?;
    let strings = section(word(symbols, 40)? as usize)?;
    let (at, len) = (long(symbols, 24)?, long(symbols, 32)?);
    let wanted = address.checked_sub(bias)?;
    let mut best: Option<(u64, u32)> = None;
    // In pieces, as the table of a large program is large and memory may be why it died.
    for start in (0..len.min(64 << 20)).step_by(24 * 512) {
        let rows = read(at + start, (len - start).min(24 * 512) as usize)?;
        for row in rows.chunks_exact(24) {
            let (value, name) = (long(row, 8)?, word(row, 0)?);
            // STT_FUNC
            if row[4] & 15 == 2 && value <= wanted && best.is_none_or(|(known, _)| value > known) {
                best = Some((value, name));
            }
        }
    }
    let (value, name) = best?;
    let text = read(long(strings, 24)? + u64::from(name), 128)
        .or_else(|| read(long(strings, 24)? + u64::from(name), 1))?;
    let text = String::from_utf8_lossy(text.split(|&byte| byte == 0).next()?).into_owned();
    Some(format!("{text}+{:#x}", wanted - value))
}

/// The report on a fault of the kernel itself, and the end.
pub fn kernel_fault(vector: u64, error: u64, cr2: u64, frame: &Frame) -> ! {
    if !DYING.swap(true, Ordering::Relaxed) {
        serial::print(format_args!(
            "uigniter: kernel fault: exception {vector}, error code {error:#x}, address {cr2:#x}\n"
        ));
        registers(frame, serial::print);
        backtrace(frame.rbp);
    }
    crate::drivers::power::exit(ExitStatus::KernelPanic)
}

/// The report on a panic of the kernel, and the end.
pub fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    if !DYING.swap(true, Ordering::Relaxed) {
        serial::print(format_args!("uigniter: kernel {info}\n"));
    }
    crate::drivers::power::exit(ExitStatus::KernelPanic)
}

/// Return addresses along frame pointers that stay inside the linear map, for `addr2line` on the kernel ELF.
fn backtrace(mut frame: u64) {
    for _ in 0..16 {
        if !(crate::arch::layout::LINEAR..crate::arch::layout::KERNEL).contains(&frame)
            || !frame.is_multiple_of(8)
        {
            break;
        }
        // SAFETY: the address is inside the linear map; what is there is only printed.
        let [next, back] = unsafe { (frame as *const [u64; 2]).read() };
        serial::print(format_args!("uigniter:   from {back:016x}\n"));
        if next <= frame {
            break;
        }
        frame = next;
    }
}
