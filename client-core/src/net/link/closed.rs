use parlor_protocol::error::{Code, Refusal};
use parlor_protocol::frame::FrameError;
use parlor_protocol::session::HandshakeError;
use quinn::ConnectionError;

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    #[error("this side ended the link")]
    Local,
    #[error("the server ended the link")]
    Goodbye,
    /// The server closed with a code of the table.
    #[error("{text}")]
    Server { code: Code, text: String },
    /// A stateless reset: the server does not know the link any more.
    #[error("the server was restarted")]
    Reset,
    #[error("nothing was heard from the server for too long")]
    Silent,
    #[error("the server broke the protocol: {0}; update the older of the two programs")]
    Protocol(#[from] HandshakeError),
    #[error("the connection broke: {0}")]
    Transport(String),
}

impl CloseReason {
    /// Whether dialling anew may help without anyone changing anything.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Server { code, .. } => *code == Code(0) || code.is_transient(),
            Self::Protocol(_) => false,
            Self::Local | Self::Goodbye | Self::Reset | Self::Silent | Self::Transport(_) => true,
        }
    }
}

impl From<FrameError> for CloseReason {
    fn from(error: FrameError) -> Self {
        Self::Protocol(error.into())
    }
}

impl From<Refusal> for CloseReason {
    fn from(refusal: Refusal) -> Self {
        Self::Server {
            code: refusal.code,
            text: refusal.text,
        }
    }
}

impl From<ConnectionError> for CloseReason {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => {
                application(close.error_code.into(), &close.reason)
            }
            ConnectionError::Reset => Self::Reset,
            ConnectionError::TimedOut => Self::Silent,
            ConnectionError::LocallyClosed => Self::Local,
            other => Self::Transport(other.to_string()),
        }
    }
}

/// The server closes with a code of the table and a text; 0 is an orderly end.
fn application(number: u64, reason: &[u8]) -> CloseReason {
    let code = Code(u16::try_from(number).unwrap_or(u16::MAX));
    if code == Code(0) && reason.is_empty() {
        return CloseReason::Goodbye;
    }
    let told = String::from_utf8_lossy(reason);
    let text = match reason {
        [] => code.text().to_owned(),
        // A stranger's bytes end up before a person: nothing that a terminal would obey.
        _ => told.chars().filter(|c| !c.is_control()).collect(),
    };
    CloseReason::Server { code, text }
}
