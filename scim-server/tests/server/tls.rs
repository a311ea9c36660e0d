//! TLS 1.2 and 1.3, client certificates, a certificate that is replaced (threats D08, E13).

use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion};

use crate::support::{Answer, Running, read_answer};

pub type Authority = CertifiedIssuer<'static, KeyPair>;

const SETTINGS: &str = "[server]\ntls.cert = \"{dir}/cert.pem\"\ntls.key = \"{dir}/key.pem\"\n";

pub fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes NAME.pem and its key, signed by the authority.
fn issue(authority: &Authority, directory: &Path, cert: &str, key: &str, usage: ExtendedKeyUsagePurpose) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![usage];
    let own = KeyPair::generate().unwrap();
    let signed = params.signed_by(&own, authority).unwrap();
    std::fs::write(directory.join(cert), signed.pem()).unwrap();
    std::fs::write(directory.join(key), own.serialize_pem()).unwrap();
}

/// A server with a certificate of this authority for `localhost`, whose own is `ca.pem` in its folder.
pub fn server(authority: &Authority, more: &str) -> Running {
    let pem = authority.pem();
    Running::prepared(&format!("{SETTINGS}{more}"), |directory| {
        issue(authority, directory, "cert.pem", "key.pem", ExtendedKeyUsagePurpose::ServerAuth);
        std::fs::write(directory.join("ca.pem"), pem).unwrap();
    })
}

/// A connection that trusts this authority, speaks these versions and shows this certificate and key of the server's
/// folder.
fn config(
    server: &Running,
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    client: Option<(&str, &str)>,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots);
    match client {
        None => builder.with_no_client_auth(),
        Some((cert, key)) => {
            let chain = vec![CertificateDer::from_pem_file(server.directory.path().join(cert)).unwrap()];
            let key = PrivateKeyDer::from_pem_file(server.directory.path().join(key)).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

/// A request over TLS, and the protocol that was agreed on; Err where the handshake fails.
fn exchange(server: &Running, config: ClientConfig) -> Result<(Answer, Option<Vec<u8>>), String> {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    let request = b"GET /scim/v2/ServiceProviderConfig HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    std::io::Write::write_all(&mut stream, request).map_err(|error| error.to_string())?;
    let mut first = [0; 1];
    std::io::Read::read_exact(&mut stream, &mut first).map_err(|error| error.to_string())?;
    let answer = read_answer(&mut std::io::Read::chain(first.as_slice(), &mut stream), false);
    Ok((answer, stream.conn.alpn_protocol().map(<[u8]>::to_vec)))
}

fn ask(
    server: &Running,
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    client: Option<(&str, &str)>,
) -> Result<Answer, String> {
    exchange(server, config(server, authority, versions, client)).map(|(answer, _)| answer)
}

/// Threat D07: what HTTP/2 lets clients heap up cannot be, as it is not spoken; every client falls back.
#[test]
fn http_1_1_is_what_is_agreed_on() {
    let authority = authority();
    let server = server(&authority, "");
    let offering = |protocols: &[&str]| {
        let mut config = config(&server, &authority, rustls::ALL_VERSIONS, None);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        exchange(&server, config)
    };
    let (answer, agreed) = offering(&["h2", "http/1.1"]).unwrap();
    assert_eq!((answer.status, agreed.as_deref()), (200, Some(b"http/1.1".as_slice())));
    let refused = offering(&["h2"]).unwrap_err();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
}

#[test]
fn tls_1_2_and_1_3_are_spoken() {
    let authority = authority();
    let server = server(&authority, "");
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let answer = ask(&server, &authority, &[version], None).unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.header("strict-transport-security").unwrap().starts_with("max-age="));
        let location = answer.json()["meta"]["location"].as_str().unwrap().to_owned();
        assert!(location.starts_with("https://"), "{location}");
    }
}

#[test]
fn client_certificates_are_verified() {
    let own = authority();
    let other = authority();
    let more = "tls.client_ca = \"{dir}/ca.pem\"\ntls.client_auth = ";
    for (mode, without, foreign) in [("required", false, false), ("optional", true, false)] {
        let server = server(&own, &format!("{more}\"{mode}\"\n"));
        let directory = server.directory.path();
        issue(&own, directory, "good.pem", "good.key", ExtendedKeyUsagePurpose::ClientAuth);
        issue(&other, directory, "bad.pem", "bad.key", ExtendedKeyUsagePurpose::ClientAuth);
        let check = |client: Option<(&str, &str)>, good: bool| {
            let answer = ask(&server, &own, rustls::ALL_VERSIONS, client);
            assert_eq!(answer.is_ok(), good, "{mode} {client:?}: {answer:?}");
        };
        check(Some(("good.pem", "good.key")), true);
        check(None, without);
        check(Some(("bad.pem", "bad.key")), foreign);
    }
}

/// Authorities that nobody is measured by would pass for protection.
#[test]
fn a_client_ca_without_client_auth_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let own = authority();
    issue(&own, directory.path(), "cert.pem", "key.pem", ExtendedKeyUsagePurpose::ServerAuth);
    let files =
        "[server]\ntls.cert = \"{dir}/cert.pem\"\ntls.key = \"{dir}/key.pem\"\ntls.client_ca = \"{dir}/cert.pem\"\n";
    let config = crate::support::write_config(directory.path(), files);
    let output = crate::support::command(&config, &["check-config"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("server.tls.client_auth = \"optional\""), "{said}");
}

#[test]
fn who_speaks_plain_http_to_it_gets_nothing() {
    let authority = authority();
    let server = server(&authority, "");
    let mut stream = TcpStream::connect(server.address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

/// Clients that refuse a certificate for its time say little about it, and the server hears nothing.
#[test]
fn the_end_of_a_certificate_is_told_in_time() {
    let authority = authority();
    let server = server(&authority, "");
    let told = |begins: i64, ends: i64| {
        #[expect(
            clippy::disallowed_methods,
            reason = "a certificate is good from one time of the wall clock to another"
        )]
        let now = std::time::SystemTime::now();
        let at = |days: i64| match u64::try_from(days) {
            Ok(days) => now + Duration::from_secs(days * 86_400),
            Err(_) => now - Duration::from_secs(days.unsigned_abs() * 86_400),
        };
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (at(begins).into(), at(ends).into());
        let own = KeyPair::generate().unwrap();
        let folder = server.directory.path();
        std::fs::write(folder.join("cert.pem"), params.signed_by(&own, &authority).unwrap().pem()).unwrap();
        std::fs::write(folder.join("key.pem"), own.serialize_pem()).unwrap();
        let out = server.command(&["check-config"]);
        out.lines().find_map(|line| line.strip_prefix("# TLS: ")).unwrap().to_owned()
    };
    assert!(told(-30, 90).starts_with("the certificate is good until "));
    assert!(told(-30, -1).contains("ended on"));
    assert!(told(-30, 3).contains("ends on"));
    assert!(told(1, 90).contains("is good from"));
}
