//! Which kernel instances boot: `kernel/kernel.elf` if it is there, the built-in one otherwise.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use uigniter_image::digest;

use crate::state_dir::write_file;

/// The kernel of new instances.
#[derive(Debug)]
pub(crate) struct Kernel {
    replacement: PathBuf,
    builtin: PathBuf,
    digest: String,
}

impl Kernel {
    /// Writes the built-in kernel to the folder, unless it is there, and removes older ones.
    pub(crate) fn install(folder: &Path, elf: &[u8]) -> io::Result<Self> {
        let digest = digest::of(elf);
        let name = format!(
            "builtin-{}.elf",
            digest.trim_start_matches("sha256:").get(..16).unwrap_or_default()
        );
        let builtin = folder.join(&name);
        if fs::metadata(&builtin).map_or(true, |found| found.len() != elf.len() as u64) {
            write_file(&builtin, elf)?;
        }
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let other = entry.file_name();
            if other
                .to_str()
                .is_some_and(|other| other.starts_with("builtin-") && other != name)
            {
                // Running microVMs have read theirs already.
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self {
            replacement: folder.join("kernel.elf"),
            builtin,
            digest,
        })
    }

    /// The file to boot now.
    pub(crate) fn path(&self) -> &Path {
        if self.replacement.exists() {
            &self.replacement
        } else {
            &self.builtin
        }
    }

    /// A word about the kernel for `/v1/version`.
    pub(crate) fn describe(&self) -> String {
        if self.replacement.exists() {
            self.replacement.display().to_string()
        } else {
            self.digest.clone()
        }
    }
}
