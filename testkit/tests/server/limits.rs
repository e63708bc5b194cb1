//! Rates: too much is refused with when to try again, and nothing of it takes effect.

use parlor_client_core::net::RequestError;
use parlor_protocol::account::{ListSessions, Sessions};
use parlor_protocol::message::{Page, Place, Posted};
use parlor_protocol::{Code, Refusal};
use parlor_server::config::Registration;
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::server::TestServer;

use crate::common::{device, turned_away};

/// Replies and refusals of many requests at once.
async fn at_once<Q, R>(
    device: &Device,
    count: usize,
    request: impl Fn() -> Q,
) -> (usize, Vec<Refusal>)
where
    Q: parlor_protocol::Body + 'static,
    R: parlor_protocol::Body + Send + 'static,
{
    let asked: Vec<_> = (0..count)
        .map(|_| tokio::spawn(device.link.request::<Q, R>(&request())))
        .collect();
    let (mut passed, mut refused) = (0, Vec::new());
    for reply in asked {
        match reply.await.unwrap() {
            Ok(_) => passed += 1,
            Err(RequestError::Refused(refusal)) => refused.push(refusal),
            Err(error) => panic!("{error}"),
        }
    }
    (passed, refused)
}

#[tokio::test]
async fn of_150_commands_at_once_100_pass() {
    let server = TestServer::start().await;
    let ada = server.owner("ada").await;
    let ada = device(&server, &ada).await;
    let list = ListSessions::default;
    let (passed, refused) = at_once::<_, Sessions>(&ada, 150, list).await;
    // What flows in while they are asked passes, too.
    assert!((100..103).contains(&passed), "{passed} passed");
    assert_eq!(passed + refused.len(), 150);
    for refusal in refused {
        assert_eq!(refusal.code, Code::RATE_LIMITED);
        assert!(
            (1..=60_000).contains(&refusal.retry_after_ms),
            "{refusal:?}"
        );
    }
    // Messages and pages have rates of their own.
    let room = ada.all_of_mine().await.heads[0].room;
    let (passed, _) = at_once::<_, Posted>(&ada, 500, || ask::post(room, "a word")).await;
    assert_eq!(passed, 500, "an outbox of 500 messages meets no limit");
    let page = || ask::page(room, Place::NEWEST, 0, 5);
    let (passed, _) = at_once::<_, Page>(&ada, 250, page).await;
    assert_eq!(passed, 250);
}

#[tokio::test]
async fn passwords_are_not_guessed_at_leisure() {
    let server = TestServer::with(|config| config.server.registration = Registration::Open).await;
    let ada = server.owner("ada").await;
    let mut codes = Vec::new();
    for guess in 0..14 {
        codes.push(turned_away(&server, ada.by_password(&format!("guess {guess} at it"))).await);
    }
    let limited = codes
        .iter()
        .filter(|it| it.code == Code::RATE_LIMITED)
        .count();
    assert!(
        limited > 0 && codes[0].code == Code::BAD_LOG_IN,
        "{codes:?}"
    );
    assert!(codes.last().unwrap().retry_after_ms > 0);
    // Who has a session is not kept out by who guesses.
    server.connect(ada.by_token()).await.unwrap();
}
