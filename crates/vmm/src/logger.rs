//! The log that `PUT /logger` asks for: lines to a file, with a limit that no guest can break.
//!
//! Until then records are dropped. A guest can make the monitor log (a broken ring is worth a line), so lines are counted
//! per second, and what is above the limit is dropped and counted.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    sync::{Mutex, OnceLock},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use log::{LevelFilter, Log, Metadata, Record};

use crate::{
    api::model::{LogLevel, LoggerConfig},
    metrics::METRICS,
    output::lock,
};

/// Most lines in one second.
const LINES_PER_SECOND: u32 = 200;

#[derive(Debug)]
struct State {
    file: File,
    id: String,
    module: Option<String>,
    show_level: bool,
    show_origin: bool,
    second: Instant,
    lines: u32,
}

#[derive(Debug)]
struct Logger(Mutex<Option<State>>);

static LOGGER: Logger = Logger(Mutex::new(None));
static INSTALLED: OnceLock<bool> = OnceLock::new();

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut state = lock(&self.0);
        let Some(state) = state.as_mut() else { return };
        if let Some(module) = &state.module
            && !record.target().starts_with(module.as_str())
        {
            return;
        }
        if state.second.elapsed().as_secs() >= 1 {
            state.second = Instant::now();
            state.lines = 0;
        }
        state.lines += 1;
        // Errors too: `virtio-queue` logs a guest's nonsense as errors.
        if state.lines > LINES_PER_SECOND {
            METRICS.log_dropped_lines.add(1);
            return;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut line = format!("{}.{:06} [{}", now.as_secs(), now.subsec_micros(), state.id);
        if state.show_level {
            line.push_str(&format!(":{}", record.level()));
        }
        if state.show_origin {
            line.push_str(&format!(
                ":{}:{}",
                record.file().unwrap_or("?"),
                record.line().unwrap_or(0)
            ));
        }
        line.push_str(&format!("] {}\n", record.args()));
        // A log that cannot be written is no reason to stop a guest.
        let _ = state.file.write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

/// Applies `PUT /logger`.
///
/// # Errors
///
/// What `open(2)` said of the file.
pub(crate) fn configure(id: &str, config: &LoggerConfig) -> io::Result<()> {
    if let Some(path) = &config.log_path {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        *lock(&LOGGER.0) = Some(State {
            file,
            id: id.to_owned(),
            module: None,
            show_level: false,
            show_origin: false,
            second: Instant::now(),
            lines: 0,
        });
    }
    if let Some(state) = lock(&LOGGER.0).as_mut() {
        state.show_level = config.show_level.unwrap_or(state.show_level);
        state.show_origin = config.show_log_origin.unwrap_or(state.show_origin);
        state.module = config.module.clone().or_else(|| state.module.take());
    }
    INSTALLED.get_or_init(|| log::set_logger(&LOGGER).is_ok());
    log::set_max_level(match config.level.unwrap_or_default() {
        LogLevel::Off => LevelFilter::Off,
        LogLevel::Error => LevelFilter::Error,
        LogLevel::Warning => LevelFilter::Warn,
        LogLevel::Info => LevelFilter::Info,
        LogLevel::Debug => LevelFilter::Debug,
        LogLevel::Trace => LevelFilter::Trace,
    });
    Ok(())
}
