#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rcgen::{CertifiedKey as Made, PublicKeyData};
use sha2::{Digest, Sha256};

use super::*;
use crate::data::DataFolder;

fn no_certificate() -> Certificate {
    Certificate::default()
}

struct Pair {
    certificate: Certificate,
    folder: tempfile::TempDir,
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate {
            file: Some(folder.path().join("chain.pem")),
            key_file: Some(folder.path().join("key.pem")),
        };
        let pair = Self {
            certificate,
            folder,
        };
        pair.renew(1);
        pair
    }

    fn file(&self) -> &Path {
        self.certificate.file.as_deref().unwrap()
    }

    fn key_file(&self) -> &Path {
        self.certificate.key_file.as_deref().unwrap()
    }

    /// Writes a new pair, stamped `at_s` seconds after an instant of the past.
    fn renew(&self, at_s: u64) -> Vec<u8> {
        let Made { cert, signing_key } =
            rcgen::generate_simple_self_signed(["chat.example.org".to_owned()]).unwrap();
        put(self.file(), &cert.pem(), at_s);
        put(self.key_file(), &signing_key.serialize_pem(), at_s);
        cert.der().to_vec()
    }
}

fn put(path: &Path, text: &str, at_s: u64) {
    fs::write(path, text).unwrap();
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + at_s);
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(at)
        .unwrap();
}

fn shown(identity: &Identity) -> Vec<u8> {
    identity.resolver.shown().cert[0].to_vec()
}

fn data() -> (tempfile::TempDir, DataFolder) {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::create(folder.path()).unwrap();
    (folder, data)
}

#[test]
fn a_new_installation_makes_its_keys_and_keeps_them() {
    let (_folder, data) = data();
    let first = Identity::load(&no_certificate(), data.paths(), None).unwrap();
    let again = Identity::load(&no_certificate(), data.paths(), None).unwrap();
    assert_eq!(first.pins().len(), 2);
    assert_eq!(first.pins(), again.pins());
    for path in [data.paths().key(), data.paths().next_key()] {
        assert_eq!(
            fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

#[test]
fn the_pin_is_the_hash_of_the_key_in_the_certificate_shown() {
    use x509_parser::prelude::{FromDer, X509Certificate};
    let (_folder, data) = data();
    let identity = Identity::load(&no_certificate(), data.paths(), None).unwrap();
    let der = shown(&identity);
    let (_, certificate) = X509Certificate::from_der(&der).unwrap();
    let digest: [u8; 32] = Sha256::digest(certificate.public_key().raw).into();
    assert_eq!(identity.pins()[0], Pin(digest));
    let pem = fs::read_to_string(data.paths().key()).unwrap();
    let key = rcgen::KeyPair::from_pem(&pem).unwrap();
    let digest: [u8; 32] = Sha256::digest(key.subject_public_key_info()).into();
    assert_eq!(identity.pins()[0], Pin(digest));
}

#[test]
fn rotation_puts_the_next_key_in_force() {
    let (_folder, data) = data();
    let before = Identity::load(&no_certificate(), data.paths(), None).unwrap();
    let promised = rotate(data.paths()).unwrap();
    let after = Identity::load(&no_certificate(), data.paths(), None).unwrap();
    assert_eq!(after.pins(), promised);
    assert_eq!(after.pins()[0], before.pins()[1], "clients know it already");
    assert!(!before.pins().contains(&after.pins()[1]));
}

#[test]
fn a_rotation_cut_off_midway_loses_no_pin() {
    let (_folder, data) = data();
    let before = Identity::load(&no_certificate(), data.paths(), None).unwrap();
    fs::rename(data.paths().next_key(), data.paths().key()).unwrap();
    let after = Identity::load(&no_certificate(), data.paths(), None).unwrap();
    assert_eq!(after.pins()[0], before.pins()[1]);
    assert_eq!(after.pins().len(), 2);
}

#[test]
fn a_damaged_key_is_never_replaced() {
    let (_folder, data) = data();
    fs::write(data.paths().key(), "not a key").unwrap();
    let error = Identity::load(&no_certificate(), data.paths(), None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("key.pem holds no usable private key"),
        "{error}"
    );
    assert_eq!(fs::read_to_string(data.paths().key()).unwrap(), "not a key");
}

#[test]
fn a_certificate_by_file_needs_no_pins() {
    let (_folder, data) = data();
    let pair = Pair::new();
    let der = pair.renew(2);
    let identity = Identity::load(&pair.certificate, data.paths(), None).unwrap();
    assert!(identity.pins().is_empty());
    assert_eq!(shown(&identity), der);
    assert!(!data.paths().key().exists());
}

#[test]
fn bad_certificates_say_what_is_wrong_with_which_file() {
    let (_folder, data) = data();
    let load = |pair: &Pair| {
        let outcome = Identity::load(&pair.certificate, data.paths(), None);
        outcome.unwrap_err().to_string()
    };
    let pair = Pair::new();
    fs::write(pair.file(), "").unwrap();
    assert!(
        load(&pair)
            .ends_with("chain.pem holds no usable certificate in PEM form: no CERTIFICATE section")
    );
    fs::remove_file(pair.file()).unwrap();
    assert!(load(&pair).starts_with("cannot read "));

    let pair = Pair::new();
    let other = Pair::new();
    fs::copy(other.key_file(), pair.key_file()).unwrap();
    assert!(
        load(&pair).contains("do not belong together"),
        "{}",
        load(&pair)
    );

    let pair = Pair::new();
    fs::write(pair.key_file(), "nothing").unwrap();
    assert!(
        load(&pair).contains("key.pem holds no usable private key"),
        "{}",
        load(&pair)
    );
}

#[test]
fn a_renewed_certificate_is_taken_and_a_bad_one_is_not() {
    let (_folder, data) = data();
    let metrics = Arc::new(Metrics::default());
    let pair = Pair::new();
    let identity = Identity::load(&pair.certificate, data.paths(), None).unwrap();
    let mut reloader = identity.reloader(metrics.clone()).unwrap();
    assert!(reloader.look().is_none());

    let renewed = pair.renew(10);
    assert!(reloader.look().unwrap().is_ok());
    assert_eq!(shown(&identity), renewed);
    assert!(reloader.look().is_none());

    put(pair.file(), "half a certif", 20);
    assert!(reloader.look().unwrap().is_err());
    assert_eq!(shown(&identity), renewed);
    assert!(reloader.look().is_none(), "one error for one change");

    let repaired = pair.renew(30);
    assert!(reloader.look().unwrap().is_ok());
    assert_eq!(shown(&identity), repaired);
    assert_eq!(metrics.certificate_reloads.get(), 2);
    assert_eq!(metrics.certificate_failures.get(), 1);
    drop(pair.folder);
    assert!(reloader.look().unwrap().is_err());
    assert_eq!(shown(&identity), repaired);
}

#[test]
fn the_nodes_keys_outlive_the_process_and_damage_is_told() {
    let (_folder, data) = data();
    let first = node_keys(data.paths()).unwrap();
    let again = node_keys(data.paths()).unwrap();
    assert_eq!(first.reset, again.reset);
    assert_eq!(first.connection_ids, again.connection_ids);
    fs::write(data.paths().reset_key(), [1; 31]).unwrap();
    let error = node_keys(data.paths()).err().unwrap().to_string();
    assert!(
        error.ends_with("it is 31 bytes long instead of 32"),
        "{error}"
    );
}

#[test]
fn tls_is_1_3_with_the_cheap_suite_first_and_no_early_data() {
    let (_folder, data) = data();
    let identity = Identity::load(&no_certificate(), data.paths(), None).unwrap();
    let config = identity.server_config().unwrap();
    assert_eq!(config.alpn_protocols, [b"parlor/1".to_vec()]);
    assert_eq!(config.max_early_data_size, 0);
    assert_eq!(config.send_tls13_tickets, 1);
    let suites = &config.crypto_provider().cipher_suites;
    assert_eq!(
        suites[0].suite(),
        rustls::CipherSuite::TLS13_AES_128_GCM_SHA256
    );
    assert!(suites.iter().all(|suite| suite.tls13().is_some()));
}

#[test]
fn a_client_that_pins_the_key_completes_a_handshake() {
    let (_folder, data) = data();
    let identity = Identity::load(&no_certificate(), data.paths(), None).unwrap();
    let config = identity.server_config().unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(shown(&identity).into()).unwrap();
    let mut client = rustls::ClientConfig::builder_with_provider(Arc::new(tls::provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    client.alpn_protocols = vec![parlor_protocol::ALPN.to_vec()];
    let name = "parlor".try_into().unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = rustls::ServerConnection::new(config).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().unwrap();
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets().unwrap();
    }
    let suite = client.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
}
