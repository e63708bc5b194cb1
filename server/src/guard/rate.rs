//! Rate limits: token buckets by class of request and by who asks.
//!
//! Each bucket is one instant, the time at which it would be full again (the generic cell rate
//! algorithm): nothing is filled by a timer.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroUsize;

use lru::LruCache;
use parlor_protocol::{Code, Refusal, UserId};
use sha2::{Digest, Sha256};

use crate::config::{Limits, Rate};

/// What sort of request; each has a bucket of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    Command,
    Send,
    /// One token a page.
    Read,
    Marker,
    Signal,
    Upload,
    LogIn,
}

/// Who asks. People by their id; addresses and names only before somebody is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Who([u8; 17]);

impl Who {
    pub fn person(user: UserId) -> Self {
        Self::of(0, *user.as_bytes())
    }

    /// An IPv4 address, or the /64 network of an IPv6 one, which is one subscriber's.
    pub fn address(address: IpAddr) -> Self {
        let mut bytes = match address.to_canonical() {
            IpAddr::V4(address) => return Self::of(1, address.to_ipv6_mapped().octets()),
            IpAddr::V6(address) => Ipv6Addr::octets(&address),
        };
        bytes[8..].fill(0);
        Self::of(1, bytes)
    }

    /// An address that enters by tokens: those that are over must not keep anybody from logging in.
    pub fn tokens_from(address: IpAddr) -> Self {
        let mut who = Self::address(address);
        who.0[0] = 3;
        who
    }

    /// An account that somebody tries to enter, known or not, by its folded name.
    pub fn account(folded_name: &str) -> Self {
        let digest = Sha256::digest(folded_name.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::of(2, bytes)
    }

    fn of(sort: u8, bytes: [u8; 16]) -> Self {
        let mut whole = [sort; 17];
        whole[1..].copy_from_slice(&bytes);
        Self(whole)
    }

    fn is_address(self) -> bool {
        matches!(self.0[0], 1 | 3)
    }
}

/// Too many: nothing was taken from the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// When as many will be there, ms from now.
    pub retry_after_ms: u32,
}

impl From<TooMany> for Refusal {
    fn from(it: TooMany) -> Self {
        Refusal::new(Code::RATE_LIMITED).retry_after_ms(it.retry_after_ms)
    }
}

impl Class {
    /// In names of keys; no two alike.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Send => "send",
            Self::Read => "read",
            Self::Marker => "marker",
            Self::Signal => "signal",
            Self::Upload => "upload",
            Self::LogIn => "log-in",
        }
    }
}

/// In hexadecimal digits, for names of keys.
impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How deep a bucket is and what a request takes from it, as time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) cost_ns: u64,
    pub(super) depth_ns: u64,
}

impl Bucket {
    /// `None` for what is not limited.
    pub(super) fn of(limits: &Limits, class: Class, who: Who, cost: u32) -> Option<Self> {
        if who.is_address() && !limits.addresses {
            return None;
        }
        let rate = rate(limits, class);
        let per_token_ns = NS_PER_MINUTE / u64::from(rate.per_minute.max(1));
        let depth_ns = per_token_ns * u64::from(rate.burst);
        // What costs more than a whole bucket would never pass: it takes a whole one.
        let cost_ns = (per_token_ns * u64::from(cost)).min(depth_ns);
        Some(Self { cost_ns, depth_ns })
    }
}

fn rate(limits: &Limits, class: Class) -> &Rate {
    match class {
        Class::Command => &limits.commands,
        Class::Send => &limits.sends,
        Class::Read => &limits.reads,
        Class::Marker => &limits.markers,
        Class::Signal => &limits.signals,
        Class::Upload => &limits.uploads,
        Class::LogIn => &limits.log_ins,
    }
}

/// All buckets of a node.
#[derive(Debug)]
pub struct Rates {
    /// When each bucket is full again, ns of the caller's clock.
    full_at_ns: LruCache<(Class, Who), u64>,
    limits: Limits,
}

const NS_PER_MS: u64 = 1_000_000;
const NS_PER_MINUTE: u64 = 60_000 * NS_PER_MS;

impl Rates {
    pub fn new(limits: Limits) -> Self {
        let keys = NonZeroUsize::new(limits.keys as usize).unwrap_or(NonZeroUsize::MIN);
        Self {
            full_at_ns: LruCache::new(keys),
            limits,
        }
    }

    /// Takes `cost` tokens, or none. `now_ms`: any steady clock.
    pub fn take(&mut self, class: Class, who: Who, cost: u32, now_ms: u64) -> Result<(), TooMany> {
        let Some(bucket) = Bucket::of(&self.limits, class, who, cost) else {
            return Ok(());
        };
        let Bucket { cost_ns, depth_ns } = bucket;
        let now_ns = now_ms.saturating_mul(NS_PER_MS);
        let full_at = self.full_at_ns.get_or_insert_mut((class, who), || now_ns);
        let after_ns = (*full_at).max(now_ns).saturating_add(cost_ns);
        let over_ns = after_ns.saturating_sub(now_ns).saturating_sub(depth_ns);
        if over_ns > 0 {
            let ms = over_ns.div_ceil(NS_PER_MS);
            let retry_after_ms = u32::try_from(ms).unwrap_or(u32::MAX);
            return Err(TooMany { retry_after_ms });
        }
        *full_at = after_ns;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn somebody() -> Who {
        Who::person(UserId([7; 16]))
    }

    #[test]
    fn of_150_commands_at_once_100_pass() {
        let mut rates = Rates::new(Limits::default());
        let passed = (0..150).filter(|_| rates.take(Class::Command, somebody(), 1, 5).is_ok());
        assert_eq!(passed.count(), 100);
    }

    #[test]
    fn waiting_as_long_as_told_is_enough() {
        let mut rates = Rates::new(Limits::default());
        for _ in 0..100 {
            rates.take(Class::Command, somebody(), 1, 0).unwrap();
        }
        let refused = rates.take(Class::Command, somebody(), 1, 0).unwrap_err();
        assert_eq!(refused.retry_after_ms, 600);
        assert!(rates.take(Class::Command, somebody(), 1, 599).is_err());
        assert!(rates.take(Class::Command, somebody(), 1, 600).is_ok());
    }

    #[test]
    fn an_offline_outbox_of_500_messages_meets_no_limit() {
        let mut rates = Rates::new(Limits::default());
        assert!((0..500).all(|_| rates.take(Class::Send, somebody(), 1, 9).is_ok()));
    }

    #[test]
    fn classes_and_people_do_not_share_a_bucket() {
        let mut rates = Rates::new(Limits::default());
        while rates.take(Class::Command, somebody(), 1, 0).is_ok() {}
        assert!(rates.take(Class::Read, somebody(), 1, 0).is_ok());
        let other = Who::person(UserId([8; 16]));
        assert!(rates.take(Class::Command, other, 1, 0).is_ok());
    }

    #[test]
    fn addresses_can_be_let_through() {
        let limits = Limits {
            addresses: false,
            ..Limits::default()
        };
        let mut rates = Rates::new(limits);
        let address = Who::address("192.0.2.1".parse().unwrap());
        assert!((0..1000).all(|_| rates.take(Class::LogIn, address, 1, 0).is_ok()));
        let account = Who::account("ann");
        let passed = (0..50).filter(|_| rates.take(Class::LogIn, account, 1, 0).is_ok());
        assert_eq!(passed.count(), 10);
    }

    #[test]
    fn one_subscriber_is_one_address() {
        let who = |text: &str| Who::address(text.parse().unwrap());
        assert_eq!(who("2001:db8::1"), who("2001:db8::ffff:2"));
        assert_ne!(who("2001:db8::1"), who("2001:db8:0:1::1"));
        assert_eq!(who("::ffff:192.0.2.1"), who("192.0.2.1"));
        assert_ne!(who("192.0.2.1"), who("192.0.2.2"));
    }

    #[test]
    fn a_request_dearer_than_the_bucket_takes_all_of_it() {
        let mut rates = Rates::new(Limits::default());
        assert!(rates.take(Class::Upload, somebody(), 1_000_000, 0).is_ok());
        assert!(rates.take(Class::Upload, somebody(), 1, 0).is_err());
    }

    #[test]
    fn the_table_is_bounded() {
        let limits = Limits {
            keys: 1024,
            ..Limits::default()
        };
        let mut rates = Rates::new(limits);
        for number in 0..5000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            let _ = rates.take(Class::LogIn, Who::address(address), 1, 0);
        }
        assert_eq!(rates.full_at_ns.len(), 1024);
    }

    proptest! {
        /// In no window does more pass than the burst and what flows in meanwhile.
        #[test]
        fn never_more_than_burst_and_flow(
            burst in 1_u32..50,
            per_minute in 1_u32..6000,
            waits in proptest::collection::vec(0_u64..2_000, 1..300),
        ) {
            let limits = Limits {
                sends: Rate::new(burst, per_minute),
                ..Limits::default()
            };
            let mut rates = Rates::new(limits);
            let (mut now_ms, mut passed) = (0, 0_u64);
            for wait in waits {
                now_ms += wait;
                passed += u64::from(rates.take(Class::Send, somebody(), 1, now_ms).is_ok());
                let flow = now_ms * u64::from(per_minute) / 60_000;
                prop_assert!(passed <= u64::from(burst) + flow + 1);
            }
        }
    }
}
