//! `uigniter image cat`, `tree`, `diff`: what is in images. The daemon reads them; nothing is booted.

use std::io::{self, ErrorKind, Write as _};

use uigniter_api::{
    Client,
    image::{Change, FileEntry, FileKind},
};

use crate::{
    error::CliError,
    output::{self, OutputArgs},
};

/// Prints a file.
pub(super) async fn cat(client: &Client, image: &str, path: &str) -> Result<(), CliError> {
    let mut bytes = client.image_file(image, path).await?;
    while let Some(piece) = bytes.next().await? {
        match io::stdout().lock().write_all(&piece) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
    }
    Ok(io::stdout().flush()?)
}

/// Prints what is at and below a path.
pub(super) async fn tree(
    client: &Client,
    image: &str,
    path: &str,
    output: OutputArgs,
) -> Result<(), CliError> {
    let listing = client.image_files(image, path).await?;
    let rows: Vec<_> = listing.entries.iter().map(row).collect();
    output.print(&listing, &["PATH", "MODE", "OWNER", "SIZE"], &rows)?;
    warn_of_more(listing.truncated, "name a folder further down");
    Ok(())
}

/// Prints where two images differ.
pub(super) async fn diff(
    client: &Client,
    one: &str,
    other: &str,
    output: OutputArgs,
) -> Result<(), CliError> {
    let changes = client.diff_images(one, other).await?;
    let rows: Vec<_> = changes.changes.iter().map(change).collect();
    output.print(&changes, &["PATH", "CHANGE", "BEFORE", "AFTER"], &rows)?;
    warn_of_more(changes.truncated, "the images have little in common");
    Ok(())
}

fn warn_of_more(truncated: bool, hint: &str) {
    if truncated {
        eprintln!("uigniter: there are more than are shown; {hint}");
    }
}

fn row(entry: &FileEntry) -> Vec<String> {
    let path = printable(&entry.path);
    vec![
        match &entry.target {
            Some(target) => format!("{path} -> {}", printable(target)),
            None => path,
        },
        mode(entry),
        format!("{}:{}", entry.uid, entry.gid),
        size(entry),
    ]
}

fn change(change: &Change) -> Vec<String> {
    let (word, entry) = match (&change.before, &change.after) {
        (None, Some(after)) => ("added", after),
        (Some(before), None) => ("removed", before),
        (Some(_), Some(after)) => ("changed", after),
        (None, None) => return Vec::new(),
    };
    let side = |entry: &Option<FileEntry>| {
        let told = entry
            .as_ref()
            .map(|entry| [mode(entry), size(entry)].join(" ").trim_end().to_owned());
        told.unwrap_or_default()
    };
    vec![
        printable(&entry.path),
        word.to_owned(),
        side(&change.before),
        side(&change.after),
    ]
}

/// The mode as `ls(1)` shows it.
fn mode(entry: &FileEntry) -> String {
    let kind = match entry.kind {
        FileKind::Folder => 'd',
        FileKind::File => '-',
        FileKind::Link => 'l',
    };
    let has = |bit: u16| entry.mode & bit != 0;
    let execute = |bit: u16, special: u16, letter: char| match (has(bit), has(special)) {
        (true, false) => 'x',
        (false, false) => '-',
        (true, true) => letter,
        (false, true) => letter.to_ascii_uppercase(),
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        text.push(if has(4 << shift) { 'r' } else { '-' });
        text.push(if has(2 << shift) { 'w' } else { '-' });
        text.push(execute(1 << shift, special, letter));
    }
    text
}

fn size(entry: &FileEntry) -> String {
    match entry.kind {
        FileKind::File => output::bytes(entry.size_bytes),
        FileKind::Folder | FileKind::Link => String::new(),
    }
}

/// An image is a stranger's: what its names would do to the terminal is shown, not done.
fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_those_of_ls() {
        let shown = |kind, bits| {
            mode(&FileEntry {
                path: String::new(),
                kind,
                size_bytes: 0,
                mode: bits,
                uid: 0,
                gid: 0,
                modified: 0,
                target: None,
            })
        };
        for (kind, bits, text) in [
            (FileKind::File, 0o644, "-rw-r--r--"),
            (FileKind::File, 0o4755, "-rwsr-xr-x"),
            (FileKind::Folder, 0o1777, "drwxrwxrwt"),
            (FileKind::Folder, 0o2644, "drw-r-Sr--"),
            (FileKind::Link, 0o777, "lrwxrwxrwx"),
        ] {
            assert_eq!(shown(kind, bits), text);
        }
    }

    #[test]
    fn names_do_nothing_to_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{9b}"), "a\\u{1b}[2Jb\\n\\u{9b}");
        assert_eq!(printable("/é 日"), "/é 日");
    }
}
