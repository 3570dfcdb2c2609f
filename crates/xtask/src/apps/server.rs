//! The program as a unikernel, and the very same files as a process of the host: the image is unpacked into a folder, which is its root.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use uigniter_api::{
    Client,
    image::Image,
    instance::{CreateRequest, Exit, LogsQuery},
};
use uigniter_image::{Disk, EntryKind};

use super::{
    manifest::App,
    site::{SERVER_CORE, Site, checked},
};
use crate::test;

/// Time for a server to listen, on a host that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that listens.
#[derive(Debug)]
pub(crate) enum Server {
    /// An instance of the daemon's.
    Guest {
        /// Its id.
        id: String,
        /// Process of its VMM.
        vmm: u32,
        /// Its address.
        address: Ipv4Addr,
    },
    /// A process of the host's.
    Host {
        /// The process.
        process: Child,
        /// Its address.
        address: Ipv4Addr,
    },
}

/// Packs an app as users do and gives the image.
pub(crate) fn import(site: &Site, app: &App) -> Result<Image> {
    let build = site.build_folder(app);
    let mut command = Command::new(test::binary());
    command
        .args(["image", "import", "-o", "json", "--name", &app.name])
        .env("UIGNITER_SOCKET", site.daemon.socket());
    for add in app.additions(&build) {
        command.args(["--add", &add]);
    }
    command.arg(App::filled(&app.program, &build));
    let text = checked("uigniter image import", command.output()?)?;
    let mut images: Vec<Image> = serde_json::from_str(&text)?;
    images.pop().context("image import printed no image")
}

fn request(app: &App, image: &Image, args: &[String]) -> CreateRequest {
    CreateRequest {
        args: app.args.iter().chain(args).cloned().collect(),
        env: app.env.clone(),
        memory_mib: Some(app.memory_mib),
        ..CreateRequest::new(image.name.clone())
    }
}

/// Runs an imported app to its end; gives what it printed and how it ended.
pub(crate) fn run_guest(site: &Site, app: &App, image: &Image, args: &[String]) -> Result<(Vec<u8>, Exit)> {
    let request = request(app, image, args);
    site.daemon.inside(async |client| {
        let instance = client.create_instance(&request).await?;
        let exit = tokio::time::timeout(PATIENCE, client.wait_instance(&instance.id)).await;
        let output = logs(&client, &instance.id).await?;
        client.delete_instance(&instance.id, true).await?;
        let exit = exit.with_context(|| {
            let tail = output.len().saturating_sub(300);
            let tail = String::from_utf8_lossy(output.get(tail..).unwrap_or_default());
            format!("the program does not end; it printed {tail:?}")
        });
        Ok((output, exit??))
    })
}

/// Runs an imported app until it prints these words or ends; gives what it printed.
pub(crate) fn run_guest_until(site: &Site, app: &App, image: &Image, words: &str) -> Result<Vec<u8>> {
    let request = request(app, image, &[]);
    let begin = Instant::now();
    site.daemon.inside(async |client| {
        let instance = client.create_instance(&request).await?;
        let output = loop {
            // In this order: what it printed before it ended is in the console then.
            let ended = client.get_instance(&instance.id).await?.exit.is_some();
            let output = logs(&client, &instance.id).await?;
            if ended || begin.elapsed() > PATIENCE || String::from_utf8_lossy(&output).contains(words) {
                break output;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        client.delete_instance(&instance.id, true).await?;
        Ok(output)
    })
}

/// What an instance printed so far.
async fn logs(client: &Client, id: &str) -> Result<Vec<u8>> {
    let query = LogsQuery {
        follow: false,
        tail: None,
    };
    let mut logs = client.logs(id, &query).await?;
    let mut output = Vec::new();
    while let Some(piece) = logs.next().await? {
        output.extend_from_slice(&piece);
    }
    Ok(output)
}

/// Runs the same files on the host to their end.
///
/// Both streams go into one pipe, in the order of writing, as a guest's console has them.
pub(crate) fn run_host(
    site: &Site,
    app: &App,
    root: &Path,
    image: &Image,
    args: &[String],
) -> Result<(Vec<u8>, i32)> {
    let (mut reader, writer) = std::io::pipe()?;
    let mut command = host_command(site, app, root, image, args);
    let mut process = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    drop(command);
    let mut output = Vec::new();
    std::io::Read::read_to_end(&mut reader, &mut output)?;
    let status = process.wait()?.code().context("ended by a signal on the host")?;
    Ok((output, status))
}

/// The image of an app that was imported.
pub(crate) fn image(site: &Site, app: &App) -> Result<Image> {
    site.daemon
        .inside(async |client| Ok(client.get_image(&app.name).await?))
}

/// Unpacks an image into a folder of its own.
pub(crate) fn unpack(site: &Site, image: &Image) -> Result<TempDir> {
    let digest = image.digest.as_deref().unwrap_or_default();
    let disk = site
        .daemon
        .state()
        .join("image/blobs")
        .join(digest.replace(':', "/"));
    let contents = Disk::contents(fs::File::open(&disk)?)?;
    let root = Site::folder()?;
    let mut folders = Vec::new();
    for entry in contents.entries() {
        let path = root
            .path()
            .join(String::from_utf8(entry.path.clone())?.trim_start_matches('/'));
        match &entry.kind {
            EntryKind::Folder => {
                fs::create_dir_all(&path)?;
                folders.push((path, entry.metadata.permissions));
            }
            EntryKind::File(_) => {
                fs::write(&path, contents.read(&entry.path)?)?;
                fs::set_permissions(
                    &path,
                    fs::Permissions::from_mode(entry.metadata.permissions.into()),
                )?;
            }
            EntryKind::Link(target) => symlink(String::from_utf8(target.clone())?, &path)?,
        }
    }
    for (path, permissions) in folders {
        fs::set_permissions(path, fs::Permissions::from_mode(permissions.into()))?;
    }
    Ok(root)
}

/// The program with `root` as its root, in the namespace beside the daemon's, on the server's core, with the environment that a guest has.
fn host_command(site: &Site, app: &App, root: &Path, image: &Image, args: &[String]) -> Command {
    // Each of these becomes the next: the child is the program in the end. What it leaves in shared memory goes with it.
    const INTO_ROOT: &str = r#"mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/dev/shm" && mount -t proc proc "$0/proc" && exec "$@""#;
    let mut command = Command::new("ip");
    command
        .args([
            "netns",
            "exec",
            &site.beside,
            "unshare",
            "--mount",
            "sh",
            "-c",
            INTO_ROOT,
        ])
        .arg(root)
        .args([
            "/usr/bin/env",
            "-i",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "HOME=/",
        ])
        .args(app.env.iter().map(|(key, value)| format!("{key}={value}")))
        .args(["/usr/bin/taskset", "-c", SERVER_CORE, "/usr/sbin/chroot"])
        .arg(root)
        .args(image.command.iter().chain(&app.args).chain(args))
        .stdin(Stdio::null());
    command
}

impl Server {
    /// Starts an imported app as an instance of that name and waits until it listens.
    pub(crate) fn guest(site: &Site, app: &App, image: &Image) -> Result<Self> {
        let request = CreateRequest {
            name: Some(app.name.clone()),
            ..request(app, image, &[])
        };
        let instance = site
            .daemon
            .inside(async |client| Ok(client.create_instance(&request).await?))?;
        let mut server = Self::Guest {
            id: instance.id,
            vmm: instance.pid.context("an instance without a process")?,
            address: instance.ip_address.context("an instance without an address")?,
        };
        server.until_it_listens(site, app)?;
        Ok(server)
    }

    /// Starts the same files as a process of the host and waits until it listens.
    pub(crate) fn host(site: &Site, app: &App, root: &Path, image: &Image) -> Result<Self> {
        let log = fs::File::create(site.host_log())?;
        let process = host_command(site, app, root, image, &[])
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        let mut server = Self::Host {
            process,
            address: site.address,
        };
        server.until_it_listens(site, app)?;
        Ok(server)
    }

    pub(crate) const fn address(&self) -> Ipv4Addr {
        match self {
            Self::Guest { address, .. } | Self::Host { address, .. } => *address,
        }
    }

    fn until_it_listens(&mut self, site: &Site, app: &App) -> Result<()> {
        let address = SocketAddr::from((self.address(), app.port.context("not a server")?));
        let (begin, log) = (Instant::now(), site.host_log());
        site.daemon.inside(async |client| {
            loop {
                let connected = tokio::net::TcpStream::connect(address);
                match tokio::time::timeout(Duration::from_secs(1), connected).await {
                    Ok(Ok(_)) => return Ok(()),
                    _ if begin.elapsed() > PATIENCE => bail!("{} does not listen on {address}", app.name),
                    _ => tokio::time::sleep(Duration::from_millis(20)).await,
                }
                match self {
                    Self::Guest { id, .. } => {
                        if let Some(exit) = client.get_instance(id).await?.exit {
                            let printed = logs(&client, id).await?;
                            let printed = String::from_utf8_lossy(&printed);
                            bail!("{} ended with {exit:?} before it listened: {printed}", app.name);
                        }
                    }
                    Self::Host { process, .. } => {
                        if let Some(status) = process.try_wait()? {
                            let printed = fs::read_to_string(&log).unwrap_or_default();
                            bail!(
                                "{} on the host ended with {status} before it listened: {printed}",
                                app.name
                            );
                        }
                    }
                }
            }
        })
    }

    /// Puts all threads of a VMM on the server's core; a process of the host's is there from its start.
    pub(crate) fn pin(&self) -> Result<()> {
        if let Self::Guest { vmm, .. } = self {
            let mut command = Command::new("taskset");
            let output = command
                .args(["-a", "-c", "-p", SERVER_CORE, &vmm.to_string()])
                .output()?;
            checked("taskset", output)?;
        }
        Ok(())
    }

    /// What a guest printed so far.
    pub(crate) fn console(&self, site: &Site) -> Result<Vec<u8>> {
        let Self::Guest { id, .. } = self else {
            bail!("a process of the host has no console");
        };
        site.daemon.inside(async |client| logs(&client, id).await)
    }

    /// Ends it; fails if it had ended by itself.
    pub(crate) fn stop(self, site: &Site) -> Result<()> {
        match self {
            Self::Guest { id, .. } => site.daemon.inside(async |client| {
                let exit = client.get_instance(&id).await?.exit;
                client.delete_instance(&id, true).await?;
                ensure!(exit.is_none(), "the server ended with {exit:?}");
                Ok(())
            }),
            Self::Host { mut process, .. } => {
                let early = process.try_wait()?;
                ensure!(early.is_none(), "the server on the host ended with {early:?}");
                let pid = Pid::from_raw(i32::try_from(process.id())?).context("no process")?;
                kill_process(pid, Signal::KILL)?;
                process.wait()?;
                Ok(())
            }
        }
    }
}
