//! TLS towards directories: whom we trust, and what we show. Verification is on unless it was switched off by name.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    ALL_VERSIONS, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, SupportedProtocolVersion,
};
use secrecy::ExposeSecret;

use super::options::{Identity, Tls};

/// The configuration of every connection in TLS, or what is wrong with the certificates.
pub(crate) fn client_config(tls: &Tls) -> Result<ClientConfig, String> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone());
    let versions: &[&SupportedProtocolVersion] = if tls.newest { &[&TLS13] } else { ALL_VERSIONS };
    let builder = builder.with_protocol_versions(versions).map_err(|error| error.to_string())?;
    let builder = if tls.insecure {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    } else {
        builder.with_root_certificates(roots(tls.authorities.as_deref())?)
    };
    match &tls.identity {
        None => Ok(builder.with_no_client_auth()),
        Some(Identity { certificates, key }) => {
            let certificates = certificates_of(certificates, "the client certificate")?;
            let key = PrivateKeyDer::from_pem_slice(key.expose_secret().as_bytes());
            let key = key.map_err(|error| format!("the client key is no key in PEM: {error}"))?;
            let config = builder.with_client_auth_cert(certificates, key);
            config.map_err(|error| format!("the client certificate and its key do not fit: {error}"))
        }
    }
}

fn certificates_of(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| format!("{what} is no PEM: {error}"))?;
    if certificates.is_empty() { Err(format!("{what} holds no certificate in PEM")) } else { Ok(certificates) }
}

fn roots(authorities: Option<&[u8]>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(pem) => {
            for certificate in certificates_of(pem, "the file of authorities")? {
                roots.add(certificate).map_err(|error| format!("an authority is no certificate: {error}"))?;
            }
        }
        None => {
            // Where one of the system's certificates is damaged, the others still count. None at all shows when a
            // connection is made: a directory in clear needs none.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

/// Takes any certificate, because somebody asked for it.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
