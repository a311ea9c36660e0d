//! Our own server over an OpenLDAP with attributes for all that the suite sends and plain attributes can hold.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use conformance_tests::datasets::seed::Seed;
use conformance_tests::harness::{Cannot, Grant};
use conformance_tests::http::Client;
use conformance_tests::servers::slapd::{ADMIN, PASSWORD, SUFFIX, Setup, Slapd};
use conformance_tests::{Ability, Harness, Site, protocol};
use scim_core::access::Profile;
use scim_core::clock::Timestamp;
use scim_core::limits::Limits;
use scim_core::store::control::TenantSettings;

use crate::ours::{Ours, Running};

/// Tenants that have a place in the directory: more than the suite takes.
const TENANTS: usize = 900;

/// What values of several parts become, where no attribute of a directory holds one.
const JSON: &str = include_str!("json.toml");
/// The same by attributes for types and parts.
const PLAIN: &str = include_str!("plain.toml");

/// A server, and the directory behind it.
pub struct Gateway {
    ours: Ours,
    slapd: Slapd,
    cannot: HashMap<&'static str, Cannot<'static>>,
}

impl Gateway {
    /// Starts both. With `seeded`, ids stand in an attribute that can be written, so that resources with ids of the suite's own can
    /// be put there; else they are `entryUUID`.
    pub fn start(name: &'static str, seeded: bool) -> Result<Gateway> {
        use Ability::{Credentials, Ours as Own, Seed, Settings, Tenants, TestSchema, Tight};
        let mut entries = String::new();
        for n in 1..=TENANTS {
            let _ = write!(entries, "dn: o=t{n},{SUFFIX}\nobjectClass: organization\no: t{n}\n\n");
            for part in ["people", "groups"] {
                let _ =
                    write!(entries, "dn: ou={part},o=t{n},{SUFFIX}\nobjectClass: organizationalUnit\nou: {part}\n\n");
            }
        }
        let schema = include_str!("schema.ldif").to_owned();
        let mut indexes = Setup::usual_indexes();
        indexes.push("scimId,scimExternalId eq".into());
        let slapd = Slapd::start(&Setup { entries, schema, indexes, ..Setup::furnished() })?;
        let start = |limits: &Limits| {
            let folder = tempfile::tempdir()?;
            let control = folder.path().join("control.db");
            let id = if seeded { "id = \"scimId\"\n" } else { "" };
            let store = include_str!("mapping.toml")
                .replace("{url}", &slapd.url())
                .replace("{bind}", &format!("bind_dn = {ADMIN:?}\nbind_password = {PASSWORD:?}"))
                .replace("{control}", &control.display().to_string())
                .replace("# {id}\n", id)
                .replace("# {json}\n", if seeded { JSON } else { PLAIN })
                .replace("# {tenants}\n", &places());
            Running::serve(folder, None, &store, limits)
        };
        let abilities: &[Ability] = if seeded {
            &[Tenants, Credentials, Settings, Seed, TestSchema, Own]
        } else {
            &[Tenants, Credentials, Settings, TestSchema, Tight, Own]
        };
        let ours = Ours::over(name, abilities, start(&Limits::default())?, start(&protocol::limits::tight())?)?;
        Ok(Gateway { ours, slapd, cannot: cannot() })
    }

    /// Gives entries the times of the suite: only the manager of the directory may (the relax rules control).
    fn date(&self, site: &Site, seeds: &[(String, String, Timestamp, Timestamp)]) -> Result<()> {
        let mut ldif = String::new();
        for (id, part, created, modified) in seeds {
            let search = ["-x", "-LLL", "-o", "ldif-wrap=no", "-H", &self.slapd.url(), "-D", ADMIN, "-w", PASSWORD]
                .map(str::to_owned);
            let base = format!("ou={part},o={},{SUFFIX}", site.tenant);
            let found = Command::new("ldapsearch")
                .args(search)
                .args(["-b", &base, &format!("(scimId={id})"), "1.1"])
                .output()?;
            let text = String::from_utf8(found.stdout)?;
            let dn = text.lines().find(|line| line.starts_with("dn")).with_context(|| format!("{id} below {base}"))?;
            let _ = write!(
                ldif,
                "{dn}\nchangetype: modify\nreplace: createTimestamp\ncreateTimestamp: {}\n-\nreplace: modifyTimestamp\nmodifyTimestamp: {}\n\n",
                generalized(*created)?,
                generalized(*modified)?,
            );
        }
        let mut child = Command::new("ldapmodify")
            .args(["-x", "-e", "relax", "-H", &self.slapd.url(), "-D", ADMIN, "-w", PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        std::io::Write::write_all(&mut child.stdin.take().context("its input")?, ldif.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }
}

/// The part of each tenant.
fn places() -> String {
    let mut text = String::new();
    for n in 1..=TENANTS {
        for part in ["users", "groups"] {
            let unit = if part == "users" { "people" } else { "groups" };
            let _ = write!(text, "[store.ldap.tenants.t{n}.{part}]\nbase = \"ou={unit},o=t{n},{SUFFIX}\"\n");
        }
    }
    text
}

fn generalized(at: Timestamp) -> Result<String> {
    let at = jiff::Timestamp::from_millisecond(at.millis())?;
    Ok(at.strftime("%Y%m%d%H%M%S.%3fZ").to_string())
}

/// The cases that cannot pass, or pass by chance, and why.
pub fn cannot() -> HashMap<&'static str, Cannot<'static>> {
    let lines = include_str!("cannot.tsv").lines().skip(1);
    let row = |line: &'static str| {
        let (case, rest) = line.split_once('\t')?;
        let (outcome, why) = rest.split_once('\t')?;
        Some((case, if outcome == "by chance" { Cannot::Promise(why) } else { Cannot::Pass(why) }))
    };
    lines.filter_map(row).collect()
}

impl Harness for Gateway {
    fn name(&self) -> &str {
        self.ours.name()
    }

    fn abilities(&self) -> &[Ability] {
        self.ours.abilities()
    }

    fn profiles(&self) -> &[Profile] {
        self.ours.profiles()
    }

    fn fresh_tenant(&self, profile: Profile) -> Result<Site> {
        self.ours.fresh_tenant(profile)
    }

    fn tight_tenant(&self) -> Result<Site> {
        self.ours.tight_tenant()
    }

    fn credential(&self, site: &Site, grant: &Grant) -> Result<String> {
        self.ours.credential(site, grant)
    }

    fn revoke(&self, site: &Site, token: &str) -> Result<()> {
        self.ours.revoke(site, token)
    }

    fn settings(&self, site: &Site, settings: TenantSettings) -> Result<()> {
        self.ours.settings(site, settings)
    }

    fn seed(&self, site: &Site, seeds: Vec<Seed>) -> Result<()> {
        let dates: Vec<_> = seeds
            .iter()
            .map(|seed| {
                let part = if seed.kind().as_str() == "User" { "people" } else { "groups" };
                (seed.id().as_str().to_owned(), part.to_owned(), seed.times().0, seed.times().1)
            })
            .collect();
        // Who has asked for nothing is not known to the store yet.
        let asked = Client::default().send(
            "GET",
            &format!("{}/ResourceTypes", site.base),
            &[("Authorization".to_owned(), format!("Bearer {}", site.token))],
            &[],
        )?;
        ensure!(asked.status == 200, "{asked:?}");
        self.ours.seed(site, seeds.into_iter().map(Seed::unchanged).collect())?;
        // Where all are of one time, nobody looks at it.
        let first = dates.first().map(|(_, _, created, modified)| (*created, *modified));
        match dates.iter().all(|(_, _, created, modified)| Some((*created, *modified)) == first) {
            true => Ok(()),
            false => self.date(site, &dates),
        }
    }

    fn cannot(&self, profile: Profile, case: &str) -> Option<Cannot<'_>> {
        let found = self.cannot.get(case).or_else(|| self.cannot.get(format!("{profile}::{case}").as_str()));
        found.copied()
    }
}
