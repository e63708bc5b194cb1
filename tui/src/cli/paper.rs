//! What is made from the command line's own description: completions and the manual page.

use clap::{Command, CommandFactory};
use clap_complete::Shell;

use super::arguments::Arguments;
use super::failure::Failure;
use super::output::raw;

pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "parlor", &mut script);
    raw(&script)
}

/// One page for all: the program, then each command.
pub(super) fn manual() -> Result<(), Failure> {
    raw(&manual_page().map_err(|error| Failure::local("output", error))?)
}

pub(super) fn manual_page() -> std::io::Result<Vec<u8>> {
    let mut command = Arguments::command();
    command.build();
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for subcommand in command.get_subcommands() {
        section(subcommand, &mut page)?;
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}

/// A command, then those below it. Options of the program stand at the top, once.
fn section(command: &Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    if command.get_name() == "help" {
        return Ok(());
    }
    let name = command.get_display_name().unwrap_or(command.get_name());
    let heading = name.replace('-', " ").to_uppercase();
    page.extend(format!(".SH \"{heading}\"\n").bytes());
    let own = command.clone().mut_args(|argument| {
        let hidden = argument.is_global_set();
        argument.hide(hidden)
    });
    let man = clap_mangen::Man::new(own);
    let mut part = Vec::new();
    man.render_synopsis_section(&mut part)?;
    man.render_description_section(&mut part)?;
    man.render_options_section(&mut part)?;
    // Sections of the command are subsections of this page.
    page.extend(
        String::from_utf8_lossy(&part)
            .replace("\n.SH ", "\n.SS ")
            .bytes(),
    );
    for below in command.get_subcommands() {
        section(below, page)?;
    }
    Ok(())
}
