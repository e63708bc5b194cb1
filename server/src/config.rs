//! The server's settings: every key with its meaning, unit, default and range.
//!
//! Four layers in rising order: defaults, one TOML file, the environment, flags. [`load()`] joins
//! them and remembers where each value came from.

// The docs of settings are shown as they stand by `config defaults`: [:PORT] is no link.
#![allow(rustdoc::broken_intra_doc_links)]

mod load;
mod section;
mod show;
mod suggest;
mod value;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

pub use load::{DATABASE_URL_VARIABLE, Environment, LoadError, Loaded, Origin, Sources, load};
pub use section::{Field, Section};
pub use show::{defaults_toml, show_json, show_toml};
pub use value::{LogFormat, LogLevel, PublicAddress, Registration, Secret, Value};

use section::section;

section! {
    /// All settings of a node.
    Config {}
    with {
        /// What people see of the installation.
        server: Server = Server::default();
        /// The folder that holds everything durable.
        data: Data = Data::default();
        /// The cluster that this node belongs to; without one it is alone, on SQLite.
        cluster: Cluster = Cluster::default();
        /// Calls of the database, and connections to a cluster's PostgreSQL.
        database: Database = Database::default();
        /// Where links come in.
        listen: Listen = Listen::default();
        /// The operator's HTTP: health and metrics.
        http: Http = Http::default();
        /// A certificate by a CA; without one the installation's own key is pinned in join links.
        certificate: Certificate = Certificate::default();
        /// Life and bounds of one link.
        link: Link = Link::default();
        /// Lives of sessions.
        session: Session = Session::default();
        /// Join links.
        invite: Invite = Invite::default();
        /// What one person or address may ask for, by class of request.
        limits: Limits = Limits::default();
        /// What is kept in memory, and in a cluster in Redis, beside the database.
        cache: Cache = Cache::default();
        /// The log, on standard error.
        log: Log = Log::default();
    }
}

section! {
    Server {
        /// The installation's name, shown to people who join.
        name: String = "Parlor".to_owned(), "text", 1..=64;
        /// Who may make an account: with a join link only, anyone, or nobody.
        registration: Registration = Registration::Invite;
        /// HOST[,HOST2][:PORT] that clients dial and join links carry; empty: guessed from the network interfaces. Without a port: listen.port.
        public_address: Option<PublicAddress> = None;
    }
    with {}
}

section! {
    Data {
        /// Folder of the database, keys and the administrator's socket; made if absent, readable by its owner only.
        folder: PathBuf = crate::data::default_folder();
    }
    with {}
}

section! {
    Cluster {
        /// The cluster's one file, made by `parlor-server init`: where its PostgreSQL and Redis are, its keys and its secret. Empty: a node alone, on SQLite.
        file: Option<PathBuf> = None;
        /// Parts that rooms and people are spread over on the bus; the same on all nodes.
        bus_channels: u32 = 64, "channels", 1..=1024;
        /// Longest that a command, an upload or a log-in waits for Redis to count it over all nodes; past that the node counts it alone, at its share of the limit. Messages, pages, markers and signals wait for nobody: each node counts them alone, and a person has few links.
        rates_within_ms: u32 = 20, "ms", 1..=5000;
    }
    with {}
}

section! {
    Database {
        /// Connections of this node, all pools together: those of all nodes must fit PostgreSQL's max_connections.
        connections: u32 = 30, "connections", 3..=1000;
        /// Longest wait for a connection.
        acquire_s: u32 = 5, "s", 1..=300;
        /// When an unused connection is closed.
        idle_s: u32 = 30, "s", 1..=3600;
        /// Longest that the database may work on one statement.
        statement_s: u32 = 30, "s", 1..=3600;
        /// A call that takes so long is told in the log, without what it was about; 0: none.
        slow_ms: u32 = 250, "ms", 0..=600_000;
        /// URLs of streaming replicas, divided by commas: rooms are read there where a replica has come as far as the node knows the room. They may hold passwords: then rather by PARLOR_DATABASE_REPLICAS_FILE.
        replicas: Option<Secret> = None;
    }
    with {}
}

section! {
    Listen {
        /// Address that links come in at, by UDP and by TCP. `::` takes IPv4 as well; on a machine without IPv6 it stands for 0.0.0.0.
        address: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        /// Port, the same number for UDP and for TCP; 0 takes a free one.
        port: u16 = parlor_protocol::DEFAULT_PORT, "port", 0..=65535;
        /// Send and receive buffer of the UDP socket. Small ones lose packets when many connect at once.
        socket_buffer_kib: u32 = 4096, "KiB", 64..=65536;
    }
    with {}
}

section! {
    Http {
        /// Address of health and metrics, or off. Keep it off public networks. Port 0 takes a free one.
        listen: Option<SocketAddr> = Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7480));
        /// When set, /metrics asks for it as a bearer token.
        metrics_token: Option<Secret> = None;
    }
    with {}
}

section! {
    Certificate {
        /// Certificate chain by a CA, PEM; read anew when the file changes. Empty: own key.
        file: Option<PathBuf> = None;
        /// Private key of that certificate, PEM.
        key_file: Option<PathBuf> = None;
    }
    with {}
}

section! {
    Link {
        /// How often the server lets a silent link hear from it.
        heartbeat_s: u32 = parlor_protocol::limit::HEARTBEAT_MS / 1000, "s", 1..=600;
        /// Silence after which a link is given up.
        idle_s: u32 = parlor_protocol::limit::IDLE_MS / 1000, "s", 2..=3600;
        /// Bytes that may wait for one slow reader before it has to pull at its own pace.
        outbound_kib: u32 = 256, "KiB", 64..=16384;
        /// Handshakes under way above which an address must prove itself (QUIC Retry).
        half_open: u32 = 512, "handshakes", 1..=65536;
        /// Time that one frame has to arrive whole.
        frame_s: u32 = 30, "s", 1..=600;
        /// Links at one time; more are refused.
        max: u32 = 20_000, "links", 1..=1_000_000;
        /// Links of one person at one time; more are told to try again later.
        per_person: u32 = 100, "links", 1..=1_000_000;
        /// Links from one address at one time, an IPv6 /64 counting as one; more are refused. Without limits.addresses there is no such bound.
        per_address: u32 = 2_000, "links", 1..=1_000_000;
    }
    with {}
}

section! {
    Session {
        /// A session unused for so long ends.
        idle_days: u32 = 30, "days", 1..=3650;
        /// A session this old ends, used or not.
        absolute_days: u32 = 180, "days", 1..=3650;
        /// Age at which a session's token is replaced by a new one.
        rotate_hours: u32 = 24, "hours", 1..=8760;
    }
    with {}
}

section! {
    Invite {
        /// Life of a join link made without one of its own.
        life_days: u32 = 7, "days", 1..=3650;
    }
    with {}
}

section! {
    Limits {
        /// Whether addresses are limited too; off only for load tests from one machine.
        addresses: bool = true;
        /// People and addresses whose buckets are kept; the longest unused are forgotten first.
        keys: u32 = 65_536, "keys", 1024..=4_194_304;
    }
    with {
        /// Ordinary commands, by person.
        commands: Rate = Rate::new(100, 100);
        /// Messages sent, by person.
        sends: Rate = Rate::new(500, 120);
        /// Pages read, by person.
        reads: Rate = Rate::new(300, 600);
        /// Read markers, by person.
        markers: Rate = Rate::new(60, 60);
        /// Typing and presence, by person.
        signals: Rate = Rate::new(120, 240);
        /// Uploads, by person.
        uploads: Rate = Rate::new(20, 20);
        /// Log-ins and registrations, by account and by address.
        log_ins: Rate = Rate::new(10, 10);
    }
}

section! {
    Rate {
        /// How many at once.
        burst: u32 = 100, "requests", 1..=1_000_000;
        /// How many a minute after that.
        per_minute: u32 = 100, "requests/min", 1..=10_000_000;
    }
    with {}
}

section! {
    Cache {
        /// Whether anything is kept at all.
        on: bool = true;
        /// Entries in this node's memory; the longest unused go first.
        entries: u32 = 65_536, "entries", 64..=16_777_216;
        /// Memory that they take together.
        mib: u32 = 64, "MiB", 1..=65536;
        /// In a cluster: life of an entry in a node's own memory, above Redis, where another node may change it unheard.
        own_memory_s: u32 = 1, "s", 1..=3600;
        /// Life of a session's entry.
        sessions_s: u32 = 86_400, "s", 1..=2_592_000;
        /// In a cluster: how long after the database knew a session Redis alone may let it in. Ending a session waits so long when Redis does not answer; 0: the database is always asked.
        session_lease_s: u32 = 2, "s", 0..=60;
        /// Life of a profile.
        users_s: u32 = 300, "s", 1..=2_592_000;
        /// Life of lists of rooms and of members.
        rooms_s: u32 = 600, "s", 1..=2_592_000;
        /// Life of a room's newest page.
        pages_s: u32 = 30, "s", 1..=86_400;
        /// Life of what hardly ever changes.
        static_s: u32 = 3_600, "s", 1..=2_592_000;
    }
    with {}
}

section! {
    Log {
        /// How much is logged: error, warn, info, debug or trace.
        level: LogLevel = LogLevel::Info;
        /// Lines for people or for machines.
        format: LogFormat = LogFormat::Text;
    }
    with {}
}

impl Rate {
    pub const fn new(burst: u32, per_minute: u32) -> Self {
        Self { burst, per_minute }
    }
}

impl Config {
    /// Rules between keys. `Err`: the key at fault and what is wrong with it.
    fn check(&self) -> Result<(), (&'static str, String)> {
        let pair = [&self.certificate.file, &self.certificate.key_file];
        match pair.map(Option::is_some) {
            [true, false] => {
                return Err((
                    "certificate.key_file",
                    "is missing: certificate.file needs its private key".to_owned(),
                ));
            }
            [false, true] => {
                return Err((
                    "certificate.file",
                    "is missing: certificate.key_file needs its certificate".to_owned(),
                ));
            }
            _ => {}
        }
        if self.link.heartbeat_s >= self.link.idle_s {
            let text = format!(
                "is {} s, which must be less than link.idle_s ({} s)",
                self.link.heartbeat_s, self.link.idle_s
            );
            return Err(("link.heartbeat_s", text));
        }
        if self.session.idle_days > self.session.absolute_days {
            let text = format!(
                "is {} days, which must not be more than session.absolute_days ({} days)",
                self.session.idle_days, self.session.absolute_days
            );
            return Err(("session.idle_days", text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
