//! What the boot line mounts besides the root (`--mount`): volumes and folders of the host's, in its order.

use super::{InitError, RootConfig, fuse, names::replace, node::Node, volume};
use crate::{errno::Errno, sync::Lock};
use alloc::{format, string::String, sync::Arc, vec::Vec};
use uigniter_abi::boot_args::{Mount, MountSource};

/// Paths at which something was mounted.
static MOUNTS: Lock<Vec<String>> = Lock::new(Vec::new());

/// Mounts what an option names, at a directory that is made where the image has none.
pub(super) fn mount(root: &Arc<Node>, wanted: &Mount, config: &RootConfig<'_>) -> Result<(), InitError> {
    match &wanted.source {
        MountSource::Block(id) => {
            volume::mount(root, wanted, id, &config.disks, config.memory_bytes).map_err(InitError::Volume)?
        }
        MountSource::VirtioFs(tag) => mount_folder(root, wanted, tag, config)?,
    }
    MOUNTS.lock().push(wanted.target.clone());
    Ok(())
}

fn mount_folder(
    root: &Arc<Node>,
    wanted: &Mount,
    tag: &str,
    config: &RootConfig<'_>,
) -> Result<(), InitError> {
    let failed = |why: String| InitError::Folder(wanted.target.clone(), why);
    let refused = |errno: Errno| failed(format!("{errno:?}"));
    let folder = config.folders.iter().find(|folder| folder.tag() == tag);
    let folder = *folder.ok_or_else(|| failed(format!("the VM has no device '{tag}'")))?;
    let top = fuse::mount(folder, wanted.read_only).map_err(refused)?;
    let (dir, name) = volume::place(root, &wanted.target).map_err(refused)?;
    replace(&dir, &name, top);
    Ok(())
}

/// Paths at which the boot line mounted something, in order.
pub(crate) fn mounts() -> Vec<String> {
    MOUNTS.lock().clone()
}
