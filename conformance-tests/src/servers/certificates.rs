//! Certificates for test servers: an authority of the moment, a server for this machine, a client.

use anyhow::Result;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};

use super::guard::Folder;

/// The client's name.
pub const CLIENT: &str = "scim-client";

/// Files in the folder of a server, and what of them a client needs, in PEM.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The file of the authority.
    pub authority: String,
    /// The file of the server's certificate, for `localhost`, `127.0.0.1` and the server's own address.
    pub certificate: String,
    /// The file of its key.
    pub key: String,
    /// The authority.
    pub authority_pem: String,
    /// A certificate of a client.
    pub client_pem: String,
    /// Its key.
    pub client_key_pem: String,
}

/// Makes them, and writes the server's into the folder as its owner's.
pub(super) fn make(folder: &Folder, address: &str) -> Result<Certificates> {
    make_for(folder, &["localhost", "127.0.0.1", address])
}

/// The same, the server's for these names.
pub(super) fn make_for(folder: &Folder, names: &[&str]) -> Result<Certificates> {
    let authority = authority()?;
    let server_key = KeyPair::generate()?;
    let mut server = CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let server = server.signed_by(&server_key, &authority)?;
    let client_key = KeyPair::generate()?;
    let mut client = CertificateParams::new(vec![CLIENT.to_owned()])?;
    client.distinguished_name.push(DnType::CommonName, CLIENT);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let client = client.signed_by(&client_key, &authority)?;
    let file = |name: &str, text: &str| folder.write(name, text);
    Ok(Certificates {
        authority: file("ca.pem", &authority.pem())?,
        certificate: file("server.pem", &server.pem())?,
        key: file("server.key", &server_key.serialize_pem())?,
        authority_pem: authority.pem(),
        client_pem: client.pem(),
        client_key_pem: client_key.serialize_pem(),
    })
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}
