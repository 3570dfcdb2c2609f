//! `uigniter reference`: the whole help as one Markdown page.
//!
//! `docs/cli.md` is its output; a test compares the two.

use std::{fmt::Write as _, process::ExitCode};

use clap::{Args, Command, CommandFactory as _};

use crate::{cli::Cli, env_vars, error::Outcome, output};

/// Print the whole help as Markdown
#[derive(Debug, Args)]
pub(crate) struct Reference {}

impl Reference {
    pub(crate) fn run(self) -> Outcome {
        output::line(reference().trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The page: every command that is not hidden, then the environment.
fn reference() -> String {
    let mut page = String::from(
        "# Command line\n\nGenerated from the binary's own help; `UPDATE_EXPECT=1 cargo test -p uigniter` renews it.\n",
    );
    let mut root = Cli::command().term_width(100).disable_help_subcommand(true);
    root.build();
    section(&mut page, &mut root, "uigniter");
    page.push_str("\n## Environment\n\n| Variable | Meaning |\n|---|---|\n");
    for variable in env_vars::ALL {
        let _ = writeln!(page, "| `{}` | {} |", variable.name, variable.meaning);
    }
    page
}

/// One command's help, then its subcommands'.
fn section(page: &mut String, command: &mut Command, path: &str) {
    let help = command.clone().bin_name(path).render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(
        page,
        "\n## {path}\n\n```text\n{}\n```\n",
        help.join("\n").trim_end()
    );
    for sub in command.get_subcommands_mut().filter(|sub| !sub.is_hide_set()) {
        let path = format!("{path} {}", sub.get_name());
        section(page, sub, &path);
    }
}
