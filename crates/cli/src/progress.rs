//! What is done now, on the terminal of who waits for it; nowhere else, and nothing of it stays.

use std::{
    io::{Seek, Write},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

/// How often the line moves.
const TICK: Duration = Duration::from_millis(120);

/// One line that changes; it is gone when this is dropped.
#[derive(Clone, Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A line on stderr, if that is a terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// A line that shows how many of `bytes` are done.
    pub(crate) fn of_bytes(what: impl Into<String>, bytes: u64) -> Self {
        let progress = Self::new();
        progress.step(what);
        progress.count(bytes);
        progress
    }

    /// So many more are done.
    pub(crate) fn add(&self, bytes: usize) {
        self.0.inc(bytes as u64);
    }

    /// Says what is done now.
    pub(crate) fn step(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }

    /// Says what is left for somebody to know; it stays, terminal or not.
    pub(crate) fn note(&self, what: &str) {
        self.0.suspend(|| eprintln!("uigniter: {what}"));
    }

    /// A writer that shows how many of about `bytes` went through.
    pub(crate) fn writer<W: Write + Seek>(&self, bytes: u64, output: W) -> impl Write + Seek {
        self.count(bytes);
        self.0.wrap_write(output)
    }

    fn count(&self, bytes: u64) {
        // A template that does not parse would be a slip of ours; the line is then as it was.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {bytes} of {total_bytes} {wide_bar}")
        {
            self.0.set_style(style);
        }
        self.0.set_length(bytes);
    }

    /// After a writer: words alone again.
    pub(crate) fn plain(&self) {
        self.0.set_style(ProgressStyle::default_spinner());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
