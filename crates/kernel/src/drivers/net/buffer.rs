//! A received frame, and how its memory finds the way back.

use alloc::{sync::Arc, vec::Vec};
use core::{
    fmt,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

/// Takes the memory of dropped frames back; implemented by a device's driver.
pub trait Recycler: Send + Sync {
    /// Buffers `first..first + count` are no longer looked at by anybody. Called from anywhere, also while the device is being used.
    fn recycle(&self, first: u16, count: u16);
}

enum Home {
    /// Device memory: the frame is in the buffers `first..first + count` of `owner`.
    Device {
        owner: Arc<dyn Recycler>,
        data: NonNull<u8>,
        len: usize,
        first: u16,
        count: u16,
    },
    /// Copied together, or made by a test or a loopback.
    Heap(Vec<u8>),
}

/// A received Ethernet frame; behaves as the slice of its bytes. Dropping it gives its memory back to the device.
pub struct RxBuffer {
    home: Home,
    checksum_verified: bool,
}

// SAFETY: a device buffer belongs to this value alone until it is recycled, so it may move between threads as a `Vec` may.
unsafe impl Send for RxBuffer {}

impl RxBuffer {
    /// A frame in memory of its own.
    #[must_use]
    pub fn from_vec(frame: Vec<u8>, checksum_verified: bool) -> Self {
        Self {
            home: Home::Heap(frame),
            checksum_verified,
        }
    }

    /// A frame in device memory that `owner` gets back.
    ///
    /// # Safety
    ///
    /// 1. `data` must be valid for `len` bytes as long as `owner` lives, and
    /// 2. nobody else, the device included, may touch it until [`Recycler::recycle`] was called with `first` and `count`.
    pub(super) unsafe fn from_device(
        owner: Arc<dyn Recycler>,
        (data, len): (NonNull<u8>, usize),
        (first, count): (u16, u16),
        checksum_verified: bool,
    ) -> Self {
        Self {
            home: Home::Device {
                owner,
                data,
                len,
                first,
                count,
            },
            checksum_verified,
        }
    }

    /// True if the TCP or UDP checksum is known to be right (the device verified it, or the frame never left the host
    /// and holds only a partial one); the stack must not verify it again.
    #[must_use]
    pub const fn checksum_verified(&self) -> bool {
        self.checksum_verified
    }
}

impl Deref for RxBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.home {
            // SAFETY: `from_device`'s caller promised `len` valid bytes that are ours alone until dropped.
            Home::Device { data, len, .. } => unsafe { core::slice::from_raw_parts(data.as_ptr(), *len) },
            Home::Heap(frame) => frame,
        }
    }
}

impl DerefMut for RxBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        match &mut self.home {
            // SAFETY: as in `deref`, and `self` is borrowed exclusively.
            Home::Device { data, len, .. } => unsafe { core::slice::from_raw_parts_mut(data.as_ptr(), *len) },
            Home::Heap(frame) => frame,
        }
    }
}

impl Drop for RxBuffer {
    fn drop(&mut self) {
        if let Home::Device {
            owner, first, count, ..
        } = &self.home
        {
            owner.recycle(*first, *count);
        }
    }
}

impl fmt::Debug for RxBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RxBuffer")
            .field("len", &self.len())
            .field("checksum_verified", &self.checksum_verified)
            .finish()
    }
}
