//! A tool's end of the administrator's socket.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::socket::ShortPath;
use super::{Admin, Answer, Command};

/// Longest answer, bytes: a page of accounts is a hundredth.
const ANSWER_BYTES: u64 = 16 * 1024 * 1024;
/// Longest wait for an answer: a little more than the server takes for anything.
const ANSWER_WITHIN: Duration = Duration::from_secs(3700);

/// Why the running server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No server listens there.
    #[error("no server runs on this data folder")]
    NoServer,
    #[error("cannot reach the running server at {}: {error}; run this as the server's user", path.display())]
    Unreachable { path: PathBuf, error: io::Error },
}

/// A conversation with the running server.
#[derive(Debug)]
pub struct Client {
    stream: Mutex<BufReader<UnixStream>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reply {
    Ok(Answer),
    Error(String),
}

impl Client {
    pub async fn connect(path: &Path) -> Result<Self, ClientError> {
        let connect = async || {
            let short = ShortPath::of(path)?;
            UnixStream::connect(&short).await
        };
        match connect().await {
            Ok(stream) => Ok(Self {
                stream: Mutex::new(BufReader::new(stream)),
            }),
            Err(error) => match error.kind() {
                // A socket that nobody listens on is a leftover of a killed server.
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    Err(ClientError::NoServer)
                }
                _ => Err(ClientError::Unreachable {
                    path: path.to_owned(),
                    error,
                }),
            },
        }
    }

    async fn ask(&self, command: &Command) -> io::Result<Reply> {
        let mut line = serde_json::to_vec(command)?;
        line.push(b'\n');
        let mut stream = self.stream.lock().await;
        stream.get_mut().write_all(&line).await?;
        let mut answer = Vec::new();
        let mut bounded = (&mut *stream).take(ANSWER_BYTES);
        bounded.read_until(b'\n', &mut answer).await?;
        if !answer.ends_with(b"\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}

#[async_trait]
impl Admin for Client {
    async fn run(&self, command: Command) -> Result<Answer, String> {
        let answered = timeout(ANSWER_WITHIN, self.ask(&command)).await;
        match answered.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Ok(Reply::Ok(answer)) => Ok(answer),
            Ok(Reply::Error(text)) => Err(text),
            Err(error) => Err(format!(
                "the server ended the conversation ({error}); it may have stopped: try again"
            )),
        }
    }
}
