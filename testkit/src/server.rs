//! A real server in this process: own folder, own free port, gone when dropped.

use std::net::{IpAddr, Ipv4Addr};

use parlor_client_core::net::{
    ConnectError, Connected, Dial, Endpoint, Flight, Link, Over, Target, Trust, hello,
};
use parlor_protocol::hello::{Enter, LogIn, Password, Register, Token};
use parlor_protocol::link::{JoinLink, ServerAddress};
use parlor_protocol::session::Entry;
use parlor_protocol::{Extensions, UserId};
use parlor_server::config::Config;
use parlor_server::server::{Server, StartError, start};
use tempfile::TempDir;

use crate::nodes::Place;

/// The password of every test account.
pub const PASSWORD: &str = "correct horse battery";

/// Set to anything: each server of a test is a node on a PostgreSQL and a Redis of its own, so that
/// the same stories are told of both databases.
const CLUSTER_VARIABLE: &str = "PARLOR_TEST_CLUSTER";

/// A server on a temporary folder.
pub struct TestServer {
    pub server: Server,
    folder: TempDir,
    /// Where it is a node of a cluster of its own.
    place: Option<Place>,
}

/// A person who has entered.
pub struct TestPerson {
    pub user: UserId,
    pub name: String,
    pub token: Token,
}

impl TestServer {
    /// With the settings of an installation that nobody configured.
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// With settings changed.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        if std::env::var_os(CLUSTER_VARIABLE).is_none() {
            return Self::alone(change).await;
        }
        let place = Place::new().await;
        let mut server = Self::alone(|config| {
            place.settle(config);
            change(config);
        })
        .await;
        server.place = Some(place);
        server
    }

    /// On what the settings say, whatever database the tests run on.
    pub async fn alone(change: impl FnOnce(&mut Config)) -> Self {
        // The log of a failed test says why: RUST_LOG=info.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_test_writer()
            .try_init();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = config(&folder);
        change(&mut config);
        let server = start(config).await.expect("the server starts");
        Self {
            server,
            folder,
            place: None,
        }
    }

    /// Stops as an operator would, and starts again on the same folder.
    pub async fn restart(self) -> Self {
        let Self {
            server,
            folder,
            place,
        } = self;
        server.stop().await;
        let mut config = config(&folder);
        if let Some(place) = &place {
            place.settle(&mut config);
        }
        let server = start(config).await.expect("the server starts again");
        Self {
            server,
            folder,
            place,
        }
    }

    /// What starting a second server with these settings says.
    pub async fn refusal(change: impl FnOnce(&mut Config), folder: &TempDir) -> Option<StartError> {
        let mut config = config(folder);
        change(&mut config);
        start(config).await.err()
    }

    pub fn folder(&self) -> &TempDir {
        &self.folder
    }

    pub fn address(&self) -> ServerAddress {
        ServerAddress {
            hosts: vec![Ipv4Addr::LOCALHOST.to_string()],
            port: self.server.address().port(),
        }
    }

    /// The owner link, with this machine's own address in it.
    pub fn owner_link(&self) -> JoinLink {
        let link = self
            .server
            .owner_link()
            .expect("an empty installation has an owner link");
        JoinLink {
            server: self.address(),
            ..link.clone()
        }
    }

    /// How a client reaches this server.
    pub fn dial(&self) -> Dial {
        let target = Target::new(self.address(), Trust::Pins(self.server.pins().to_vec()))
            .expect("a target");
        Dial::new(Endpoint::open().expect("a client endpoint"), target)
    }

    /// Enters over one transport and no other.
    pub async fn connect_over(&self, over: Over, entry: Entry) -> Result<Connected, ConnectError> {
        let dial = Dial {
            over,
            ..self.dial()
        };
        Link::connect(&dial, Flight::new(&hello("testkit", 0), &entry)).await
    }

    /// Registers a person; the first one must come by the owner link's code.
    pub async fn register(&self, name: &str, code: &str) -> TestPerson {
        let register = Register {
            code: code.to_owned(),
            name: name.to_owned(),
            display_name: String::new(),
            password: Password(PASSWORD.to_owned()),
            device: "testkit".to_owned(),
            ext: Extensions::NONE,
        };
        let connected = self
            .connect(Entry::Register(register))
            .await
            .expect("a registration");
        let token = connected
            .entered
            .token
            .clone()
            .expect("a new session has a token");
        TestPerson {
            user: connected.entered.user,
            name: name.to_owned(),
            token,
        }
    }

    /// The first account, an administrator's.
    pub async fn owner(&self, name: &str) -> TestPerson {
        self.register(name, &self.owner_link().code).await
    }

    pub async fn connect(&self, entry: Entry) -> Result<Connected, ConnectError> {
        Link::connect(&self.dial(), Flight::new(&hello("testkit", 0), &entry)).await
    }
}

impl TestPerson {
    pub fn by_token(&self) -> Entry {
        Entry::Token(Enter {
            token: self.token.clone(),
            ext: Extensions::NONE,
        })
    }

    pub fn by_password(&self, password: &str) -> Entry {
        Entry::LogIn(LogIn {
            name: self.name.clone(),
            password: Password(password.to_owned()),
            device: "testkit".to_owned(),
            ext: Extensions::NONE,
        })
    }
}

fn config(folder: &TempDir) -> Config {
    let mut config = Config::default();
    config.data.folder = folder.path().join("data");
    config.listen.address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    config.listen.port = 0;
    config.http.listen = Some((Ipv4Addr::LOCALHOST, 0).into());
    config.limits.addresses = false;
    config
}
