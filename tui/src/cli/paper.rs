//! What is made from the command line's own description: completions and the manual page.

use clap::CommandFactory;
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
        let name = subcommand.get_name();
        if name == "help" {
            continue;
        }
        page.extend(format!(".SH \"PARLOR {}\"\n", name.to_uppercase()).bytes());
        let man = clap_mangen::Man::new(subcommand.clone());
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
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    Ok(page)
}
