//! `cargo xtask setup`: installs what the checks need and the machine lacks.

use std::process::Stdio;

use crate::program::{Failure, cargo, line, program, succeeds};

/// A cargo subcommand, at the version that was tried with this tree.
struct CargoTool {
    name: &'static str,
    version: &'static str,
}

const CARGO_TOOLS: [CargoTool; 2] = [
    CargoTool {
        name: "cargo-nextest",
        version: "0.9.143",
    },
    CargoTool {
        name: "cargo-deny",
        version: "0.20.2",
    },
];

/// A program and the Debian package that brings it.
struct SystemTool {
    program: &'static str,
    /// Arguments with which the program only says that it is there.
    probe: &'static [&'static str],
    package: &'static str,
}

const SYSTEM_TOOLS: [SystemTool; 3] = [
    // The end-to-end tests of the terminal app type into it and read its screen.
    SystemTool {
        program: "tmux",
        probe: &["-V"],
        package: "tmux",
    },
    // Tests start a PostgreSQL of their own; its programs lie beside no path.
    SystemTool {
        program: "sh",
        probe: &["-c", "ls /usr/lib/postgresql/*/bin/postgres"],
        package: "postgresql",
    },
    // PostgreSQL does not run as root.
    SystemTool {
        program: "setpriv",
        probe: &["--version"],
        package: "util-linux",
    },
];

/// Installs each missing tool once; says nothing where nothing is missing.
pub(crate) fn run() -> Result<(), Failure> {
    for tool in &CARGO_TOOLS {
        install_cargo_tool(tool)?;
    }
    install_packages(&missing_packages())
}

fn install_cargo_tool(tool: &CargoTool) -> Result<(), Failure> {
    let subcommand = tool.name.trim_start_matches("cargo-");
    if succeeds(cargo(&[subcommand, "--version"])) {
        return Ok(());
    }
    let CargoTool { name, version } = tool;
    println!("installing {name} {version}: compiled once, takes a few minutes");
    let mut install = cargo(&["install", "--quiet", "--locked", "--version", version, name]);
    // Its build has nothing to share with the workspace's, and would stay there.
    install.env_remove("CARGO_TARGET_DIR");
    let typed = line(&install);
    quietly(install).map_err(|said| {
        Failure::Unmet(format!(
            "{said}\n{name} is missing and could not be installed. It comes from the crate \
             registry: check the network, then run `{typed}`"
        ))
    })
}

fn missing_packages() -> Vec<&'static str> {
    SYSTEM_TOOLS
        .iter()
        .filter(|tool| !succeeds(program(tool.program, tool.probe)))
        .map(|tool| tool.package)
        .collect()
}

fn install_packages(packages: &[&str]) -> Result<(), Failure> {
    if packages.is_empty() {
        return Ok(());
    }
    let names = packages.join(" ");
    if !succeeds(program("apt-get", &["--version"])) {
        return Err(Failure::Unmet(format!(
            "missing: {names}. Install with this system's package manager"
        )));
    }
    if !is_root() {
        return Err(Failure::Unmet(format!(
            "missing: {names}. Run `sudo apt-get install -y {names}`"
        )));
    }
    println!("installing {names}");
    let unmet = |said| {
        Failure::Unmet(format!(
            "{said}\nmissing: {names}, and apt-get could not install it. Check the network, \
             then run `apt-get update && apt-get install -y {names}`"
        ))
    };
    quietly(program("apt-get", &["update", "-qq"])).map_err(unmet)?;
    let mut install = program("apt-get", &["install", "-y", "-qq"]);
    install
        .args(packages)
        .env("DEBIAN_FRONTEND", "noninteractive");
    quietly(install).map_err(unmet)
}

fn is_root() -> bool {
    let asked = program("id", &["-u"]).output();
    asked.is_ok_and(|done| done.stdout.trim_ascii() == b"0")
}

/// Runs without showing anything; what it said to standard error is the error.
fn quietly(mut command: std::process::Command) -> Result<(), String> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if done.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&done.stderr).trim_end().to_owned())
}
