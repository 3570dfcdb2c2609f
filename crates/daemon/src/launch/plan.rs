//! What a request comes to, once it is checked and its image is found.

use std::{collections::BTreeMap, fs::File};

use uigniter_abi::boot_args::{BootArgs, User};
use uigniter_api::{
    configuration::FileInfo,
    image::Image,
    instance::{CreateRequest, DEFAULT_MEMORY_MIB},
    mount::{Mount, Source},
    publish::PortMapping,
    vm::RunRequest,
};
use uigniter_image::Disk;

use super::{
    files::{RamDisk, ram_disk},
    user::{self, Account},
};
use crate::{host::Host, images::Bootable, instance::now_ms, names, refusal::Refusal};

/// Least memory, in MiB; the VMM takes no less.
const LEAST_MEMORY_MIB: u32 = 8;
/// Most volumes that one instance mounts; each is a device.
const MOST_MOUNTS: usize = 8;
/// Most virtual CPUs that Firecracker's API knows.
const MOST_CPUS: u8 = 32;
/// Most ports that one instance publishes.
const MOST_PORTS: usize = 128;
/// Most name servers that C libraries ask, `resolv.conf(5)`.
const MOST_NAME_SERVERS: usize = 3;
/// Most names with addresses of their own, and most domains to search: the boot line has room for them.
const MOST_NAMES: usize = 256;
/// Longest name of a host, `gethostname(2)`, and of what the name system knows.
const HOST_NAME_BYTES: usize = 64;
const DOMAIN_BYTES: usize = 253;

/// A request that can be launched.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) request: CreateRequest,
    pub(super) image: Bootable,
    pub(super) machine: Machine,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: Option<String>,
    pub(super) verbose: bool,
    pub(super) interactive: bool,
    /// Who the program runs as, as it was asked for, and found.
    pub(super) user: Option<(String, User)>,
    /// What it was given, for those who ask; the request has the contents no more.
    pub(super) files: Vec<FileInfo>,
    pub(super) ram_disk: Option<RamDisk>,
    pub(super) created_at_ms: u64,
}

/// What a microVM has: as the request says, or else the image.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) memory_mib: u32,
    pub(super) cpus: u8,
    pub(super) publish: Vec<PortMapping>,
}

/// The first Uigniter's request in today's words.
pub(crate) fn from_first_api(request: RunRequest) -> CreateRequest {
    CreateRequest {
        cmdline: Some(request.cmdline),
        read_only: request.read_only,
        ..CreateRequest::new(request.image_name)
    }
}

impl Plan {
    pub(super) fn check(host: &Host, mut request: CreateRequest) -> Result<Self, Refusal> {
        if let Some(name) = &request.name {
            names::check("an instance's name", name)?;
        }
        mounts(&request.volumes)?;
        host_names(&request)?;
        let image = host.images.get(&request.image)?;
        let machine = Machine::of(&request, &image.image)?;
        let line = parse(&request)?;
        let mut command = if request.cmdline.is_some() {
            line.command
        } else {
            image.image.command.clone()
        };
        let args = match &request.cmdline {
            None if request.args.is_empty() => &image.image.args,
            _ => &request.args,
        };
        command.extend(args.iter().cloned());
        let Some(program) = command.first_mut() else {
            return Err(Refusal::Invalid(format!(
                "image '{}' names no program; give a cmdline, for instance \"/{0}\"",
                image.image.name
            )));
        };
        // The program runs in `/`, so `hello` is `/hello`; the library OS takes paths.
        if !program.starts_with('/') {
            program.insert(0, '/');
        }
        let mut env: BTreeMap<_, _> = image.image.env.clone();
        env.extend(line.env);
        env.extend(request.env.clone());
        if let Some(zone) = &request.timezone {
            env.entry("TZ".into()).or_insert_with(|| zone.clone());
        }
        let account = find_user(&request, &image)?;
        if let Some(home) = account.as_ref().and_then(|(_, account)| account.home.clone()) {
            env.entry("HOME".into()).or_insert(home);
        }
        let user = account.map(|(specification, account)| (specification, account.user));
        let env: Vec<_> = env.into_iter().collect();
        texts(&command, &env)?;
        let files = request.files.iter().map(|file| FileInfo {
            path: file.path.clone(),
            mode: file.mode,
            size_bytes: file.content.0.len() as u64,
        });
        let files = files.collect();
        let ram_disk = ram_disk(&mut request, user.as_ref().map(|(_, user)| user))?;
        let (cwd, verbose) = (line.cwd.or_else(|| image.image.cwd.clone()), line.verbose);
        let interactive = request.interactive || line.interactive;
        let shares = request
            .volumes
            .iter()
            .any(|mount| matches!(mount.source(), Source::Folder(_)));
        host.config.monitor.check(interactive, shares)?;
        Ok(Self {
            interactive,
            request,
            image,
            machine,
            command,
            env,
            cwd,
            verbose,
            user,
            files,
            ram_disk,
            created_at_ms: now_ms(),
        })
    }
}

/// The user that the request names, or the image, as the image's files have them, or those that the request puts into their place.
fn find_user(request: &CreateRequest, image: &Bootable) -> Result<Option<(String, Account)>, Refusal> {
    let Some(specification) = request.user.as_ref().or(image.image.user.as_ref()) else {
        return Ok(None);
    };
    let disk = match user::is_numeric(specification) {
        true => None,
        false => File::open(&image.path)
            .ok()
            .and_then(|file| Disk::contents(file).ok()),
    };
    let text = |path: &str| {
        let given = request.files.iter().find(|file| file.path == path);
        let bytes = match (given, &disk) {
            (Some(file), _) => file.content.0.clone(),
            (None, Some(disk)) => disk.read(path).unwrap_or_default(),
            (None, None) => Vec::new(),
        };
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let account = user::look_up(specification, &text("/etc/passwd"), &text("/etc/group"))
        .map_err(|error| Refusal::Invalid(format!("user '{specification}': {error}")))?;
    Ok(Some((specification.clone(), account)))
}

/// Names that go into `/etc/hosts` and `/etc/resolv.conf`, whose lines and words they must not break.
fn host_names(request: &CreateRequest) -> Result<(), Refusal> {
    let wrong = |line: String| Err(Refusal::Invalid(line));
    if request.dns.len() > MOST_NAME_SERVERS {
        return wrong(format!("more than {MOST_NAME_SERVERS} name servers; give fewer"));
    }
    if request.hosts.len().max(request.dns_search.len()) > MOST_NAMES {
        return wrong(format!(
            "more than {MOST_NAMES} host names; put a file in place of /etc/hosts"
        ));
    }
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let hostname = request.hostname.iter().map(|name| (name, HOST_NAME_BYTES));
    let names = request.hosts.iter().map(|host| &host.name);
    let domains = names.chain(&request.dns_search).map(|name| (name, DOMAIN_BYTES));
    for (name, most) in hostname.chain(domains) {
        if name.is_empty() || name.len() > most || name.starts_with('-') || !name.bytes().all(good) {
            return wrong(format!(
                "'{}' cannot be a host's name; use 1 to {most} letters, digits, '.', '_' or '-'",
                name.escape_default()
            ));
        }
    }
    Ok(())
}

/// What can be mounted where.
fn mounts(mounts: &[Mount]) -> Result<(), Refusal> {
    let refused =
        |mount: &Mount, why: &str| Err(Refusal::Invalid(format!("'{mount}' cannot be mounted: {why}")));
    if mounts.len() > MOST_MOUNTS {
        return Err(Refusal::Invalid(format!(
            "more than {MOST_MOUNTS} volumes; mount fewer"
        )));
    }
    for (index, mount) in mounts.iter().enumerate() {
        match mount.source() {
            Source::Volume(name) => names::check("a volume's name", name)?,
            Source::Folder(path) => match std::fs::metadata(path) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => {
                    return refused(
                        mount,
                        "that is no folder; give a single file with 'files' (--file)",
                    );
                }
                Err(error) => return refused(mount, &format!("{error}; name a folder of the daemon's host")),
            },
        }
        let mut words = mount.target.split('/').filter(|word| !word.is_empty());
        let top = words.next();
        if !mount.target.starts_with('/') || words.any(|word| matches!(word, "." | "..")) {
            return refused(mount, "the target must be an absolute path without '..'");
        }
        if matches!(top, None | Some("." | ".." | "dev" | "proc" | "sys")) {
            return refused(mount, "the target must be a directory of the program's");
        }
        if mount.target.contains(|c: char| c.is_control()) {
            return refused(mount, "the target must be plain text");
        }
        let same = |other: &Mount| {
            let path = |mount: &Mount| mount.target.trim_end_matches('/').to_owned();
            let volume = matches!(mount.source(), Source::Volume(_));
            path(other) == path(mount) || volume && other.source == mount.source
        };
        if mounts[..index].iter().any(same) {
            return refused(mount, "its volume or its target is named twice");
        }
    }
    Ok(())
}

/// The command line's own options and command; network options in it give way to the instance's network.
fn parse(request: &CreateRequest) -> Result<BootArgs, Refusal> {
    match &request.cmdline {
        None => Ok(BootArgs::default()),
        Some(_) if !request.args.is_empty() => Err(Refusal::Invalid(
            "give either 'cmdline' (the whole command) or 'args' (arguments only), not both".into(),
        )),
        Some(line) => BootArgs::parse(line).map_err(|error| Refusal::Invalid(format!("cmdline: {error}"))),
    }
}

impl Machine {
    fn of(request: &CreateRequest, image: &Image) -> Result<Self, Refusal> {
        let memory = request.memory_mib.or(image.memory_mib);
        let publish = if request.publish.is_empty() {
            &image.publish
        } else {
            &request.publish
        };
        let machine = Self {
            memory_mib: memory.unwrap_or(DEFAULT_MEMORY_MIB),
            cpus: request.cpus.or(image.cpus).unwrap_or(1),
            publish: publish.clone(),
        };
        machine.check()?;
        Ok(machine)
    }

    fn check(&self) -> Result<(), Refusal> {
        let Self {
            memory_mib,
            cpus,
            publish,
        } = self;
        let host_mib = host_memory_mib();
        let refusal = if *memory_mib < LEAST_MEMORY_MIB {
            format!("memory_mib {memory_mib} is too small; give {LEAST_MEMORY_MIB} or more")
        } else if u64::from(*memory_mib) > host_mib {
            format!("memory_mib {memory_mib} is more than this host has; give {host_mib} or less")
        } else if !(1..=MOST_CPUS).contains(cpus) {
            format!("cpus {cpus} is out of range; give 1 to {MOST_CPUS}")
        } else if publish.len() > MOST_PORTS {
            format!("more than {MOST_PORTS} published ports; publish fewer")
        } else if publish.iter().any(|mapping| mapping.guest_port == 0) {
            "guest_port 0 cannot be published; give the port that the program listens on".to_owned()
        } else {
            return Ok(());
        };
        Err(Refusal::Invalid(refusal))
    }
}

fn host_memory_mib() -> u64 {
    let info = rustix::system::sysinfo();
    (info.totalram as u64).saturating_mul(u64::from(info.mem_unit)) >> 20
}

/// What the boot line cannot carry.
fn texts(command: &[String], env: &[(String, String)]) -> Result<(), Refusal> {
    for (key, _) in env {
        if key.is_empty() || key.contains('=') {
            return Err(Refusal::Invalid(format!(
                "'{key}' cannot be a variable's name; use one without '='"
            )));
        }
    }
    let env = env.iter().flat_map(|(key, value)| [key, value]);
    for text in command.iter().chain(env.clone()) {
        if text.contains('\0') {
            return Err(Refusal::Invalid(
                "arguments and variables cannot have zero bytes in them; leave them out".into(),
            ));
        }
    }
    // Outside quotes a line break would end the word, and options are not quoted.
    if env
        .into_iter()
        .any(|text| text.contains(['\n', '\r', '\t', '\u{b}', '\u{c}']))
    {
        return Err(Refusal::Invalid(
            "variables cannot have line breaks or tabs in them; encode them".into(),
        ));
    }
    Ok(())
}
