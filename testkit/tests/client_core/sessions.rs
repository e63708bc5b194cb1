//! Sessions: several devices, revoked ones, log-out.

use parlor_client_core::api::{
    AccountView, EnterError, Explain, LinkState, LogOutError, Options, Pin, Trust,
};
use parlor_client_core::profile::Profile;
use parlor_testkit::server::TestServer;

use crate::face::{Face, offline, sign_up};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_device_loses_token_and_content_and_keeps_what_is_unsent() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let general = ada.room("general").await;
    ada.say(general, "mine").await;
    let pins = Trust::Pins(server.server.pins().to_vec());
    let phone = ada.device("ada", &server.address(), pins.clone()).await;
    let others = phone.core.sessions().await.unwrap();
    let desk = others.iter().find(|session| !session.current).unwrap();
    phone.core.revoke_session(desk.id).await.unwrap();
    ada.until("the end of the session", |core| {
        matches!(core.account(), AccountView::Ended { .. }).then_some(())
    })
    .await;
    assert!(ada.core.rooms().is_empty());
    let mut ada = ada.again(offline()).await;
    assert!(matches!(ada.core.account(), AccountView::Ended { .. }));
    assert!(ada.core.rooms().is_empty());
    // The same person comes back.
    let me = ada
        .core
        .log_in(
            &server.address(),
            pins,
            "ada",
            parlor_testkit::server::PASSWORD,
        )
        .await
        .unwrap();
    assert_eq!(me.name, "ada");
    ada = ada.again(Options::app("test 0")).await;
    ada.room("general").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_logs_out_leaves_nothing_and_is_asked_about_unsent_messages() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let general = ada.room("general").await;
    let mut ada = ada.again(offline()).await;
    ada.core.post(general, "unsent").await.unwrap();
    let refused = ada.core.log_out(false).await.unwrap_err();
    assert!(matches!(refused, LogOutError::Unsent(1)), "{refused}");
    ada.core.log_out(true).await.unwrap();
    ada.until("nobody", |core| {
        (core.account() == AccountView::None).then_some(())
    })
    .await;
    let ada = ada.again(offline()).await;
    assert_eq!(ada.core.account(), AccountView::None);
    assert!(ada.core.rooms().is_empty());
    assert_eq!(ada.core.link().unsent, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_names_keys_and_links_are_told_apart() {
    let server = TestServer::start().await;
    let ada = Face::owner(&server, "ada").await;
    let nobody = Face::new().await;
    let (core, address) = (&nobody.core, server.address());
    let pins = Trust::Pins(server.server.pins().to_vec());
    let wrong = core
        .log_in(&address, pins.clone(), "ada", "not the password")
        .await
        .unwrap_err();
    assert!(matches!(wrong, EnterError::BadLogIn(_)), "{wrong}");
    let stranger = core
        .log_in(&address, Trust::Pins(vec![Pin([1; 32])]), "ada", "x")
        .await
        .unwrap_err();
    assert_eq!(stranger.code(), "wrong_pin");
    let asked = core
        .log_in(&address, Trust::AskFingerprint, "ada", "x")
        .await
        .unwrap_err();
    assert!(
        matches!(asked, EnterError::UnknownKey { pin } if server.server.pins().contains(&pin)),
        "{asked}"
    );
    let used = core
        .join(&server.owner_link(), sign_up("eve"))
        .await
        .unwrap_err();
    assert_eq!(used.code(), "invite_invalid");
    let taken = ada
        .core
        .log_in(&address, pins, "ada", "x")
        .await
        .unwrap_err();
    assert_eq!(taken.code(), "profile_taken");
    let unreachable = "127.0.0.1:1".parse().unwrap();
    let down = core
        .log_in(&unreachable, Trust::Ca, "ada", "x")
        .await
        .unwrap_err();
    assert!(down.is_transient(), "{down}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_rotates_lets_every_process_of_the_profile_in() {
    // Every entry offers a new token.
    let server = TestServer::with(|config| config.session.rotate_hours = 0).await;
    let mut ada = Face::owner(&server, "ada").await;
    let general = ada.room("general").await;
    for round in 0..4 {
        let script = ada.beside(Options::script("test 0")).await;
        script.say(general, &format!("round {round}")).await;
        script.core.close().await;
    }
    let ada = ada.again(Options::app("test 0")).await;
    ada.online().await;
    assert_eq!(ada.texts(general).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn twenty_processes_that_are_offered_tokens_at_once_stay_logged_in() {
    let server = TestServer::with(|config| config.session.rotate_hours = 0).await;
    let mut ada = Face::owner(&server, "ada").await;
    let general = ada.room("general").await;
    for round in 0..3 {
        let mut sending = Vec::new();
        for number in 0..20 {
            let folder = ada.folder.clone();
            sending.push(tokio::spawn(async move {
                let script = Face::open(folder, Options::script("test 0")).await;
                let text = format!("round {round} process {number}");
                script.say(general, &text).await;
                assert!(matches!(script.core.account(), AccountView::Active(_)));
                script.core.close().await;
            }));
        }
        for sent in sending {
            sent.await.unwrap();
        }
    }
    let ada = ada.again(Options::app("test 0")).await;
    ada.online().await;
    assert!(matches!(ada.core.account(), AccountView::Active(_)));
    assert_eq!(ada.texts(general).await.len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_file_that_cannot_be_read_for_a_moment_costs_nothing() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let general = ada.room("general").await;
    ada.say(general, "kept").await;
    let Face { core, folder, .. } = ada;
    core.close().await;
    let there = Profile::at(folder.path()).session_file();
    let away = there.with_extension("away");
    std::fs::rename(&there, &away).unwrap();
    std::fs::create_dir(&there).unwrap();
    let mut ada = Face::open(folder, Options::app("test 0")).await;
    let stopped = ada.core.online().await.unwrap_err();
    assert_eq!(stopped.code(), "secret_file");
    assert!(stopped.to_string().contains("session"), "{stopped}");
    assert!(matches!(ada.core.account(), AccountView::Active(_)));
    assert!(ada.core.room(general).is_some());
    std::fs::remove_dir(&there).unwrap();
    std::fs::rename(&away, &there).unwrap();
    ada.core.wake();
    ada.until("online", |core| {
        (core.link().state == LinkState::Online).then_some(())
    })
    .await;
    assert_eq!(ada.texts(general).await, ["kept"]);
}
