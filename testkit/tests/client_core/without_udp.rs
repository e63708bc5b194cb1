//! Networks that let no UDP through, from the start or from some moment on.

use std::time::{Duration, Instant};

use parlor_client_core::api::{JoinLink, LinkState, NewInvite, ServerAddress, Transport};
use parlor_testkit::relay::{Both, Plan};
use parlor_testkit::server::TestServer;

use crate::face::Face;

/// A server behind a network.
struct Scene {
    server: TestServer,
    network: Both,
}

impl Scene {
    async fn set() -> Self {
        let server = TestServer::start().await;
        let at = (
            std::net::Ipv4Addr::LOCALHOST,
            server.server.address().port(),
        );
        let network = Both::start(at.into(), Plan::default(), 1).await.unwrap();
        Self { server, network }
    }

    /// The owner link, by way of the network.
    fn link(&self) -> JoinLink {
        let server = ServerAddress {
            port: self.network.addr().port(),
            ..self.server.address()
        };
        JoinLink {
            server,
            ..self.server.owner_link()
        }
    }
}

async fn carried_by(face: &mut Face, transport: Transport) {
    face.until(&format!("{transport:?}"), |core| {
        let link = core.link();
        (link.state == LinkState::Online && link.transport == Some(transport)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_udp_everything_works() {
    let scene = Scene::set().await;
    scene.network.block_udp();
    let mut ada = Face::join(&scene.link(), "ada").await;
    carried_by(&mut ada, Transport::Tcp).await;
    // Remembered: the next dials begin with both, and nobody waits for UDP again.
    let mut bob = ada.invite(&scene.link(), "bob").await;
    carried_by(&mut bob, Transport::Tcp).await;
    let general = ada.room("general").await;
    bob.room("general").await;
    let (hers, his) = (ada.timeline(general), bob.timeline(general));
    ada.say(general, "no UDP here").await;
    bob.sees(&his, &["no UDP here"]).await;
    bob.say(general, "nor here").await;
    ada.sees(&hers, &["no UDP here", "nor here"]).await;
    let long = "a long text, line by line\n".repeat(4_000);
    ada.say(general, &long).await;
    let seen = bob.texts(general).await;
    assert_eq!(seen.len(), 3);
    // A resume: the connection breaks, and what was written meanwhile goes out.
    scene.network.break_tcp();
    bob.until("the loss of the link", |core| {
        (core.link().state != LinkState::Online).then_some(())
    })
    .await;
    bob.core
        .post(general, "written without any network")
        .await
        .unwrap();
    scene.network.mend_tcp();
    ada.until("all of it", |_| {
        crate::face::shown(&hers)
            .last()
            .is_some_and(|last| last == "written without any network")
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_udp_is_cut_in_mid_session_the_client_is_back_over_tcp_and_later_over_quic() {
    let scene = Scene::set().await;
    let mut ada = Face::join(&scene.link(), "ada").await;
    let mut bob = ada.invite(&scene.server.owner_link(), "bob").await;
    carried_by(&mut ada, Transport::Quic).await;
    let general = ada.room("general").await;
    bob.room("general").await;
    let (hers, his) = (ada.timeline(general), bob.timeline(general));
    let mut said = Vec::new();
    for number in 0..60 {
        if number == 20 {
            scene.network.block_udp();
        }
        let (who, text) = match number % 2 {
            0 => (&ada, format!("ada {number}")),
            _ => (&bob, format!("bob {number}")),
        };
        who.core.post(general, &text).await.unwrap();
        said.push(text);
    }
    let cut = Instant::now();
    carried_by(&mut ada, Transport::Tcp).await;
    println!(
        "figure: over TCP {:.1} s after UDP was cut",
        cut.elapsed().as_secs_f64()
    );
    ada.until("all sent", |core| (core.link().unsent == 0).then_some(()))
        .await;
    bob.until("all sent", |core| (core.link().unsent == 0).then_some(()))
        .await;
    let mut seen = bob.texts(general).await;
    assert_eq!(ada.texts(general).await, seen, "the same for both");
    // Each person's own in their order, and none lost or doubled.
    for who in ["ada", "bob"] {
        let of = |texts: &[String]| -> Vec<String> {
            texts
                .iter()
                .filter(|text| text.starts_with(who))
                .cloned()
                .collect()
        };
        assert_eq!(of(&seen), of(&said));
    }
    seen.sort();
    said.sort();
    assert_eq!(seen, said);
    drop((hers, his));
    // Another network, with UDP: the link moves, and nobody notices.
    scene.network.allow_udp();
    ada.core.wake();
    carried_by(&mut ada, Transport::Quic).await;
    ada.say(general, "back on QUIC").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_udp_works_tcp_is_not_used() {
    let scene = Scene::set().await;
    let mut ada = Face::join(&scene.link(), "ada").await;
    carried_by(&mut ada, Transport::Quic).await;
    let invite = ada.core.create_invite(NewInvite::default()).await.unwrap();
    scene.network.break_tcp();
    let link = JoinLink {
        code: invite.code,
        ..scene.link()
    };
    let mut bob = Face::join(&link, "bob").await;
    carried_by(&mut bob, Transport::Quic).await;
    assert!(
        bob.core
            .link()
            .rtt
            .is_some_and(|rtt| rtt < Duration::from_secs(1))
    );
}
