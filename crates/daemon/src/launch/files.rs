//! Files of an instance's own, secrets among them, as a RAM disk (an EROFS that the monitor loads as the kernel's `initrd`).
//!
//! It is a `memfd_create(2)` of the daemon's, which the monitor opens by its name in `/proc` and copies into the guest's memory at the
//! start: what is in it never touches a disk, a command line or a log, and nobody needs it again after the start. A second drive or
//! persistent memory would do too, and cost the guest a device.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use rustix::{
    fd::AsRawFd,
    fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create},
};
use uigniter_abi::boot_args::User;
use uigniter_api::{
    configuration::{FileContent, MOST_CONTENT_BYTES, Secret},
    instance::CreateRequest,
};
use uigniter_image::{BuildError, Filesystem, Metadata, Source, erofs};

use crate::{names, refusal::Refusal};

/// Where hosts keep time zones (`tzfile(5)`).
const ZONES: &str = "/usr/share/zoneinfo";
/// Longest file of a time zone, in bytes; the longest that there is has less than 4 KiB.
const MOST_ZONE_BYTES: usize = 64 << 10;
/// Folders whose contents the guest's kernel makes up.
const KERNEL_FOLDERS: [&str; 3] = ["/proc", "/sys", "/dev"];

/// A RAM disk in memory, sealed.
#[derive(Debug)]
pub(super) struct RamDisk(File);

impl RamDisk {
    /// Where another process finds it as long as this value lives.
    pub(super) fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }
}

/// Takes files, secrets and time zone out of a request, so that no copy of them stays, and makes a RAM disk of them; `None` where there are none.
pub(super) fn ram_disk(request: &mut CreateRequest, user: Option<&User>) -> Result<Option<RamDisk>, Refusal> {
    check(request)?;
    let mut tree = Filesystem::new();
    let owned = |permissions| Metadata {
        uid: user.map_or(0, |user| user.uid),
        gid: user.map_or(0, |user| user.gid),
        ..Metadata::new(permissions)
    };
    if let Some(zone) = &request.timezone {
        add_zone(&mut tree, zone)?;
    }
    for FileContent { path, mode, content } in &mut request.files {
        let bytes = std::mem::take(&mut content.0);
        tree.file(path, Source::Bytes(bytes), owned(*mode))
            .map_err(wrong)?;
    }
    for Secret { name, content } in &mut request.secrets {
        let bytes = std::mem::take(&mut content.0);
        tree.file(format!("/run/secrets/{name}"), Source::Bytes(bytes), owned(0o400))
            .map_err(wrong)?;
    }
    if tree.files().is_empty() {
        return Ok(None);
    }
    write(&tree).map(Some)
}

fn write(tree: &Filesystem) -> Result<RamDisk, Refusal> {
    let failed = |error: io::Error| Refusal::io("make the instance's RAM disk")(error);
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = memfd_create("instance-files", flags).map_err(|errno| failed(errno.into()))?;
    let mut file = File::from(memory);
    let length = erofs::write(tree, &mut file).map_err(wrong)?;
    file.set_len(length).map_err(failed)?;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    fcntl_add_seals(&file, seals).map_err(|errno| failed(errno.into()))?;
    Ok(RamDisk(file))
}

/// What the tree itself does not refuse.
fn check(request: &CreateRequest) -> Result<(), Refusal> {
    let files = request.files.iter().map(|file| file.content.0.len());
    let secrets = request.secrets.iter().map(|secret| secret.content.0.len());
    if files.chain(secrets).sum::<usize>() > MOST_CONTENT_BYTES {
        return Err(Refusal::Invalid(format!(
            "files and secrets have more than {MOST_CONTENT_BYTES} bytes together; put large files into the image"
        )));
    }
    for FileContent { path, mode, .. } in &request.files {
        if *mode > 0o7777 {
            return Err(Refusal::Invalid(format!(
                "mode {mode:o} of file '{path}' is too large; give 0 to 7777, octal"
            )));
        }
        if !path.starts_with('/')
            || KERNEL_FOLDERS
                .iter()
                .any(|folder| Path::new(path).starts_with(folder))
        {
            return Err(Refusal::Invalid(format!(
                "'{path}' cannot be a file's place; use an absolute path outside of /proc, /sys and /dev"
            )));
        }
    }
    for Secret { name, .. } in &request.secrets {
        names::check("a secret's name", name)?;
    }
    Ok(())
}

fn wrong(error: BuildError) -> Refusal {
    match error {
        BuildError::Write(source) => Refusal::io("make the instance's RAM disk")(source),
        BuildError::Duplicate(path) => Refusal::Invalid(format!(
            "the instance is given '{path}' twice, or a file and a folder of that name; leave one out"
        )),
        error => Refusal::Invalid(error.to_string()),
    }
}

/// The zone where C libraries look for it: by `TZ`, and without it.
fn add_zone(tree: &mut Filesystem, zone: &str) -> Result<(), Refusal> {
    let bytes = read_zone(zone)?;
    let path = format!("{ZONES}/{zone}");
    tree.file(&path, Source::Bytes(bytes), Metadata::new(0o644))
        .and_then(|()| tree.link("/etc/localtime", &path, Metadata::new(0o777)))
        .and_then(|()| {
            let name = Source::Bytes(format!("{zone}\n").into_bytes());
            tree.file("/etc/timezone", name, Metadata::new(0o644))
        })
        .map_err(wrong)
}

fn read_zone(zone: &str) -> Result<Vec<u8>, Refusal> {
    let unknown = || {
        Refusal::Invalid(format!(
            "no time zone '{}' is in {ZONES} of the daemon's host; use a name as Europe/Berlin, or install tzdata",
            zone.escape_default()
        ))
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+');
    if !zone
        .split('/')
        .all(|part| !part.is_empty() && part.bytes().all(good))
    {
        return Err(unknown());
    }
    let bytes = std::fs::read(format!("{ZONES}/{zone}")).map_err(|_| unknown())?;
    if !bytes.starts_with(b"TZif") || bytes.len() > MOST_ZONE_BYTES {
        return Err(unknown());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use uigniter_api::configuration::Content;

    use super::*;

    fn request(files: &[(&str, u16)], secrets: &[&str]) -> CreateRequest {
        CreateRequest {
            files: files
                .iter()
                .map(|(path, mode)| FileContent {
                    path: (*path).into(),
                    mode: *mode,
                    content: Content(b"of the file".to_vec()),
                })
                .collect(),
            secrets: secrets
                .iter()
                .map(|name| Secret {
                    name: (*name).into(),
                    content: Content(b"hunter2".to_vec()),
                })
                .collect(),
            ..CreateRequest::new("image")
        }
    }

    #[test]
    fn the_disk_is_found_by_its_path_and_the_request_keeps_nothing() {
        let mut request = request(&[("/etc/conf", 0o640)], &["key"]);
        let user = User {
            uid: 1000,
            gid: 100,
            groups: vec![],
        };
        let disk = ram_disk(&mut request, Some(&user)).unwrap().unwrap();
        assert!(request.files[0].content.0.is_empty() && request.secrets[0].content.0.is_empty());
        let file = File::open(disk.path()).unwrap();
        let length = file.metadata().unwrap().len();
        let reader = erofs::Reader::open(&file, 0, length).unwrap();
        assert_eq!(reader.read("/run/secrets/key").unwrap(), b"hunter2");
        let of = |path: &str| {
            let mut entries = reader.entries().iter();
            entries
                .find(|entry| entry.path == path.as_bytes())
                .unwrap()
                .metadata
        };
        assert_eq!(
            (of("/run/secrets/key").permissions, of("/etc/conf").permissions),
            (0o400, 0o640)
        );
        assert_eq!((of("/run/secrets/key").uid, of("/etc/conf").gid), (1000, 100));
        assert!(
            File::options()
                .write(true)
                .open(disk.path())
                .and_then(|file| file.set_len(0))
                .is_err()
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (files, secrets, word) in [
            (&[("etc/conf", 0o644)][..], &[][..], "absolute"),
            (&[("/proc/version", 0o644)], &[], "/proc"),
            (&[("/etc/../x", 0o644)], &[], "/etc/../x"),
            (&[("/", 0o644)], &[], "path"),
            (&[("/a", 0o10000)], &[], "mode"),
            (&[("/a", 0o644), ("/a", 0o644)], &[], "twice"),
            (&[("/a", 0o644), ("/a/b", 0o644)], &[], "twice"),
            (&[("/run/secrets/k", 0o644)], &["k"], "twice"),
            (&[], &["../k"], "secret"),
        ] {
            let refusal = ram_disk(&mut request(files, secrets), None).unwrap_err();
            assert!(refusal.to_string().contains(word), "{refusal}");
        }
        let mut large = request(&[("/a", 0o644)], &[]);
        large.files[0].content.0 = vec![0; MOST_CONTENT_BYTES + 1];
        assert!(ram_disk(&mut large, None).is_err());
        assert!(ram_disk(&mut request(&[], &[]), None).unwrap().is_none());
    }

    #[test]
    fn a_time_zone_is_a_name_of_the_host_s() {
        for zone in ["Europe/Berlin", "Etc/GMT+5"] {
            assert!(read_zone(zone).unwrap().starts_with(b"TZif"));
        }
        for zone in [
            "",
            "/etc/passwd",
            "../../etc/passwd",
            "Europe",
            "Mars/Olympus",
            "tzdata.zi",
            "Europe//Berlin",
        ] {
            assert!(read_zone(zone).is_err(), "{zone}");
        }
    }
}
