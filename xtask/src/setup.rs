//! `cargo xtask setup`: installs what the checks need and the machine lacks.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

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
    /// What the package would run at each start of the machine. Tests start their own.
    service: Option<&'static str>,
}

const SYSTEM_TOOLS: [SystemTool; 8] = [
    // The end-to-end tests of the terminal app type into it and read its screen.
    SystemTool {
        program: "tmux",
        probe: &["-V"],
        package: "tmux",
        service: None,
    },
    // The bus, caches and limits of a cluster.
    SystemTool {
        program: "redis-server",
        probe: &["--version"],
        package: "redis-server",
        service: Some("redis-server"),
    },
    // A balancer before several nodes.
    SystemTool {
        program: "nginx",
        probe: &["-v"],
        package: "nginx",
        service: Some("nginx"),
    },
    SystemTool {
        program: "sh",
        probe: &["-c", NGINX_HAS_STREAM],
        package: "libnginx-mod-stream",
        service: None,
    },
    // Networks that lose packets.
    SystemTool {
        program: "ip",
        probe: &["-V"],
        package: "iproute2",
        service: None,
    },
    SystemTool {
        program: "nft",
        probe: &["--version"],
        package: "nftables",
        service: None,
    },
    // Tests start a PostgreSQL of their own; its programs lie beside no path.
    SystemTool {
        program: "sh",
        probe: &["-c", "ls /usr/lib/postgresql/*/bin/postgres"],
        package: "postgresql",
        service: Some("postgresql"),
    },
    // PostgreSQL does not run as root.
    SystemTool {
        program: "setpriv",
        probe: &["--version"],
        package: "util-linux",
        service: None,
    },
];

/// Built in, or a file in the folder that nginx says it loads modules from.
const NGINX_HAS_STREAM: &str = "nginx -V 2>&1 | tr ' ' '\\n' | grep -qx -e --with-stream || \
    test -e \"$(nginx -V 2>&1 | tr ' ' '\\n' | sed -n 's/^--modules-path=//p')/ngx_stream_module.so\"";

/// Where such programs lie, beside where an ordinary user looks.
const SYSTEM_FOLDERS: &str = "/usr/sbin:/sbin";

/// What Debian's packages ask before they start a service; 101 means "do not".
const SERVICE_POLICY: &str = "/usr/sbin/policy-rc.d";
const NO_SERVICES: &str = "#!/bin/sh\nexit 101\n";

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
        .filter(|tool| !succeeds(system_program(tool)))
        .map(|tool| tool.package)
        .collect()
}

fn system_program(tool: &SystemTool) -> Command {
    let mut command = program(tool.program, tool.probe);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:{SYSTEM_FOLDERS}"));
    command
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
    let _quiet = NoServices::begin();
    quietly(install).map_err(unmet)?;
    for tool in SYSTEM_TOOLS
        .iter()
        .filter(|it| packages.contains(&it.package))
    {
        if let Some(service) = tool.service {
            // Where nothing manages services there is nothing to turn off.
            succeeds(program("systemctl", &["disable", "--quiet", service]));
        }
    }
    Ok(())
}

/// While it lives, packages that are installed start no service.
struct NoServices {
    made: bool,
}

impl NoServices {
    /// Leaves a policy alone that is there already.
    fn begin() -> Self {
        let path = Path::new(SERVICE_POLICY);
        let made = !path.exists() && fs::write(path, NO_SERVICES).is_ok();
        if made {
            // A policy that cannot be run is none.
            succeeds(program("chmod", &["755", SERVICE_POLICY]));
        }
        Self { made }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.made {
            let _ = fs::remove_file(SERVICE_POLICY);
        }
    }
}

fn is_root() -> bool {
    let asked = program("id", &["-u"]).output();
    asked.is_ok_and(|done| done.stdout.trim_ascii() == b"0")
}

/// Runs without showing anything; what it said to standard error is the error.
fn quietly(mut command: Command) -> Result<(), String> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    if done.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&done.stderr).trim_end().to_owned())
}
