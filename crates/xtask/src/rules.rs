//! The house style, measured: dependency arrows, lints, lengths of files and functions, documents.
//!
//! `cargo test -p xtask` fails where a rule is broken; `cargo xtask rules` prints the figures too. The arrows are those of
//! `ARCHITECTURE.md`.

mod documents;
mod manifests;
mod source;

use anyhow::{Result, ensure};

/// Prints the figures, then fails if a rule is broken.
pub(crate) fn report() -> Result<()> {
    let measures = source::measure()?;
    println!("{measures}");
    let mut broken = manifests::broken_rules()?;
    broken.extend(measures.broken_rules());
    broken.extend(documents::broken_rules()?);
    for rule in &broken {
        println!("broken: {rule}");
    }
    ensure!(
        broken.is_empty(),
        "{} rules of the house style are broken",
        broken.len()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_point_down_and_every_crate_has_the_lints() {
        let broken = manifests::broken_rules().unwrap();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn documents_lead_somewhere() {
        let broken = documents::broken_rules().unwrap();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }

    #[test]
    fn files_and_functions_keep_the_limits() {
        let broken = source::measure().unwrap().broken_rules();
        assert!(broken.is_empty(), "{}", broken.join("\n"));
    }
}
