//! `uigniter run`: boots a program or an image.
//!
//! In the foreground the command stands for the program: its console is our stdout, its status is our status, SIGINT, SIGTERM and
//! SIGHUP stop it (the second time they kill it). [`input`] passes our stdin on, where that is asked for; [`program`] turns a file into an image of the daemon's.

mod given;
mod input;
mod program;

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use tokio::sync::Notify;
use uigniter_api::{
    Client,
    instance::{CreateRequest, DEFAULT_GRACE_SECONDS, Exit, Instance, LogsQuery, StopRequest},
    mount::{Mount, Source},
    publish::PortMapping,
};

use given::GivenArgs;

use super::logs::{Copied, copy_to_stdout};
use crate::{
    cli::GlobalArgs,
    connection::Connection,
    error::{CliError, Outcome},
    output,
    packing::{self, AddArgs, Alone, Prepared},
    signals::Signals,
    values::{key_value, memory_mib},
};

/// Boot a program or an image as a microVM
///
/// What has a slash in it is a file: a Linux program (x86-64 ELF) or a script, packed on the way with the libraries and the interpreter that it
/// needs, or a disk. Anything else is the name of an image. Without --detach the console is shown, Ctrl-C stops the program (a second one kills it), and the program's
/// exit status becomes this command's; failures of the command itself give 125.
///
/// Where no daemon runs (and --socket names none), a private one is started for this one command and taken down with it.
#[derive(Debug, Args)]
#[command(
    override_usage = "uigniter run [OPTIONS] <IMAGE|PROGRAM> [ARGS]...",
    after_help = "Examples:
  uigniter run ./hello --greeting 'good morning'
  uigniter run --rm -p 8080:80 -e LOG=debug --memory 256 ./server
  uigniter run --rm /usr/bin/memcached -u root
  uigniter run --rm --add ./site:/var/www --add ./nginx.conf:/etc/nginx/nginx.conf /usr/sbin/nginx
  uigniter run --rm -p 8080:80 -v /srv/www:/var/www:ro ./server
  uigniter run --rm --user 1000 --file ./app.conf:/etc/app.conf --secret key=./key.pem ./server
  echo 'select 1;' | uigniter run -i --rm /usr/bin/sqlite3
  uigniter run -d --name web -p 127.0.0.1:8080:80 hello
  uigniter run -d --name db --volume data:/var/lib/app ./server
  uigniter image import --name hello ./hello && uigniter run hello"
)]
pub(crate) struct Run {
    /// Name of the instance [default: its id]
    #[arg(long)]
    name: Option<String>,
    /// Memory: MiB, or a number with M or G [default: the image's, or 128]
    #[arg(short, long, value_name = "SIZE", value_parser = memory_mib)]
    memory: Option<u32>,
    /// Virtual CPUs [default: the image's, or 1]
    #[arg(long, value_name = "COUNT")]
    cpus: Option<u8>,
    #[command(flatten)]
    given: GivenArgs,
    /// Publish a port on the host: [IP:][HOST_PORT:]GUEST_PORT[/tcp|udp]; may be given several times
    ///
    /// The address is 127.0.0.1 unless given; without a host port a free one is taken, which 'uigniter ps' shows. Where none is given, the ports that the image
    /// names are published.
    #[arg(short, long, value_name = "PORT")]
    publish: Vec<PortMapping>,
    /// Mount a volume of the daemon's, an ext4 that outlives the instance: NAME:/PATH[:ro], or a folder of the daemon's host: /HOST:/PATH[:ro]; may be given several
    /// times
    ///
    /// A volume that is not there is made, with 1 GiB; 'uigniter volume create' makes others. What either side changes in a folder the other sees; files that the program
    /// makes belong to its user, on the host too: as root it is root in that folder.
    #[arg(short, long, value_name = "VOLUME")]
    volume: Vec<Mount>,
    #[command(flatten)]
    add: AddArgs,
    /// A word of your own about the instance; may be given several times
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    label: Vec<(String, String)>,
    /// Use the image as it is; with 'false' the instance writes to a disk of its own
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    read_only: bool,
    /// Pass standard input on to the program, up to its end; without it the program's input is empty
    #[arg(short, long, conflicts_with = "detach")]
    interactive: bool,
    /// Remove the instance when it has ended
    #[arg(long)]
    rm: bool,
    /// Print the id and return as soon as it runs
    #[arg(short, long)]
    detach: bool,
    /// An image's name, or a file: ./PROGRAM; all that follows are arguments for the program
    // One positional, not two: of two, options of ours among the program's arguments would be taken for us.
    #[arg(value_name = "IMAGE|PROGRAM", required = true, num_args = 1.., trailing_var_arg = true)]
    command: Vec<String>,
}

impl Run {
    pub(crate) async fn run(mut self, global: &GlobalArgs) -> Outcome {
        // Taken before anything exists that would have to be cleaned up.
        let signals = Signals::take()?;
        let given = std::mem::take(&mut self.given);
        if self.interactive && given.takes_stdin() {
            return Err(
                CliError::new("standard input cannot be a secret and the program's input")
                    .hint("give the secret as a file, or leave out --interactive"),
            );
        }
        let given = given.read()?;
        let target = self.command.first().map_or("", String::as_str);
        let file = match program::as_file(target) {
            Some(file) => {
                super::image::check_file(&file)?;
                let prepared = packing::prepare(&file, &self.add, Alone::InItsPlace).await?;
                Some((file, prepared))
            }
            None if self.add.is_empty() => None,
            None => {
                return Err(CliError::new(format!(
                    "--add packs files with a program, and '{target}' is an image"
                ))
                .hint("give the program as a file, for instance ./PROGRAM, or import an image with --add"));
            }
        };
        let connection = Connection::find_or_start(global).await?;
        let outcome = self.with_daemon(&connection, file, given, signals).await;
        // Whatever happened, a private daemon goes; its failure to do so matters only if nothing else failed.
        let closed = connection.close().await;
        let status = outcome?;
        closed.map(|()| status)
    }

    async fn with_daemon(
        mut self,
        connection: &Connection,
        file: Option<(PathBuf, Prepared)>,
        given: CreateRequest,
        signals: Signals,
    ) -> Outcome {
        if self.detach && connection.is_private() {
            return Err(CliError::new("--detach needs a daemon that stays, and none runs")
                .hint("start one with 'uigniter daemon', or leave out --detach"));
        }
        let has_volume = self
            .volume
            .iter()
            .any(|mount| matches!(mount.source(), Source::Volume(_)));
        if has_volume && connection.is_private() {
            return Err(CliError::new("--volume needs a daemon that stays, and none runs")
                .hint("start one with 'uigniter daemon', which keeps volumes"));
        }
        let client = &connection.client;
        let target = self.command.remove(0);
        let image = match file {
            Some((file, prepared)) => program::import(client, &file, &prepared).await?,
            None => target,
        };
        let (detach, remove, interactive) = (self.detach, self.rm, self.interactive);
        let instance = client.create_instance(&self.request(image, given)).await?;
        if detach {
            output::line(&instance.id)?;
            return Ok(ExitCode::SUCCESS);
        }
        let feeder = interactive.then(|| tokio::spawn(input::feed(client.clone(), instance.id.clone())));
        let outcome = foreground(client, &instance, signals).await;
        if let Some(feeder) = feeder {
            feeder.abort();
        }
        if remove {
            client.delete_instance(&instance.id, true).await?;
        }
        let exit = outcome?;
        if let Some(message) = &exit.message {
            eprintln!("uigniter: {}: {message}", instance.name);
        }
        Ok(ExitCode::from(exit.code))
    }

    fn request(self, image: String, given: CreateRequest) -> CreateRequest {
        CreateRequest {
            image,
            name: self.name,
            args: self.command,
            memory_mib: self.memory,
            cpus: self.cpus,
            publish: self.publish,
            volumes: self.volume,
            read_only: self.read_only,
            labels: self.label.into_iter().collect(),
            interactive: self.interactive,
            // In the foreground we remove it ourselves: a program may end before we have asked for its status.
            auto_remove: self.rm && self.detach,
            ..given
        }
    }
}

/// Shows the console until the instance has ended; gives its status.
async fn foreground(client: &Client, instance: &Instance, signals: Signals) -> Result<Exit, CliError> {
    let reader_gone = Arc::new(Notify::new());
    let console = tokio::spawn(show_console(
        client.clone(),
        instance.id.clone(),
        Arc::clone(&reader_gone),
    ));
    let stopper = tokio::spawn(stop_when_told(
        client.clone(),
        instance.id.clone(),
        signals,
        reader_gone,
    ));
    let exit = client.wait_instance(&instance.id).await;
    stopper.abort();
    if exit.is_err() {
        console.abort();
    }
    // The log ends when the instance does; what is still on its way is shown first.
    match console.await {
        Ok(shown) => shown.and(exit.map_err(CliError::from)),
        Err(_aborted) => Ok(exit?),
    }
}

async fn show_console(client: Client, id: String, reader_gone: Arc<Notify>) -> Result<(), CliError> {
    let query = LogsQuery {
        follow: true,
        tail: None,
    };
    let copied = copy_to_stdout(&client, &id, &query).await;
    if matches!(copied, Ok(Copied::ReaderGone) | Err(_)) {
        reader_gone.notify_one();
    }
    copied.map(drop)
}

/// Stops the instance at the first signal (or when nobody reads its output any more), kills it at the second.
async fn stop_when_told(client: Client, id: String, mut signals: Signals, reader_gone: Arc<Notify>) {
    tokio::select! {
        () = signals.next() => {}
        () = reader_gone.notified() => {}
    }
    let request = StopRequest {
        grace_seconds: DEFAULT_GRACE_SECONDS,
    };
    let stop = client.stop_instance(&id, &request);
    tokio::select! {
        // An error here is one of an instance that has just ended, or of a daemon that is gone; both show in `wait`.
        _ = stop => {}
        () = signals.next() => {
            let _ = client.kill_instance(&id).await;
        }
    }
}
