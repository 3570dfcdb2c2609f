//! `uigniter demo`: the whole way once, with a clock: a web server becomes a unikernel and gives a page.

use std::{
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use uigniter_api::{
    Client, client,
    instance::{CreateRequest, Instance, LogsQuery},
};

use crate::{
    cli::GlobalArgs,
    connection::Connection,
    embedded,
    error::{CliError, Outcome},
    output::{self, Format, OutputArgs},
    signals::Signals,
};

/// Boot a small web server as a unikernel, fetch a page from it, and say how long each step took
///
/// Ends with 0 only if the page came. Nothing is left behind, whatever happens. Where no daemon runs, a private one is started.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  uigniter demo\n  uigniter demo -o json")]
pub(crate) struct Demo {
    #[command(flatten)]
    output: OutputArgs,
}

/// Limit for the boot and for the page, each; a sound host needs a hundredth of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Port of the server in the guest.
const PORT: u16 = 80;

/// What the server prints when it takes connections.
const READY: &str = "listening on";

/// One step that was done.
#[derive(Debug, Serialize)]
struct Step {
    what: String,
    milliseconds: f64,
}

/// The steps so far, told as they happen.
#[derive(Debug)]
struct Story {
    output: OutputArgs,
    steps: Vec<Step>,
    last: Instant,
}

impl Story {
    /// Ends a step that began when the last one ended.
    fn step(&mut self, what: impl Into<String>) -> Result<(), CliError> {
        let (what, took) = (what.into(), self.last.elapsed());
        let milliseconds = took.as_secs_f64() * 1e3;
        if self.output.output == Format::Table && !self.output.quiet {
            output::line(&format!("{milliseconds:9.1} ms  {what}"))?;
        }
        self.steps.push(Step { what, milliseconds });
        self.last = Instant::now();
        Ok(())
    }
}

impl Demo {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let mut signals = Signals::take()?;
        let mut story = Story {
            output: self.output,
            steps: Vec::new(),
            last: Instant::now(),
        };
        let connection = Connection::find_or_start(global).await?;
        let shown = tokio::select! {
            shown = show(&connection, &mut story) => shown,
            () = signals.next() => Err(CliError::new("interrupted").status(130)),
        };
        let cleaned = clean_up(&connection.client).await;
        let closed = connection.close().await;
        let page = shown?;
        cleaned.and(closed)?;
        story.step("everything removed again")?;
        match story.output {
            OutputArgs { quiet: true, .. } => {}
            OutputArgs {
                output: Format::Json, ..
            } => {
                output::json(&serde_json::json!({ "steps": story.steps, "page": page }))?;
            }
            OutputArgs { .. } => output::line(&format!("\nThe page:\n{}", page.trim_end()))?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Name of the demo's image and of its instance: one per process, so that nobody else's is meant.
fn name() -> String {
    format!("uigniter-demo-{}", std::process::id())
}

async fn show(connection: &Connection, story: &mut Story) -> Result<String, CliError> {
    let client = &connection.client;
    story.step(if connection.is_private() {
        "a private daemon started"
    } else {
        "the daemon answered"
    })?;
    let image = client.import_image_bytes(&name(), embedded::DEMO_SERVER).await?;
    story.step(format!(
        "a static Linux web server ({}) packed into an image ({})",
        output::bytes(embedded::DEMO_SERVER.len() as u64),
        output::bytes(image.size_bytes)
    ))?;
    let request = CreateRequest {
        name: Some(name()),
        publish: vec![format!("127.0.0.1:0:{PORT}").parse().map_err(CliError::new)?],
        ..CreateRequest::new(image.name)
    };
    let instance = client.create_instance(&request).await?;
    let address = instance.ip_address.map(|ip| ip.to_string()).unwrap_or_default();
    story.step(format!(
        "microVM {} started, {} MiB, address {address}",
        instance.id, instance.memory_mib
    ))?;
    in_time("the server to listen", until_ready(client, &instance)).await?;
    story.step("library OS booted, server listens")?;
    let host = published(&instance)?;
    let page = in_time("the page", fetch(host)).await?;
    story.step(format!(
        "page of {} fetched from http://{host}/",
        output::bytes(page.len() as u64)
    ))?;
    Ok(page)
}

/// Fails when `future` takes longer than [`PATIENCE`].
async fn in_time<T>(what: &str, future: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let late = |_| {
        CliError::new(format!("waited {} s for {what} in vain", PATIENCE.as_secs()))
            .hint("see 'uigniter doctor'")
    };
    timeout(PATIENCE, future).await.map_err(late)?
}

/// Where the server's port is on the host.
fn published(instance: &Instance) -> Result<SocketAddr, CliError> {
    let port = instance.publish.first().filter(|port| port.host_port != 0);
    let port = port.ok_or_else(|| CliError::new("the daemon did not say which host port it published"))?;
    Ok(SocketAddr::new(port.host_ip.into(), port.host_port))
}

/// Reads the console until the server says that it is ready.
async fn until_ready(client: &Client, instance: &Instance) -> Result<(), CliError> {
    let mut log = client
        .logs(
            &instance.id,
            &LogsQuery {
                follow: true,
                tail: None,
            },
        )
        .await?;
    let mut text = String::new();
    while let Some(piece) = log.next().await? {
        text.push_str(&String::from_utf8_lossy(&piece));
        if text.contains(READY) {
            return Ok(());
        }
    }
    let last = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it said nothing");
    Err(
        CliError::new(format!("the microVM ended before the server was ready: {last}"))
            .hint("'uigniter doctor' says whether this host is sound"),
    )
}

/// Fetches `/`.
async fn fetch(host: SocketAddr) -> Result<String, CliError> {
    let mut stream = TcpStream::connect(host).await?;
    let request = format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(CliError::new(format!(
            "the server's answer is no page: '{}'",
            answer.lines().next().unwrap_or_default()
        ))),
    }
}

/// Removes instance and image, as far as they came to be.
async fn clean_up(client: &Client) -> Result<(), CliError> {
    for gone in [
        client.delete_instance(&name(), true).await,
        client.delete_image(&name()).await,
    ] {
        match gone {
            Err(client::Error::Refused { status: 404, .. }) => {}
            other => other?,
        }
    }
    Ok(())
}
