//! Sessions: listed, ended, renewed.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use parlor_client_core::net::CloseReason;
use parlor_protocol::account::{ListSessions, LogOut, Sessions};
use parlor_protocol::hello::{Done, Enter, Token};
use parlor_protocol::session::Entry;
use parlor_protocol::{Code, Extensions};
use parlor_server::handler::account;
use parlor_testkit::ask;
use parlor_testkit::device::Device;
use parlor_testkit::server::{PASSWORD, TestServer};

use crate::common::{device, open, open_server, turned_away};

/// How soon the link of an ended session ends.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

async fn ended(device: &mut Device) {
    let why = tokio::time::timeout(ENDS_WITHIN, device.closed())
        .await
        .unwrap();
    assert!(
        matches!(
            why,
            CloseReason::Server {
                code: Code::SESSION_ENDED,
                ..
            }
        ),
        "{why:?}"
    );
}

fn by(token: &Token) -> Entry {
    Entry::Token(Enter {
        token: token.clone(),
        ext: Extensions::NONE,
    })
}

async fn sessions(device: &Device) -> Sessions {
    device.ask(&ListSessions::default()).await
}

#[tokio::test]
async fn a_revoked_session_ends_its_link_and_its_token() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let mut phone = device(&server, &ada).await;
    let desk = Device::new(server.connect(ada.by_password(PASSWORD)).await.unwrap());
    let listed = sessions(&desk).await.sessions;
    assert_eq!(listed.len(), 2);
    let current: Vec<_> = listed
        .iter()
        .filter(|it| it.current)
        .map(|it| it.id)
        .collect();
    assert_eq!(current, [desk.entered.session]);

    let _: Done = desk.ask(&ask::revoke(phone.entered.session)).await;
    ended(&mut phone).await;
    assert_eq!(
        turned_away(&server, ada.by_token()).await.code,
        Code::SESSION_ENDED
    );
    assert_eq!(sessions(&desk).await.sessions.len(), 1);
    // Somebody else's, or one that is over, is not there.
    let again = desk.refused(&ask::revoke(phone.entered.session)).await;
    assert_eq!(again, Code::SESSION_ENDED);
}

#[tokio::test]
async fn logging_out_is_answered_and_ends_the_link() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let mut phone = device(&server, &ada).await;
    let _: Done = phone.ask(&LogOut::default()).await;
    ended(&mut phone).await;
    assert_eq!(
        turned_away(&server, ada.by_token()).await.code,
        Code::SESSION_ENDED
    );
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let mut phone = device(&server, &ada).await;
    let desk = Device::new(server.connect(ada.by_password(PASSWORD)).await.unwrap());
    let wrong = ask::change_password("a guess at it", "another one altogether");
    assert_eq!(desk.refused(&wrong).await, Code::BAD_LOG_IN);
    let short = ask::change_password(PASSWORD, "short");
    assert_eq!(desk.refused(&short).await, Code::PASSWORD_INVALID);

    let right = ask::change_password(PASSWORD, "another one altogether");
    let _: Done = desk.ask(&right).await;
    ended(&mut phone).await;
    assert_eq!(sessions(&desk).await.sessions.len(), 1);
    assert_eq!(
        turned_away(&server, ada.by_token()).await.code,
        Code::SESSION_ENDED
    );
    assert_eq!(
        turned_away(&server, ada.by_password(PASSWORD)).await.code,
        Code::BAD_LOG_IN
    );
    server
        .connect(ada.by_password("another one altogether"))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_that_was_renewed_in_vain_stays_good_until_a_new_one_is_used() {
    let server = TestServer::with(|config| {
        open(config);
        // Every visit by an accepted token renews it.
        config.session.rotate_hours = 0;
    })
    .await;
    let ada = server.owner("ada").await;
    let lost = server
        .connect(ada.by_token())
        .await
        .unwrap()
        .entered
        .token
        .unwrap();
    // The answer was lost: the old one still does.
    let new = server
        .connect(ada.by_token())
        .await
        .unwrap()
        .entered
        .token
        .unwrap();
    assert_ne!(lost, new);
    // Used for the first time, it is the session's; used again, it is old itself.
    assert_eq!(server.connect(by(&new)).await.unwrap().entered.token, None);
    for void in [&ada.token, &lost] {
        assert_eq!(
            turned_away(&server, by(void)).await.code,
            Code::SESSION_ENDED
        );
    }
    assert!(
        server
            .connect(by(&new))
            .await
            .unwrap()
            .entered
            .token
            .is_some()
    );
}

#[tokio::test]
async fn a_session_that_is_too_old_or_unused_too_long_is_over() {
    for absolute in [true, false] {
        let server = TestServer::with(|config| {
            open(config);
            match absolute {
                true => config.session.absolute_days = 0,
                false => config.session.idle_days = 0,
            }
        })
        .await;
        let ada = server.owner("ada").await;
        assert_eq!(
            turned_away(&server, ada.by_token()).await.code,
            Code::SESSION_ENDED
        );
    }
}

/// The steps of an entry, with something in between.
#[tokio::test]
async fn what_ends_a_session_between_the_steps_of_entering_is_found() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let core = server.server.core();
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    let log_in = async || {
        let Entry::LogIn(log_in) = ada.by_password(PASSWORD) else {
            unreachable!("a log-in")
        };
        account::log_in(core, from, log_in).await.unwrap()
    };
    let confirmed = async |granted: &account::Granted| {
        let confirmed = account::confirm(core, granted).await;
        confirmed.map_err(|refusal| refusal.code)
    };
    let by_log_in = log_in().await;
    assert_eq!(confirmed(&by_log_in).await, Ok(()));
    let by_token = account::enter(core, from, &ada.token).await.unwrap();
    assert_eq!(confirmed(&by_token).await, Ok(()));

    core.store.end_sessions(ada.user, None).await.unwrap();
    for granted in [&by_log_in, &by_token] {
        assert_eq!(confirmed(granted).await, Err(Code::SESSION_ENDED));
    }
    // The password changed, and all sessions ended, just before this one was made.
    let late = log_in().await;
    core.store.set_password(ada.user, "another").await.unwrap();
    assert_eq!(confirmed(&late).await, Err(Code::BAD_LOG_IN));
    let left = core.store.sessions(ada.user).await.unwrap();
    assert!(left.is_empty(), "nobody holds its token");
    core.store.set_disabled(ada.user, true).await.unwrap();
    assert_eq!(confirmed(&late).await, Err(Code::SESSION_ENDED));
}
