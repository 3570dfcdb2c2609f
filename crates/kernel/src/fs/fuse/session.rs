//! One mounted folder: messages in, answers out, and which of the host's nodes are known here.

use super::{
    super::node::Node,
    wire::{self, Attributes, Entry, Head, Operation},
};
use crate::{
    drivers::folder::{DATA_BYTES, Exchange},
    errno::{Errno, Result},
    process::credentials,
    sync::Lock,
    time,
    user::names,
};
use alloc::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    vec,
    vec::Vec,
};
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general as raw;

/// Number of the root.
const ROOT: u64 = 1;
/// So many nodes are forgotten in one message.
const FORGOTTEN: usize = 64;
/// Most entries of a directory: what a listing may take of memory.
const MOST_ENTRIES: usize = 1 << 20;
/// Most data of one write beside the host's own limit.
const WRITE_BYTES: usize = DATA_BYTES;

/// A mounted folder.
pub(crate) struct Session {
    device: &'static dyn Exchange,
    unique: AtomicU64,
    write_bytes: AtomicU64,
    /// Nodes that nobody here has any more, and how often the host was asked for each.
    forgotten: Lock<Vec<(u64, u64)>>,
    /// Nodes by number: one that is reached by two ways is one.
    pub(super) nodes: Lock<BTreeMap<u64, Weak<Node>>>,
}

/// A node of the host's. When the last of those who have it lets go, the host is told in time.
pub(crate) struct Inode {
    pub(super) session: Arc<Session>,
    pub(super) number: u64,
    lookups: AtomicU64,
    /// Until when its name and attributes are believed, ns since boot.
    until: AtomicU64,
    /// Last change of the contents that is known, to see those that are not ours.
    pub(super) modified: AtomicU64,
}

impl Drop for Inode {
    fn drop(&mut self) {
        if self.number != ROOT {
            let lookups = self.lookups.load(Ordering::Relaxed);
            if lookups == 0 {
                return;
            }
            // Only noted: whoever drops may hold locks, and telling takes its time.
            self.session.forgotten.lock().push((self.number, lookups));
        }
    }
}

/// Who a file that is made belongs to.
pub(super) type Owner = (u32, u32);

/// Now, in ns since boot.
fn now() -> u64 {
    u64::try_from(time::now().since(time::Instant::default()).as_nanos()).unwrap_or(u64::MAX)
}

impl Session {
    /// Greets the host.
    ///
    /// # Errors
    ///
    /// `EIO` where it is broken, `EPROTO` where it speaks another protocol, or insists on open files.
    pub(super) fn start(device: &'static dyn Exchange) -> Result<Arc<Self>> {
        let session = Arc::new(Self {
            device,
            unique: AtomicU64::new(1),
            write_bytes: AtomicU64::new(4096),
            forgotten: Lock::default(),
            nodes: Lock::default(),
        });
        let needed = wire::NO_OPEN | wire::NO_OPENDIR;
        let mut head = session.head(Operation::Init, ROOT);
        head.word(wire::MAJOR)
            .word(wire::MINOR)
            .word(0)
            .word(needed | wire::BIG_WRITES);
        let mut reply = [0; 64];
        let count = session.call(head, &[], &mut reply)?;
        let reply = &reply[..count];
        if wire::word(reply, 0)? != wire::MAJOR || wire::word(reply, 12)? & needed != needed {
            return Err(Errno::EPROTO);
        }
        let most = wire::word(reply, 20)?.clamp(4096, WRITE_BYTES as u32);
        session.write_bytes.store(most.into(), Ordering::Relaxed);
        Ok(session)
    }

    fn head(&self, operation: Operation, node: u64) -> Head {
        let credentials = credentials::get().lock();
        let owner = (credentials.user.fs, credentials.group.fs);
        drop(credentials);
        self.head_of(operation, node, owner)
    }

    fn head_of(&self, operation: Operation, node: u64, owner: Owner) -> Head {
        Head::new(operation, self.next_unique(), node, owner)
    }

    fn next_unique(&self) -> u64 {
        // Even numbers are requests, odd ones would interrupt them.
        self.unique.fetch_add(1, Ordering::Relaxed) << 1
    }

    /// One message and its reply; how much of the body came.
    fn call(&self, mut head: Head, data: &[u8], body: &mut [u8]) -> Result<usize> {
        self.forget();
        let head = head.finish(data.len());
        let unique = wire::long(head, 8)?;
        let (header, count) = self.device.exchange(head, data, body).ok_or(Errno::EIO)?;
        wire::outcome(&header, unique, count).map(|()| count)
    }

    /// Tells the host of nodes that are not known here any more, when there are some.
    fn forget(&self) {
        let some = {
            let mut forgotten = self.forgotten.lock();
            if forgotten.len() < FORGOTTEN {
                return;
            }
            core::mem::take(&mut *forgotten)
        };
        for nodes in some.chunks(FORGOTTEN) {
            let mut data = Vec::with_capacity(16 * nodes.len());
            for (node, lookups) in nodes {
                data.extend(node.to_le_bytes());
                data.extend(lookups.to_le_bytes());
            }
            let mut head = self.head_of(Operation::BatchForget, 0, (0, 0));
            head.word(nodes.len() as u32).word(0);
            self.device.tell(head.finish(data.len()), &data);
        }
        self.nodes.lock().retain(|_, node| node.strong_count() > 0);
    }

    /// The root's inode, which is never looked up.
    pub(super) fn root(self: &Arc<Self>) -> Arc<Inode> {
        Arc::new(Inode::new(self.clone(), ROOT))
    }
}

/// A name as a string with its zero.
fn zeroed(names: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in names {
        bytes.extend_from_slice(&names::to_bytes(name));
        bytes.push(0);
    }
    bytes
}

/// An inode that the host has told of, and what it is.
pub(super) type Told = (Arc<Inode>, Attributes);

impl Inode {
    fn new(session: Arc<Session>, number: u64) -> Self {
        Self {
            session,
            number,
            lookups: AtomicU64::new(1),
            until: AtomicU64::new(0),
            modified: AtomicU64::new(0),
        }
    }

    fn head(&self, operation: Operation) -> Head {
        self.session.head(operation, self.number)
    }

    /// One more look-up of the host's that ended at this node.
    pub(super) fn looked_up_as(&self, other: &Self) {
        self.lookups
            .fetch_add(other.lookups.swap(0, Ordering::Relaxed), Ordering::Relaxed);
    }

    /// True if name and attributes need not be asked for again yet.
    pub(super) fn is_believed(&self) -> bool {
        now() < self.until.load(Ordering::Relaxed)
    }

    /// Notes how long they are believed; 0 is not at all.
    pub(super) fn believe(&self, ns: u64) {
        self.until.store(now().saturating_add(ns), Ordering::Relaxed);
    }

    /// An answer that names a node.
    fn entry(&self, head: Head, data: &[u8]) -> Result<Told> {
        let mut reply = [0; wire::ENTRY];
        let count = self.session.call(head, data, &mut reply)?;
        let (number, attributes) = wire::entry_out(&reply[..count])?;
        Ok((Arc::new(Self::new(self.session.clone(), number)), attributes))
    }

    fn attr(&self, head: Head) -> Result<Attributes> {
        let mut reply = [0; wire::ATTR_OUT];
        let count = self.session.call(head, &[], &mut reply)?;
        wire::attr_out(&reply[..count])
    }

    pub(super) fn lookup(&self, name: &str) -> Result<Told> {
        self.entry(self.head(Operation::Lookup), &zeroed(&[name]))
    }

    pub(super) fn attributes(&self) -> Result<Attributes> {
        let mut head = self.head(Operation::Getattr);
        head.long(0).long(0);
        self.attr(head)
    }

    /// Sets those of `wanted` that `valid` names (`FATTR_*`).
    pub(super) fn set(&self, valid: u32, wanted: &Attributes) -> Result<Attributes> {
        const NS: u64 = 1_000_000_000;
        let mut head = self.head(Operation::Setattr);
        head.word(valid).word(0).long(0).long(wanted.size).long(0);
        head.long(wanted.atime / NS).long(wanted.mtime / NS).long(0);
        head.word((wanted.atime % NS) as u32)
            .word((wanted.mtime % NS) as u32)
            .word(0);
        head.word(wanted.mode)
            .word(0)
            .word(wanted.uid)
            .word(wanted.gid)
            .word(0);
        self.attr(head)
    }

    pub(super) fn read_link(&self) -> Result<Vec<u8>> {
        let mut target = vec![0; raw::PATH_MAX as usize];
        let count = self
            .session
            .call(self.head(Operation::Readlink), &[], &mut target)?;
        target.truncate(count);
        let is_path = !target.is_empty() && !target.contains(&0);
        is_path.then_some(target).ok_or(Errno::EIO)
    }

    /// Makes a node of this mode in the directory.
    pub(super) fn make(&self, name: &str, mode: u32, target: Option<&str>, owner: Owner) -> Result<Told> {
        let head = |operation| self.session.head_of(operation, self.number, owner);
        match (mode & raw::S_IFMT, target) {
            (raw::S_IFLNK, Some(target)) => self.entry(head(Operation::Symlink), &zeroed(&[name, target])),
            (raw::S_IFDIR, _) => {
                let mut head = head(Operation::Mkdir);
                head.word(mode & 0o7777).word(0);
                self.entry(head, &zeroed(&[name]))
            }
            (raw::S_IFREG | raw::S_IFIFO, _) => {
                let mut head = head(Operation::Mknod);
                head.word(mode).word(0).word(0).word(0);
                self.entry(head, &zeroed(&[name]))
            }
            // A socket would be there for nobody on the other side, and a device is not the guest's to make.
            _ => Err(Errno::EPERM),
        }
    }

    pub(super) fn link(&self, name: &str, node: &Self) -> Result<Told> {
        let mut head = self.head(Operation::Link);
        head.long(node.number);
        self.entry(head, &zeroed(&[name]))
    }

    /// Takes a name away.
    ///
    /// # Errors
    ///
    /// What the host says.
    pub(crate) fn remove(&self, name: &str, directory: bool) -> Result<()> {
        let operation = if directory {
            Operation::Rmdir
        } else {
            Operation::Unlink
        };
        let count = self.session.call(self.head(operation), &zeroed(&[name]), &mut []);
        count.map(drop)
    }

    /// Gives a name to another directory (`renameat2(2)`).
    ///
    /// # Errors
    ///
    /// What the host says.
    pub(crate) fn rename(&self, name: &str, to: &Self, new: &str, flags: u32) -> Result<()> {
        let mut head = self.head(Operation::Rename2);
        head.long(to.number).word(flags).word(0);
        self.session.call(head, &zeroed(&[name, new]), &mut []).map(drop)
    }

    /// Reads at `offset`; 0 at the end of the file.
    ///
    /// # Errors
    ///
    /// What the host says.
    pub(crate) fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let room = buffer.len().min(DATA_BYTES);
        let mut head = self.head(Operation::Read);
        head.long(0)
            .long(offset)
            .word(room as u32)
            .word(0)
            .long(0)
            .long(0);
        self.session.call(head, &[], &mut buffer[..room])
    }

    /// Writes some of `buffer` at `offset`.
    ///
    /// # Errors
    ///
    /// What the host says.
    pub(crate) fn write(&self, offset: u64, buffer: &[u8]) -> Result<usize> {
        let most = self.session.write_bytes.load(Ordering::Relaxed) as usize;
        let buffer = &buffer[..buffer.len().min(most)];
        let mut head = self.head(Operation::Write);
        head.long(0)
            .long(offset)
            .word(buffer.len() as u32)
            .word(0)
            .long(0)
            .long(0);
        let mut reply = [0; 8];
        let count = self.session.call(head, buffer, &mut reply)?;
        let written = wire::word(&reply[..count], 0)? as usize;
        // None is no progress, and more than all is a lie.
        (1..=buffer.len())
            .contains(&written)
            .then_some(written)
            .ok_or(Errno::EIO)
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// What the host says.
    pub(crate) fn sync(&self, directory: bool, data_only: bool) -> Result<()> {
        let operation = if directory {
            Operation::Fsyncdir
        } else {
            Operation::Fsync
        };
        let mut head = self.head(operation);
        head.long(0).word(u32::from(data_only)).word(0);
        self.session.call(head, &[], &mut []).map(drop)
    }

    /// `statfs(2)` of the folder's file system.
    pub(super) fn statfs(&self) -> Result<raw::statfs> {
        let mut reply = [0; wire::STATFS];
        let count = self.session.call(self.head(Operation::Statfs), &[], &mut reply)?;
        let reply = &reply[..count];
        let long = |at| wire::long(reply, at).map(|value| value.min(i64::MAX as u64) as i64);
        Ok(raw::statfs {
            f_type: i64::from(raw::FUSE_SUPER_MAGIC),
            f_blocks: long(0)?,
            f_bfree: long(8)?,
            f_bavail: long(16)?,
            f_files: long(24)?,
            f_ffree: long(32)?,
            f_bsize: wire::word(reply, 40)?.into(),
            f_namelen: wire::word(reply, 44)?.into(),
            f_frsize: wire::word(reply, 48)?.into(),
            f_fsid: raw::__kernel_fsid_t { val: [0; 2] },
            f_flags: 0x20,
            f_spare: [0; 4],
        })
    }

    /// Gives all entries of the directory but `.` and `..`.
    pub(super) fn list(&self, each: &mut dyn FnMut(&Entry<'_>)) -> Result<()> {
        let mut reply = vec![0; DATA_BYTES];
        let (mut at, mut total) = (0, 0);
        loop {
            let mut head = self.head(Operation::Readdir);
            head.long(0)
                .long(at)
                .word(DATA_BYTES as u32)
                .word(0)
                .long(0)
                .long(0);
            let count = self.session.call(head, &[], &mut reply)?;
            let mut rest = &reply[..count];
            if rest.is_empty() {
                return Ok(());
            }
            while let Some((entry, behind)) = wire::dirent(rest)? {
                (at, rest) = (entry.next, behind);
                total += 1;
                if total > MOST_ENTRIES {
                    return Err(Errno::EIO);
                }
                if !matches!(entry.name, b"." | b"..") {
                    each(&entry);
                }
            }
        }
    }
}
