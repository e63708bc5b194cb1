//! Who gets in, and what those hear who do not.

use parlor_protocol::account::Invite;
use parlor_protocol::hello::{Enter, LogIn, Password, Token};
use parlor_protocol::session::Entry;
use parlor_protocol::{Code, Extensions, RoomId};
use parlor_server::config::Registration;
use parlor_server::handler::invite::code_hash;
use parlor_server::store::NewInvite;
use parlor_testkit::ask;
use parlor_testkit::server::{PASSWORD, TestServer};
use parlor_testkit::wait::eventually;

use crate::common::{ada_and_bob, device, open_server, registration, turned_away};

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_alike() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let wrong = turned_away(&server, ada.by_password("not the password")).await;
    let unknown = LogIn {
        name: "nobody".to_owned(),
        password: Password(PASSWORD.to_owned()),
        device: "testkit".to_owned(),
        ext: Extensions::NONE,
    };
    let unknown = turned_away(&server, Entry::LogIn(unknown)).await;
    assert_eq!(wrong.code, Code::BAD_LOG_IN);
    assert_eq!(wrong, unknown);
    // The name is found however it is written.
    let mut shouting = ada;
    shouting.name = "ADA".to_owned();
    server
        .connect(shouting.by_password(PASSWORD))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_disabled_account_says_so_only_to_who_knows_its_password() {
    let server = open_server().await;
    server.owner("ada").await;
    let bob = server.register("bob", "").await;
    server
        .server
        .core()
        .store
        .set_disabled(bob.user, true)
        .await
        .unwrap();
    let code = async |entry| turned_away(&server, entry).await.code;
    assert_eq!(
        code(bob.by_password(PASSWORD)).await,
        Code::ACCOUNT_DISABLED
    );
    assert_eq!(
        code(bob.by_password("a guess at it")).await,
        Code::BAD_LOG_IN
    );
    assert_eq!(code(bob.by_token()).await, Code::SESSION_ENDED);
}

#[tokio::test]
async fn a_join_code_serves_as_often_and_as_long_as_it_says() {
    let server = TestServer::start().await;
    let owner = server.owner_link().code;
    let ada = server.owner("ada").await;
    let ada = device(&server, &ada).await;
    let once: Invite = ada.ask(&ask::invite(Vec::new(), 1, 0)).await;
    server.register("bob", &once.code.to_lowercase()).await;
    let code = async |entry| turned_away(&server, entry).await.code;
    assert_eq!(
        code(registration("carl", &once.code)).await,
        Code::INVITE_INVALID
    );
    assert_eq!(
        code(registration("carl", "NOSUCHCODE")).await,
        Code::INVITE_INVALID
    );
    assert_eq!(code(registration("carl", "")).await, Code::INVITE_REQUIRED);
    // The owner's link has done its work.
    assert_eq!(
        code(registration("carl", &owner)).await,
        Code::INVITE_INVALID
    );
    let brief: Invite = ada.ask(&ask::invite(Vec::new(), 0, 1)).await;
    eventually(parlor_testkit::device::COMES_WITHIN, async || {
        server.server.core().now_ms() > brief.expires_at_ms
    })
    .await
    .unwrap();
    assert_eq!(
        code(registration("carl", &brief.code)).await,
        Code::INVITE_INVALID
    );
}

#[tokio::test]
async fn a_closed_installation_takes_its_owner_and_nobody_else() {
    let server = TestServer::with(|config| config.server.registration = Registration::Closed).await;
    let ada = server.owner("ada").await;
    let ada = device(&server, &ada).await;
    let invite: Invite = ada.ask(&ask::invite(Vec::new(), 1, 0)).await;
    for code in ["", &invite.code] {
        let refusal = turned_away(&server, registration("bob", code)).await;
        assert_eq!(refusal.code, Code::REGISTRATION_CLOSED);
    }
}

#[tokio::test]
async fn a_name_is_given_once_however_it_is_drawn() {
    let server = open_server().await;
    server.owner("paula").await;
    // In capitals, with Cyrillic letters, in full width.
    for name in ["paula", "PAULA", "р\u{430}ul\u{430}", "ｐａｕｌａ"] {
        let refusal = turned_away(&server, registration(name, "")).await;
        assert_eq!(refusal.code, Code::NAME_TAKEN, "{name}");
    }
    for name in ["p", "-paula", "pau la", "pau\u{200b}la", &"p".repeat(33)] {
        let refusal = turned_away(&server, registration(name, "")).await;
        assert_eq!(refusal.code, Code::NAME_INVALID, "{name}");
    }
    let Entry::Register(mut short) = registration("carl", "") else {
        unreachable!("a registration")
    };
    short.password = Password("short".to_owned());
    let refusal = turned_away(&server, Entry::Register(short)).await;
    assert_eq!(refusal.code, Code::PASSWORD_INVALID);
}

#[tokio::test]
async fn people_are_found_by_name_and_strangers_are_left_out() {
    let server = open_server().await;
    let (ada, bob) = ada_and_bob(&server).await;
    let people = ask::people(&["BOB", "nobody"]);
    let found: parlor_protocol::account::People = ada.ask(&people).await;
    let found: Vec<_> = found
        .people
        .iter()
        .map(|it| (it.id, it.name.as_str()))
        .collect();
    assert_eq!(found, [(bob.user(), "bob")]);
}

#[tokio::test]
async fn a_room_that_cannot_be_joined_does_not_undo_an_account() {
    let server = open_server().await;
    server.owner("ada").await;
    let core = server.server.core();
    let invite = NewInvite {
        code: code_hash("NOSUCHROOM"),
        maker: None,
        rooms: vec![RoomId::new()],
        uses: 1,
        made_at_ms: core.now_ms(),
        expires_at_ms: core.now_ms() + 1_000_000,
        owner: false,
    };
    core.store.create_invite(invite).await.unwrap();
    let bob = server.register("bob", "NOSUCHROOM").await;
    server.connect(bob.by_password(PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn tokens_are_not_guessed_at_leisure_and_who_has_one_is_not_kept_out() {
    let server = TestServer::with(|config| {
        config.server.registration = Registration::Open;
        config.limits.addresses = true;
    })
    .await;
    let ada = server.owner("ada").await;
    let mut codes = Vec::new();
    for guess in 0..12 {
        let guess = Enter {
            token: Token([guess; 32]),
            ext: Extensions::NONE,
        };
        codes.push(turned_away(&server, Entry::Token(guess)).await.code);
    }
    assert_eq!(codes[0], Code::SESSION_ENDED);
    assert_eq!(codes.last(), Some(&Code::RATE_LIMITED));
    server.connect(ada.by_token()).await.unwrap();
}
