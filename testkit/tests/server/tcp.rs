//! Links over TCP: all that a client does, and what hostile ones try.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use parlor_client_core::net::{BulkError, CloseReason, Link, Over, Transport};
use parlor_protocol::frame::encode;
use parlor_protocol::hello::Ping;
use parlor_protocol::limit::{BODY_BYTES, BODY_UNENTERED_BYTES, TEXT_BYTES};
use parlor_protocol::message::{Place, Posted};
use parlor_protocol::room::RoomKind;
use parlor_protocol::signal::TypingDigest;
use parlor_protocol::sync::Behind;
use parlor_protocol::tcp::{ALPN_BULK, LinkToken};
use parlor_protocol::{ALPN, Code, Extensions, Kind, RoomId};
use parlor_server::config::Config;
use parlor_testkit::ask;
use parlor_testkit::device::{COMES_WITHIN, Device};
use parlor_testkit::hostile::{HostileTcp, header};
use parlor_testkit::server::{TestPerson, TestServer};
use parlor_testkit::wait::eventually;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::common::{device, open, open_server, room_of};

/// What is cut off at once is so within this, on a machine that does other things as well.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn by_tcp(server: &TestServer, person: &TestPerson) -> Device {
    let connected = server.connect_over(Over::Tcp, person.by_token()).await;
    Device::new(connected.unwrap())
}

fn at(server: &TestServer) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, server.server.address().port()))
}

#[tokio::test]
async fn one_on_tcp_and_one_on_quic_see_the_same() {
    let server = open_server().await;
    let (ada, bob) = (server.owner("ada").await, server.register("bob", "").await);
    let (mut ada, mut bob) = (by_tcp(&server, &ada).await, device(&server, &bob).await);
    assert_eq!(ada.link.transport(), Transport::Tcp);
    assert_eq!(bob.link.transport(), Transport::Quic);
    let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
    ada.open(room).await;
    bob.open(room).await;
    let mut said = Vec::new();
    for number in 0..50 {
        let text = format!("message {number}");
        let who = if number % 2 == 0 { &ada } else { &bob };
        said.push((who.post(room, &text).await.seq, text));
    }
    for device in [&mut ada, &mut bob] {
        let mut seen = Vec::new();
        for _ in 0..said.len() {
            let message = device.message(room).await;
            seen.push((message.seq, message.text));
        }
        assert_eq!(seen, said);
    }
    assert_eq!(ada.newest(room).await, bob.newest(room).await);
    // Signals, both ways.
    assert!(bob.link.signal(&ask::typing(room, true)));
    let digest: TypingDigest = ada.push().await;
    assert_eq!(digest.people, [bob.user()]);
    assert!(ada.link.signal(&ask::typing(room, true)));
    loop {
        let digest: TypingDigest = bob.push().await;
        if digest.people.len() == 2 {
            break;
        }
    }
    assert!(ada.link.ping(COMES_WITHIN).await.is_ok());
    ada.leave().await;
}

#[tokio::test]
async fn a_megabyte_goes_up_and_comes_down_beside_the_link() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let ada = by_tcp(&server, &ada).await;
    let room = room_of(RoomKind::PRIVATE, &ada, &[]).await;
    let text: String = (0..)
        .map(|number| format!("line {number} ä\n"))
        .take(100_000)
        .collect();
    let text = &text[..text.floor_char_boundary(TEXT_BYTES)];
    let put = ask::put_text(room, text);
    ada.link
        .put_text(&put, text.to_owned().into())
        .await
        .unwrap();
    let posted: Posted = ada.ask(&ask::post_long(room, text)).await;
    let get = ask::get_text(room, posted.seq);
    for _ in 0..3 {
        let came = ada.link.get_text(&get).await.unwrap();
        assert!(came == text.as_bytes(), "the same bytes");
    }
    // One that is refused says why, though the client had begun to send it.
    let refused = ask::put_text(RoomId::new(), text);
    match ada.link.put_text(&refused, text.to_owned().into()).await {
        Err(BulkError::Refused(refusal)) => assert_eq!(refusal.code, Code::NOT_FOUND),
        other => panic!("{other:?}"),
    }
    // And the link goes on.
    ada.post(room, "still here").await;
}

#[tokio::test]
async fn a_bulk_connection_is_its_links_alone() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let link = by_tcp(&server, &ada).await;
    let token = LinkToken::of(&link.welcome).expect("a welcome over TCP names the link");
    let over_quic = device(&server, &ada).await;
    assert_eq!(LinkToken::of(&over_quic.welcome), None);
    let request = encode(1, &ask::get_text(RoomId::new(), 1));
    let code = async |token: &[u8]| {
        let mut stranger = HostileTcp::connect(at(&server), ALPN_BULK).await;
        stranger.write(&[token, &request[..]].concat()).await;
        let frame = stranger.frame().await.expect("an answer");
        frame.open::<parlor_protocol::Refusal>().unwrap().code
    };
    assert_eq!(code(&[7; 32]).await, Code::NOT_ENTERED);
    assert_eq!(code(&token.0).await, Code::NOT_FOUND);
    // Nothing but the token: it waits for its request, and ends with the link.
    let mut waiting = HostileTcp::connect(at(&server), ALPN_BULK).await;
    waiting.write(&token.0).await;
    link.leave().await;
    assert!(waiting.cut(AT_ONCE).await.is_some());
    assert_eq!(code(&token.0).await, Code::NOT_ENTERED);
}

#[tokio::test]
async fn a_drained_server_tells_links_over_tcp_and_closes_them_in_time() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let mut link = by_tcp(&server, &ada).await;
    let mut stays = by_tcp(&server, &ada).await;
    let room = room_of(RoomKind::PRIVATE, &link, &[]).await;
    let said = link.post(room, "before the end").await;
    let stopping = tokio::spawn(server.restart());
    let go_away = link.go_away().await;
    assert!(go_away.retry_min_ms < go_away.retry_max_ms);
    let late: Posted = link.ask(&ask::post(room, "in the midst of it")).await;
    link.leave().await;
    match stays.closed().await {
        CloseReason::Server { code, .. } => assert_eq!(code, Code::GOING_AWAY),
        other => panic!("{other:?}"),
    }
    let server = stopping.await.unwrap();
    let again = by_tcp(&server, &ada).await;
    let page = again.newest(room).await;
    let seqs: Vec<u64> = page.messages.iter().map(|it| it.seq).collect();
    assert_eq!(seqs, [said.seq, late.seq]);
}

#[tokio::test]
async fn a_session_that_ends_takes_its_link_with_it_and_says_why() {
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let mut link = by_tcp(&server, &ada).await;
    let revoke = parlor_protocol::account::RevokeSession {
        session: link.entered.session,
        ext: Extensions::NONE,
    };
    let second = server
        .connect(ada.by_password(parlor_testkit::server::PASSWORD))
        .await;
    let second = Device::new(second.unwrap());
    let _: parlor_protocol::hello::Done = second.ask(&revoke).await;
    match link.closed().await {
        CloseReason::Server { code, .. } => assert_eq!(code, Code::SESSION_ENDED),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn who_reads_too_slowly_falls_behind_and_catches_up() {
    let server = TestServer::with(|config| {
        open(config);
        config.link.outbound_kib = 64;
    })
    .await;
    let (ada, bob) = (server.owner("ada").await, server.register("bob", "").await);
    let ada = device(&server, &ada).await;
    let connected = server
        .connect_over(Over::Tcp, bob.by_token())
        .await
        .unwrap();
    let room = room_of(RoomKind::PRIVATE, &ada, &[]).await;
    ada.done(&ask::add(room, connected.entered.user)).await;
    let (link, mut events) = (connected.link, connected.events);
    let opened = link.fire(&ask::open(room, None, 0)).unwrap();
    loop {
        use parlor_client_core::net::LinkEvent;
        if matches!(events.next().await, LinkEvent::Reply { request, .. } if request == opened) {
            break;
        }
    }
    // Nobody polls the events: the socket fills, then the queue. Incompressible, so that it counts.
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut noise = || -> String {
        (0..30_000)
            .map(|_| char::from(b'!' + (rng.next_u32() % 90) as u8))
            .collect()
    };
    for _ in 0..300 {
        ada.post(room, &noise()).await;
    }
    let mut behind = None;
    while behind.is_none() {
        use parlor_client_core::net::LinkEvent;
        match tokio::time::timeout(COMES_WITHIN, events.next())
            .await
            .unwrap()
        {
            LinkEvent::Push(frame) if frame.header.kind == Kind::BEHIND => {
                behind = Some(frame.open::<Behind>().unwrap());
            }
            LinkEvent::Closed(why) => panic!("{why}"),
            _ => {}
        }
    }
    assert_eq!(behind.unwrap().head.room, room);
    let mut bob = Device::new(parlor_client_core::net::Connected {
        link,
        events,
        welcome: connected.welcome,
        entered: connected.entered,
    });
    let last = ada.post(room, "and now?").await;
    while bob.message(room).await.seq != last.seq {}
    let page = bob.newest(room).await;
    assert_eq!(page.messages.last().map(|it| it.seq), Some(last.seq));
}

/// A server with a stranger's account, and two people who talk all the while.
struct Scene {
    server: TestServer,
    mallory: TestPerson,
    rounds: watch::Receiver<u64>,
    talk: JoinHandle<()>,
}

impl Scene {
    async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let server = TestServer::with(|config| {
            open(config);
            config.link.frame_s = 1;
            change(config);
        })
        .await;
        let (ada, bob) = (server.owner("ada").await, server.register("bob", "").await);
        let (ada, mut bob) = (by_tcp(&server, &ada).await, by_tcp(&server, &bob).await);
        let mallory = server.register("mallory", "").await;
        let room = room_of(RoomKind::PRIVATE, &ada, &[&bob]).await;
        bob.open(room).await;
        let (count, rounds) = watch::channel(0);
        let talk = tokio::spawn(async move {
            loop {
                let said = ada.post(room, "still there?").await;
                assert_eq!(bob.message(room).await.seq, said.seq);
                // Who only hears must be heard, too: a client's heartbeat does it.
                assert!(bob.link.ping(COMES_WITHIN).await.is_ok());
                count.send_modify(|rounds| *rounds += 1);
            }
        });
        Self {
            server,
            mallory,
            rounds,
            talk,
        }
    }

    async fn enter(&self) -> HostileTcp {
        HostileTcp::enter(at(&self.server), ALPN, &self.mallory.token).await
    }

    async fn others_did_not_notice(mut self) {
        let seen = *self.rounds.borrow();
        let more = self.rounds.wait_for(|rounds| *rounds >= seen + 5);
        let more = tokio::time::timeout(COMES_WITHIN, more).await;
        if !matches!(more, Ok(Ok(_))) {
            panic!("the honest two stopped: {:?}", self.talk.await);
        }
        self.talk.abort();
    }
}

#[tokio::test]
async fn garbage_is_cut_off() {
    let scene = Scene::with(|_| {}).await;
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for round in 0..20 {
        // Before TLS, and within it.
        let mut garbage = vec![0; 5_000];
        rng.fill_bytes(&mut garbage);
        let mut raw = TcpStream::connect(at(&scene.server)).await.unwrap();
        let _ = raw.write_all(&garbage).await;
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(AT_ONCE, raw.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "round {round}: not cut off");
        garbage[3] |= 0x80;
        let mut hostile = HostileTcp::connect(at(&scene.server), ALPN).await;
        hostile.write(&garbage).await;
        assert_eq!(hostile.cut(AT_ONCE).await.unwrap().code, Code::MALFORMED);
        let mut bulk = HostileTcp::connect(at(&scene.server), ALPN_BULK).await;
        bulk.write(&garbage).await;
        assert_eq!(bulk.cut(AT_ONCE).await.unwrap().code, Code::NOT_ENTERED);
    }
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn a_length_above_the_bound_is_cut_off_before_its_body_comes() {
    let scene = Scene::with(|_| {}).await;
    let mut stranger = HostileTcp::connect(at(&scene.server), ALPN).await;
    let over = u32::try_from(BODY_UNENTERED_BYTES + 9).unwrap();
    stranger.write(&header(over, Kind::HELLO, 1)).await;
    assert_eq!(stranger.cut(AT_ONCE).await.unwrap().code, Code::MALFORMED);
    let mut member = scene.enter().await;
    let over = u32::try_from(BODY_BYTES + 9).unwrap();
    member.write(&header(over, Kind::POST, 1)).await;
    assert_eq!(member.cut(AT_ONCE).await.unwrap().code, Code::MALFORMED);
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn half_a_frame_does_not_stay_for_ever() {
    let scene = Scene::with(|_| {}).await;
    let mut silent = scene.enter().await;
    silent.write(&header(100, Kind::LIST_SESSIONS, 9)).await;
    assert_eq!(silent.cut(AT_ONCE).await.unwrap().code, Code::TIMED_OUT);
    let mut unentered = HostileTcp::connect(at(&scene.server), ALPN).await;
    unentered.write(&header(200, Kind::HELLO, 1)).await;
    let cut = unentered.cut(2 * AT_ONCE).await.unwrap();
    assert_eq!(cut.code, Code::TIMED_OUT);
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn silence_ends_a_link_and_a_heartbeat_keeps_it() {
    let scene = Scene::with(|config| config.link.idle_s = 2).await;
    let mut silent = scene.enter().await;
    let mut keeps = scene.enter().await;
    let ping = encode(
        7,
        &Ping {
            opaque: 1,
            ext: Extensions::NONE,
        },
    );
    let beat = async {
        loop {
            keeps.write(&ping).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let cut = tokio::select! {
        cut = silent.cut(2 * AT_ONCE) => cut,
        () = beat => unreachable!("it beats for ever"),
    };
    assert_eq!(cut.unwrap().code, Code::TIMED_OUT);
    keeps.write(&ping).await;
    assert_eq!(keeps.frame().await.unwrap().header.kind, Kind::PONG);
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn who_never_reads_is_not_read_either_and_is_cut() {
    let scene = Scene::with(|config| config.link.idle_s = 3).await;
    // What the server holds for a link: 256 KiB of answers, its socket's and the client's buffers.
    let (offered, bound) = (24 * 1024 * 1024, 12 * 1024 * 1024);
    let page = encode(8, &ask::page(RoomId::new(), Place::NEWEST, 0, 200)).repeat(100);
    let mut hostile = scene.enter().await;
    let taken = hostile.flood(&page, offered, Duration::from_secs(1)).await;
    assert!(taken < bound, "{taken} bytes of requests were taken");
    assert!(hostile.is_cut_unread(&page, 2 * AT_ONCE).await);
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn a_thousand_half_open_connections_keep_nobody_out() {
    let scene = Scene::with(|config| config.link.half_open = 64).await;
    let mut half_open = Vec::new();
    for number in 0..1_000 {
        let mut tcp = TcpStream::connect(at(&scene.server)).await.unwrap();
        // Some say nothing, some half a hello of TLS.
        if number % 2 == 0 {
            let _ = tcp.write_all(&[0x16, 0x03, 0x01]).await;
        }
        half_open.push(tcp);
    }
    let metrics = scene.server.server.core().metrics.clone();
    eventually(COMES_WITHIN, async || metrics.half_open.get() <= 64)
        .await
        .unwrap();
    // Who is honest is in at once: the oldest makes room.
    let late = by_tcp(&scene.server, &scene.mallory).await;
    assert!(late.link.ping(COMES_WITHIN).await.is_ok());
    // By then the first of them have been dropped.
    let mut byte = [0];
    let dropped = tokio::time::timeout(AT_ONCE, half_open[0].read(&mut byte)).await;
    assert!(matches!(dropped, Ok(Ok(0) | Err(_))), "{dropped:?}");
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn a_link_takes_no_more_transfers_than_it_may() {
    let scene = Scene::with(|_| {}).await;
    let connected = scene
        .server
        .connect_over(Over::Tcp, scene.mallory.by_token())
        .await;
    let device = Device::new(connected.unwrap());
    let token = LinkToken::of(&device.welcome).unwrap();
    let mut open = Vec::new();
    for _ in 0..6 {
        let mut bulk = HostileTcp::connect(at(&scene.server), ALPN_BULK).await;
        bulk.write(&token.0).await;
        open.push(bulk);
    }
    let refused = async || {
        let mut seventh = HostileTcp::connect(at(&scene.server), ALPN_BULK).await;
        seventh.write(&token.0).await;
        let cut = seventh.cut(Duration::from_millis(300)).await;
        cut.is_some_and(|cut| cut.code == Code::BUSY)
    };
    eventually(COMES_WITHIN, refused).await.unwrap();
    scene.others_did_not_notice().await;
}

#[tokio::test]
async fn a_port_that_tcp_has_taken_is_a_clear_error() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let error = TestServer::refusal(|config| config.listen.port = port, &folder).await;
    let text = error.expect("it does not start").to_string();
    assert!(
        text.contains(&format!("TCP port {port} is in use")),
        "{text}"
    );
}

#[tokio::test]
async fn a_wrong_key_is_refused_over_tcp_too() {
    use parlor_client_core::net::{ConnectError, Dial, Endpoint, Flight, Target, Trust, hello};
    let server = open_server().await;
    let ada = server.owner("ada").await;
    let dial = |trust: Trust| Dial {
        over: Over::Tcp,
        ..Dial::new(
            Endpoint::open().unwrap(),
            Target::new(server.address(), trust).unwrap(),
        )
    };
    let connect = async |trust: Trust| {
        let flight = Flight::new(&hello("testkit", 0), &ada.by_token());
        Link::connect(&dial(trust), flight).await
    };
    let pin = server.server.pins()[0];
    let other = parlor_protocol::link::Pin([7; 32]);
    match connect(Trust::Pins(vec![other])).await {
        Err(ConnectError::WrongPin { got, .. }) => assert_eq!(got, pin),
        other => panic!("{other:?}"),
    }
    match connect(Trust::AskFingerprint).await {
        Err(ConnectError::UnknownKey { pin: told, .. }) => assert_eq!(told, pin),
        other => panic!("{other:?}"),
    }
    // Nobody is called by what the certificate says, but by the key: the next pin is as good.
    assert!(connect(Trust::Pins(vec![other, pin])).await.is_ok());
}
