//! How results are printed: a table for people, JSON for programs, bare names for pipes.

use std::{
    io::{self, Write as _},
    time::Duration,
};

use clap::{Args, ValueEnum};
use comfy_table::{Table, presets::NOTHING};
use serde::Serialize;

use crate::error::CliError;

/// `-o`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    #[default]
    Table,
    /// One JSON document, with the field names of the API
    Json,
}

/// Options of commands that print results.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(crate) struct OutputArgs {
    /// How to print the result
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Print names or ids only, one per line
    #[arg(short, long, conflicts_with = "output")]
    pub(crate) quiet: bool,
}

impl OutputArgs {
    /// Whether a person reads it.
    pub(crate) fn is_for_people(self) -> bool {
        !self.quiet && self.output == Format::Table
    }

    /// Prints `value` as JSON, or `rows` under `head`, or the first cell of each row.
    pub(crate) fn print(
        self,
        value: &impl Serialize,
        head: &[&str],
        rows: &[Vec<String>],
    ) -> Result<(), CliError> {
        if self.quiet {
            return rows
                .iter()
                .filter_map(|row| row.first())
                .try_for_each(|cell| line(cell));
        }
        match self.output {
            Format::Json => json(value),
            Format::Table => line(&table(head, rows)),
        }
    }
}

/// Prints `value` as indented JSON.
pub(crate) fn json(value: &impl Serialize) -> Result<(), CliError> {
    let text =
        serde_json::to_string_pretty(value).map_err(|e| CliError::new(format!("cannot write JSON: {e}")))?;
    line(&text)
}

/// Prints one line; a reader that has gone away (`| head`) ends the command silently, as it does others.
pub(crate) fn line(text: &str) -> Result<(), CliError> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => other.map_err(CliError::from),
    }
}

/// Columns without borders, as docker prints them.
fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut table = Table::new();
    *table.style_mut() = NOTHING;
    table.set_header(head.iter().copied());
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let text = table.to_string();
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

/// A length of time in its two largest units: `3m 12s`.
pub(crate) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86400 => format!("{}h {}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86400, seconds / 3600 % 24),
    }
}

/// A number of bytes in the largest binary unit that leaves at least one: `1.3 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let unit = ((count.ilog2() / 10) as usize).min(UNITS.len());
    format!(
        "{:.1} {}",
        count as f64 / (1u64 << (10 * unit)) as f64,
        UNITS[unit - 1]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_two_units() {
        let cases = [
            (0, "0ms"),
            (59, "59s"),
            (192, "3m 12s"),
            (7260, "2h 1m"),
            (90_000, "1d 1h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn sizes_have_the_largest_unit() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_408_104, "1.3 MiB"),
            (u64::MAX, "16777216.0 TiB"),
        ];
        for (count, text) in cases {
            assert_eq!(bytes(count), text);
        }
    }

    #[test]
    fn a_table_has_no_borders_and_no_trailing_blanks() {
        let rows = [
            vec!["a".to_owned(), "x".to_owned()],
            vec!["long".to_owned(), String::new()],
        ];
        assert_eq!(table(&["ID", "NAME"], &rows), "ID    NAME\na     x\nlong");
    }
}
