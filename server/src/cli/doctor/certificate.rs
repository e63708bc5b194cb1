//! The certificate by a CA: does it fit its key, its dates, the name that clients dial?

use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::{DnsName, ServerName};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::Finding;
use crate::config::Config;
use crate::key;

/// Days before its end at which a renewal is late.
const SOON_DAYS: i64 = 14;
const DAY_S: i64 = 24 * 3600;

pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let check = "certificate";
    let der = match key::certificate_der(&config.certificate) {
        Ok(Some(der)) => der,
        Ok(None) => {
            return vec![Finding::good(
                check,
                "none by a CA: join links carry the pin of this server's own key",
            )];
        }
        Err(error) => return vec![Finding::problem(check, error.to_string())],
    };
    let Ok((_, certificate)) = X509Certificate::from_der(&der) else {
        return vec![Finding::problem(
            check,
            "its first certificate cannot be read",
        )];
    };
    let now_s = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let validity = certificate.validity();
    let dates = judge_dates(
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
        now_s.cast_signed(),
    );
    let mut findings = vec![dates];
    findings.extend(names(config, &certificate));
    findings
}

fn judge_dates(from_s: i64, until_s: i64, now_s: i64) -> Finding {
    let check = "certificate";
    let days = (until_s - now_s).div_euclid(DAY_S);
    if now_s < from_s {
        Finding::problem(
            check,
            "is not valid yet; check the clock, or take the one before",
        )
    } else if now_s > until_s {
        Finding::problem(
            check,
            "has expired; renew it, the running server takes the new file by itself",
        )
    } else if days < SOON_DAYS {
        Finding::warning(
            check,
            format!(
                "ends in {days} days; renew it, the running server takes the new file by itself"
            ),
        )
    } else {
        Finding::good(check, format!("valid for {days} more days"))
    }
}

/// Clients check the name they dial.
fn names(config: &Config, certificate: &X509Certificate<'_>) -> Option<Finding> {
    let check = "certificate";
    let Some(public) = &config.server.public_address else {
        let text =
            "clients check the name they dial; set server.public_address to the certificate's";
        return Some(Finding::problem(check, text));
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|names| &names.value.general_names);
    let covers =
        |host: &String| names.is_some_and(|names| names.iter().any(|name| fits(name, host)));
    let address = public.at(config.listen.port);
    let missing: Vec<&str> = address
        .hosts
        .iter()
        .filter(|host| !covers(host))
        .map(String::as_str)
        .collect();
    if missing.is_empty() {
        return None;
    }
    let text = format!(
        "is not made for {}, which clients dial (server.public_address)",
        missing.join(", ")
    );
    Some(Finding::problem(check, text))
}

fn fits(name: &GeneralName<'_>, host: &str) -> bool {
    match (name, ServerName::try_from(host)) {
        (GeneralName::DNSName(pattern), Ok(ServerName::DnsName(host))) => matches(pattern, &host),
        (GeneralName::IPAddress(bytes), Ok(ServerName::IpAddress(ip))) => match ip {
            rustls::pki_types::IpAddr::V4(ip) => ip.as_ref() == *bytes,
            rustls::pki_types::IpAddr::V6(ip) => ip.as_ref() == *bytes,
        },
        _ => false,
    }
}

/// A pattern's first label may be `*`, which stands for exactly one.
fn matches(pattern: &str, host: &DnsName<'_>) -> bool {
    let host = host.as_ref();
    match pattern.strip_prefix("*.") {
        Some(rest) => host
            .split_once('.')
            .is_some_and(|(_, tail)| tail.eq_ignore_ascii_case(rest)),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::cli::doctor::Level;

    #[test]
    fn dates_are_judged_by_what_is_left() {
        let level = |now| judge_dates(100 * DAY_S, 200 * DAY_S, now * DAY_S).level;
        assert_eq!(level(99), Level::Problem);
        assert_eq!(level(150), Level::Good);
        assert_eq!(level(190), Level::Warning);
        assert_eq!(level(201), Level::Problem);
    }

    fn config(host: &str, sans: &[&str]) -> (tempfile::TempDir, Config) {
        let folder = tempfile::tempdir().unwrap();
        let sans: Vec<String> = sans.iter().map(|san| (*san).to_owned()).collect();
        let made = rcgen::generate_simple_self_signed(sans).unwrap();
        let mut config = Config::default();
        let file = folder.path().join("chain.pem");
        let key_file = folder.path().join("key.pem");
        std::fs::write(&file, made.cert.pem()).unwrap();
        std::fs::write(&key_file, made.signing_key.serialize_pem()).unwrap();
        config.certificate.file = Some(file);
        config.certificate.key_file = Some(key_file);
        config.server.public_address = Some(host.parse().unwrap());
        (folder, config)
    }

    #[track_caller]
    fn check(host: &str, sans: &[&str], expected: Level) {
        let (_folder, config) = config(host, sans);
        let findings = examine(&config);
        let worst = findings
            .iter()
            .map(|it| it.level)
            .max_by_key(|level| *level as u8);
        assert_eq!(worst, Some(expected), "{findings:?}");
    }

    #[test]
    fn the_name_that_clients_dial_must_be_in_it() {
        check("chat.example.org", &["chat.example.org"], Level::Good);
        check("chat.example.org", &["*.example.org"], Level::Good);
        check("example.org", &["*.example.org"], Level::Problem);
        check("a.chat.example.org", &["*.example.org"], Level::Problem);
        check("chat.example.org", &["other.example.org"], Level::Problem);
        check("192.0.2.7", &["192.0.2.7"], Level::Good);
        check("192.0.2.7", &["192.0.2.8"], Level::Problem);
    }

    #[test]
    fn a_certificate_that_cannot_be_used_says_why() {
        let (_folder, config) = config("x", &["x"]);
        std::fs::write(config.certificate.key_file.as_ref().unwrap(), "").unwrap();
        let findings = examine(&config);
        assert_eq!(findings[0].level, Level::Problem);
        assert!(findings[0].text.contains("private key"), "{findings:?}");
    }
}
