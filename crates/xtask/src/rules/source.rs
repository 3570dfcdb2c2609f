//! Lengths of files and functions, and what every module must say, by parsing the source.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use syn::{
    Attribute, ImplItemFn, ItemFn, ItemMod, TraitItemFn,
    spanned::Spanned,
    visit::{self, Visit},
};

use super::manifests;
use crate::host::root;

/// Lines that a file may have, tests aside.
const FILE_CAP: usize = 800;
const FILE_MEDIAN: usize = 150;
const FILE_P90: usize = 400;
/// Lines that a function may have.
const FUNCTION_CAP: usize = 100;
const FUNCTION_P90: usize = 30;

/// Where things are, and how long: `(place, lines)`.
type Lengths = Vec<(String, usize)>;

/// What was measured.
#[derive(Debug, Default)]
pub(super) struct Measures {
    files: Lengths,
    functions: Lengths,
    without_purpose: Vec<String>,
}

/// Reads every file under `crates/*/src` and build scripts.
pub(super) fn measure() -> Result<Measures> {
    let mut measures = Measures::default();
    for (dir, _) in manifests::crates()? {
        let mut files = Vec::new();
        collect(&dir.join("src"), &mut files)?;
        files.extend(Some(dir.join("build.rs")).filter(|file| file.exists()));
        for file in files {
            measures.add(&file).with_context(|| file.display().to_string())?;
        }
    }
    Ok(measures)
}

/// All Rust files below `dir` that are not test modules.
fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if path.is_dir() && name != "tests" {
            collect(&path, files)?;
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            files.push(path);
        }
    }
    Ok(())
}

impl Measures {
    fn add(&mut self, path: &Path) -> Result<()> {
        let text = fs::read_to_string(path)?;
        let file = syn::parse_file(&text)?;
        let place = path.strip_prefix(root()).unwrap_or(path).display().to_string();
        if !file
            .attrs
            .iter()
            .any(|attribute| attribute.path().is_ident("doc"))
        {
            self.without_purpose.push(place.clone());
        }
        let mut visitor = Visitor {
            place: &place,
            functions: &mut self.functions,
            test_lines: 0,
        };
        visitor.visit_file(&file);
        let lines = text.lines().count().saturating_sub(visitor.test_lines);
        self.files.push((place, lines));
        Ok(())
    }

    /// One line for each rule that is broken.
    pub(super) fn broken_rules(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for (what, lengths, cap) in [
            ("file", &self.files, FILE_CAP),
            ("function", &self.functions, FUNCTION_CAP),
        ] {
            let long = lengths.iter().filter(|(_, lines)| *lines > cap);
            broken.extend(
                long.map(|(place, lines)| format!("{place}: a {what} of {lines} lines; at most {cap}")),
            );
        }
        for (what, lengths, part, limit) in [
            ("median of the files", &self.files, 50, FILE_MEDIAN),
            ("p90 of the files", &self.files, 90, FILE_P90),
            ("p90 of the functions", &self.functions, 90, FUNCTION_P90),
        ] {
            let is = percentile(lengths, part);
            if is > limit {
                broken.push(format!("the {what} is {is} lines; at most {limit}"));
            }
        }
        broken.extend(
            self.without_purpose
                .iter()
                .map(|place| format!("{place} does not open with its purpose (//!)")),
        );
        broken
    }
}

/// Collects functions, and counts the lines of `#[cfg(test)]` modules.
struct Visitor<'a> {
    place: &'a str,
    functions: &'a mut Lengths,
    test_lines: usize,
}

impl Visitor<'_> {
    fn function(&mut self, name: &syn::Ident, whole: &impl Spanned) {
        self.functions
            .push((format!("{}: {name}", self.place), lines(whole)));
    }
}

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        if module.attrs.iter().any(is_cfg_test) {
            self.test_lines += lines(module);
        } else {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.function(&function.sig.ident, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        self.function(&function.sig.ident, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast TraitItemFn) {
        if let Some(block) = &function.default {
            self.function(&function.sig.ident, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
        && attribute
            .parse_args::<syn::Path>()
            .is_ok_and(|condition| condition.is_ident("test"))
}

fn lines(whole: &impl Spanned) -> usize {
    let span = whole.span();
    span.end().line - span.start().line + 1
}

fn percentile(lengths: &Lengths, part: usize) -> usize {
    let mut sorted: Vec<_> = lengths.iter().map(|(_, lines)| *lines).collect();
    sorted.sort_unstable();
    let rank = (sorted.len() * part).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or(0)
}

impl fmt::Display for Measures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, lengths) in [("files", &self.files), ("functions", &self.functions)] {
            let (median, p90) = (percentile(lengths, 50), percentile(lengths, 90));
            let longest = lengths.iter().max_by_key(|(_, lines)| *lines);
            let (place, max) = longest.map_or(("none", 0), |(place, lines)| (place.as_str(), *lines));
            writeln!(
                f,
                "{:5} {what}: median {median}, p90 {p90}, max {max} ({place})",
                lengths.len()
            )?;
        }
        let total: usize = self.files.iter().map(|(_, lines)| lines).sum();
        write!(f, "{total:5} lines, tests aside")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let lengths: Lengths = (1..=10).map(|n| (String::new(), n)).collect();
        assert_eq!((percentile(&lengths, 50), percentile(&lengths, 90)), (5, 9));
        assert_eq!(percentile(&Vec::new(), 90), 0);
    }

    #[test]
    fn test_modules_and_long_functions_are_told_apart() {
        let long = format!("fn long() {{\n{}}}\n", "();\n".repeat(120));
        let text = format!("//! Purpose.\n{long}#[cfg(test)]\nmod tests {{\n{long}}}\n");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.rs");
        fs::write(&file, text).unwrap();
        let mut measures = Measures::default();
        measures.add(&file).unwrap();
        assert_eq!(measures.functions.len(), 1);
        assert_eq!(measures.files[0].1, 123);
        let broken = measures.broken_rules();
        assert!(broken[0].contains("function of 122 lines"), "{broken:?}");
    }
}
