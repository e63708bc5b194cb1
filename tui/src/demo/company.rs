//! The server and the people of a demo, and the folder they live in.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use parlor_client_core::api::{
    Changes, Core, JoinLink, NewInvite, Options, RoomId, ServerAddress, SignUp,
};
use parlor_client_core::profile::Profile;
use parlor_server::config::Config;
use parlor_server::server::{Server, start};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::cli::Failure;

/// How long somebody may take to come in: a busy laptop hashes a password in less.
const COME_WITHIN: Duration = Duration::from_secs(20);

pub(super) struct Company {
    server: Server,
    people: Vec<Core>,
    /// Where one more gets in: the owner link first.
    link: Option<JoinLink>,
    // Last: everything in it is closed by then.
    folder: TempDir,
}

impl Company {
    /// Starts the server on a temporary folder, at this machine's own address.
    pub(super) async fn gather() -> Result<Self, Failure> {
        let folder = tempfile::Builder::new()
            .prefix("parlor-demo-")
            .tempdir()
            .map_err(|error| Failure::local("temporary_folder", error))?;
        let mut config = Config::default();
        config.data.folder = folder.path().join("server");
        config.listen.address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        config.listen.port = 0;
        config.http.listen = None;
        let server = start(config)
            .await
            .map_err(|error| Failure::local("demo_server", error))?;
        let link = server.owner_link().map(|link| here(link, &server));
        Ok(Self {
            server,
            people: Vec::new(),
            link,
            folder,
        })
    }

    /// The first person, who owns everything.
    pub(super) async fn host(&mut self, name: &str, shown: &str) -> Result<Core, Failure> {
        let link = self
            .link
            .take()
            .ok_or_else(|| Failure::local("demo_server", "the server gave no owner link"))?;
        Ok(self.enter(name, shown, options(), &link).await?.0)
    }

    /// One more person, by a link that the first one makes for some rooms.
    pub(super) async fn come(
        &mut self,
        name: &str,
        shown: &str,
        options: Options,
        rooms: &[RoomId],
    ) -> Result<(Core, Changes), Failure> {
        let host = &self.people[0];
        let invite = NewInvite {
            rooms: rooms.to_vec(),
            uses: 1,
            life_ms: 0,
        };
        let made = host.create_invite(invite).await?;
        let link: JoinLink = made
            .link
            .parse()
            .map_err(|error| Failure::local("demo_link", error))?;
        let link = here(&link, &self.server);
        self.enter(name, shown, options, &link).await
    }

    /// The same for somebody who only talks.
    pub(super) async fn guest(
        &mut self,
        name: &str,
        shown: &str,
        rooms: &[RoomId],
    ) -> Result<Core, Failure> {
        Ok(self.come(name, shown, options(), rooms).await?.0)
    }

    async fn enter(
        &mut self,
        name: &str,
        shown: &str,
        options: Options,
        link: &JoinLink,
    ) -> Result<(Core, Changes), Failure> {
        let profile = Profile::at(&self.folder.path().join(name));
        let (core, changes) = Core::open(profile, options).await?;
        self.people.push(core.clone());
        let sign_up = SignUp {
            name: name.to_owned(),
            display_name: shown.to_owned(),
            // Of an account that lives as long as this program, on a server nobody else reaches.
            password: format!("demo {name} {}", RoomId::new()),
        };
        let come = async {
            core.join(link, sign_up).await?;
            core.online().await?;
            Ok::<_, Failure>(())
        };
        timeout(COME_WITHIN, come)
            .await
            .map_err(|_| Failure::unreachable("timed_out", "the demo's server did not answer"))??;
        Ok((core, changes))
    }

    /// Everybody leaves, the server stops, the folder goes.
    pub(super) async fn leave(self) {
        for person in &self.people {
            person.close().await;
        }
        self.server.stop().await;
        drop(self.folder);
    }
}

/// A link with this machine's own address in it, whatever the server guesses about itself.
fn here(link: &JoinLink, server: &Server) -> JoinLink {
    JoinLink {
        server: ServerAddress {
            hosts: vec![Ipv4Addr::LOCALHOST.to_string()],
            port: server.address().port(),
        },
        ..link.clone()
    }
}

fn options() -> Options {
    let mut options = Options::app(crate::cli::CLIENT);
    options.device = "parlor demo".to_owned();
    options
}
