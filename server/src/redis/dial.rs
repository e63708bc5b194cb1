//! A new connection to a Redis: TCP, TLS where asked for, entered, and a primary at the other end.

use std::io;
use std::time::Duration;

use redis::cmd;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::address::RedisAddress;
use super::resp::{Reply, RespError, RespReader};
use super::trust;

/// Time for all of it. A Redis that is frozen takes connections and answers nothing.
const DIAL_WITHIN: Duration = Duration::from_secs(2);
/// What an operator sees in the Redis' list of clients.
const CLIENT_NAME: &str = "parlor";

/// Bytes both ways, plain or behind TLS.
pub(crate) trait Both: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Both for T {}

/// An entered connection.
pub(crate) type Stream = Box<dyn Both>;

/// Why there is no connection to a Redis. The address is as shown: without a password.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    #[error("{address} cannot be reached: {error}")]
    Unreachable { address: String, error: io::Error },
    #[error("{address} did not answer within {} s", DIAL_WITHIN.as_secs())]
    Silent { address: String },
    #[error("{address} cannot be trusted: {problem}")]
    Trust { address: String, problem: String },
    #[error("{address} refused {what}: {said}")]
    Refused {
        address: String,
        what: &'static str,
        said: String,
    },
    #[error("{address} is a replica of {primary}, which takes no writes; give the primary's URL")]
    Replica { address: String, primary: String },
    #[error("{address} is no Redis: {problem}")]
    Stranger { address: String, problem: String },
}

impl RedisAddress {
    /// Whether a node can work with this Redis, by one connection that is closed again.
    ///
    /// # Errors
    /// [`DialError`]: one line that says what is wrong and, where it can be known, what to do.
    pub async fn check(&self) -> Result<(), DialError> {
        dial(self).await.map(drop)
    }
}

/// Connects and enters, within a deadline.
pub(crate) async fn dial(address: &RedisAddress) -> Result<Stream, DialError> {
    let silent = |_| DialError::Silent {
        address: address.to_string(),
    };
    timeout(DIAL_WITHIN, connect(address))
        .await
        .map_err(silent)?
}

async fn connect(address: &RedisAddress) -> Result<Stream, DialError> {
    let unreachable = |error| DialError::Unreachable {
        address: address.to_string(),
        error,
    };
    let place = (address.host.as_str(), address.port);
    let tcp = TcpStream::connect(place).await.map_err(unreachable)?;
    // Frames are small and each is wanted at once.
    tcp.set_nodelay(true).map_err(unreachable)?;
    let mut stream = encrypt(address, tcp).await?;
    enter(address, &mut stream).await?;
    Ok(stream)
}

async fn encrypt(address: &RedisAddress, tcp: TcpStream) -> Result<Stream, DialError> {
    if !address.tls {
        return Ok(Box::new(tcp));
    }
    let untrusted = |problem| DialError::Trust {
        address: address.to_string(),
        problem,
    };
    let connector = trust::connector(address.authority.as_deref()).map_err(untrusted)?;
    let name = ServerName::try_from(address.host.clone());
    let name = name.map_err(|error| untrusted(error.to_string()))?;
    let stream = connector.connect(name, tcp).await;
    Ok(Box::new(
        stream.map_err(|error| untrusted(error.to_string()))?,
    ))
}

/// Says who we are and asks what is at the other end, in one flight.
async fn enter(address: &RedisAddress, stream: &mut Stream) -> Result<(), DialError> {
    let steps = steps(address);
    let mut flight = Vec::new();
    for (_, bytes) in &steps {
        flight.extend_from_slice(bytes);
    }
    let lost = |error| DialError::Unreachable {
        address: address.to_string(),
        error,
    };
    stream.write_all(&flight).await.map_err(lost)?;
    stream.flush().await.map_err(lost)?;
    let mut reader = RespReader::default();
    for (what, _) in steps {
        let reply = loop {
            match reader.next() {
                Ok(Some(reply)) => break reply,
                Ok(None) => {}
                Err(error) => return Err(stranger(address, &error)),
            }
            let read = stream.read_buf(reader.buffer()).await.map_err(lost)?;
            if read == 0 {
                return Err(lost(io::ErrorKind::UnexpectedEof.into()));
            }
        };
        judge(address, what, &reply)?;
    }
    Ok(())
}

/// What each step is called when it is refused, and its bytes.
fn steps(address: &RedisAddress) -> Vec<(&'static str, Vec<u8>)> {
    let mut steps = Vec::new();
    if let Some(password) = &address.password {
        let mut auth = cmd("AUTH");
        auth.arg(&address.user).arg(password.expose());
        steps.push(("the password", auth.get_packed_command()));
    }
    if address.database != 0 {
        let number = address.database.to_string();
        steps.push(("the database's number", words(&["SELECT", &number])));
    }
    let name = words(&["CLIENT", "SETNAME", CLIENT_NAME]);
    steps.push(("to be told a name (the user needs CLIENT SETNAME)", name));
    steps.push((ROLE, words(&["ROLE"])));
    steps
}

/// Asked last, and looked into.
const ROLE: &str = "to say its role (the user needs ROLE)";

fn judge(address: &RedisAddress, what: &'static str, reply: &Reply) -> Result<(), DialError> {
    if let Reply::Error(said) = reply {
        return Err(DialError::Refused {
            address: address.to_string(),
            what,
            said: String::from_utf8_lossy(said).into_owned(),
        });
    }
    if what != ROLE {
        return Ok(());
    }
    let Reply::List(role) = reply else {
        return Err(stranger(address, &RespError::Malformed));
    };
    match role.first().and_then(Reply::bytes).map(|it| &it[..]) {
        Some(b"master") => Ok(()),
        Some(b"slave") => Err(DialError::Replica {
            address: address.to_string(),
            primary: primary(role),
        }),
        _ => Err(stranger(address, &RespError::Malformed)),
    }
}

/// Where a replica says that its primary is.
fn primary(role: &[Reply]) -> String {
    match role {
        [_, host, Reply::Number(port), ..] => {
            let host = host.bytes().map(|it| String::from_utf8_lossy(it));
            format!("{}:{port}", host.unwrap_or_default())
        }
        _ => "another".to_owned(),
    }
}

fn stranger(address: &RedisAddress, problem: &RespError) -> DialError {
    DialError::Stranger {
        address: address.to_string(),
        problem: problem.to_string(),
    }
}

/// A command's bytes.
pub(crate) fn words(words: &[&str]) -> Vec<u8> {
    redis::Cmd::new().arg(words).get_packed_command()
}
