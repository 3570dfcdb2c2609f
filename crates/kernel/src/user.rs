//! Checked access to the program's memory.
//!
//! An address that a program passes is an allegation. [`UserSlice`] and [`UserPtr`] hold it without believing it; only the methods that check it
//! against the memory map (and map in what is not there yet) give access. The check holds until the next time that the
//! thread blocks, so slices are taken anew after each wait and never kept.

pub mod names;

use crate::{
    errno::{Errno, Result},
    mm,
};
use alloc::{string::String, vec::Vec};
use core::{marker::PhantomData, mem::MaybeUninit};

/// Types that may be read from and written to a program's memory byte for byte.
///
/// # Safety
///
/// Every bit pattern is a valid value, and there is no padding whose contents would leak anything but zeros.
pub unsafe trait Plain: Copy + 'static {}

macro_rules! plain {
    ($($t:ty),*) => { $(
        // SAFETY: integers, and C structures of integers, take every bit pattern.
        unsafe impl Plain for $t {}
    )* };
}
plain!(u8, i8, u16, i16, u32, i32, u64, i64, usize, isize);
plain!(
    linux_raw_sys::general::__kernel_timespec,
    linux_raw_sys::general::__kernel_old_timeval,
    linux_raw_sys::general::__kernel_old_itimerval,
    linux_raw_sys::general::__kernel_itimerspec,
    linux_raw_sys::general::iovec,
    linux_raw_sys::general::stat,
    linux_raw_sys::general::statx,
    linux_raw_sys::general::pollfd,
    linux_raw_sys::general::epoll_event,
    linux_raw_sys::general::rlimit64
);
// SAFETY: an array of plain values is plain.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// A run of bytes that a program says is its own.
#[derive(Clone, Copy, Debug)]
pub struct UserSlice {
    address: u64,
    len: usize,
}

impl UserSlice {
    /// Takes an address and a length on trust; nothing is checked yet.
    #[must_use]
    pub const fn new(address: u64, len: usize) -> Self {
        Self { address, len }
    }

    /// Length in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// True if there is no byte.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The alleged address.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// The part from `offset` on, empty if that is past the end.
    #[must_use]
    pub fn skip(&self, offset: usize) -> Self {
        let offset = offset.min(self.len);
        Self {
            address: self.address.wrapping_add(offset as u64),
            len: self.len - offset,
        }
    }

    /// The first `len` bytes at most.
    #[must_use]
    pub fn take(&self, len: usize) -> Self {
        Self {
            address: self.address,
            len: self.len.min(len),
        }
    }

    /// The bytes, to read; valid until the thread blocks.
    ///
    /// # Errors
    ///
    /// `EFAULT` if the program could not read all of them.
    pub fn bytes<'a>(&self) -> Result<&'a [u8]> {
        if self.len == 0 {
            return Ok(&[]);
        }
        mm::check_user(self.address, self.len, false)?;
        // SAFETY: the memory map has the whole range, readable, and it was just mapped in; the program's threads do not run
        // while the kernel does, and the caller does not keep the slice across a wait (see the module's documentation).
        Ok(unsafe { core::slice::from_raw_parts(self.address as *const u8, self.len) })
    }

    /// The bytes, to write; valid until the thread blocks.
    ///
    /// # Errors
    ///
    /// `EFAULT` if the program could not write all of them.
    pub fn bytes_mut<'a>(&self) -> Result<&'a mut [u8]> {
        if self.len == 0 {
            return Ok(&mut []);
        }
        mm::check_user(self.address, self.len, true)?;
        // SAFETY: as in `bytes`, and writable; the caller makes one slice at a time of what may overlap.
        Ok(unsafe { core::slice::from_raw_parts_mut(self.address as *mut u8, self.len) })
    }
}

/// An address that a program says holds a `T` (or an array of them).
pub struct UserPtr<T> {
    address: u64,
    kind: PhantomData<T>,
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> core::fmt::Debug for UserPtr<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:#x}", self.address)
    }
}

impl<T> UserPtr<T> {
    /// Takes an address on trust.
    #[must_use]
    pub const fn new(address: u64) -> Self {
        Self {
            address,
            kind: PhantomData,
        }
    }

    /// True for the null pointer.
    #[must_use]
    pub const fn is_null(&self) -> bool {
        self.address == 0
    }

    /// The alleged address.
    #[must_use]
    pub const fn address(&self) -> u64 {
        self.address
    }

    /// `None` for the null pointer.
    #[must_use]
    pub const fn non_null(self) -> Option<Self> {
        if self.address == 0 { None } else { Some(self) }
    }

    /// The pointer to the element at `index`.
    #[must_use]
    pub const fn at(self, index: usize) -> Self {
        Self::new(self.address.wrapping_add((index * size_of::<T>()) as u64))
    }
}

impl<T: Plain> UserPtr<T> {
    /// Reads the value; it need not be aligned.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub fn read(self) -> Result<T> {
        let bytes = UserSlice::new(self.address, size_of::<T>()).bytes()?;
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: both sides are `size_of::<T>()` bytes long and do not overlap; every bit pattern is a `T`.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), value.as_mut_ptr().cast(), bytes.len());
            Ok(value.assume_init())
        }
    }

    /// Writes the value; it need not be aligned.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub fn write(self, value: T) -> Result<()> {
        let bytes = UserSlice::new(self.address, size_of::<T>()).bytes_mut()?;
        // SAFETY: both sides are `size_of::<T>()` bytes long and do not overlap; `Plain` types have no secret padding.
        unsafe { core::ptr::copy_nonoverlapping((&raw const value).cast(), bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    /// Writes the value unless the pointer is null.
    ///
    /// # Errors
    ///
    /// `EFAULT`.
    pub fn write_if_some(self, value: T) -> Result<()> {
        if self.is_null() { Ok(()) } else { self.write(value) }
    }

    /// Reads `count` values in a row.
    ///
    /// # Errors
    ///
    /// `EFAULT`, also where `count` is beyond what an address space could hold.
    pub fn read_vec(self, count: usize) -> Result<Vec<T>> {
        let len = count.checked_mul(size_of::<T>()).ok_or(Errno::EFAULT)?;
        UserSlice::new(self.address, len).bytes()?;
        (0..count).map(|index| self.at(index).read()).collect()
    }
}

/// Longest path that a call takes, with its final NUL (`PATH_MAX`, `limits.h`).
pub const PATH_MAX: usize = 4096;

/// A NUL-terminated string of at most `limit` bytes, NUL included.
///
/// # Errors
///
/// `EFAULT`, or `ENAMETOOLONG` when there is no NUL within the limit.
pub fn c_string(address: u64, limit: usize) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    // Page by page, so that a string that ends just before an unmapped page is not refused.
    while out.len() < limit {
        let at = address.wrapping_add(out.len() as u64);
        let run = (4096 - (at as usize & 4095)).min(limit - out.len());
        let bytes = UserSlice::new(at, run).bytes()?;
        if let Some(end) = bytes.iter().position(|&b| b == 0) {
            out.extend_from_slice(&bytes[..end]);
            return Ok(out);
        }
        out.extend_from_slice(bytes);
    }
    Err(Errno::ENAMETOOLONG)
}

/// A path argument.
///
/// # Errors
///
/// `EFAULT`, or `ENAMETOOLONG`.
pub fn path(address: u64) -> Result<String> {
    Ok(names::from_bytes(c_string(address, PATH_MAX)?))
}
