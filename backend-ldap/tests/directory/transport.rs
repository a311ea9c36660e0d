//! Clear, TLS and the machine's own socket; who we are on each.

use backend_ldap::directory::{Credentials, Directory, Identity, Options, Password, Tls};
use backend_ldap::ldap::{LdapError, Request};
use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd};
use secrecy::SecretString;

use super::support::*;

async fn who(options: Options) -> Result<String, LdapError> {
    let answer = Directory::open(options).unwrap().perform(&call(), &Request::who_am_i()).await?;
    Ok(String::from_utf8(answer.value.unwrap_or_default().to_vec()).unwrap())
}

fn trusting(slapd: &Slapd) -> Tls {
    Tls { authorities: Some(slapd.certificates().authority_pem.clone().into_bytes()), ..Tls::default() }
}

const BOUND: &str = "dn:cn=admin,dc=example,dc=org";

#[tokio::test]
async fn every_way_leads_to_the_same_server_and_says_who_we_are() {
    let slapd = slapd(&Setup::default());
    assert_eq!(who(options(&[slapd.url()])).await.unwrap(), BOUND);
    assert_eq!(who(Options { tls: trusting(&slapd), ..options(&[slapd.tls_url()]) }).await.unwrap(), BOUND);
    let start_tls = Tls { start: true, ..trusting(&slapd) };
    assert_eq!(who(Options { tls: start_tls, ..options(&[slapd.url()]) }).await.unwrap(), BOUND);
    let external = Options { credentials: Credentials::External, ..options(&[slapd.socket_url()]) };
    assert_eq!(who(external).await.unwrap(), BOUND);
    let anonymous = Options { credentials: Credentials::Anonymous, ..options(&[slapd.url()]) };
    assert_eq!(who(anonymous).await.unwrap(), "");
}

#[tokio::test]
async fn a_client_certificate_says_who_we_are() {
    let slapd = slapd(&Setup::default());
    let certificates = slapd.certificates();
    let identity = Identity {
        certificates: certificates.client_pem.clone().into_bytes(),
        key: SecretString::from(certificates.client_key_pem.clone()),
    };
    let tls = Tls { identity: Some(identity), ..trusting(&slapd) };
    let external = Options { credentials: Credentials::External, tls, ..options(&[slapd.tls_url()]) };
    assert_eq!(who(external).await.unwrap(), BOUND);
}

#[tokio::test]
async fn whoever_cannot_prove_its_name_gets_no_password() {
    let (slapd, other) = (slapd(&Setup::default()), super::support::slapd(&Setup::default()));
    // Signed by somebody else; and a name that is not in the certificate.
    let stranger = Options { tls: trusting(&other), ..options(&[slapd.tls_url()]) };
    let elsewhere = slapd.tls_url().replace("127.0.0.1", "127.0.0.2");
    let misnamed = Options { tls: trusting(&slapd), ..options(&[elsewhere]) };
    let system = options(&[slapd.tls_url()]);
    for (what, options) in [("stranger", stranger), ("misnamed", misnamed), ("not of the system", system)] {
        let error = who(options).await.unwrap_err();
        assert!(matches!(error, LdapError::Unavailable(_)), "{what}: {error}");
    }
    let insecure = Options { tls: Tls { insecure: true, ..Tls::default() }, ..options(&[slapd.tls_url()]) };
    assert_eq!(who(insecure).await.unwrap(), BOUND, "because it was asked for");
}

#[tokio::test]
async fn a_wrong_password_is_said() {
    let slapd = slapd(&Setup::default());
    let credentials = Credentials::Simple { dn: dn(ADMIN), password: "wrong".to_owned().into() };
    let error = who(Options { credentials, ..options(&[slapd.url()]) }).await.unwrap_err();
    assert!(error.to_string().contains("invalidCredentials"), "{error}");
}

#[tokio::test]
async fn a_password_that_was_changed_is_read_anew() {
    let slapd = slapd(&Setup::default());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    let write = |text: &str| {
        // As whoever rotates secrets does it: one is there at any time, whole.
        std::fs::write(path.with_extension("new"), text).unwrap();
        std::fs::rename(path.with_extension("new"), &path).unwrap();
    };
    write("not this one\n");
    let password = Password::File(path.clone());
    let options = Options { credentials: Credentials::Simple { dn: dn(ADMIN), password }, ..options(&[slapd.url()]) };
    let directory = Directory::open(options).unwrap();
    let error = directory.perform(&call(), &Request::who_am_i()).await.unwrap_err();
    assert!(error.to_string().contains("invalidCredentials"), "{error}");
    write("secret\n");
    let begun = std::time::Instant::now();
    while let Err(error) = directory.perform(&call(), &Request::who_am_i()).await {
        assert!(matches!(error, LdapError::Unavailable(_)), "{error}");
        assert!(begun.elapsed() < LONG, "the new password is not read: {error}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn the_oldest_tls_that_is_spoken_is_a_setting() {
    let slapd = slapd(&Setup::default());
    let tls = |newest| Options { tls: Tls { newest, ..trusting(&slapd) }, ..options(&[slapd.tls_url()]) };
    assert_eq!(who(tls(true)).await.unwrap(), BOUND);
    // One that speaks nothing newer than 1.2.
    let ldif = "dn: cn=config\nchangetype: modify\nadd: olcTLSCipherSuite\nolcTLSCipherSuite: NORMAL:-VERS-TLS1.3\n";
    let mut tool = std::process::Command::new("ldapmodify")
        .args(["-x", "-H", &slapd.url(), "-D", ADMIN, "-w", PASSWORD])
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut tool.stdin.take().unwrap(), ldif.as_bytes()).unwrap();
    assert!(tool.wait().unwrap().success());
    assert_eq!(who(tls(false)).await.unwrap(), BOUND);
    let refused = who(tls(true)).await.unwrap_err();
    assert!(matches!(refused, LdapError::Unavailable(_)), "{refused:?}");
}
