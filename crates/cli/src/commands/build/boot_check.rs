//! `--boot-check`: the image is booted once before it gets its name.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use uigniter_api::{
    Client,
    image::Image,
    instance::{CreateRequest, Exit, ExitReason, Instance, LogsQuery},
    publish::PortMapping,
};

use crate::error::CliError;

/// Longest time for the boot; a sound host needs a hundredth of it.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a program that was started is watched: one that lacks a library ends at once.
const WATCH: Duration = Duration::from_secs(1);
/// What `--verbose` makes the kernel say right before the program's first instruction, between other words.
const STARTED: &str = ": entry 0x";
/// Status of a program that its dynamic linker could not start (`ld.so(8)`), as shells have it.
const NOT_STARTED: u8 = 127;

/// Boots the image and takes the instance away again; gives the time from the request to the program's first instruction.
pub(super) async fn boot(client: &Client, image: &Image) -> Result<Duration, CliError> {
    let begin = Instant::now();
    let request = CreateRequest {
        cmdline: Some(verbose_line(image)),
        // Of the ports that the image names any may be taken by an instance that runs.
        publish: image.publish.iter().map(at_any_port).collect(),
        ..CreateRequest::new(image.name.clone())
    };
    let instance = client.create_instance(&request).await?;
    let checked = timeout(PATIENCE, check(client, &instance, begin)).await;
    client.delete_instance(&instance.id, true).await?;
    checked.map_err(|_| fails("it took longer than 30 s"))?
}

async fn check(client: &Client, instance: &Instance, begin: Instant) -> Result<Duration, CliError> {
    let started = until_started(client, instance).await?;
    let took = begin.elapsed();
    let ended = timeout(WATCH, client.wait_instance(&instance.id)).await;
    match ended {
        Err(_still_runs) => Ok(took),
        Ok(exit) => {
            let exit = exit?;
            let is_sound = started && exit.reason == ExitReason::Exited && exit.code != NOT_STARTED;
            if is_sound {
                Ok(took)
            } else {
                Err(fails(&last_words(client, instance, &exit).await))
            }
        }
    }
}

/// Follows the console until the program starts; false if the instance ended before.
async fn until_started(client: &Client, instance: &Instance) -> Result<bool, CliError> {
    let query = LogsQuery {
        follow: true,
        tail: None,
    };
    let mut console = client.logs(&instance.id, &query).await?;
    let mut line = Vec::new();
    while let Some(piece) = console.next().await? {
        for byte in piece {
            if byte != b'\n' {
                line.push(byte);
                continue;
            }
            let text = String::from_utf8_lossy(&line);
            if text.starts_with("uigniter: ") && text.contains(STARTED) {
                return Ok(true);
            }
            line.clear();
        }
    }
    Ok(false)
}

/// Why an instance ended: what the daemon says, or the last line of its console.
async fn last_words(client: &Client, instance: &Instance, exit: &Exit) -> String {
    if let Some(message) = &exit.message {
        return message.clone();
    }
    let query = LogsQuery {
        follow: false,
        tail: Some(1),
    };
    let mut line = Vec::new();
    if let Ok(mut console) = client.logs(&instance.id, &query).await {
        while let Ok(Some(piece)) = console.next().await {
            line.extend_from_slice(&piece);
        }
    }
    let line = String::from_utf8_lossy(&line);
    format!(
        "the program ended at once, with status {}: {}",
        exit.code,
        line.trim()
    )
}

fn fails(why: &str) -> CliError {
    CliError::new(format!("the image does not boot: {why}"))
        .hint("build it without --boot-check, and look at it with 'uigniter run'")
}

/// The image's own command, as a line in the syntax of boot lines, with the kernel's words before it.
fn verbose_line(image: &Image) -> String {
    let words = image.command.iter().chain(&image.args);
    let quoted = words.map(|word| format!(" \"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")));
    format!("--verbose{}", quoted.collect::<String>())
}

fn at_any_port(mapping: &PortMapping) -> PortMapping {
    PortMapping {
        host_port: 0,
        ..mapping.clone()
    }
}

#[cfg(test)]
mod tests {
    use uigniter_api::image::ImageKind;

    use super::*;

    #[test]
    fn the_command_is_quoted() {
        let image = Image {
            command: vec!["/x".into()],
            args: vec!["a b".into(), "\"\\".into(), ";".into()],
            ..Image::new("x", ImageKind::Disk)
        };
        assert_eq!(verbose_line(&image), r#"--verbose "/x" "a b" "\"\\" ";""#);
    }
}
