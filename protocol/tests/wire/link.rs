//! Join links, addresses and pins, as people paste and mistype them.

use parlor_protocol::link::{JoinLink, Pin, ServerAddress};
use proptest::prelude::*;

const PIN: &str = "UWS2LJNFUWS2LJNFUWS2LJNFUWS2LJNFUWS2LJNFUWS2LJNFUWSQ";

/// A text and what comes of it: the link or address printed again, or the error's text.
fn check<T>(input: &str, expect: &str)
where
    T: std::str::FromStr<Err: ToString> + ToString,
{
    let got = match input.parse::<T>() {
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    };
    assert_eq!(got, expect, "for {input:?}");
}

const FORM: &str = "not a join link: it must look like parlor://HOST:PORT/j/CODE.PIN; copy it \
                    whole and paste it again";

#[test]
fn good_links() {
    let check = check::<JoinLink>;
    let pinned = format!("parlor://chat.example:7443/j/K7Q2M9.{PIN}");
    check(&pinned, &pinned);
    check(&format!("  {pinned}\n"), &pinned);
    let shouted = format!("parlor://Chat.Example/j/K7Q2M9.{}", PIN.to_lowercase());
    check(&shouted, &pinned);
    check("parlor://a,b:1/j/c", "parlor://a,b:1/j/c");
    check("parlor://10.0.0.7/j/c", "parlor://10.0.0.7:7443/j/c");
    check("parlor://[::1]/j/c", "parlor://[::1]:7443/j/c");
    check(
        "parlor://[2001:DB8::7],b:9/j/c",
        "parlor://[2001:db8::7],b:9/j/c",
    );
}

#[test]
fn bad_links() {
    let check = check::<JoinLink>;
    for form in [
        "",
        "hello",
        "https://chat.example/j/c",
        "parlor://chat.example",
        "parlor://chat.example/",
        "parlor://chat.example/k/c",
        &format!("parlor://chat.example/j/{}", "c".repeat(2_000)),
    ] {
        check(form, FORM);
    }
    let code = |code: &str| {
        format!(
            "the link's code {code:?} is not letters and digits; copy the link whole and paste it \
             again"
        )
    };
    check("parlor://a/j/", &code(""));
    check("parlor://a/j/c d", &code("c d"));
    check("parlor://a/j/c/", &code("c/"));
    check("parlor://a/j/\u{1b}[2J", &code("\u{1b}[2J"));
    check(
        &format!("parlor://a/j/{}", "c".repeat(65)),
        &code(&"c".repeat(64)),
    );
    let host = |host: &str| {
        format!("the host {host:?} is not a name or an address; an IPv6 address goes in brackets")
    };
    check("parlor:///j/c", &host(""));
    check("parlor://a,/j/c", &host(""));
    check("parlor://a b/j/c", &host("a b"));
    check("parlor://-a/j/c", &host("-a"));
    check("parlor://a..b/j/c", &host("a..b"));
    check("parlor://[::1/j/c", &host("[::1"));
    check("parlor://[fe80::1%eth0]/j/c", &host("[fe80::1%eth0]"));
    let port = |port: &str| format!("the port {port:?} is not a number from 1 to 65535");
    check("parlor://a:/j/c", &port(""));
    check("parlor://a:0/j/c", &port("0"));
    check("parlor://a:65536/j/c", &port("65536"));
    check("parlor://a:+7443/j/c", &port("+7443"));
    check("parlor://a:74x/j/c", &port("74x"));
    check(
        "parlor://a,b,c,d,e,f,g,h,i/j/c",
        "more than 8 hosts; name fewer of them",
    );
    let pin = |count: usize| {
        format!(
            "the link's pin is damaged: it has {count} characters and must have 52, letters and \
             the digits 2 to 7; copy the link whole and paste it again"
        )
    };
    check("parlor://a/j/c.", &pin(0));
    check(&format!("parlor://a/j/c.{}", &PIN[..51]), &pin(51));
    check(&format!("parlor://a/j/c.{PIN}A"), &pin(53));
    check(&format!("parlor://a/j/c.{}1", &PIN[..51]), &pin(52));
    // The last character carries one bit of the pin: the other four must be zero.
    check(&format!("parlor://a/j/c.{}B", &PIN[..51]), &pin(52));
}

#[test]
fn addresses() {
    let check = check::<ServerAddress>;
    check("chat.example", "chat.example:7443");
    check(" chat.example. ", "chat.example.:7443");
    check("CHAT:80", "chat:80");
    check("[::1],127.0.0.1:5", "[::1],127.0.0.1:5");
    check(
        "::1",
        "the host \":\" is not a name or an address; an IPv6 address goes in brackets",
    );
    check(
        &"a".repeat(64),
        &format!(
            "the host {:?} is not a name or an address; an IPv6 address goes in brackets",
            "a".repeat(64)
        ),
    );
}

#[test]
fn a_pin_is_base32_of_its_32_bytes() {
    assert_eq!(Pin([0xa5; 32]).to_string(), PIN);
    assert_eq!(PIN.parse::<Pin>(), Ok(Pin([0xa5; 32])));
}

fn a_host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9_]([a-z0-9-]{0,10}[a-z0-9])?(\\.[a-z]{1,8}){0,3}",
        any::<std::net::Ipv4Addr>().prop_map(|address| address.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|address| address.to_string()),
    ]
}

proptest! {
    #[test]
    fn what_is_printed_is_read_again(
        hosts in prop::collection::vec(a_host(), 1..=8),
        port in 1..=u16::MAX,
        code in "[A-Za-z0-9]{1,64}",
        pin: Option<[u8; 32]>,
    ) {
        let server = ServerAddress { hosts, port };
        prop_assert_eq!(server.to_string().parse(), Ok(server.clone()));
        let link = JoinLink { server, code, pin: pin.map(Pin) };
        let printed = link.to_string();
        prop_assert_eq!(printed.parse(), Ok(link));
        let quoted = printed.contains(|c: char| c.is_whitespace() || "\"'$`\\&;|<>*?!#~".contains(c));
        prop_assert!(!quoted, "a shell would read {} otherwise", printed);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}", tail in "[a-z0-9:/\\[\\],.]{0,40}") {
        let _ = text.parse::<JoinLink>();
        let _ = text.parse::<ServerAddress>();
        let _ = format!("parlor://{tail}").parse::<JoinLink>();
        let _ = tail.parse::<ServerAddress>();
    }
}
