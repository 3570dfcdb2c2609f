//! `cargo xtask volumes`: monitors are killed while their guests write to a volume; what was synced is there, and `e2fsck` finds nothing.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use uigniter_api::{
    Client,
    instance::{CreateRequest, LogsQuery},
};

use crate::{daemon::Daemon, program};

const VOLUME: &str = "kills";
/// A guest boots in a tenth of a second; a busy host gets its time.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a guest has said of itself: records in its journal, versions of its slots.
#[derive(Clone, Debug, Default)]
struct Promises {
    records: u64,
    slots: BTreeMap<u64, u64>,
}

/// Kills so many monitors.
pub(crate) fn run(kills: u32) -> Result<()> {
    let writer = program::compile("volume-writer", "crates/xtask/src/volumes/writer.rs")?;
    let daemon = Daemon::start(1)?;
    let promises = daemon.inside(async |client| {
        client.import_image("writer", &writer).await?;
        let mut promises = Promises::default();
        for kill in 0..kills {
            let disk = client.get_volume(VOLUME).await.map(|volume| volume.path);
            // Every other time the guest itself replays the journal.
            if kill % 2 == 1
                && let Ok(disk) = disk
            {
                check(Path::new(&disk)).with_context(|| format!("after kill {kill}"))?;
            }
            promises = round(&client, kill, &promises)
                .await
                .with_context(|| format!("kill {}", kill + 1))?;
        }
        let disk = client.get_volume(VOLUME).await?.path;
        check(Path::new(&disk))?;
        Ok(promises)
    })?;
    daemon.stop()?;
    println!(
        "{kills} monitors killed under load: {} records that were synced are there with all files that were, and e2fsck finds nothing",
        promises.records
    );
    Ok(())
}

/// One life of the guest: it has to find what was promised, and is killed while it writes. Gives what it promised.
async fn round(client: &Client, kill: u32, before: &Promises) -> Result<Promises> {
    let request = CreateRequest {
        args: vec!["/data".into()],
        volumes: vec![format!("{VOLUME}:/data").parse()?],
        ..CreateRequest::new("writer")
    };
    let instance = client.create_instance(&request).await?;
    let begin = Instant::now();
    // It is killed some time after its first promise, at another moment each time.
    let load = Duration::from_millis(u64::from(kill * 37 % 300));
    let mut first = None;
    let said = loop {
        let said = log(client, &instance.id).await?;
        if said.contains("synced ") && first.is_none() {
            first = Some(Instant::now());
        }
        if first.is_some_and(|first| first.elapsed() >= load) {
            break said;
        }
        let state = client.get_instance(&instance.id).await?;
        ensure!(
            !state.state.has_ended(),
            "the guest ended by itself: {:?}\n{said}",
            state.exit
        );
        ensure!(begin.elapsed() < PATIENCE, "the guest promises nothing:\n{said}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let pid = instance.pid.context("no monitor")?;
    let pid = Pid::from_raw(i32::try_from(pid)?).context("no monitor")?;
    kill_process(pid, Signal::KILL)?;
    client.wait_instance(&instance.id).await?;
    let said = match log(client, &instance.id).await? {
        whole if whole.len() >= said.len() => whole,
        _ => bail!("the console became shorter"),
    };
    client.delete_instance(&instance.id, true).await?;
    compare(before, &said)
}

async fn log(client: &Client, id: &str) -> Result<String> {
    let query = LogsQuery {
        follow: false,
        tail: None,
    };
    let mut log = client.logs(id, &query).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = log.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Compares what a guest found with what was promised before, and collects what it promised then.
fn compare(before: &Promises, said: &str) -> Result<Promises> {
    let mut found = None;
    let mut now = Promises::default();
    // The last line may be cut off.
    let whole = said.rfind('\n').map_or("", |end| &said[..end]);
    for line in whole.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        match *words {
            ["found", records] => {
                let records: u64 = records.parse()?;
                ensure!(
                    records >= before.records,
                    "{} records were synced, {records} found",
                    before.records
                );
                for (slot, version) in &before.slots {
                    let there = now.slots.get(slot).copied().unwrap_or(0);
                    ensure!(
                        there >= *version,
                        "slot {slot} was synced at version {version}, {there} found"
                    );
                }
                now.records = records;
                found = Some(records);
            }
            ["synced", records] => now.records = records.parse()?,
            ["slot", slot, version] => {
                now.slots.insert(slot.parse()?, version.parse()?);
            }
            _ => bail!("the guest says: {line}"),
        }
    }
    found.with_context(|| format!("the guest found nothing:\n{said}"))?;
    Ok(now)
}

/// Replays the journal as a mount of Linux's would, and looks at everything: nothing must be found.
fn check(disk: &Path) -> Result<()> {
    let e2fsck = |arguments: &str| {
        let output = Command::new("e2fsck").arg(arguments).arg(disk).output();
        output.context("e2fsck is missing; install e2fsprogs")
    };
    let replayed = e2fsck("-p")?;
    ensure!(
        replayed.status.code().is_some_and(|code| code <= 1),
        "e2fsck -p: {}",
        String::from_utf8_lossy(&replayed.stdout)
    );
    let checked = e2fsck("-fn")?;
    let text = String::from_utf8_lossy(&checked.stdout);
    // Some of what it would mend does not count as an error.
    ensure!(
        checked.status.success() && !text.contains("Fix?"),
        "e2fsck -fn: {text}"
    );
    Ok(())
}
