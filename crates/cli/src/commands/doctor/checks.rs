//! The checks of `uigniter doctor`, one function each.

use std::{
    env,
    ffi::CString,
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use kvm_ioctls::Kvm;

use super::Finding;
use crate::{output::bytes, programs};

/// Bit numbers of `capabilities(7)`, from `linux/capability.h`.
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;

/// The interface version that every KVM since Linux 2.6.22 answers (`KVM_GET_API_VERSION`).
const KVM_API_VERSION: i32 = 12;

/// Free space below which images and instance files will soon not fit.
const NEEDED_DISK: u64 = 256 << 20;

/// Memory for the daemon and a first default instance.
const NEEDED_MEMORY: u64 = 192 << 20;

/// All checks, in the order in which a host is best mended.
pub(super) fn all(state_dir: &Path) -> Vec<Finding> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let capabilities = field(&status, "CapEff:")
        .and_then(|hex| u64::from_str_radix(hex, 16).ok())
        .unwrap_or(0);
    vec![
        cpu(),
        kvm(),
        kvm_kind(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
        tun(),
        capability(capabilities, CAP_NET_ADMIN, "CAP_NET_ADMIN", "bridges and taps"),
        capability(
            capabilities,
            CAP_SYS_ADMIN,
            "CAP_SYS_ADMIN",
            "the network namespace",
        ),
        namespaces(),
        disk(state_dir),
        memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
        qemu(programs::in_path("qemu-system-x86_64")),
        firecracker(crate::commands::daemon::firecracker()),
    ]
}

/// The first word after `name` in a `Name: value` file.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(name))?
        .split_whitespace()
        .next()
}

fn cpu() -> Finding {
    if cfg!(target_arch = "x86_64") {
        Finding::ok("cpu", "x86-64")
    } else {
        Finding::missing("cpu", env::consts::ARCH, "uigniter runs on x86-64 hosts only")
    }
}

fn kvm() -> Finding {
    const NAME: &str = "/dev/kvm";
    let path = CString::from(c"/dev/kvm");
    match Kvm::new_with_path(&path) {
        Ok(kvm) if kvm.get_api_version() == KVM_API_VERSION => Finding::ok(NAME, "opens, API version 12"),
        Ok(kvm) => Finding::missing(
            NAME,
            format!("speaks API version {}, not 12", kvm.get_api_version()),
            "this is not a KVM that Linux ships; use a stock kernel",
        ),
        Err(error) => match std::io::Error::from_raw_os_error(error.errno()).kind() {
            ErrorKind::NotFound => Finding::missing(
                NAME,
                "is not there",
                "load it (modprobe kvm_intel, or kvm_amd); in a cloud VM ask for nested virtualisation; in a container add --device /dev/kvm",
            ),
            ErrorKind::PermissionDenied => Finding::missing(
                NAME,
                "may not be opened by this user",
                "run as root, or join its group: usermod -aG kvm $USER, then log in again",
            ),
            _ => Finding::missing(
                NAME,
                format!("does not open: {error}"),
                "see dmesg | grep kvm; virtualisation may be off in the firmware",
            ),
        },
    }
}

/// Pagetable KVM shows no `vmx` or `svm` flag to its own host; everything runs on both kinds.
fn kvm_kind(cpuinfo: &str) -> Finding {
    const NAME: &str = "KVM kind";
    let flags = cpuinfo
        .lines()
        .find(|line| line.starts_with("flags"))
        .unwrap_or_default();
    let has = |flag| flags.split_whitespace().any(|word| word == flag);
    if !Path::new("/dev/kvm").exists() {
        Finding::absent(NAME, "none", "mend /dev/kvm first")
    } else if has("vmx") || has("svm") {
        Finding::ok(
            NAME,
            format!("hardware ({})", if has("vmx") { "Intel VT-x" } else { "AMD-V" }),
        )
    } else {
        Finding::ok(
            NAME,
            "pagetable (no VT-x or AMD-V here; guest ring 3 still runs natively)",
        )
    }
}

fn tun() -> Finding {
    const NAME: &str = "/dev/net/tun";
    // Opening it makes no interface yet; that takes an ioctl.
    match fs::OpenOptions::new().read(true).write(true).open(NAME) {
        Ok(_) => Finding::ok(NAME, "opens"),
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {
            Finding::missing(NAME, "may not be opened by this user", "run as root")
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Finding::missing(
            NAME,
            "is not there",
            "modprobe tun; in a container add --device /dev/net/tun",
        ),
        Err(e) => Finding::missing(NAME, format!("does not open: {e}"), "modprobe tun; see dmesg"),
    }
}

fn capability(set: u64, bit: u32, name: &'static str, purpose: &str) -> Finding {
    if set >> bit & 1 == 1 {
        Finding::ok(name, format!("held, for {purpose}"))
    } else {
        Finding::missing(
            name,
            format!("not held; needed for {purpose}"),
            "run as root; in a container add --cap-add NET_ADMIN --cap-add SYS_ADMIN",
        )
    }
}

fn namespaces() -> Finding {
    const NAME: &str = "namespaces";
    let limit = fs::read_to_string("/proc/sys/user/max_net_namespaces");
    let limit = limit.ok().and_then(|text| text.trim().parse::<u64>().ok());
    if !Path::new("/proc/self/ns/net").exists() {
        Finding::missing(
            NAME,
            "the kernel has no network namespaces",
            "use a kernel built with CONFIG_NET_NS",
        )
    } else if limit == Some(0) {
        Finding::missing(
            NAME,
            "forbidden on this host",
            "sysctl user.max_net_namespaces=1024",
        )
    } else {
        Finding::ok(
            NAME,
            limit.map_or_else(|| "network".to_owned(), |n| format!("network, up to {n}")),
        )
    }
}

fn disk(state_dir: &Path) -> Finding {
    const NAME: &str = "disk space";
    // The folder may not have been made yet; its nearest ancestor is on the file system that will hold it.
    let there = state_dir
        .ancestors()
        .find(|dir| dir.exists())
        .unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(there) {
        Ok(fs) => {
            let free = fs.f_bavail.saturating_mul(fs.f_frsize);
            let detail = format!("{} free for {}", bytes(free), state_dir.display());
            if free >= NEEDED_DISK {
                Finding::ok(NAME, detail)
            } else {
                Finding::missing(
                    NAME,
                    detail,
                    "make room, or choose another folder with --state-dir",
                )
            }
        }
        Err(e) => Finding::missing(
            NAME,
            format!("{}: {e}", there.display()),
            "choose another folder with --state-dir",
        ),
    }
}

fn memory(meminfo: &str) -> Finding {
    const NAME: &str = "memory";
    let free = field(meminfo, "MemAvailable:")
        .and_then(|kib| kib.parse::<u64>().ok())
        .unwrap_or(0)
        << 10;
    let detail = format!("{} available", bytes(free));
    if free >= NEEDED_MEMORY {
        Finding::ok(NAME, detail)
    } else {
        Finding::missing(
            NAME,
            detail,
            "end other programs; a default instance may use 128 MiB",
        )
    }
}

fn qemu(binary: Option<PathBuf>) -> Finding {
    match binary {
        Some(file) => Finding::ok("qemu", file.display().to_string()),
        None => Finding::absent(
            "qemu",
            "not installed; only tests without KVM use it",
            "apt-get install qemu-system-x86",
        ),
    }
}

fn firecracker(binary: Option<PathBuf>) -> Finding {
    const NAME: &str = "firecracker";
    match binary {
        Some(file) if file.is_file() => Finding::ok(NAME, file.display().to_string()),
        Some(file) => Finding::absent(
            NAME,
            format!("{} is not there", file.display()),
            "mend UIGNITER_FIRECRACKER",
        ),
        None => Finding::absent(
            NAME,
            "not installed; only 'daemon --vmm firecracker' uses it",
            "put its binary into PATH, or name it in UIGNITER_FIRECRACKER",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::State;

    #[test]
    fn a_capability_is_its_bit() {
        assert_eq!(
            capability(1 << 12, CAP_NET_ADMIN, "CAP_NET_ADMIN", "x").state,
            State::Ok
        );
        assert_eq!(
            capability(!(1 << 12), CAP_NET_ADMIN, "CAP_NET_ADMIN", "x").state,
            State::Missing
        );
    }

    #[test]
    fn little_memory_is_missing() {
        assert_eq!(
            memory("MemTotal: 9\nMemAvailable:   1024 kB\n").state,
            State::Missing
        );
        assert_eq!(memory("MemAvailable:   1048576 kB\n").state, State::Ok);
        assert_eq!(memory("").state, State::Missing);
    }

    #[test]
    fn qemu_is_looked_for_in_every_folder_of_the_path() {
        let nowhere = programs::in_folders([PathBuf::from("/nowhere")], "qemu-system-x86_64");
        assert_eq!(qemu(None).state, State::Absent);
        assert_eq!(qemu(nowhere).state, State::Absent);
    }

    #[test]
    fn the_disk_of_a_folder_not_made_yet_is_its_ancestors() {
        let finding = disk(Path::new("/proc/no/such/folder"));
        // procfs has no blocks at all.
        assert_eq!(finding.state, State::Missing, "{finding:?}");
    }
}
