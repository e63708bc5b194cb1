//! Scenes that most stories begin with.

use parlor_client_core::net::ConnectError;
use parlor_protocol::hello::{Password, Register};
use parlor_protocol::room::{RoomDone, RoomKind};
use parlor_protocol::session::Entry;
use parlor_protocol::sync::UserEntry;
use parlor_protocol::{Extensions, Refusal, RoomId};
use parlor_server::config::{Config, Rate, Registration};
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::server::{PASSWORD, TestPerson, TestServer};

/// Anyone may register, and nobody meets a rate.
pub(crate) async fn open_server() -> TestServer {
    TestServer::with(open).await
}

pub(crate) fn open(config: &mut Config) {
    config.server.registration = Registration::Open;
    let none = Rate::new(1_000_000, 10_000_000);
    let limits = &mut config.limits;
    for rate in [
        &mut limits.commands,
        &mut limits.sends,
        &mut limits.reads,
        &mut limits.markers,
        &mut limits.signals,
        &mut limits.uploads,
        &mut limits.log_ins,
    ] {
        *rate = none.clone();
    }
}

/// A device of a person who has an account.
pub(crate) async fn device(server: &TestServer, person: &TestPerson) -> Device {
    Device::new(server.connect(person.by_token()).await.unwrap())
}

/// The owner and somebody else, each on one device.
pub(crate) async fn ada_and_bob(server: &TestServer) -> (Device, Device) {
    let ada = server.owner("ada").await;
    let bob = server.register("bob", "").await;
    (device(server, &ada).await, device(server, &bob).await)
}

/// A room of the owner's with the others in it.
pub(crate) async fn room_of(kind: RoomKind, owner: &Device, others: &[&Device]) -> RoomId {
    let made: RoomDone = owner.ask(&ask::create_room(kind, "workshop")).await;
    for other in others {
        owner.done(&ask::add(made.room, other.user())).await;
    }
    made.room
}

/// Why somebody did not get in.
pub(crate) async fn turned_away(server: &TestServer, entry: Entry) -> Refusal {
    match server.connect(entry).await {
        Err(ConnectError::Entry(refusal)) => refusal,
        other => panic!("not turned away: {other:?}"),
    }
}

pub(crate) fn registration(name: &str, code: &str) -> Entry {
    Entry::Register(Register {
        code: code.to_owned(),
        name: name.to_owned(),
        display_name: String::new(),
        password: Password(PASSWORD.to_owned()),
        device: "testkit".to_owned(),
        ext: Extensions::NONE,
    })
}

/// Waits until the person's list says that they are no member any more.
pub(crate) async fn gone(device: &mut Device, room: RoomId) {
    let gone = |entry: &UserEntry| matches!(entry, UserEntry::RoomGone(gone) if gone.room == room);
    device.own_entry(gone).await;
}
