//! A guest on QEMU's `microvm`, with KVM or under TCG: where there is no `/dev/kvm`, and as a second opinion.

use std::{fs, io, process::Command};

use uigniter_abi::exit::ExitStatus;

use crate::{
    bounded,
    guest::{Guest, MEMORY_MIB, Report},
};

const PROGRAM: &str = "qemu-system-x86_64";

/// Why QEMU gave no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// QEMU did not start or did not end.
    #[error("{source}\nconsole:\n{}", String::from_utf8_lossy(console))]
    Child {
        /// Why; Debian has it in `qemu-system-x86`.
        source: bounded::Error,
        /// The virtio console until then.
        console: Vec<u8>,
    },
    /// The console was not written.
    #[error("cannot read the console: {0}")]
    Console(#[from] io::Error),
    /// QEMU ended and the guest had not said how it ended.
    #[error("QEMU ended without an exit line of the guest; it and the serial port said:\n{said}")]
    NoStatus {
        /// Both.
        said: String,
    },
}

/// Runs one guest to its end.
///
/// # Errors
///
/// See [`Error`].
pub fn run(guest: &Guest<'_>, emulated: bool) -> Result<Report, Error> {
    let console = guest.folder.join("console");
    let mut command = Command::new(PROGRAM);
    if emulated {
        command.args(["-M", "microvm,accel=tcg", "-cpu", "max"]);
    } else {
        // Pagetable KVM refuses the default set of MSRs.
        command.args([
            "-M",
            "microvm,accel=kvm,x-option-roms=off,rtc=on,pit=off",
            "-cpu",
            "host,-arch-capabilities",
        ]);
    }
    command
        .args(["-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
        .args(["-global", "virtio-mmio.force-legacy=false"])
        .args([
            "-m",
            &MEMORY_MIB.to_string(),
            "-append",
            guest.boot_line,
            "-kernel",
        ])
        .arg(guest.kernel)
        .arg("-drive")
        .arg(format!(
            "id=disk,format=raw,if=none,readonly=on,file={}",
            guest.disk.display()
        ))
        .args([
            "-device",
            "virtio-blk-device,drive=disk",
            "-device",
            "virtio-rng-device",
        ])
        .arg("-chardev")
        .arg(format!("file,id=console,path={}", console.display()))
        .args([
            "-device",
            "virtio-serial-device",
            "-device",
            "virtconsole,chardev=console",
        ]);
    let ended = bounded::run(&mut command, guest.limit);
    let console = fs::read(&console);
    match ended {
        Ok((serial, _)) => {
            let text = String::from_utf8_lossy(&serial);
            let status = text.lines().find_map(ExitStatus::from_console_line);
            let status = status.ok_or_else(|| Error::NoStatus {
                said: text.into_owned(),
            })?;
            Ok(Report {
                console: console?,
                serial,
                status,
            })
        }
        Err(source) => Err(Error::Child {
            source,
            console: console.unwrap_or_default(),
        }),
    }
}
