//! `[server]` and `[server.tls]`: where it listens, what it calls itself, whom it trusts.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::proxy::Network;

use super::values;

/// `[server]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSettings {
    /// Address and port.
    pub listen: String,
    /// What `Location`, `$ref` and `meta.location` say; may hold a path, which a proxy strips. Default: from `listen`.
    pub public_url: Option<String>,
    /// Plain HTTP beyond loopback must be asked for.
    pub insecure_http: bool,
    /// Addresses and networks whose `X-Forwarded-For` is believed.
    #[serde(deserialize_with = "values::list")]
    pub trusted_proxies: Vec<String>,
    /// `/Schemas` and `/ResourceTypes` need no credential.
    pub open_discovery: bool,
    /// Where `/metrics` is served instead of on `listen`. Whoever reaches it may read it.
    pub metrics_listen: Option<String>,
    /// `[server.tls]`.
    pub tls: TlsSettings,
}

/// `[server.tls]`. TLS is on when `cert` and `key` are set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM: the certificate, then those that signed it.
    pub cert: Option<PathBuf>,
    /// PEM: its private key.
    pub key: Option<PathBuf>,
    /// PEM: the authorities that sign client certificates.
    pub client_ca: Option<PathBuf>,
    /// Are client certificates asked for?
    pub client_auth: ClientAuth,
}

/// Are client certificates asked for?
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum ClientAuth {
    /// No.
    #[default]
    Off,
    /// Yes; who sends none may come in, who sends a wrong one may not.
    Optional,
    /// Who sends none may not come in.
    Required,
}

impl TryFrom<String> for ClientAuth {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        use ClientAuth::{Off, Optional, Required};
        values::choice(&text, &[("off", Off), ("optional", Optional), ("required", Required)])
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        ServerSettings {
            listen: "127.0.0.1:8080".into(),
            public_url: None,
            insecure_http: false,
            trusted_proxies: Vec::new(),
            open_discovery: false,
            metrics_listen: None,
            tls: TlsSettings::default(),
        }
    }
}

impl ServerSettings {
    /// The addresses `listen` means.
    pub fn addresses(&self) -> anyhow::Result<Vec<SocketAddr>> {
        addresses("server.listen", &self.listen)
    }

    /// Is TLS on?
    pub fn secure(&self) -> bool {
        self.tls.cert.is_some()
    }

    /// The base of all links, without trailing slash. `bound` is the address the server really has.
    pub fn public_url(&self, bound: Option<SocketAddr>) -> String {
        match &self.public_url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => {
                let scheme = if self.secure() { "https" } else { "http" };
                match bound {
                    Some(bound) if bound.ip().is_unspecified() => format!("{scheme}://localhost:{}", bound.port()),
                    Some(bound) => format!("{scheme}://{bound}"),
                    None => format!("{scheme}://{}", self.listen),
                }
            }
        }
    }

    /// The networks of `trusted_proxies`.
    pub fn trusted(&self) -> anyhow::Result<Vec<Network>> {
        self.trusted_proxies
            .iter()
            .map(|text| text.parse().map_err(|why: String| anyhow::anyhow!("server.trusted_proxies: {why}")))
            .collect()
    }

    /// Checks what types alone cannot.
    pub fn check(&self) -> anyhow::Result<()> {
        self.trusted()?;
        if let Some(listen) = &self.metrics_listen {
            addresses("server.metrics_listen", listen)?;
        }
        if let Some(text) = &self.public_url {
            check_public_url(text)?;
        }
        let tls = &self.tls;
        match (&tls.cert, &tls.key) {
            (Some(_), None) => bail!("server.tls.cert is set without server.tls.key: TLS needs both"),
            (None, Some(_)) => bail!("server.tls.key is set without server.tls.cert: TLS needs both"),
            (None, None) if tls.client_auth != ClientAuth::Off || tls.client_ca.is_some() => {
                bail!("client certificates need TLS: set server.tls.cert and server.tls.key")
            }
            _ => {}
        }
        if tls.client_auth != ClientAuth::Off && tls.client_ca.is_none() {
            bail!("server.tls.client_auth needs server.tls.client_ca: the authorities that sign client certificates");
        }
        if tls.client_auth == ClientAuth::Off && tls.client_ca.is_some() {
            bail!(
                "server.tls.client_ca is set and nobody is asked for a certificate: set server.tls.client_auth = \"optional\" or \"required\""
            );
        }
        let open = self.addresses()?.into_iter().find(|address| !address.ip().is_loopback());
        if let Some(address) = open
            && !self.secure()
            && !self.insecure_http
        {
            bail!(
                "server.listen = \"{}\" is reachable from other machines ({}) and would send tokens in the clear: set \
                 server.tls.cert and server.tls.key, or server.insecure_http = true where a proxy in front speaks TLS",
                self.listen,
                address.ip(),
            );
        }
        Ok(())
    }
}

fn addresses(key: &str, text: &str) -> anyhow::Result<Vec<SocketAddr>> {
    let found = text
        .to_socket_addrs()
        .with_context(|| format!("{key} = {text:?} is no address with a port, such as 127.0.0.1:8080"))?
        .collect::<Vec<_>>();
    if found.is_empty() {
        bail!("{key} = {text:?} has no address");
    }
    Ok(found)
}

/// RFC 7644 section 1.3: the base has no query part.
fn check_public_url(text: &str) -> anyhow::Result<()> {
    let wrong = |why: &str| format!("server.public_url = {text:?} {why}");
    let url = Url::parse(text).with_context(|| wrong("is no URL, such as https://scim.example.com"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        bail!(wrong("must begin with https:// (or http://) and a host"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        bail!(wrong("must have neither ? nor #"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        bail!(wrong("must not hold a user name or password"));
    }
    Ok(())
}

/// Is this address one of this machine's own?
pub fn loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The addresses that `metrics_listen` means.
pub fn metrics_addresses(text: &str) -> anyhow::Result<Vec<SocketAddr>> {
    addresses("server.metrics_listen", text)
}
