//! `cargo xtask soak`: instances run and stop many times; whatever is counted is as it was.

use anyhow::{Result, ensure};
use uigniter_api::{Client, ErrorCode, vm::RunRequest};

use crate::{
    daemon::{Daemon, pool_full},
    host, program,
};

/// MicroVMs that wait, so that their part is looked at too.
const POOL: u32 = 2;

/// Cycles before the first count, after which caches and buffers have their size.
const WARM_UP: u32 = 5;

/// Everything that an instance has and must give back.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    processes: usize,
    network_devices: usize,
    instances: usize,
    files: usize,
    descriptors: usize,
    sockets: usize,
}

/// Runs and stops `cycles` instances.
pub(crate) fn run(cycles: u32) -> Result<()> {
    let hello = program::hello_server()?;
    let daemon = Daemon::start(POOL)?;
    let state = daemon.state();
    let pid = daemon.pid();
    let counts = async |client: &Client| {
        pool_full(client).await?;
        let (descriptors, sockets) = host::descriptors(pid)?;
        anyhow::Ok(Counts {
            processes: host::processes_with(&state.to_string_lossy())?.len(),
            network_devices: host::network_devices()?.len(),
            instances: client.list_instances().await?.len(),
            files: host::files_below(&state)?,
            descriptors,
            sockets,
        })
    };
    let (before, after) = daemon.inside(async |client| {
        client.import_image("hello", &hello).await?;
        for _ in 0..WARM_UP {
            cycle(&client).await?;
        }
        let before = settled(&counts, &client, None).await?;
        for _ in 0..cycles {
            cycle(&client).await?;
        }
        let after = settled(&counts, &client, Some(&before)).await?;
        Ok((before, after))
    })?;
    daemon.stop()?;
    println!("before {before:?}\nafter  {after:?}");
    ensure!(
        before == after,
        "{cycles} run-and-stop cycles left something behind"
    );
    println!("{cycles} run-and-stop cycles left nothing behind");
    Ok(())
}

/// One instance: started, stopped gracefully, deleted.
async fn cycle(client: &Client) -> Result<()> {
    let request = RunRequest {
        image_name: "hello".to_owned(),
        cmdline: "/hello".to_owned(),
        read_only: true,
    };
    let answer = client.run_vm(&request).await?;
    client.stop_vm(&answer.id).await?;
    match client.delete_instance(&answer.id, true).await {
        // The first Uigniter's stop may have deleted it already.
        Err(error) if error.code() == Some(ErrorCode::InstanceNotFound) => Ok(()),
        other => Ok(other?),
    }
}

/// Counts until the counts are `wanted`, or until they have stood still: the daemon deletes taps off the request's path.
async fn settled(
    counts: &impl AsyncFn(&Client) -> Result<Counts>,
    client: &Client,
    wanted: Option<&Counts>,
) -> Result<Counts> {
    const STILL: u32 = 10;
    let mut last = counts(client).await?;
    let mut still = 0;
    while still < STILL && wanted != Some(&last) {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        let now = counts(client).await?;
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    Ok(last)
}
