//! What a request comes to, once it is checked and its image is found.

use std::collections::BTreeMap;

use uigniter_abi::boot_args::BootArgs;
use uigniter_api::{instance::CreateRequest, vm::RunRequest};

use crate::{host::Host, images::Bootable, instance::now_ms, names, refusal::Refusal};

/// Least memory, in MiB; the VMM takes no less.
const LEAST_MEMORY_MIB: u32 = 8;
/// Most virtual CPUs that Firecracker's API knows.
const MOST_CPUS: u8 = 32;
/// Most ports that one instance publishes.
const MOST_PORTS: usize = 128;

/// A request that can be launched.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) request: CreateRequest,
    pub(super) image: Bootable,
    pub(super) command: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) cwd: Option<String>,
    pub(super) verbose: bool,
    pub(super) interactive: bool,
    pub(super) created_at_ms: u64,
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
    pub(super) fn check(host: &Host, request: CreateRequest) -> Result<Self, Refusal> {
        if let Some(name) = &request.name {
            names::check("an instance's name", name)?;
        }
        sizes(&request)?;
        if let Some(mount) = request.volumes.first() {
            return Err(Refusal::Invalid(format!(
                "'{mount}' cannot be mounted: this daemon has no volumes; leave 'volumes' out"
            )));
        }
        let image = host.images.get(&request.image)?;
        let line = parse(&request)?;
        let mut command = if request.cmdline.is_some() {
            line.command
        } else {
            image.image.command.clone()
        };
        let args = match request.cmdline {
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
        let env: Vec<_> = env.into_iter().collect();
        texts(&command, &env)?;
        let (cwd, verbose) = (line.cwd.or_else(|| image.image.cwd.clone()), line.verbose);
        let interactive = request.interactive || line.interactive;
        Ok(Self {
            interactive,
            request,
            image,
            command,
            env,
            cwd,
            verbose,
            created_at_ms: now_ms(),
        })
    }
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

fn sizes(request: &CreateRequest) -> Result<(), Refusal> {
    let memory = request.memory_mib;
    if memory < LEAST_MEMORY_MIB {
        return Err(Refusal::Invalid(format!(
            "memory_mib {memory} is too small; give {LEAST_MEMORY_MIB} or more"
        )));
    }
    let host_mib = host_memory_mib();
    if u64::from(memory) > host_mib {
        return Err(Refusal::Invalid(format!(
            "memory_mib {memory} is more than this host has; give {host_mib} or less"
        )));
    }
    if !(1..=MOST_CPUS).contains(&request.cpus) {
        return Err(Refusal::Invalid(format!(
            "cpus {} is out of range; give 1 to {MOST_CPUS}",
            request.cpus
        )));
    }
    if request.publish.len() > MOST_PORTS {
        return Err(Refusal::Invalid(format!(
            "more than {MOST_PORTS} published ports; publish fewer"
        )));
    }
    if request.publish.iter().any(|mapping| mapping.guest_port == 0) {
        return Err(Refusal::Invalid(
            "guest_port 0 cannot be published; give the port that the program listens on".into(),
        ));
    }
    Ok(())
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
