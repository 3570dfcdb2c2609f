//! The boot line in OSv's syntax: `--opt[=value] ... /path/prog args...`.
//!
//! The daemon writes it with [`BootArgs`]' `Display`, the library OS reads it with [`BootArgs::parse`]. What the monitor or the
//! boot protocol adds around it (`virtio_mmio.device=...`, `console=...`, `pci=off`, `root=...`, `reboot=...`) is
//! sorted out by the same parser: device descriptions are kept, the others are dropped, and a trailing `;` after the
//! command keeps additions away from the program's arguments, as it does for OSv.
//!
//! Values with blanks are written with a backslash before each blank (`--env=GREETING=hello\ world`); arguments
//! of the command are quoted with `"`, inside which `\"` and `\\` are a quote and a backslash.

use alloc::{
    borrow::ToOwned,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Everything the boot line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootArgs {
    /// `--ip=IF,ADDR,MASK`: addresses of network interfaces.
    pub interfaces: Vec<Interface>,
    /// `--ip=IF,ADDR6/PREFIX`: IPv6 addresses; ours, OSv has no such form.
    pub interfaces_v6: Vec<InterfaceV6>,
    /// `--defaultgw=ADDR`.
    pub default_gateway: Option<Ipv4Addr>,
    /// `--defaultgw=ADDR6`; ours.
    pub default_gateway_v6: Option<Ipv6Addr>,
    /// `--nameserver=ADDR`, in order; several, and IPv6 ones, are ours.
    pub nameservers: Vec<IpAddr>,
    /// `--search=DOMAIN`: where names without a dot are looked for; ours.
    pub search: Vec<String>,
    /// `--host=NAME,ADDR`: lines for `/etc/hosts`; ours.
    pub hosts: Vec<(String, IpAddr)>,
    /// `--user=UID:GID[,GID...]`: who the program starts as, root if `None`; ours.
    pub user: Option<User>,
    /// `--hostname=NAME`; ours, OSv takes none.
    pub hostname: Option<String>,
    /// `--env=K=V`, in order.
    pub env: Vec<(String, String)>,
    /// `--rootfs=TYPE`; `None` lets the kernel look at the disk.
    pub rootfs: Option<RootFs>,
    /// `--mount=SOURCE,TARGET,rw|ro`: what is mounted besides the root, in order; ours.
    pub mounts: Vec<Mount>,
    /// `--cwd=DIR`: the program's first working directory.
    pub cwd: Option<String>,
    /// `--verbose`: the kernel says what it does on the console.
    pub verbose: bool,
    /// `--interactive`: the program's standard input is the console's; ours, without it the input is empty.
    pub interactive: bool,
    /// `virtio_mmio.device=SIZE@BASE:IRQ`, as Linux's `Documentation/admin-guide/kernel-parameters` has it.
    pub mmio_devices: Vec<MmioDevice>,
    /// The program and its arguments; the first is the path.
    pub command: Vec<String>,
}

/// One `--ip=` option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Interface name, `eth0`.
    pub name: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// Prefix length of its network in bits, 0 to 32; on the line it is a dotted mask.
    pub prefix_len: u8,
}

/// One `--ip=` option with an IPv6 address. A link-local address is there without one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceV6 {
    /// Interface name, `eth0`.
    pub name: String,
    /// Its address.
    pub address: Ipv6Addr,
    /// Prefix length of its network in bits, 0 to 128.
    pub prefix_len: u8,
}

/// Who the program starts as.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// Root file systems that the library OS has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootFs {
    /// Linux's read-only file system, from the first block device.
    Erofs,
    /// OSv's read-only file system, from the first block device.
    Rofs,
    /// An empty file system in memory.
    RamFs,
}

/// One `--mount=` option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What is mounted.
    pub source: MountSource,
    /// Absolute path of the directory that it hides; it is made where the image has none.
    pub target: String,
    /// Nothing in it can be changed.
    pub read_only: bool,
}

/// What can be mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountSource {
    /// `block:ID`: the ext4 file system on the block device whose serial string (its drive's id) this is; at most 20 bytes. Where a monitor has other serial strings
    /// (Firecracker), Linux's name of the device: `vda` is the first.
    Block(String),
    /// `virtiofs:TAG`: a folder of the host's behind the virtio-fs device with this tag.
    VirtioFs(String),
}

/// One `virtio_mmio.device=` parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MmioDevice {
    /// Length of the register window in bytes.
    pub size: u64,
    /// Guest-physical address of the window.
    pub base: u64,
    /// Global system interrupt.
    pub irq: u32,
}

/// Why a boot line was refused. Each message names the offending word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// An option that neither we nor OSv's manager knows.
    UnknownOption(String),
    /// An option whose value does not fit; the second field says what fits.
    BadValue(String, &'static str),
    /// A `"` that is never closed.
    UnclosedQuote,
    /// No program to run.
    NoCommand,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOption(word) => write!(
                f,
                "unknown boot option '{word}' (known: --ip --defaultgw --nameserver --search --hostname --host --user --env --rootfs --mount --cwd --nopci --verbose --interactive)"
            ),
            Self::BadValue(word, expected) => write!(f, "bad boot option '{word}': {expected}"),
            Self::UnclosedQuote => f.write_str("the boot line has a quote that is never closed"),
            Self::NoCommand => f.write_str("the boot line names no program to run"),
        }
    }
}

impl core::error::Error for Error {}

impl BootArgs {
    /// Parses a whole kernel command line.
    ///
    /// # Errors
    ///
    /// The first word that is not understood; see [`Error`].
    pub fn parse(line: &str) -> Result<Self, Error> {
        let mut args = Self::default();
        for word in split(line)? {
            if let Some(device) = word.strip_prefix("virtio_mmio.device=") {
                args.mmio_devices.push(MmioDevice::parse(&word, device)?);
            } else if word == ";" {
                // What follows the command's end was added by the monitor, but for devices it says nothing to us.
                args.command.push(word);
            } else if args.command.is_empty() {
                args.option(word)?;
            } else {
                args.command.push(word);
            }
        }
        if let Some(end) = args.command.iter().position(|word| word == ";") {
            args.command.truncate(end);
        }
        for word in &mut args.command {
            // A quoted `;` was kept apart from the separator by a mark that `split` sets.
            if word.starts_with(LITERAL) {
                word.remove(0);
            }
        }
        if args.command.is_empty() {
            Err(Error::NoCommand)
        } else {
            Ok(args)
        }
    }

    fn option(&mut self, word: String) -> Result<(), Error> {
        let (name, value) = word.split_once('=').unwrap_or((&word, ""));
        let bad = |expected| Error::BadValue(word.clone(), expected);
        match name {
            "--ip" => match (Interface::parse(value), InterfaceV6::parse(value)) {
                (Some(interface), _) => self.interfaces.push(interface),
                (None, Some(interface)) => self.interfaces_v6.push(interface),
                (None, None) => {
                    return Err(bad(
                        "expected --ip=INTERFACE,ADDRESS,MASK or --ip=INTERFACE,ADDRESS6/PREFIX",
                    ));
                }
            },
            "--defaultgw" => match (value.parse(), value.parse()) {
                (Ok(gateway), _) => self.default_gateway = Some(gateway),
                (_, Ok(gateway)) => self.default_gateway_v6 = Some(gateway),
                _ => return Err(bad("expected an IPv4 or IPv6 address")),
            },
            "--nameserver" => self
                .nameservers
                .push(value.parse().map_err(|_| bad("expected an IP address"))?),
            "--search" if !value.is_empty() => self.search.push(value.to_owned()),
            "--host" => {
                let host = value
                    .split_once(',')
                    .and_then(|(name, address)| Some((name.to_owned(), address.parse().ok()?)))
                    .filter(|(name, _)| !name.is_empty());
                self.hosts
                    .push(host.ok_or_else(|| bad("expected --host=NAME,ADDRESS"))?);
            }
            "--user" => {
                self.user = Some(User::parse(value).ok_or_else(|| bad("expected --user=UID:GID[,GID...]"))?);
            }
            "--hostname" if !value.is_empty() => self.hostname = Some(value.to_owned()),
            "--env" => {
                let (key, value) = value
                    .split_once('=')
                    .ok_or_else(|| bad("expected --env=KEY=VALUE"))?;
                self.env.push((key.to_owned(), value.to_owned()));
            }
            "--rootfs" => {
                self.rootfs = Some(match value {
                    "erofs" => RootFs::Erofs,
                    "rofs" => RootFs::Rofs,
                    "ramfs" => RootFs::RamFs,
                    _ => return Err(bad("expected erofs, rofs or ramfs")),
                });
            }
            "--mount" => self.mounts.push(Mount::parse(value).ok_or_else(|| {
                bad("expected --mount=block:ID,/TARGET,rw or ro (or virtiofs:TAG for block:ID)")
            })?),
            "--cwd" if value.starts_with('/') => self.cwd = Some(value.to_owned()),
            "--verbose" => self.verbose = true,
            "--interactive" => self.interactive = true,
            // There is never a PCI bus to look at; OSv needs to be told, we do not.
            "--nopci" => {}
            _ if name.starts_with("--") => return Err(Error::UnknownOption(word)),
            _ if is_linux_parameter(name) => {}
            _ => self.command.push(word),
        }
        Ok(())
    }
}

/// Parameters that monitors put before our own words for the sake of Linux.
fn is_linux_parameter(name: &str) -> bool {
    matches!(
        name,
        "console"
            | "reboot"
            | "panic"
            | "pci"
            | "root"
            | "ro"
            | "rw"
            | "nomodules"
            | "i8042.noaux"
            | "i8042.nomux"
            | "i8042.nopnp"
            | "i8042.dumbkbd"
            | "8250.nr_uarts"
            | "quiet"
    )
}

impl Interface {
    fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split(',');
        let (name, address, mask) = (fields.next()?, fields.next()?.parse().ok()?, fields.next()?);
        let mask = u32::from(mask.parse::<Ipv4Addr>().ok()?);
        let contiguous = mask.leading_ones() + mask.trailing_zeros() == 32 || mask == u32::MAX;
        if fields.next().is_some() || name.is_empty() || !contiguous {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            address,
            prefix_len: mask.leading_ones() as u8,
        })
    }

    /// The network mask in dotted form.
    #[must_use]
    pub fn mask(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::MAX.checked_shl(32 - u32::from(self.prefix_len)).unwrap_or(0))
    }
}

impl InterfaceV6 {
    fn parse(value: &str) -> Option<Self> {
        let (name, network) = value.split_once(',')?;
        let (address, prefix_len) = network.split_once('/')?;
        let prefix_len = prefix_len.parse().ok().filter(|&bits| bits <= 128)?;
        Some(Self {
            name: Some(name).filter(|name| !name.is_empty())?.to_owned(),
            address: address.parse().ok()?,
            prefix_len,
        })
    }
}

impl Mount {
    /// The target may have commas in it: it ends at the last one.
    fn parse(value: &str) -> Option<Self> {
        let (source, rest) = value.split_once(',')?;
        let (target, access) = rest.rsplit_once(',')?;
        let read_only = match access {
            "ro" => true,
            "rw" => false,
            _ => return None,
        };
        let source = match source.split_once(':')? {
            (_, "") => return None,
            ("block", id) => MountSource::Block(id.to_owned()),
            ("virtiofs", tag) => MountSource::VirtioFs(tag.to_owned()),
            _ => return None,
        };
        target.starts_with('/').then(|| Self {
            source,
            target: target.to_owned(),
            read_only,
        })
    }
}

impl User {
    fn parse(value: &str) -> Option<Self> {
        let (uid, groups) = value.split_once(':')?;
        let mut groups = groups.split(',').map(|id| id.parse().ok());
        Some(Self {
            uid: uid.parse().ok()?,
            gid: groups.next()??,
            groups: groups.collect::<Option<_>>()?,
        })
    }
}

impl MmioDevice {
    /// `SIZE@BASE:IRQ[:ID]`, sizes with an optional K or M.
    fn parse(word: &str, value: &str) -> Result<Self, Error> {
        let parse = || {
            let (size, rest) = value.split_once('@')?;
            let mut rest = rest.split(':');
            let base = number(rest.next()?)?;
            let irq = rest.next()?.parse().ok()?;
            let (digits, unit) = match size.as_bytes().last()? {
                b'K' | b'k' => (&size[..size.len() - 1], 1 << 10),
                b'M' | b'm' => (&size[..size.len() - 1], 1 << 20),
                _ => (size, 1),
            };
            Some(Self {
                size: number(digits)?.checked_mul(unit)?,
                base,
                irq,
            })
        };
        parse().ok_or_else(|| Error::BadValue(word.to_owned(), "expected virtio_mmio.device=SIZE@BASE:IRQ"))
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// Put before a word that was quoted and reads `;`, so that it does not end the command.
const LITERAL: char = '\u{0}';

/// Splits at blanks; `\ ` is a blank inside a word, `"..."` keeps blanks and `;` literal.
fn split(line: &str) -> Result<Vec<String>, Error> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    while let Some(&first) = chars.peek() {
        if first.is_ascii_whitespace() || first == '\0' {
            chars.next();
            continue;
        }
        let (mut word, mut quoted, mut was_quoted) = (String::new(), false, false);
        while let Some(&c) = chars.peek() {
            if !quoted && c.is_ascii_whitespace() {
                break;
            }
            chars.next();
            match c {
                '"' => {
                    quoted = !quoted;
                    was_quoted = true;
                }
                '\\' => match chars.peek() {
                    Some(&next) if matches!(next, '\\' | '"') || (!quoted && matches!(next, ' ' | ';')) => {
                        word.push(next);
                        chars.next();
                    }
                    _ => word.push(c),
                },
                // A bare `;` ends the command also where it touches the last word.
                ';' if !quoted && chars.peek().is_none_or(char::is_ascii_whitespace) => {
                    if !word.is_empty() || was_quoted {
                        words.push(core::mem::take(&mut word));
                    }
                    was_quoted = false;
                    words.push(";".to_string());
                }
                '\0' => {}
                _ => word.push(c),
            }
        }
        if quoted {
            return Err(Error::UnclosedQuote);
        }
        if was_quoted && word == ";" {
            word.insert(0, LITERAL);
        }
        if !word.is_empty() || was_quoted {
            words.push(word);
        }
    }
    Ok(words)
}

impl fmt::Display for BootArgs {
    /// The line for a monitor's `boot_args`; [`parse`](BootArgs::parse) reads it back to the same value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for interface in &self.interfaces {
            write!(
                f,
                "--ip={},{},{} ",
                interface.name,
                interface.address,
                interface.mask()
            )?;
        }
        for interface in &self.interfaces_v6 {
            write!(
                f,
                "--ip={},{}/{} ",
                interface.name, interface.address, interface.prefix_len
            )?;
        }
        if let Some(gateway) = self.default_gateway {
            write!(f, "--defaultgw={gateway} ")?;
        }
        if let Some(gateway) = self.default_gateway_v6 {
            write!(f, "--defaultgw={gateway} ")?;
        }
        for server in &self.nameservers {
            write!(f, "--nameserver={server} ")?;
        }
        for domain in &self.search {
            write!(f, "--search={} ", Escaped(domain))?;
        }
        for (name, address) in &self.hosts {
            write!(f, "--host={},{address} ", Escaped(name))?;
        }
        if let Some(user) = &self.user {
            write!(f, "--user={}:{}", user.uid, user.gid)?;
            for group in &user.groups {
                write!(f, ",{group}")?;
            }
            f.write_str(" ")?;
        }
        if let Some(name) = &self.hostname {
            write!(f, "--hostname={} ", Escaped(name))?;
        }
        for (key, value) in &self.env {
            write!(f, "--env={}={} ", Escaped(key), Escaped(value))?;
        }
        match self.rootfs {
            Some(RootFs::Erofs) => f.write_str("--rootfs=erofs ")?,
            Some(RootFs::Rofs) => f.write_str("--rootfs=rofs ")?,
            Some(RootFs::RamFs) => f.write_str("--rootfs=ramfs ")?,
            None => {}
        }
        for mount in &self.mounts {
            let (kind, name) = match &mount.source {
                MountSource::Block(id) => ("block", id),
                MountSource::VirtioFs(tag) => ("virtiofs", tag),
            };
            let access = if mount.read_only { "ro" } else { "rw" };
            write!(
                f,
                "--mount={kind}:{},{},{access} ",
                Escaped(name),
                Escaped(&mount.target)
            )?;
        }
        if let Some(cwd) = &self.cwd {
            write!(f, "--cwd={} ", Escaped(cwd))?;
        }
        f.write_str(if self.verbose {
            "--nopci --verbose"
        } else {
            "--nopci"
        })?;
        if self.interactive {
            f.write_str(" --interactive")?;
        }
        for device in &self.mmio_devices {
            write!(
                f,
                " virtio_mmio.device={}@{:#x}:{}",
                device.size, device.base, device.irq
            )?;
        }
        for word in &self.command {
            write!(f, " {}", Quoted(word))?;
        }
        f.write_str(" ;")
    }
}

/// A value inside an option: blanks and quotes behind a backslash.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if matches!(c, ' ' | '"' | '\\' | ';') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        Ok(())
    }
}

/// An argument of the command, in quotes where it needs them.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\\' | ';');
        if !self.0.is_empty() && self.0.chars().all(plain) {
            return f.write_str(self.0);
        }
        f.write_str("\"")?;
        for c in self.0.chars() {
            if matches!(c, '"' | '\\') {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests;
