use parlor_protocol::Extensions;
use parlor_protocol::account::*;
use parlor_protocol::hello::Password;

use super::{EVENING_MS, Told, ada, bo, kitchen, phone};

const NONE: Extensions = Extensions::NONE;

pub fn person_ada() -> Person {
    Person {
        id: ada(),
        name: "ada".into(),
        display_name: "Ada L.".into(),
    }
}

pub fn person_bo() -> Person {
    Person {
        id: bo(),
        name: "bo".into(),
        display_name: "Bo".into(),
    }
}

pub fn sessions() -> Sessions {
    let session = Session {
        id: phone(),
        device: "phone".into(),
        made_at_ms: EVENING_MS - 86_400_000,
        seen_at_ms: EVENING_MS,
        address: "192.0.2.7".into(),
        current: true,
    };
    Sessions {
        sessions: vec![session],
        ext: NONE,
    }
}

pub(super) fn frames() -> Vec<Told> {
    vec![
        Told::new(LogOut { ext: NONE }),
        Told::new(ListSessions { ext: NONE }),
        Told::new(sessions()),
        Told::new(RevokeSession {
            session: phone(),
            ext: NONE,
        }),
        Told::new(ChangePassword {
            old: Password("correct horse".into()),
            new: Password("battery staple".into()),
            ext: NONE,
        }),
        Told::new(CreateInvite {
            rooms: vec![kitchen()],
            uses: 5,
            life_ms: 604_800_000,
            ext: NONE,
        }),
        Told::new(Invite {
            code: "K7Q2M9".into(),
            link: "parlor://chat.example:7443/j/K7Q2M9".into(),
            expires_at_ms: EVENING_MS + 604_800_000,
            ext: NONE,
        }),
        Told::new(RedeemInvite {
            code: "K7Q2M9".into(),
            ext: NONE,
        }),
        Told::new(Redeemed {
            rooms: vec![kitchen()],
            ext: NONE,
        }),
        Told::new(FindPeople {
            ids: vec![ada()],
            names: vec!["bo".into(), "zoë".into()],
            ext: NONE,
        }),
        Told::new(People {
            people: vec![person_ada(), person_bo()],
            ext: NONE,
        }),
    ]
}
