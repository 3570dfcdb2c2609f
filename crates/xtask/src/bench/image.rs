//! What an image of node's Debian files costs: time and memory to build it, its size, and its boot, beside what other tools make of the same tree.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::{apps::packages, daemon::Daemon, figures::Summary, test};

/// Debian packages of what is packed and of who packs it too.
const PACKAGES: [&str; 3] = ["nodejs", "erofs-utils", "umoci"];
/// What is packed: the program with its libraries, and the modules that Debian has for it.
const PROGRAM: &str = "/usr/bin/node";
const MODULES: &str = "/usr/share/nodejs";
/// Between two looks at a process's memory.
const LOOK: Duration = Duration::from_millis(2);

/// The result.
#[derive(Debug, Serialize)]
pub(super) struct Images {
    files: u64,
    rows: Vec<Row>,
}

/// One way to pack the tree.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    /// From the command's beginning to its end; of our images with the sending to the daemon, the middle one of the rounds.
    seconds: f64,
    peak_memory_mib: f64,
    size_mib: f64,
    /// From the request to the program's first instruction.
    boot: Option<Summary>,
}

/// What `uigniter build -o json` says.
#[derive(serde::Deserialize)]
struct Built {
    size_bytes: u64,
    files: u64,
    boot_ms: Option<f64>,
}

/// Packs `rounds` times in each way.
pub(super) fn measure(rounds: u32) -> Result<Images> {
    packages::install_packages(BTreeSet::from(PACKAGES.map(str::to_owned)))?;
    let daemon = Daemon::start(0)?;
    let folder = tempfile::Builder::new().prefix("uigniter-bench-").tempdir()?;
    let at = |name: &str| folder.path().join(name);
    let (tree, erofs) = (at("tree"), at("first.erofs"));
    let ours = |source: &[&str]| {
        let mut command = Command::new(test::binary());
        command
            .arg("--socket")
            .arg(daemon.socket())
            .args(["build", "-o", "json", "-t", "node"]);
        command.args(source).arg("--entrypoint").arg(PROGRAM);
        command
    };
    // The same tree for all: what the image has of it, unpacked.
    let mut first = ours(&["--from-binary", PROGRAM, "--add", MODULES]);
    let (built, _) = once::<Built>(&mut first)?;
    let client = daemon.client();
    let disk = erofs.clone();
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(async {
            let mut stream = client.image_disk("node").await?;
            let mut file = fs::File::create(&disk)?;
            while let Some(piece) = stream.next().await? {
                std::io::Write::write_all(&mut file, &piece)?;
            }
            anyhow::Ok(())
        })?;
    let mut extract = Command::new("fsck.erofs");
    extract
        .arg(format!("--extract={}", tree.display()))
        .arg("--preserve")
        .arg(&erofs);
    test::run(&mut extract)?;
    let root = tree
        .to_str()
        .context("the folder for temporary files has no name in UTF-8")?;
    let mut rows = Vec::new();
    for (name, format) in [("uigniter, EROFS", "erofs"), ("uigniter, ROFS", "rofs")] {
        let mut build = || ours(&["--from-folder", root, "--format", format]);
        let mut row = packed(name, rounds, &mut build, |built: &Built| Ok(built.size_bytes))?;
        let boots = (0..rounds).map(|_| {
            let (built, _) = once::<Built>(build().arg("--boot-check").args(["--", "--version"]))?;
            built.boot_ms.context("no boot time was told")
        });
        row.boot = Summary::of(boots.collect::<Result<_>>()?);
        rows.push(row);
    }
    for (name, script, made) in [
        ("mkfs.erofs", "mkfs.erofs --quiet \"$1\" \"$0\"", "erofs"),
        ("tar", "tar -C \"$0\" -cf \"$1\" .", "tar"),
        (
            "OCI layout, gzip (umoci)",
            "umoci init --layout \"$1\" && umoci new --image \"$1:x\" && umoci insert --image \"$1:x\" \"$0\" /",
            "oci",
        ),
    ] {
        let out = at(made);
        let command = || {
            remove(&out)?;
            let mut command = Command::new("sh");
            command.args(["-ec", script]).arg(&tree).arg(&out);
            anyhow::Ok(command)
        };
        let mut make = || command().unwrap_or_else(|_| Command::new("false"));
        rows.push(packed(name, rounds, &mut make, |_: &serde::de::IgnoredAny| {
            size(&out)
        })?);
    }
    daemon.stop()?;
    Ok(Images {
        files: built.files,
        rows,
    })
}

/// Runs a command `rounds` times; `size` says how large it is what the last one made.
fn packed<T: for<'a> serde::Deserialize<'a>>(
    name: &'static str,
    rounds: u32,
    command: &mut dyn FnMut() -> Command,
    size: impl Fn(&T) -> Result<u64>,
) -> Result<Row> {
    let (mut times, mut peak, mut bytes) = (Vec::new(), 0, 0);
    for _ in 0..rounds {
        let begin = Instant::now();
        let (said, memory) = once::<T>(&mut command())?;
        times.push(begin.elapsed().as_secs_f64());
        (peak, bytes) = (peak.max(memory), size(&said)?);
    }
    Ok(Row {
        name,
        seconds: Summary::of(times).context("no round was run")?.median,
        peak_memory_mib: peak as f64 / 1024.0,
        size_mib: bytes as f64 / f64::from(1 << 20),
        boot: None,
    })
}

/// Runs a command to its end; gives what it said as JSON (nothing at all is `null`) and the most memory that it or a child of a shell had, in KiB.
fn once<T: for<'a> serde::Deserialize<'a>>(command: &mut Command) -> Result<(T, u64)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut peak = 0;
    let status = loop {
        peak = peak.max(peak_memory(child.id()));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(LOOK);
    };
    ensure!(status.success(), "{command:?} ended with {status}");
    let text = std::io::read_to_string(child.stdout.take().context("it has no output")?)?;
    let text = if text.trim_start().starts_with('{') {
        &text
    } else {
        "null"
    };
    Ok((serde_json::from_str(text)?, peak))
}

/// `VmHWM` of a process and its children, the largest.
fn peak_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let own = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let own = own.and_then(|line| line.split_whitespace().next()?.parse().ok());
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    let below = children.split_whitespace().filter_map(|child| child.parse().ok());
    below.map(peak_memory).max().unwrap_or(0).max(own.unwrap_or(0))
}

/// Bytes of a file, or of all that is in a folder.
fn size(path: &Path) -> Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    fs::read_dir(path)?.map(|entry| size(&entry?.path())).sum()
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

impl fmt::Display for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:26} {:>9} {:>12} {:>11}   boot",
            format!("{} files", self.files),
            "time",
            "peak memory",
            "size"
        )?;
        for row in &self.rows {
            let Row {
                name,
                seconds,
                peak_memory_mib,
                size_mib,
                boot,
            } = row;
            let boot = boot.map_or_else(|| "-".to_owned(), |boot| format!("{:.0} ms", boot.median));
            write!(
                f,
                "\n{name:26} {seconds:7.2} s {peak_memory_mib:8.1} MiB {size_mib:7.1} MiB   {boot}"
            )?;
        }
        Ok(())
    }
}
