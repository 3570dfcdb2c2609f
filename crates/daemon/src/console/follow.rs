//! Reading a console as a stream of pieces.

use std::{fs::File, io, os::unix::fs::FileExt, sync::Arc};

use bytes::Bytes;
use futures_util::{Stream, stream};
use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Console, Progress};

/// Longest piece, in bytes.
const PIECE_BYTES: usize = 32 << 10;

/// Where reading begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    /// At the oldest byte that is kept.
    Beginning,
    /// At the last so many lines.
    Lines(u32),
    /// At what is said from now on.
    Now,
}

struct Follower {
    file: File,
    position: u64,
    progress: watch::Receiver<Progress>,
    follow: bool,
    stopping: CancellationToken,
    /// Kept alive, so that its watch is.
    _console: Arc<Console>,
}

/// The console's bytes; with `follow` until the instance ends or the daemon stops.
pub(crate) fn stream(
    console: Arc<Console>,
    from: From,
    follow: bool,
    stopping: CancellationToken,
) -> io::Result<impl Stream<Item = io::Result<Bytes>>> {
    let file = File::open(&console.path)?;
    let position = match from {
        From::Beginning => 0,
        From::Lines(lines) => last_lines(&file, lines)?,
        From::Now => file.metadata()?.len(),
    };
    let progress = console.progress.subscribe();
    let follower = Follower {
        file,
        position,
        progress,
        follow,
        stopping,
        _console: console,
    };
    Ok(stream::try_unfold(follower, |mut follower| async move {
        Ok(follower.next().await?.map(|piece| (piece, follower)))
    }))
}

impl Follower {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            // Noted before reading: what is written after the read changes it again.
            let ended = self.progress.borrow_and_update().ended;
            let piece = self.read()?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
            if ended || !self.follow {
                return Ok(None);
            }
            tokio::select! {
                changed = self.progress.changed() => if changed.is_err() { return Ok(None) },
                () = self.stopping.cancelled() => return Ok(None),
            }
        }
    }

    fn read(&mut self) -> io::Result<Bytes> {
        self.position = match seek(&self.file, SeekFrom::Data(self.position)) {
            // Skips what was punched out meanwhile.
            Ok(position) => position,
            Err(Errno::NXIO) => return Ok(Bytes::new()),
            Err(error) => return Err(error.into()),
        };
        let mut piece = vec![0; PIECE_BYTES];
        let length = self.file.read_at(&mut piece, self.position)?;
        piece.truncate(length);
        self.position += length as u64;
        Ok(piece.into())
    }
}

/// Where the last `lines` lines begin.
fn last_lines(file: &File, lines: u32) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let first = match seek(file, SeekFrom::Data(0)) {
        Ok(first) => first,
        Err(Errno::NXIO) => return Ok(end),
        Err(error) => return Err(error.into()),
    };
    let (mut wanted, mut at_end) = (u64::from(lines), true);
    if wanted == 0 {
        return Ok(end);
    }
    let mut piece = vec![0; PIECE_BYTES];
    while end > first {
        let length = usize::try_from(end - first)
            .unwrap_or(usize::MAX)
            .min(PIECE_BYTES);
        let start = end - length as u64;
        file.read_exact_at(&mut piece[..length], start)?;
        for (index, byte) in piece[..length].iter().enumerate().rev() {
            // The newline that ends the last line begins no other.
            if *byte == b'\n' && !std::mem::take(&mut at_end) {
                wanted -= 1;
                if wanted == 0 {
                    return Ok(start + index as u64 + 1);
                }
            }
            at_end = false;
        }
        end = start;
    }
    Ok(first)
}
