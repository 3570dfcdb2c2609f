//! Every conformance program is one test: the host and the guest must print the same and end the same way.
//!
//! What runs the guests: our VMM on KVM (`UIGNITER_BIN`, the `uigniter` binary; else `UIGNITER_VMM_EXAMPLE`; else the binary that cargo
//! built beside this test), or QEMU under TCG where there is no `/dev/kvm` or with `UIGNITER_TEST_VMM=qemu` (`qemu-kvm` for QEMU on KVM).
//! `UIGNITER_KERNEL` is the library OS; else the one that the binary's build script made.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};

use libtest_mimic::{Arguments, Failed, Trial};
use uigniter_conformance::{
    build,
    compare::{self, KnownFailures},
    guest::{self, Monitor},
    host,
    program::{self, Program, Toolchain},
};

/// Time for one run on the host, and for one guest on KVM.
const LIMIT: Duration = Duration::from_secs(30);
/// Time for one guest under emulation, where two of them share two cores with their emulators.
const EMULATED_LIMIT: Duration = Duration::from_secs(120);

/// What all tests share.
struct Bench {
    monitor: Monitor,
    kernel: PathBuf,
    known: KnownFailures,
    cache: PathBuf,
    rust: OnceLock<Result<PathBuf, String>>,
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match trials() {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn trials() -> Result<Vec<Trial>, Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let programs = program::list(root)?;
    let known = KnownFailures::parse(&fs::read_to_string(root.join("known-failures.txt"))?)?;
    if let Some(stale) = known.names().find(|name| {
        !programs
            .iter()
            .any(|program| program.name == *name || program.test_name() == **name)
    }) {
        return Err(format!("known-failures.txt names '{stale}', and there is no such program").into());
    }
    let bench = Arc::new(Bench {
        monitor: monitor()?,
        kernel: kernel()?,
        known,
        cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance"),
        rust: OnceLock::new(),
    });
    let trial = |program: Program| {
        let bench = Arc::clone(&bench);
        Trial::test(program.test_name(), move || bench.check(&program))
    };
    Ok(programs.into_iter().map(trial).collect())
}

impl Bench {
    fn check(&self, program: &Program) -> Result<(), Failed> {
        let name = program.test_name();
        // Only a difference can be known: a guest that does not boot or does not end is always a failure.
        match (self.known.reason(&name), self.compare(program)?) {
            (None, None) | (Some(_), Some(_)) => Ok(()),
            (None, Some(difference)) => Err(difference.into()),
            (Some(reason), None) => Err(format!(
                "passes, but known-failures.txt has it ({reason}): take {name} off the list"
            )
            .into()),
        }
    }

    /// What differs, if anything does.
    fn compare(&self, program: &Program) -> Result<Option<String>, String> {
        let path = self.build(program)?;
        let expected = host::run(&path, LIMIT).map_err(|error| error.to_string())?;
        let limit = match self.monitor {
            Monitor::Qemu { emulated: true } => EMULATED_LIMIT,
            _ => LIMIT,
        };
        // The same programs with musl read their disk, as guests of other monitors do.
        let as_drive = program.toolchain == Toolchain::Musl;
        let (actual, said) = guest::run(&path, &self.kernel, &self.monitor, as_drive, limit)
            .map_err(|error| error.to_string())?;
        let difference = compare::difference(&expected, &actual);
        Ok(difference.map(|difference| format!("{difference}the guest's kernel said:\n{said}")))
    }

    fn build(&self, program: &Program) -> Result<PathBuf, String> {
        if program.toolchain != Toolchain::Rust {
            return build::c(program, &self.cache).map_err(|error| error.to_string());
        }
        let built = self.rust.get_or_init(|| {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs-rs");
            let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            build::rust(&folder, Path::new(&cargo), &self.cache).map_err(|error| error.to_string())
        });
        built.clone().map(|folder| folder.join(&program.name))
    }
}

/// What runs the guests here.
fn monitor() -> Result<Monitor, String> {
    match env::var("UIGNITER_TEST_VMM").as_deref() {
        Ok("qemu") => return Ok(Monitor::Qemu { emulated: true }),
        Ok("qemu-kvm") => return Ok(Monitor::Qemu { emulated: false }),
        Ok("vmm") | Err(_) => {}
        Ok(other) => {
            return Err(format!(
                "UIGNITER_TEST_VMM={other}: expected vmm, qemu or qemu-kvm"
            ));
        }
    }
    if !Path::new("/dev/kvm").exists() {
        return Ok(Monitor::Qemu { emulated: true });
    }
    if let Some(binary) = env::var_os("UIGNITER_BIN") {
        return Ok(Monitor::Vmm(vec![binary.into(), "vmm".into()]));
    }
    if let Some(example) = env::var_os("UIGNITER_VMM_EXAMPLE") {
        return Ok(Monitor::Vmm(vec![example.into()]));
    }
    let binary = beside("uigniter")?;
    if binary.exists() {
        return Ok(Monitor::Vmm(vec![binary, "vmm".into()]));
    }
    Err(format!(
        "no VMM: {} is missing. Build it (cargo build -p uigniter), or set UIGNITER_BIN to the uigniter binary, or UIGNITER_TEST_VMM=qemu",
        binary.display()
    ))
}

/// The library OS's ELF.
fn kernel() -> Result<PathBuf, String> {
    let kernel = match env::var_os("UIGNITER_KERNEL") {
        Some(path) => PathBuf::from(path),
        None => beside("../kernel/kernel/uigniter-kernel")?,
    };
    if kernel.exists() {
        return Ok(kernel);
    }
    Err(format!(
        "no library OS: {} is missing. Build the binary, which builds it (cargo build -p uigniter), or set UIGNITER_KERNEL to its ELF",
        kernel.display()
    ))
}

/// A path relative to cargo's folder for this profile, `target/debug` or `target/release`.
fn beside(path: &str) -> Result<PathBuf, String> {
    let test = env::current_exe().map_err(|error| format!("no path of this test: {error}"))?;
    // The test itself is in `deps`.
    let profile = test
        .ancestors()
        .nth(2)
        .ok_or("this test is not where cargo puts it")?;
    Ok(profile.join(path))
}
