//! Where a directory server is: `ldap://host:389`, `ldaps://host:636` or `ldapi://%2Fpath`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use url::{Host, Url};

/// The address of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// In clear, or with StartTLS.
    Ldap(Endpoint),
    /// In TLS from the first byte.
    Ldaps(Endpoint),
    /// A socket of this machine.
    Ldapi(PathBuf),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// A name, or an IP address without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A URL that leads to no directory.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{url}\" is no URL of a directory: {why}; one looks like ldaps://ldap.example.org or ldap://127.0.0.1:389")]
pub struct BadAddress {
    /// The URL.
    pub url: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Address {
    /// Reads a URL.
    ///
    /// # Errors
    /// It has another scheme, no host, or names more than a server.
    pub fn parse(url: &str) -> Result<Address, BadAddress> {
        let wrong = |why| BadAddress { url: url.chars().take(200).collect(), why };
        let parsed = Url::parse(url).map_err(|_| wrong("it does not parse"))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(wrong("names and passwords stand in bind_dn and bind_password_file"));
        }
        if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(wrong("bases and filters stand in [store.ldap.users] and [store.ldap.groups]"));
        }
        let host = parsed.host_str().filter(|host| !host.is_empty()).ok_or_else(|| wrong("it names no host"))?;
        let endpoint = |port: u16| {
            let host = match Host::parse(host) {
                Ok(Host::Ipv6(ip)) => ip.to_string(),
                _ => host.to_owned(),
            };
            Endpoint { host, port: parsed.port().unwrap_or(port) }
        };
        match parsed.scheme() {
            "ldap" => Ok(Address::Ldap(endpoint(389))),
            "ldaps" => Ok(Address::Ldaps(endpoint(636))),
            "ldapi" => {
                let path = decoded(host).ok_or_else(|| wrong("its path is not percent-encoded"))?;
                Ok(Address::Ldapi(path.into()))
            }
            _ => Err(wrong("its scheme is not ldap, ldaps or ldapi")),
        }
    }

    /// Does what is sent there stay on this machine?
    pub fn is_local(&self) -> bool {
        match self {
            Address::Ldap(at) | Address::Ldaps(at) => {
                at.host == "localhost" || at.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
            Address::Ldapi(_) => true,
        }
    }

    /// Does this URL of a referral lead to this server?
    pub fn is_meant_by(&self, referral: &str) -> bool {
        let Ok(url) = Url::parse(referral) else { return false };
        match (self, url.scheme()) {
            (Address::Ldap(at), "ldap") => at.is(&url, 389),
            (Address::Ldaps(at), "ldaps") => at.is(&url, 636),
            _ => false,
        }
    }
}

impl Endpoint {
    fn is(&self, url: &Url, port: u16) -> bool {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        self.host.eq_ignore_ascii_case(host) && self.port == url.port().unwrap_or(port)
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let pair = [bytes.next()?, bytes.next()?];
                out.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).ok()
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ldap(at) => write!(f, "ldap://{at}"),
            Address::Ldaps(at) => write!(f, "ldaps://{at}"),
            Address::Ldapi(path) => write!(f, "ldapi://{}", path.display().to_string().replace('/', "%2F")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_directories_are_read() {
        for (url, expected, local) in [
            ("ldap://127.0.0.1", "ldap://127.0.0.1:389", true),
            ("LDAPS://Dir.Example.Org:1636/", "ldaps://Dir.Example.Org:1636", false),
            ("ldap://[::1]:3890", "ldap://[::1]:3890", true),
            ("ldapi://%2Fvar%2Frun%2Fldapi", "ldapi://%2Fvar%2Frun%2Fldapi", true),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((address.to_string().to_lowercase(), address.is_local()), (expected.to_lowercase(), local));
        }
    }

    #[test]
    fn what_leads_to_no_directory_is_refused() {
        for url in ["", "ldap://", "http://a", "ldap://a/dc=b", "ldap://u:p@a", "ldap://a?b", "ldapi://%2", "127.0.0.1"]
        {
            assert!(Address::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_referral_names_a_server_of_ours_or_does_not() {
        let address = Address::parse("ldap://Primary.example").unwrap();
        assert!(address.is_meant_by("ldap://primary.example:389/uid=a,dc=b"));
        assert!(!address.is_meant_by("ldaps://primary.example"));
        assert!(!address.is_meant_by("ldap://evil.example"));
    }
}
