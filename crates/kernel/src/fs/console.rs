//! The program's standard streams: its output goes to the console, its input comes from there where the boot line says so, and else is empty.
//!
//! They look like the pipes that a program in a container gets: no terminal, no position.

use crate::{
    drivers::console,
    errno::{Errno, Result},
    file::{File, OpenFile, Poll, Stat},
    user::UserPtr,
    wait::WaitQueue,
};
use alloc::sync::Arc;
use core::any::Any;
use linux_raw_sys::{general as raw, ioctl};

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
        Ok(pipe(1))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn pipe(ino: u64) -> Stat {
    Stat {
        dev: 1,
        ino,
        mode: raw::S_IFIFO | 0o600,
        nlink: 1,
        ..Stat::default()
    }
}

/// What comes from outside.
#[derive(Debug)]
struct Input;

impl File for Input {
    fn read(&self, _offset: u64, buffer: &mut [u8]) -> Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        console::try_read(buffer).ok_or(Errno::EAGAIN)
    }

    fn poll(&self) -> Poll {
        let input = console::input();
        let mut ready = Poll::empty();
        ready.set(Poll::IN, input.waiting > 0);
        // As a pipe without a writer.
        ready.set(Poll::HUP, input.ended);
        ready
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(console::heard())
    }

    fn stat(&self) -> Result<Stat> {
        Ok(pipe(2))
    }

    fn ioctl(&self, request: u32, argument: u64) -> Result<usize> {
        if request != ioctl::FIONREAD {
            return Err(Errno::ENOTTY);
        }
        UserPtr::new(argument).write(console::input().waiting as i32)?;
        Ok(0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Descriptors 0, 1 and 2: the console's input, or `/dev/null` to read, and the console twice over.
pub(super) fn standard_streams(interactive: bool) -> [Arc<OpenFile>; 3] {
    let output: Arc<dyn File> = Arc::new(Console);
    let input = match super::open_kernel("/dev/null") {
        _ if interactive && console::listen() => OpenFile::new(Arc::new(Input), raw::O_RDONLY),
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
