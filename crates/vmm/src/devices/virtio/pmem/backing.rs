//! The file behind a persistent memory device, mapped when the API names it.

use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Unit of the device's place and size: what Linux wants of persistent memory, and a large page.
const ALIGNMENT: u64 = 2 << 20;

/// Most bytes of one file: far above any image, far below what addresses can name.
const MOST_BYTES: u64 = 1 << 40;

/// Why a file cannot be memory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// It cannot be opened.
    #[error("cannot open {}: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What `open(2)` said.
        error: io::Error,
    },
    /// Nothing to map, or too much.
    #[error("{} has {length} bytes; a regular file of 1 byte to 1 TiB is needed", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// Its length.
        length: u64,
    },
    /// `mmap(2)` failed.
    #[error("cannot map {}: {error}", path.display())]
    Map {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// A range of the VMM's addresses that stays reserved; what lies in it is exchanged, never unmapped before the end.
#[derive(Debug)]
pub(crate) struct Window {
    start: *mut libc::c_void,
    bytes: usize,
}

// SAFETY: the VMM itself never reads or writes there; the addresses are only handed to KVM and to `mmap(2)`.
unsafe impl Send for Window {}
// SAFETY: as above.
unsafe impl Sync for Window {}

impl Window {
    /// Reserves `bytes` (whole pages) that read as zeros.
    ///
    /// # Errors
    ///
    /// What `mmap(2)` said.
    pub(crate) fn reserve(bytes: u64) -> io::Result<Self> {
        let bytes = bytes as usize;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_READ, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { start, bytes })
    }

    /// Length in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Its address in this process.
    pub(crate) fn host_address(&self) -> u64 {
        self.start as u64
    }

    /// Lays a file over the front of the window.
    fn lay(&self, file: &File, length: u64, is_read_only: bool) -> io::Result<()> {
        let rights = match is_read_only {
            true => libc::PROT_READ,
            false => libc::PROT_READ | libc::PROT_WRITE,
        };
        let flags = libc::MAP_SHARED | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let length = (length as usize).min(self.bytes);
        // SAFETY: MAP_FIXED replaces only what lies in this window, which is this value's alone.
        let at = unsafe { libc::mmap(self.start, length, rights, flags, file.as_raw_fd(), 0) };
        if at == libc::MAP_FAILED {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Takes out what was laid there.
    fn clear(&self) -> io::Result<()> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_FIXED;
        // SAFETY: as in `lay`.
        let at = unsafe { libc::mmap(self.start, self.bytes, libc::PROT_READ, flags, -1, 0) };
        if at == libc::MAP_FAILED {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: the range is this window's, and KVM's slot over it went before: see the order of fields in `Vm`.
        unsafe { libc::munmap(self.start, self.bytes) };
    }
}

/// An open file, and where the guest will see it.
#[derive(Clone, Debug)]
pub(crate) struct Backing {
    file: Arc<File>,
    path: PathBuf,
    length: u64,
    is_read_only: bool,
    address: u64,
}

impl Backing {
    /// Opens the file at `path`, for writing too unless `is_read_only`.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub(crate) fn open(path: &Path, is_read_only: bool) -> Result<Self, Error> {
        let failed = |error| Error::Open {
            path: path.to_owned(),
            error,
        };
        let file = OpenOptions::new()
            .read(true)
            .write(!is_read_only)
            .open(path)
            .map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let length = if metadata.is_file() { metadata.len() } else { 0 };
        if !(1..=MOST_BYTES).contains(&length) {
            return Err(Error::Length {
                path: path.to_owned(),
                length,
            });
        }
        Ok(Self {
            file: Arc::new(file),
            path: path.to_owned(),
            length,
            is_read_only,
            address: 0,
        })
    }

    /// Bytes that the guest sees: the file's, and zeros up to a multiple of 2 MiB.
    pub(crate) fn size(&self) -> u64 {
        self.length.next_multiple_of(ALIGNMENT)
    }

    /// Whether the guest cannot write.
    pub(crate) fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// Guest-physical address.
    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    /// Gives the device its place.
    pub(crate) fn place(&mut self, address: u64) {
        self.address = address;
    }

    /// Maps the file into `window`, over whatever lay there.
    ///
    /// # Errors
    ///
    /// [`Error::Map`].
    pub(crate) fn map(&self, window: &Window) -> Result<(), Error> {
        window
            .clear()
            .and_then(|()| window.lay(&self.file, self.length, self.is_read_only))
            .map_err(|error| Error::Map {
                path: self.path.clone(),
                error,
            })
    }

    /// Makes what the guest wrote durable.
    ///
    /// # Errors
    ///
    /// What `fdatasync(2)` said: it writes back what was changed through mappings, too.
    pub(super) fn sync(&self) -> io::Result<()> {
        if self.is_read_only {
            return Ok(());
        }
        self.file.sync_data()
    }
}
