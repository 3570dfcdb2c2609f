//! Volumes: `volumes/NAME/disk.img` and what is known about it in `volumes/NAME/volume.json`.
//!
//! A volume is made in a folder of another name and moved to its place when it is whole and on the disk. Who uses one follows from the instances; a launch
//! under way has a [`Hold`], which keeps others from the volume before there is an instance.

use std::{
    collections::HashMap,
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use uigniter_api::{
    instance::Instance,
    mount::{Mount, Source},
    volume::{DEFAULT_VOLUME_BYTES, Volume, VolumeRequest, VolumeUser},
};
use uigniter_image::volume as format;

use crate::{
    host::Host,
    instance::now_ms,
    names,
    refusal::Refusal,
    state_dir::{ignore_absent, write_json},
};

/// What a volume that is being made or removed is called: no volume's name begins so.
const TEMPORARY_PREFIX: &str = ".new-";

/// Volumes of one daemon.
#[derive(Debug)]
pub(crate) struct Volumes {
    folder: PathBuf,
    /// Volumes that launches under way will use, and whether to write.
    held: Mutex<HashMap<String, Vec<VolumeUser>>>,
}

/// `volumes/NAME/volume.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Sidecar {
    created_at_ms: u64,
}

/// Keeps volumes for a launch; dropped, they are given back.
#[derive(Debug)]
pub(crate) struct Hold {
    host: Arc<Host>,
    mounts: Vec<Mount>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.host.volumes.held();
        for mount in &self.mounts {
            if let Some(users) = held.get_mut(&mount.source)
                && let Some(index) = users.iter().position(|user| user.read_only == mount.read_only)
            {
                users.swap_remove(index);
            }
        }
    }
}

impl Volumes {
    /// The volumes in `folder`; what a daemon that was killed had not finished is removed.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(TEMPORARY_PREFIX))
            {
                fs::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self {
            folder,
            held: Mutex::default(),
        })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Vec<VolumeUser>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk of a volume.
    pub(crate) fn disk(&self, name: &str) -> PathBuf {
        self.folder.join(name).join("disk.img")
    }

    /// All volumes, by name.
    pub(crate) fn list(&self, instances: &[Instance]) -> Result<Vec<Volume>, Refusal> {
        let failed = || Refusal::io("list the volumes");
        let mut volumes = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed())? {
            let name = entry.map_err(failed())?.file_name();
            if let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) {
                match self.get(name, instances) {
                    Ok(volume) => volumes.push(volume),
                    Err(refusal) => tracing::warn!(name, %refusal, "left out of the list of volumes"),
                }
            }
        }
        volumes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(volumes)
    }

    /// One volume.
    pub(crate) fn get(&self, name: &str, instances: &[Instance]) -> Result<Volume, Refusal> {
        names::check("a volume's name", name)?;
        let path = self.disk(name);
        let metadata = match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Refusal::NoVolume(name.to_owned()));
            }
            other => other.map_err(Refusal::io(format!("look at volume '{name}'")))?,
        };
        let sidecar = fs::read(self.folder.join(name).join("volume.json")).ok();
        let sidecar = sidecar.and_then(|bytes| serde_json::from_slice::<Sidecar>(&bytes).ok());
        let changed_ms = u64::try_from(metadata.ctime()).unwrap_or(0) * 1000;
        Ok(Volume {
            name: name.to_owned(),
            size_bytes: metadata.len(),
            used_bytes: metadata.blocks() * 512,
            created_at_ms: sidecar.map_or(changed_ms, |sidecar| sidecar.created_at_ms),
            path: path.display().to_string(),
            users: users(name, instances),
        })
    }

    /// Makes a volume; blocks while its file system is written.
    fn create(&self, request: &VolumeRequest) -> Result<(), Refusal> {
        names::check("a volume's name", &request.name)?;
        let (name, size) = (&request.name, request.size_bytes);
        if !(format::LEAST_BYTES..=format::MOST_BYTES).contains(&size) {
            return Err(Refusal::Invalid(format!(
                "size_bytes {size} is out of range; give {} to {}",
                format::LEAST_BYTES,
                format::MOST_BYTES
            )));
        }
        if self.folder.join(name).exists() {
            return Err(Refusal::VolumeExists(name.clone()));
        }
        let temporary = self
            .folder
            .join(format!("{TEMPORARY_PREFIX}{}", names::fresh_id()?));
        let made = fill(&temporary, size).and_then(|()| {
            fs::rename(&temporary, self.folder.join(name)).map_err(|error| match error.kind() {
                // Somebody was faster.
                io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                    Refusal::VolumeExists(name.clone())
                }
                _ => Refusal::io(format!("make volume '{name}'"))(error),
            })?;
            sync_folder(&self.folder)
        });
        if made.is_err()
            && let Err(error) = ignore_absent(fs::remove_dir_all(&temporary))
        {
            tracing::warn!(path = %temporary.display(), %error, "half a volume stays");
        }
        made
    }
}

/// Makes the folder of a volume.
fn fill(folder: &Path, size: u64) -> Result<(), Refusal> {
    let failed = || Refusal::io("make a volume");
    DirBuilder::new().mode(0o700).create(folder).map_err(failed())?;
    let disk = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.join("disk.img"))
        .map_err(failed())?;
    format::format(disk, size).map_err(|error| match error {
        format::Error::Io(error) => failed()(error),
        other => Refusal::Io {
            action: "make a volume".into(),
            source: io::Error::other(other),
        },
    })?;
    let sidecar = Sidecar {
        created_at_ms: now_ms(),
    };
    write_json(&folder.join("volume.json"), &sidecar).map_err(failed())?;
    sync_folder(folder)
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), Refusal> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(Refusal::io("make a volume durable"))
}

/// Running instances that have a volume mounted.
fn users(name: &str, instances: &[Instance]) -> Vec<VolumeUser> {
    let uses = |instance: &Instance| {
        let mount = instance
            .volumes
            .iter()
            .find(|mount| mount.source() == Source::Volume(name))?;
        Some(VolumeUser {
            instance: instance.name.clone(),
            read_only: mount.read_only,
        })
    };
    instances
        .iter()
        .filter(|instance| !instance.state.has_ended())
        .filter_map(uses)
        .collect()
}

/// Makes a volume.
pub(crate) async fn create(host: &Arc<Host>, request: VolumeRequest) -> Result<Volume, Refusal> {
    let (owned, name) = (Arc::clone(host), request.name.clone());
    let made = tokio::task::spawn_blocking(move || owned.volumes.create(&request));
    made.await.unwrap_or_else(|error| {
        Err(Refusal::Io {
            action: "make a volume".into(),
            source: io::Error::other(error),
        })
    })?;
    host.volumes.get(&name, &host.registry.list())
}

/// Keeps the volumes of a launch, whose name this is (or what it will be called): those that are written by nobody else, those that are read by nobody
/// who writes. Volumes that are not there are made.
pub(crate) async fn hold(host: &Arc<Host>, mounts: &[Mount], name: &str) -> Result<Hold, Refusal> {
    // Folders of the host's are everybody's.
    let volumes = mounts
        .iter()
        .filter(|mount| matches!(mount.source(), Source::Volume(_)));
    let mounts: Vec<Mount> = volumes.cloned().collect();
    for mount in &mounts {
        let request = VolumeRequest {
            name: mount.source.clone(),
            size_bytes: DEFAULT_VOLUME_BYTES,
        };
        if matches!(host.volumes.get(&mount.source, &[]), Err(Refusal::NoVolume(_))) {
            match create(host, request).await {
                Ok(_) | Err(Refusal::VolumeExists(_)) => {}
                Err(refusal) => return Err(refusal),
            }
        }
    }
    let instances = host.registry.list();
    let mut held = host.volumes.held();
    for mount in &mounts {
        let mut others = users(&mount.source, &instances);
        others.extend(held.get(&mount.source).into_iter().flatten().cloned());
        let other = others.iter().find(|user| !(user.read_only && mount.read_only));
        if let Some(other) = other {
            return Err(Refusal::VolumeInUse {
                volume: mount.source.clone(),
                instance: other.instance.clone(),
            });
        }
    }
    for mount in &mounts {
        held.entry(mount.source.clone()).or_default().push(VolumeUser {
            instance: name.to_owned(),
            read_only: mount.read_only,
        });
    }
    drop(held);
    Ok(Hold {
        host: Arc::clone(host),
        mounts,
    })
}

/// Deletes a volume that nobody uses.
pub(crate) fn delete(host: &Host, name: &str) -> Result<(), Refusal> {
    let volume = host.volumes.get(name, &host.registry.list())?;
    let held = host.volumes.held();
    let launching = held.get(name).and_then(|users| users.first());
    if let Some(user) = volume.users.first().or(launching) {
        return Err(Refusal::VolumeInUse {
            volume: name.to_owned(),
            instance: user.instance.clone(),
        });
    }
    // Gone by its name at once, also for a daemon that is killed now.
    let failed = || Refusal::io(format!("delete volume '{name}'"));
    let doomed = host
        .volumes
        .folder
        .join(format!("{TEMPORARY_PREFIX}{}", names::fresh_id()?));
    fs::rename(host.volumes.folder.join(name), &doomed).map_err(failed())?;
    fs::remove_dir_all(&doomed).map_err(failed())
}

/// Deletes all volumes that no instance names, not even one that has ended; gives their names.
pub(crate) fn prune(host: &Host) -> Result<Vec<String>, Refusal> {
    let instances = host.registry.list();
    let named = |name: &str| {
        let mut mounts = instances.iter().flat_map(|instance| &instance.volumes);
        mounts.any(|mount| mount.source() == Source::Volume(name))
    };
    let mut deleted = Vec::new();
    for volume in host.volumes.list(&instances)? {
        if named(&volume.name) {
            continue;
        }
        match delete(host, &volume.name) {
            Ok(()) => deleted.push(volume.name),
            Err(Refusal::VolumeInUse { .. } | Refusal::NoVolume(_)) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(deleted)
}
