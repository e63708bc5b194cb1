use parlor_protocol::hello::*;
use parlor_protocol::{Code, Epoch, Extensions, Refusal};

use super::{EVENING_MS, Told, ada, later, phone};

const NONE: Extensions = Extensions::NONE;

pub fn hello() -> Hello {
    Hello {
        minor_oldest: 0,
        minor_newest: 0,
        features: feature::ZSTD | feature::SIGNALS | feature::LONG_TEXT,
        body_bytes: 262_144,
        client: "parlor 0.1.0".into(),
        clock_ms: EVENING_MS,
        epoch: 0,
        ext: NONE,
    }
}

pub fn welcome() -> Welcome {
    Welcome {
        minor: 0,
        features: feature::ZSTD | feature::SIGNALS | feature::LONG_TEXT,
        body_bytes: 262_144,
        text_bytes: 1_048_576,
        epoch: Epoch(0x5eed_cafe_0000_0001),
        installation: "Ada's kitchen".into(),
        nodes: vec![
            node("chat.example:7443", 12),
            node("[2001:db8::7]:7443", 200),
        ],
        pins: vec![[0xa5; 32], [0x5a; 32]],
        clock_ms: EVENING_MS + 3,
        heartbeat_ms: 25_000,
        idle_ms: 60_000,
        registration: 0,
        ext: NONE,
    }
}

fn node(address: &str, load: u8) -> Node {
    let address = address.into();
    Node { address, load }
}

pub fn register() -> Register {
    Register {
        code: "K7Q2M9".into(),
        name: "ada".into(),
        display_name: "Ada L.".into(),
        password: Password("correct horse".into()),
        device: "laptop".into(),
        ext: NONE,
    }
}

pub fn log_in() -> LogIn {
    LogIn {
        name: "ada".into(),
        password: Password("correct horse".into()),
        device: "laptop".into(),
        ext: NONE,
    }
}

pub fn enter() -> Enter {
    Enter {
        token: Token([0x11; 32]),
        ext: NONE,
    }
}

pub fn entered() -> Entered {
    Entered {
        user: ada(),
        name: "ada".into(),
        display_name: "Ada L.".into(),
        administrator: false,
        session: phone(),
        token: Some(Token([0x22; 32])),
        ext: NONE,
    }
}

pub fn go_away() -> GoAway {
    GoAway {
        retry_min_ms: 200,
        retry_max_ms: 1_500,
        nodes: vec![node("[2001:db8::7]:7443", 200)],
        reason: "This node is being updated.".into(),
        ext: NONE,
    }
}

pub(super) fn frames() -> Vec<Told> {
    let refusal = Refusal::new(Code::RATE_LIMITED).retry_after_ms(1_200);
    vec![
        Told::new(refusal),
        Told::new(Done { ext: later() }),
        Told::new(hello()),
        Told::new(welcome()),
        Told::new(log_in()),
        Told::new(register()),
        Told::new(enter()),
        Told::new(entered()),
        Told::new(go_away()),
        Told::new(Goodbye { ext: NONE }),
        Told::new(Ping {
            opaque: 0x0102_0304_0506_0708,
            ext: NONE,
        }),
        Told::new(Pong {
            opaque: 0x0102_0304_0506_0708,
            clock_ms: EVENING_MS + 250,
            ext: NONE,
        }),
    ]
}
