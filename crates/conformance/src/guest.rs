//! One run in a microVM: what the library OS says.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use uigniter_abi::exit::ExitStatus;
use uigniter_image::{Format, needs_others, pack, pack_elf};

use crate::{Run, host::ENVIRONMENT, qemu, vmm};

/// Memory of a guest in MiB.
pub(crate) const MEMORY_MIB: u32 = 256;
/// The library OS's own lines on the console begin with this.
const KERNEL_PREFIX: &[u8] = b"uigniter: ";

/// What runs the guests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Monitor {
    /// Our VMM on KVM: the command that becomes a VMM process; `--api-sock PATH --id ID ..` is appended.
    Vmm(Vec<PathBuf>),
    /// QEMU, with KVM or without.
    Qemu {
        /// Whether it emulates (TCG) although there may be KVM.
        emulated: bool,
    },
}

/// Why a run in a guest gave nothing to compare.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program was not packed.
    #[error("in the guest: {0}")]
    Pack(#[from] uigniter_image::PackError),
    /// No place for disk, socket or console.
    #[error("in the guest: {0}")]
    Files(#[from] io::Error),
    /// Our VMM.
    #[error("in the guest: {0}")]
    Vmm(#[from] vmm::Error),
    /// QEMU.
    #[error("in the guest: {0}")]
    Qemu(#[from] qemu::Error),
}

/// What a monitor gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// All that came over the virtio console: the program's output and lines of the library OS.
    pub console: Vec<u8>,
    /// All that came over the serial port: last words.
    pub serial: Vec<u8>,
    /// How the guest ended.
    pub status: ExitStatus,
}

/// One guest to run.
#[derive(Clone, Copy, Debug)]
pub struct Guest<'a> {
    /// The library OS.
    pub kernel: &'a Path,
    /// The disk with the program.
    pub disk: &'a Path,
    /// The disk is the guest's memory and no drive, where the monitor can do that.
    pub as_memory: bool,
    /// The boot line.
    pub boot_line: &'a str,
    /// A folder for socket, console and the like.
    pub folder: &'a Path,
    /// Time from the monitor's start to its end.
    pub limit: Duration,
}

/// Packs `program`, boots it, and gives what it printed and how it ended, with the library OS's own lines beside. The disk is memory (virtio-pmem) where
/// the monitor can do that, unless `as_drive`.
///
/// # Errors
///
/// See [`Error`].
pub fn run(
    program: &Path,
    kernel: &Path,
    monitor: &Monitor,
    as_drive: bool,
    limit: Duration,
) -> Result<(Run, String), Error> {
    let folder = tempfile::tempdir()?;
    let disk = folder.path().join("disk.raw");
    let mut image = File::create_new(&disk)?;
    // Both formats are booted by many programs: one through each device.
    let format = if as_drive { Format::Rofs } else { Format::Erofs };
    let path = if needs_others(program)? {
        pack(program, &[], format, &mut image)?.path
    } else {
        pack_elf(program, "program", format, &mut image)?.path
    };
    let environment: String = ENVIRONMENT
        .iter()
        .map(|(key, value)| format!("--env={key}={value} "))
        .collect();
    let boot_line = format!("--nopci --cwd=/tmp {environment}{path} ;");
    let guest = Guest {
        kernel,
        disk: &disk,
        as_memory: !as_drive,
        boot_line: &boot_line,
        folder: folder.path(),
        limit,
    };
    let report = match monitor {
        Monitor::Vmm(command) => vmm::run(&guest, command)?,
        Monitor::Qemu { emulated } => qemu::run(&guest, *emulated)?,
    };
    let (output, mut said) = split(&report.console);
    said.push_str(&String::from_utf8_lossy(&report.serial));
    Ok((
        Run {
            output,
            status: report.status,
        },
        said,
    ))
}

/// Parts the program's output from the library OS's own lines, which may stand behind an unfinished line of the program.
fn split(console: &[u8]) -> (Vec<u8>, String) {
    let (mut output, mut said) = (Vec::new(), Vec::new());
    for line in console.split_inclusive(|&byte| byte == b'\n') {
        let own = line
            .windows(KERNEL_PREFIX.len())
            .position(|part| part == KERNEL_PREFIX);
        let (program, kernel) = line.split_at(own.unwrap_or(line.len()));
        output.extend_from_slice(program);
        said.extend_from_slice(kernel);
    }
    (output, String::from_utf8_lossy(&said).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_lines_are_parted_from_the_programs() {
        let console = b"one\nhalfuigniter: system call 9 is not implemented (ENOSYS)\ntwo\n\
            uigniter: /program: thread 1 (program) ended by signal 11\n";
        let (output, said) = split(console);
        assert_eq!(String::from_utf8_lossy(&output), "one\nhalftwo\n");
        assert_eq!(said.lines().count(), 2, "{said}");
    }
}
