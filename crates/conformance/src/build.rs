//! From source to ELF.
//!
//! C programs are cached by a hash of source, headers and command; Rust programs are a cargo workspace of their own
//! (`programs-rs/`), as they need a code generation option that the tests themselves must not have.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{
    bounded,
    program::{Program, Toolchain},
};

/// Far more than a compiler needs for one small C file, however busy the machine.
const C_LIMIT: Duration = Duration::from_secs(120);
/// The Rust programs build an asynchronous runtime and a web server first.
const RUST_LIMIT: Duration = Duration::from_secs(1200);
/// The triple is given although it is the host's: only then do the flags below stay away from build scripts and macros.
const RUST_TARGET: &str = "x86_64-unknown-linux-gnu";

/// Why a program was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The compiler did not run to its end.
    #[error("{0}; Debian: apt install gcc libc6-dev musl-tools")]
    Compiler(#[from] bounded::Error),
    /// The compiler complained.
    #[error("{program} does not compile:\n{complaints}")]
    Source {
        /// What was to be built.
        program: String,
        /// What the compiler said.
        complaints: String,
    },
    /// The cache cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Compiles one C program, unless `cache` has it already, and gives the path of the ELF.
///
/// # Errors
///
/// See [`Error`].
pub fn c(program: &Program, cache: &Path) -> Result<PathBuf, Error> {
    let (compiler, flags): (&str, &[&str]) = match program.toolchain {
        Toolchain::Musl => ("musl-gcc", &["-static"]),
        Toolchain::Pie => ("gcc", &["-static-pie"]),
        Toolchain::Dynamic => ("gcc", &["-pie", "-fPIE"]),
        Toolchain::Fixed => ("gcc", &["-no-pie"]),
        Toolchain::MuslDynamic => ("musl-gcc", &[]),
        Toolchain::Glibc | Toolchain::Rust => ("gcc", &["-static"]),
    };
    // Without warnings, as what they warn of is often what is tried.
    let common = ["-O1", "-g", "-pthread", "-D_GNU_SOURCE", "-w"];
    let mut hasher = DefaultHasher::new();
    for path in sources(program)? {
        fs::read(&path).map_err(in_path(&path))?.hash(&mut hasher);
    }
    (compiler, flags, common).hash(&mut hasher);
    let output = cache.join(format!(
        "{}-{}-{:016x}",
        program.name,
        program.toolchain,
        hasher.finish()
    ));
    if output.exists() {
        return Ok(output);
    }
    fs::create_dir_all(cache).map_err(in_path(cache))?;
    // Under another name first, so that an interrupted compiler leaves nothing that looks whole.
    let half = tempfile::NamedTempFile::new_in(cache)
        .map_err(in_path(cache))?
        .into_temp_path();
    let mut command = Command::new(compiler);
    command
        .args(flags)
        .args(common)
        .arg("-o")
        .arg(&half)
        .arg(&program.source)
        .arg("-lm");
    check(&program.test_name(), &mut command, C_LIMIT)?;
    half.persist(&output)
        .map_err(|error| in_path(&output)(error.error))?;
    Ok(output)
}

/// What decides about a program's contents: its source, and every header beside it, in order.
fn sources(program: &Program) -> Result<Vec<PathBuf>, Error> {
    let folder = program.source.parent().unwrap_or(Path::new("."));
    let entries = fs::read_dir(folder).map_err(in_path(folder))?;
    let mut paths = vec![program.source.clone()];
    for entry in entries {
        let path = entry.map_err(in_path(folder))?.path();
        if path.extension().is_some_and(|extension| extension == "h") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// Says which path an error is about.
fn in_path(path: &Path) -> impl Fn(io::Error) -> Error + use<'_> {
    move |source| Error::Cache {
        path: path.to_owned(),
        source,
    }
}

/// Builds all Rust programs in `folder`, a cargo workspace, into `cache`, and gives the folder with the ELFs.
///
/// # Errors
///
/// See [`Error`].
pub fn rust(folder: &Path, cargo: &Path, cache: &Path) -> Result<PathBuf, Error> {
    let target = cache.join("rust");
    let mut command = Command::new(cargo);
    command
        .current_dir(folder)
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--target",
            RUST_TARGET,
            "--target-dir",
        ])
        .arg(&target)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .env(
            "RUSTFLAGS",
            "-C target-feature=+crt-static -C relocation-model=static",
        );
    check("programs-rs", &mut command, RUST_LIMIT)?;
    Ok(target.join(RUST_TARGET).join("release"))
}

fn check(program: &str, command: &mut Command, limit: Duration) -> Result<(), Error> {
    let (output, status) = bounded::run(command, limit)?;
    if status.success() {
        return Ok(());
    }
    Err(Error::Source {
        program: program.to_owned(),
        complaints: String::from_utf8_lossy(&output).into_owned(),
    })
}
