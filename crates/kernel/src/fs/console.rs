//! The program's standard streams: its input is empty, its output goes to the console.
//!
//! They look like the pipes that a program in a container gets: no terminal, no position.

use crate::{
    drivers::console,
    errno::{Errno, Result},
    file::{File, OpenFile, Poll, Stat},
    wait::WaitQueue,
};
use alloc::sync::Arc;
use core::any::Any;
use linux_raw_sys::general as raw;

/// The console as a file.
#[derive(Debug)]
pub(super) struct Console;

impl File for Console {
    fn read(&self, _offset: u64, _buffer: &mut [u8]) -> Result<usize> {
        Ok(0)
    }

    fn write(&self, _offset: u64, buffer: &[u8]) -> Result<usize> {
        match console::try_write(buffer) {
            0 if !buffer.is_empty() => Err(Errno::EAGAIN),
            count => Ok(count),
        }
    }

    fn poll(&self) -> Poll {
        if console::has_room() {
            Poll::OUT
        } else {
            Poll::empty()
        }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(console::room())
    }

    fn stat(&self) -> Result<Stat> {
        Ok(Stat {
            dev: 1,
            ino: 1,
            mode: raw::S_IFIFO | 0o600,
            nlink: 1,
            ..Stat::default()
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Descriptors 0, 1 and 2: `/dev/null` to read, and the console twice over.
pub(super) fn standard_streams() -> [Arc<OpenFile>; 3] {
    let output: Arc<dyn File> = Arc::new(Console);
    let input = match super::open_kernel("/dev/null") {
        Ok(null) => null,
        Err(_) => OpenFile::new(output.clone(), raw::O_RDONLY),
    };
    [
        input,
        OpenFile::new(output.clone(), raw::O_WRONLY),
        OpenFile::new(output, raw::O_WRONLY),
    ]
}

/// Opens `/dev/console`.
pub(super) fn open() -> Result<Arc<dyn File>> {
    Ok(Arc::new(Console))
}

/// Opens `/dev/tty`: the process has no controlling terminal (`tty(4)`).
pub(super) fn open_tty() -> Result<Arc<dyn File>> {
    Err(Errno::ENXIO)
}
