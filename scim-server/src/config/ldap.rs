//! `[store.ldap]`: how the directory is reached, what stands where in it, and what may be done.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use backend_ldap::directory::{Address, Credentials, Identity, Options, Password, Tls};
use backend_ldap::doctor::example::quoted;
use backend_ldap::ldap::Dn;
use backend_ldap::mapping::settings::TypeSettings;
use backend_ldap::mapping::tables::Product;
use backend_ldap::settings::{Brakes, MemberOf, Mode, Settings, TenantSettings};
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::values::{choice, list};

/// `[store.ldap]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LdapSettings {
    /// `ldap://`, `ldaps://` or `ldapi://`, tried in order.
    #[serde(deserialize_with = "list")]
    urls: Vec<String>,
    bind_dn: String,
    #[serde(deserialize_with = "secret")]
    bind_password: SecretString,
    /// Where that came from, and is read anew for each connection.
    bind_password_file: Option<PathBuf>,
    /// `read_only`, `shadow` or `write`.
    mode: String,
    /// `auto`, or whose tables are taken.
    profile: String,
    /// Go on in TLS on `ldap://`.
    start_tls: bool,
    /// The authorities to trust, in PEM; those of the system where there is none.
    ca: Option<PathBuf>,
    /// Our own certificate and its key, for SASL EXTERNAL.
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    /// The oldest TLS that is spoken: `1.2` or `1.3`.
    tls_min: String,
    /// Trust whoever answers: for tests.
    insecure: bool,
    /// Send the password in clear to another machine.
    insecure_plain: bool,
    /// Connections that requests share, and those lent to one walk each, for each server.
    connections: usize,
    leases: usize,
    /// Seconds for connecting, and for one operation.
    connect_time: u64,
    operation_time: u64,
    /// Seconds that a server which starts waits for a directory that does not answer yet.
    start_time: u64,
    /// Entries asked for at a time: at most what the server gives in a page.
    page: u32,
    /// Letters that a fragment has at least that is looked for; 0: any.
    fragment_min: u32,
    /// Rename in a transaction, where the directory lists them.
    transactions: bool,
    /// As whom each client's requests are done: `dn:cn={client},…` or `u:{client}`.
    authorize_as: Option<String>,
    /// `auto`, `always` or `never`: whether entries are believed in which groups they are.
    member_of: String,
    users: TypeSettings,
    groups: TypeSettings,
    tenants: BTreeMap<String, TenantSettings>,
    brakes: BrakeSettings,
}

/// `[store.ldap.brakes]`.
#[derive(Debug, Clone, Deserialize, serde::Serialize)]
#[serde(default, deny_unknown_fields)]
struct BrakeSettings {
    /// Seconds.
    window: u64,
    deletes: u32,
    deactivations: u32,
    removals: u32,
    /// Percent: of all of a type, and of the members of a group.
    share: u32,
    removals_share: u32,
}

impl Default for BrakeSettings {
    fn default() -> Self {
        let Brakes { window, deletes, deactivations, removals, share, removals_share } = Brakes::default();
        BrakeSettings { window: window.as_secs(), deletes, deactivations, removals, share, removals_share }
    }
}

impl Default for LdapSettings {
    fn default() -> Self {
        LdapSettings {
            urls: vec!["ldap://127.0.0.1:389".into()],
            bind_dn: String::new(),
            bind_password: String::new().into(),
            bind_password_file: None,
            mode: "read_only".into(),
            profile: "auto".into(),
            start_tls: false,
            ca: None,
            cert: None,
            key: None,
            tls_min: "1.2".into(),
            insecure: false,
            insecure_plain: false,
            connections: 4,
            leases: 16,
            connect_time: 5,
            operation_time: 5,
            start_time: 30,
            page: Settings::default().page,
            fragment_min: Settings::default().fragment_min,
            transactions: false,
            authorize_as: None,
            member_of: "auto".into(),
            users: TypeSettings::default(),
            groups: TypeSettings::default(),
            tenants: BTreeMap::new(),
            brakes: BrakeSettings::default(),
        }
    }
}

/// Reads a secret, which nothing prints from then on.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(Into::into)
}

/// The keys with their defaults; null where there is none, or where what stands there is free.
pub fn keys() -> Value {
    let settings = LdapSettings::default();
    let of = || {
        json!({
            "base": null, "scope": "sub", "filter": null, "object_classes": null, "rdn": null, "id": null, "active": null,
            "placement": null, "protected": null, "writable": null, "on_delete": "remove", "deleted_base": null, "placeholder": null,
            "attributes": null,
        })
    };
    json!({
        "urls": settings.urls, "bind_dn": null, "bind_password": null, "mode": settings.mode, "profile": settings.profile,
        "start_tls": false, "ca": null, "cert": null, "key": null, "tls_min": settings.tls_min, "insecure": false, "insecure_plain": false,
        "connections": settings.connections, "leases": settings.leases, "connect_time": settings.connect_time,
        "operation_time": settings.operation_time, "start_time": settings.start_time, "page": settings.page, "fragment_min": settings.fragment_min,
        "transactions": false, "authorize_as": null, "member_of": settings.member_of, "users": of(), "groups": of(), "tenants": null,
        "brakes": settings.brakes,
    })
}

impl LdapSettings {
    /// How long a server which starts waits for its directory.
    pub fn start_time(&self) -> Duration {
        Duration::from_secs(self.start_time)
    }

    /// How the directory is reached.
    pub fn options(&self) -> Result<Options> {
        let servers =
            self.urls.iter().map(|url| Address::parse(url).with_context(|| format!("store.ldap.urls: {url:?}")));
        let read = |key: &str, path: &Option<PathBuf>| {
            let read = path.as_ref().map(std::fs::read).transpose();
            read.with_context(|| format!("store.ldap.{key} = {path:?}: cannot read it"))
        };
        let identity = match (read("cert", &self.cert)?, read("key", &self.key)?) {
            (Some(certificates), Some(key)) => {
                let key = String::from_utf8(key).context("store.ldap.key is no PEM file")?.into();
                Some(Identity { certificates, key })
            }
            (None, None) => None,
            _ => anyhow::bail!("store.ldap.cert and store.ldap.key belong together: set both"),
        };
        let credentials = match (self.bind_dn.is_empty(), &identity) {
            (false, _) => Credentials::Simple {
                dn: Dn::parse(&self.bind_dn).with_context(|| format!("store.ldap.bind_dn = {:?}", self.bind_dn))?,
                password: match &self.bind_password_file {
                    Some(path) => Password::File(path.clone()),
                    None => Password::Given(self.bind_password.clone()),
                },
            },
            (true, Some(_)) => Credentials::External,
            (true, None) if self.urls.iter().all(|url| url.starts_with("ldapi:")) => Credentials::External,
            (true, None) => Credentials::Anonymous,
        };
        Ok(Options {
            credentials,
            tls: Tls {
                start: self.start_tls,
                authorities: read("ca", &self.ca)?,
                identity,
                insecure: self.insecure,
                newest: match self.tls_min.as_str() {
                    "1.2" => false,
                    "1.3" => true,
                    other => anyhow::bail!("store.ldap.tls_min = {other:?}: write \"1.2\" or \"1.3\""),
                },
            },
            insecure_plain: self.insecure_plain,
            connections: self.connections,
            leases: self.leases,
            connect_time: Duration::from_secs(self.connect_time),
            operation_time: Duration::from_secs(self.operation_time),
            ..Options::new(servers.collect::<Result<_>>()?)
        })
    }

    /// What of these settings says how the directory is reached, as lines of a configuration file.
    pub fn connection(&self, password_file: Option<&str>) -> String {
        let urls = self.urls.iter().map(|url| quoted(url)).collect::<Vec<_>>().join(", ");
        let mut lines = format!("urls = [{urls}]\n");
        let mut line = |key: &str, value: Option<String>| {
            lines.extend(value.into_iter().map(|value| format!("{key} = {value}\n")));
        };
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| quoted(&path.display().to_string()));
        let on = |flag: bool| flag.then(|| "true".to_owned());
        let bound = !self.bind_dn.is_empty();
        line("bind_dn", bound.then(|| quoted(&self.bind_dn)));
        line("bind_password_file", password_file.map(quoted));
        if bound && password_file.is_none() {
            line("# bind_password_file", Some("\"/run/secrets/…\"   # a file that only the server can read".into()));
        }
        line("start_tls", on(self.start_tls));
        line("ca", path(&self.ca));
        line("cert", path(&self.cert));
        line("key", path(&self.key));
        line("tls_min", (self.tls_min != "1.2").then(|| quoted(&self.tls_min)));
        line("insecure", on(self.insecure));
        line("insecure_plain", on(self.insecure_plain));
        line("profile", (self.profile != "auto").then(|| quoted(&self.profile)));
        lines
    }

    /// As whom each client's requests are done.
    fn identity(&self) -> Result<Option<String>> {
        let Some(template) = &self.authorize_as else { return Ok(None) };
        let wrong = || {
            format!(
                "store.ldap.authorize_as = {template:?}: write dn: and a name, or u: and an account, such as \"dn:cn={{client}},ou=clients,dc=example,dc=org\""
            )
        };
        match template.split_once(':') {
            Some((kind, name)) if kind.eq_ignore_ascii_case("dn") => {
                let example = name.replace("{client}", "client").replace("{tenant}", "tenant");
                Dn::parse(&example).with_context(wrong)?;
            }
            Some(("u", account)) if !account.is_empty() => {}
            _ => anyhow::bail!(wrong()),
        }
        Ok(Some(template.clone()))
    }

    /// What stands where, and what may be done.
    pub fn settings(&self, retry_max: u32) -> Result<Settings> {
        let words = [("read_only", Mode::ReadOnly), ("shadow", Mode::Shadow), ("write", Mode::Write)];
        let mode = choice(&self.mode, &words).map_err(|why| anyhow::anyhow!("store.ldap.mode: {why}"))?;
        let words = [
            ("auto", None),
            ("openldap", Some(Product::OpenLdap)),
            ("389ds", Some(Product::Ds389)),
            ("freeipa", Some(Product::FreeIpa)),
            ("active_directory", Some(Product::ActiveDirectory)),
            ("samba", Some(Product::Samba)),
        ];
        let product = choice(&self.profile, &words).map_err(|why| anyhow::anyhow!("store.ldap.profile: {why}"))?;
        let words = [("auto", MemberOf::Auto), ("always", MemberOf::Always), ("never", MemberOf::Never)];
        let member_of =
            choice(&self.member_of, &words).map_err(|why| anyhow::anyhow!("store.ldap.member_of: {why}"))?;
        let BrakeSettings { window, deletes, deactivations, removals, share, removals_share } = self.brakes.clone();
        for (key, share) in [("share", share), ("removals_share", removals_share)] {
            anyhow::ensure!(
                share <= 100,
                "store.ldap.brakes.{key} = {share}: it is in percent; write 1 to 100, or 0 for none"
            );
        }
        let window = Duration::from_secs(window);
        Ok(Settings {
            mode,
            product,
            users: self.users.clone(),
            groups: self.groups.clone(),
            tenants: self.tenants.clone(),
            member_of,
            brakes: Brakes { window, deletes, deactivations, removals, share, removals_share },
            retry_max,
            page: self.page.max(1),
            fragment_min: self.fragment_min,
            transactions: self.transactions,
            authorize_as: self.identity()?,
        })
    }
}
