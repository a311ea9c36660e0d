//! TLS 1.2 and 1.3 by rustls with aws-lc-rs. The certificate can be replaced while the server runs.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ALL_VERSIONS, RootCertStore};
use scim_core::clock::Timestamp;
use x509_cert::der::Decode;
use x509_cert::time::Time;

use crate::config::{ClientAuth, TlsSettings};
use crate::telemetry::Swap;

/// Seconds before its end from which on a certificate is spoken of: two weeks.
const NOTICE: i64 = 14 * 24 * 60 * 60;

/// The certificate in use.
#[derive(Debug)]
pub struct Certificate(Swap<Arc<CertifiedKey>>);

impl Certificate {
    /// Reads it.
    pub fn load(settings: &TlsSettings) -> Result<Self> {
        Ok(Certificate(Swap::new(Arc::new(read(settings, &aws_lc_rs::default_provider())?))))
    }

    /// Reads it anew; the old one stays where that fails.
    pub fn reload(&self, settings: &TlsSettings) -> Result<()> {
        self.0.set(Arc::new(read(settings, &aws_lc_rs::default_provider())?));
        Ok(())
    }

    /// From when to when clients take it.
    pub fn period(&self) -> Result<(Timestamp, Timestamp)> {
        let key = self.0.get();
        let der = key.cert.first().context("server.tls.cert holds no certificate")?;
        let certificate = x509_cert::Certificate::from_der(der).context("server.tls.cert cannot be read")?;
        let validity = certificate.tbs_certificate.validity;
        Ok((moment(validity.not_before), moment(validity.not_after)))
    }

    /// What there is to say of that period at this moment; None where all is well for a while.
    pub fn complaint(&self, now: Timestamp) -> Option<String> {
        let renew = "renew server.tls.cert and server.tls.key, and send the server a SIGHUP";
        match self.period() {
            Ok((from, _)) if now < from => {
                Some(format!("the certificate is good from {from} on, and clients refuse it until then; {renew}"))
            }
            Ok((_, until)) if until < now => {
                Some(format!("the certificate ended on {until}, and clients refuse it; {renew}"))
            }
            Ok((_, until)) if until < now.plus_seconds(NOTICE) => {
                Some(format!("the certificate ends on {until}; {renew}"))
            }
            Ok(_) => None,
            Err(error) => Some(format!("nobody can tell when the certificate ends: {error:#}")),
        }
    }
}

fn moment(time: Time) -> Timestamp {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_millis(0).plus_seconds(seconds)
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.get())
    }
}

/// The listener's side of TLS.
pub fn config(settings: &TlsSettings, certificate: Arc<Certificate>) -> Result<ServerConfig> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(ALL_VERSIONS)?;
    let builder = match (settings.client_auth, &settings.client_ca) {
        (ClientAuth::Off, _) | (_, None) => builder.with_no_client_auth(),
        (asked, Some(path)) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates("server.tls.client_ca", path)? {
                roots.add(certificate).with_context(|| format!("server.tls.client_ca = {path:?}"))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = if asked == ClientAuth::Optional { verifier.allow_unauthenticated() } else { verifier };
            builder.with_client_cert_verifier(verifier.build()?)
        }
    };
    Ok(builder.with_cert_resolver(certificate))
}

fn read(settings: &TlsSettings, provider: &CryptoProvider) -> Result<CertifiedKey> {
    let (Some(cert), Some(key)) = (&settings.cert, &settings.key) else {
        bail!("TLS needs server.tls.cert and server.tls.key");
    };
    let chain = certificates("server.tls.cert", cert)?;
    let private = PrivateKeyDer::from_pem_file(key)
        .with_context(|| format!("server.tls.key = {key:?}: no PEM file with a private key"))?;
    CertifiedKey::from_der(chain, private, provider)
        .with_context(|| format!("server.tls.cert = {cert:?} and server.tls.key = {key:?} do not belong together"))
}

fn certificates(setting: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let read = || CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>();
    let all = read().with_context(|| format!("{setting} = {path:?}: no PEM file with certificates"))?;
    if all.is_empty() {
        bail!("{setting} = {path:?}: the file holds no certificate");
    }
    Ok(all)
}
