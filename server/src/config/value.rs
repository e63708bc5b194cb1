//! The types of settings: how each is read from text and written back.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use parlor_protocol::link::ServerAddress;

/// How a value stands in TOML and JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Flag,
    Number,
    Text,
    /// A list, a date, a fraction: no setting is one.
    Other,
}

/// A setting's value.
pub trait Value {
    /// How it is written.
    fn form(&self) -> Form;
    /// What it takes, for an error: "a number", "invite, open or closed".
    fn takes(&self) -> String;
    /// The value as plain text; reading it back gives the same value.
    fn text(&self) -> String;
    /// Takes the value from plain text. Nothing changes when the text does not fit.
    fn set(&mut self, text: &str) -> Result<(), Unfit>;
    /// The number that a range bounds: the value, or a text's length.
    fn measure(&self) -> Option<u64> {
        None
    }
    /// Whether it is hidden wherever settings are shown.
    fn is_secret(&self) -> bool {
        false
    }
}

/// The text does not fit the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

macro_rules! numbers {
    ($($type:ty)*) => {$(
        impl Value for $type {
            fn form(&self) -> Form {
                Form::Number
            }
            fn takes(&self) -> String {
                "a whole number".to_owned()
            }
            fn text(&self) -> String {
                self.to_string()
            }
            fn set(&mut self, text: &str) -> Result<(), Unfit> {
                *self = text.replace('_', "").parse().map_err(|_| Unfit)?;
                Ok(())
            }
            fn measure(&self) -> Option<u64> {
                Some(u64::from(*self))
            }
        }
    )*};
}
numbers! { u16 u32 u64 }

impl Value for bool {
    fn form(&self) -> Form {
        Form::Flag
    }
    fn takes(&self) -> String {
        "true or false".to_owned()
    }
    fn text(&self) -> String {
        self.to_string()
    }
    fn set(&mut self, text: &str) -> Result<(), Unfit> {
        *self = text.parse().map_err(|_| Unfit)?;
        Ok(())
    }
}

impl Value for String {
    fn form(&self) -> Form {
        Form::Text
    }
    fn takes(&self) -> String {
        "a text without control characters".to_owned()
    }
    fn text(&self) -> String {
        self.clone()
    }
    fn set(&mut self, text: &str) -> Result<(), Unfit> {
        if text.chars().any(char::is_control) {
            return Err(Unfit);
        }
        *self = text.to_owned();
        Ok(())
    }
    fn measure(&self) -> Option<u64> {
        Some(self.chars().count() as u64)
    }
}

/// Types that read and write themselves, with the empty text standing for `None` in an option.
macro_rules! texts {
    ($($type:ty, $none:literal, $takes:literal, |$value:ident| $show:expr;)*) => {$(
        impl Value for $type {
            fn form(&self) -> Form {
                Form::Text
            }
            fn takes(&self) -> String {
                $takes.to_owned()
            }
            fn text(&self) -> String {
                let $value = self;
                $show
            }
            fn set(&mut self, text: &str) -> Result<(), Unfit> {
                *self = text.parse().map_err(|_| Unfit)?;
                Ok(())
            }
        }
        impl Value for Option<$type> {
            fn form(&self) -> Form {
                Form::Text
            }
            fn takes(&self) -> String {
                format!("{}, or {:?}", $takes, $none)
            }
            fn text(&self) -> String {
                self.as_ref().map_or($none.to_owned(), Value::text)
            }
            fn set(&mut self, text: &str) -> Result<(), Unfit> {
                *self = match text {
                    $none => None,
                    text => Some(text.parse().map_err(|_| Unfit)?),
                };
                Ok(())
            }
        }
    )*};
}
texts! {
    IpAddr, "", "an IP address", |it| it.to_string();
    SocketAddr, "off", "an ADDRESS:PORT", |it| it.to_string();
    PathBuf, "", "a path", |it| it.display().to_string();
    PublicAddress, "", "HOST[,HOST2][:PORT]", |it| it.to_string();
}

/// Where clients find the installation, as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicAddress {
    hosts: Vec<String>,
    port: Option<u16>,
}

impl PublicAddress {
    /// The whole address; `listen_port` stands in for a port that was not written.
    pub fn at(&self, listen_port: u16) -> ServerAddress {
        ServerAddress {
            hosts: self.hosts.clone(),
            port: self.port.unwrap_or(listen_port),
        }
    }
}

impl std::str::FromStr for PublicAddress {
    type Err = Unfit;

    fn from_str(text: &str) -> Result<Self, Unfit> {
        let text = text.trim();
        // A port can be added only to an address that has none.
        let bare: Result<ServerAddress, _> = format!("{text}:1").parse();
        if let Ok(address) = bare {
            let hosts = address.hosts;
            return Ok(Self { hosts, port: None });
        }
        let address: ServerAddress = text.parse().map_err(|_| Unfit)?;
        Ok(Self {
            hosts: address.hosts,
            port: Some(address.port),
        })
    }
}

impl fmt::Display for PublicAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.at(1).to_string();
        match self.port {
            Some(_) => f.write_str(&whole),
            None => f.write_str(whole.strip_suffix(":1").unwrap_or(&whole)),
        }
    }
}

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that compares or sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Value for Option<Secret> {
    fn form(&self) -> Form {
        Form::Text
    }
    fn takes(&self) -> String {
        "a text of visible ASCII characters".to_owned()
    }
    fn text(&self) -> String {
        self.as_ref().map_or(String::new(), |it| it.0.clone())
    }
    fn set(&mut self, text: &str) -> Result<(), Unfit> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Unfit);
        }
        *self = (!text.is_empty()).then(|| Secret(text.to_owned()));
        Ok(())
    }
    fn is_secret(&self) -> bool {
        true
    }
}

macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident, $takes:literal { $($(#[$item_doc:meta])* $item:ident = $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$item_doc])* $item,)*
        }

        impl $name {
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$item => $text,)*
                }
            }
        }

        impl Value for $name {
            fn form(&self) -> Form {
                Form::Text
            }
            fn takes(&self) -> String {
                $takes.to_owned()
            }
            fn text(&self) -> String {
                self.as_str().to_owned()
            }
            fn set(&mut self, text: &str) -> Result<(), Unfit> {
                *self = match text {
                    $($text => Self::$item,)*
                    _ => return Err(Unfit),
                };
                Ok(())
            }
        }
    )*};
}

choices! {
    /// Who may make an account.
    Registration, "invite, open or closed" {
        /// Whoever holds a join link.
        Invite = "invite",
        Open = "open",
        Closed = "closed",
    }
    /// The least important lines that are logged.
    LogLevel, "error, warn, info, debug or trace" {
        Error = "error",
        Warn = "warn",
        Info = "info",
        Debug = "debug",
        Trace = "trace",
    }
    LogFormat, "text or json" {
        Text = "text",
        Json = "json",
    }
}

impl Registration {
    /// The number that stands for it in a welcome.
    pub fn wire(self) -> u8 {
        match self {
            Self::Invite => 0,
            Self::Open => 1,
            Self::Closed => 2,
        }
    }
}
