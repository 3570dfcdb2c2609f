//! Rules for what people read: links lead somewhere, the changelog has its form.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::host::root;

/// The sections that "Keep a Changelog" has.
const KINDS: &[&str] = &["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"];

/// One line for each rule that is broken.
pub(super) fn broken_rules() -> Result<Vec<String>> {
    let mut broken = changelog(&fs::read_to_string(root().join("CHANGELOG.md")).context("CHANGELOG.md")?);
    for document in documents()? {
        let text = fs::read_to_string(&document)?;
        let dir = document.parent().unwrap_or(Path::new("."));
        for link in links(&text).filter(|link| !dir.join(link).exists()) {
            broken.push(format!(
                "{} links to {link}, which is not there",
                document.display()
            ));
        }
    }
    Ok(broken)
}

/// Markdown files at the root and under `docs`.
fn documents() -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for dir in [root(), root().join("docs")] {
        for entry in fs::read_dir(&dir).with_context(|| dir.display().to_string())? {
            found.push(entry?.path());
        }
    }
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    Ok(found)
}

/// Targets of links to files of ours, without fragments.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://"))
        .map(|target| target.split('#').next().unwrap_or(target))
}

fn changelog(text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    if !text.lines().any(|line| line == "## [Unreleased]") {
        broken.push("CHANGELOG.md has no section [Unreleased]".to_owned());
    }
    let wrong = text
        .lines()
        .filter_map(|line| line.strip_prefix("### "))
        .filter(|kind| !KINDS.contains(kind));
    broken.extend(wrong.map(|kind| format!("CHANGELOG.md: '{kind}' is none of {}", KINDS.join(", "))));
    broken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_are_found_and_others_left() {
        let text = "[a](docs/a.md#part) and [b](https://example.org/) and [c](#here)";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/a.md", ""]);
    }

    #[test]
    fn a_strange_section_is_named() {
        assert_eq!(changelog("## [Unreleased]\n### Added\n### Improved\n").len(), 1);
        assert_eq!(changelog("### Fixed\n").len(), 1);
    }
}
