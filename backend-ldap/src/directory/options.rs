//! How a directory is reached, and every bound of that. No server is contacted here.

use std::time::Duration;

use secrecy::SecretString;

use crate::ldap::Dn;

use super::address::Address;
use super::password::Password;

/// As whom we come (RFC 4513).
#[derive(Debug, Clone)]
pub enum Credentials {
    /// As nobody.
    Anonymous,
    /// With a name and a password.
    Simple {
        /// The name.
        dn: Dn,
        /// The password. Never empty: that would be anonymous (RFC 4513 section 5.1.2).
        password: Password,
    },
    /// As what the connection says: the client certificate, or the user of the socket's other end (SASL EXTERNAL).
    External,
}

/// What TLS does.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Go on in TLS on `ldap://` (StartTLS). Without it `ldap://` is in clear.
    pub start: bool,
    /// The certificates of the authorities to trust, in PEM; those of the system where there are none.
    pub authorities: Option<Vec<u8>>,
    /// Our own certificate and its key, in PEM.
    pub identity: Option<Identity>,
    /// Trust whoever answers. For a test only: readiness and the log say so.
    pub insecure: bool,
    /// TLS 1.3 and nothing older; else 1.2 too.
    pub newest: bool,
}

/// A certificate with those that vouch for it, and its key.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificates, in PEM.
    pub certificates: Vec<u8>,
    /// The key, in PEM.
    pub key: SecretString,
}

/// How a directory is reached.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its servers, the preferred one first.
    pub servers: Vec<Address>,
    /// As whom.
    pub credentials: Credentials,
    /// What TLS does.
    pub tls: Tls,
    /// Send a password in clear to another machine. It must be asked for.
    pub insecure_plain: bool,
    /// Connections to a server that many requests share.
    pub connections: usize,
    /// Connections to a server that are lent to one walk or transaction each.
    pub leases: usize,
    /// Operations on one connection at a time.
    pub in_flight: usize,
    /// Bytes of one message.
    pub message: usize,
    /// Bytes of all the entries of one answer.
    pub answer: usize,
    /// For connecting, TLS and the bind, together.
    pub connect_time: Duration,
    /// For one operation.
    pub operation_time: Duration,
    /// A connection that was silent for so long is tried before it is used.
    pub idle_time: Duration,
    /// A connection is not used longer than this: below the 15 minutes at which Active Directory closes idle ones.
    pub age: Duration,
    /// For so long a writer reads where it wrote.
    pub sticky_time: Duration,
}

impl Options {
    /// These servers, as nobody, with the defaults.
    pub fn new(servers: Vec<Address>) -> Self {
        Options {
            servers,
            credentials: Credentials::Anonymous,
            tls: Tls::default(),
            insecure_plain: false,
            connections: 4,
            leases: 16,
            in_flight: 64,
            message: 64 << 20,
            answer: 128 << 20,
            connect_time: Duration::from_secs(5),
            operation_time: Duration::from_secs(5),
            idle_time: Duration::from_secs(30),
            age: Duration::from_secs(600),
            sticky_time: Duration::from_secs(10),
        }
    }

    /// Is all that is sent to this server hidden from the network, or never on it?
    pub fn is_private(&self, server: &Address) -> bool {
        match server {
            Address::Ldaps(_) => !self.tls.insecure || server.is_local(),
            Address::Ldap(_) => (self.tls.start && !self.tls.insecure) || server.is_local(),
            Address::Ldapi(_) => true,
        }
    }

    /// What forbids to come thus.
    pub(crate) fn problem(&self) -> Option<String> {
        use secrecy::ExposeSecret;
        if self.servers.is_empty() {
            return Some("no server is named; set store.ldap.urls".into());
        }
        if self.connections == 0 || self.leases == 0 || self.in_flight == 0 {
            return Some("connections, leases and in_flight are at least 1".into());
        }
        match &self.credentials {
            Credentials::Simple { password: Password::Given(password), .. } if password.expose_secret().is_empty() => {
                Some("an empty bind password would be an anonymous bind; give one, or leave bind_dn out".into())
            }
            Credentials::Simple { .. } if !self.insecure_plain => {
                let plain = self
                    .servers
                    .iter()
                    .find(|server| matches!(server, Address::Ldap(_)) && !self.tls.start && !server.is_local())?;
                Some(format!(
                    "{plain} would get the bind password in clear; use ldaps://, or start_tls = true, or ask for it with \
                     insecure_plain = true"
                ))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str, change: impl FnOnce(&mut Options)) -> Option<String> {
        let mut options = Options::new(vec![Address::parse(url).unwrap()]);
        let dn = Dn::parse("cn=scim").unwrap();
        options.credentials = Credentials::Simple { dn, password: "secret".to_owned().into() };
        change(&mut options);
        options.problem()
    }

    #[test]
    fn a_password_does_not_go_out_in_clear_unasked() {
        assert!(problem("ldap://dir.example.org", |_| ()).unwrap().contains("in clear"));
        assert_eq!(problem("ldap://dir.example.org", |options| options.insecure_plain = true), None);
        assert_eq!(problem("ldap://dir.example.org", |options| options.tls.start = true), None);
        assert_eq!(problem("ldap://127.0.0.1", |_| ()), None);
        assert_eq!(problem("ldaps://dir.example.org", |_| ()), None);
    }

    #[test]
    fn an_empty_password_is_no_password() {
        let empty = |options: &mut Options| {
            let dn = Dn::parse("cn=scim").unwrap();
            options.credentials = Credentials::Simple { dn, password: String::new().into() };
        };
        assert!(problem("ldaps://dir.example.org", empty).unwrap().contains("anonymous"));
    }
}
