//! A profile opened for a command.

use std::time::Duration;

use parlor_client_core::api::{
    AccountView, AskError, Changes, Core, FindRoomError, LinkState, Options, RoomId,
};
use parlor_client_core::profile::Profile;

use super::CLIENT;
use super::arguments::Arguments;
use super::failure::{Exit, Failure};

/// Whether a command needs the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Stored,
    Server,
}

pub(super) fn profile(given: &Arguments) -> Result<Profile, Failure> {
    Profile::named(given.profile.as_deref())
        .map_err(|error| parlor_client_core::api::OpenError::from(error).into())
}

/// For the app, which stays.
pub(super) async fn open_app(given: &Arguments) -> Result<(Core, Changes), Failure> {
    Ok(Core::open(profile(given)?, options(Options::app(CLIENT))).await?)
}

/// For a command; it may be that nobody is logged in.
pub(super) async fn open(given: &Arguments, reach: Reach) -> Result<Core, Failure> {
    let mut options = options(Options::script(CLIENT));
    options.connect = reach == Reach::Server;
    let (core, _) = Core::open(profile(given)?, options).await?;
    Ok(core)
}

/// For a command of somebody: who is in, and, where the server is needed, connected.
pub(super) async fn enter(given: &Arguments, reach: Reach) -> Result<Core, Failure> {
    let core = open(given, reach).await?;
    if let AccountView::Ended { why, .. } = core.account() {
        return Err(Failure {
            exit: Exit::NotLoggedIn,
            code: "session_ended",
            text: format!("the session has ended: {why}; log in again with `parlor login HOST`"),
        });
    }
    core.whoami()?;
    if reach == Reach::Server {
        online(&core, given).await?;
    }
    Ok(core)
}

/// Waits for the link, and says why when it does not come.
pub(super) async fn online(core: &Core, given: &Arguments) -> Result<(), Failure> {
    match tokio::time::timeout(patience(given), core.online()).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(AskError::Offline)) | Err(_) => Err(unreachable(core, given)),
        Ok(Err(error)) => Err(error.into()),
    }
}

/// What the link says about itself, as an error.
pub(super) fn unreachable(core: &Core, given: &Arguments) -> Failure {
    let why = match core.link().state {
        LinkState::Stopped { why, help } if help.is_empty() => why,
        LinkState::Stopped { why, help } => format!("{why}; {help}"),
        LinkState::Waiting { why, .. } => why,
        _ => format!(
            "the server did not answer within {} s; `parlor doctor` looks why",
            given.timeout
        ),
    };
    Failure::unreachable("unreachable", why)
}

pub(super) fn patience(given: &Arguments) -> Duration {
    Duration::from_secs(given.timeout)
}

/// The room that a ROOM argument names: from what is held where that is enough.
pub(super) async fn room(core: &Core, given: &Arguments, written: &str) -> Result<RoomId, Failure> {
    match core.find_room(written).await {
        Ok(room) => return Ok(room),
        Err(error @ FindRoomError::Ambiguous { .. }) => return Err(error.into()),
        // What is held may be old, and the link may not be up yet.
        Err(_) => online(core, given).await?,
    }
    Ok(core.find_room(written).await?)
}

fn options(options: Options) -> Options {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let device = match host.trim() {
        "" => CLIENT.to_owned(),
        host => format!("{host}, {CLIENT}"),
    };
    Options { device, ..options }
}
