//! Files that are damaged while nobody looks.

use parlor_client_core::api::{Change, Explain, Options};
use parlor_client_core::profile::Profile;
use parlor_testkit::server::TestServer;

use crate::face::{Face, offline};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_content_is_loaded_again_and_unsent_messages_are_kept() {
    let server = TestServer::start().await;
    let mut ada = Face::owner(&server, "ada").await;
    let general = ada.room("general").await;
    ada.say(general, "on the server").await;
    let ada = ada.again(offline()).await;
    ada.core.post(general, "only here").await.unwrap();
    let content = ada.content_file();
    ada.core.close().await;
    for end in ["-wal", "-shm"] {
        let mut file = content.as_os_str().to_owned();
        file.push(end);
        let _ = std::fs::remove_file(file);
    }
    std::fs::write(&content, vec![0x77; 16_384]).unwrap();
    let mut ada = Face::open(ada.folder, Options::app("test 0")).await;
    ada.change("a notice", |change| match change {
        Change::Notice(notice) if notice.code == "content_made_anew" => Some(()),
        _ => None,
    })
    .await;
    ada.until("all sent", |core| (core.link().unsent == 0).then_some(()))
        .await;
    ada.room("general").await;
    assert_eq!(ada.texts(general).await, ["on the server", "only here"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_outbox_is_refused_with_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let profile = Profile::at(folder.path());
    profile.make_folders().unwrap();
    std::fs::write(profile.outbox_file(), vec![0x77; 16_384]).unwrap();
    let error = parlor_client_core::api::Core::open(profile, Options::app("test 0"))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "store_damaged");
    assert!(error.to_string().contains("outbox.db"), "{error}");
}
