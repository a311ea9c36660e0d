//! `doctor`: what a directory is, what of it SCIM shows, what is missing, and how to mend it. Nothing is written, except by
//! a probe where one is asked for.
//!
//! - `places`: where people and groups are; `hidden`: what the account may not look for
//! - `checks`: what is right and what is not; `lockout`: whether locks keep anybody out
//! - `probe`: what only writing shows
//! - `report`: all of it, for people and for machines; `example`: a configuration for what was found

mod checks;
pub mod example;
mod hidden;
mod lockout;
pub mod places;
mod probe;
mod report;

use std::sync::Arc;

use scim_core::clock::Timestamp;
use scim_core::schema::ResourceType;
use scim_core::store::{Held, ResourceId, Shortfall};
use serde_json::{Value, json};

use crate::directory::{Call, Directory};
use crate::features::Features;
use crate::ldap::{AttributeName, LdapError, Search};
use crate::mapping::{Active, Column, Mapping};
use crate::member_of::{self, Agreement};
use crate::open::features;
use crate::profile::Profile;
use crate::settings::{MemberOf, Mode, Settings};
use crate::tenant::Tenant;

pub use probe::{Probe, refusal};
pub use report::{Finding, Level, Report, Row, TypeReport};

/// So many entries are counted.
const COUNTED: usize = 10_000;
/// How many a page.
const PAGE: u32 = 500;

/// Looks at a directory as these settings would use it. Where they name no base, one is looked for.
///
/// # Errors
/// It cannot be reached. What is wrong with it otherwise stands in the report.
pub async fn examine(
    directory: &Directory,
    settings: &Settings,
    types: &[Arc<ResourceType>],
    now: Timestamp,
) -> Result<Report, LdapError> {
    let call = Call::default();
    let profile = Profile::probe(directory, &call).await?;
    let options = directory.options();
    let private = options.servers.iter().all(|server| options.is_private(server));
    let features = features(&profile, settings.product, private);
    let mut report = Report { directory: facts(directory, &profile), ..Report::default() };
    report.findings.extend(checks::transport(options));
    report.findings.extend(checks::clock(&profile, now));
    report.findings.extend(checks::abilities(&profile, &features, settings.mode));
    report.findings.push(checks::integrity(&profile, settings.mode));
    report.findings.extend(checks::letters(&profile, settings.mode));

    let mut settings = settings.clone();
    if settings.tenants.is_empty() {
        fill_in(directory, &call, &profile, &features, &mut settings, &mut report.findings).await?;
    }
    let mut mappings: Vec<Arc<Mapping>> = Vec::new();
    let several = !settings.tenants.is_empty();
    let tenants = if several { settings.tenants.keys().cloned().collect() } else { vec!["default".to_owned()] };
    for name in tenants {
        let built = Tenant::build(&name, types, &settings, &features, &profile.schema);
        let (tenant, shortfalls) = match built {
            Ok(built) => built,
            Err(bad) => {
                report.findings.push(Finding::problem(bad.to_string(), "set it in the configuration"));
                continue;
            }
        };
        for mapping in tenant.mappings() {
            let writes = settings.mode != Mode::ReadOnly;
            let rows = rows(mapping, &shortfalls, writes);
            let (one, ids) = type_report(directory, &call, mapping, rows, &mut report.findings).await?;
            report.findings.extend(hidden::hidden(directory, &call, &profile, mapping, &ids).await?);
            report.findings.extend(lockout::lockout(directory, &call, &profile, mapping).await?);
            report.types.push(TypeReport { tenant: several.then(|| name.clone()), ..one });
            report.findings.extend(checks::empty_groups(&profile, mapping));
            report.findings.extend(checks::references(&profile, &features, &tenant, mapping, settings.mode));
            mappings.push(mapping.clone());
        }
        if member_of::column(&tenant).is_some() {
            let told = settings.member_of == MemberOf::Auto && features.keeps_member_of;
            let compared = match told {
                true => Some(readable(member_of::compare(directory, &call, &tenant, settings.page).await)?),
                false => None,
            };
            let finding = checks::groups_of_users(&profile, settings.member_of, compared.as_ref());
            report.findings.extend((!report.findings.contains(&finding)).then_some(finding));
        }
    }
    report.findings.push(checks::indexes(&profile, &mappings.iter().map(Arc::as_ref).collect::<Vec<_>>()));
    report.findings.sort_by_key(|finding| finding.level);
    Ok(report)
}

impl Report {
    /// Adds what a probe found.
    pub fn add(&mut self, found: Vec<Finding>) {
        self.findings.extend(found);
        self.findings.sort_by_key(|finding| finding.level);
    }
}

/// What the account may not see tells nothing; a server that is gone is an error.
fn readable(compared: Result<Agreement, LdapError>) -> Result<Agreement, LdapError> {
    match compared {
        Err(LdapError::Refused(result)) if !result.code.is_down() => Ok(Agreement::No(result.to_string())),
        other => other,
    }
}

fn facts(directory: &Directory, profile: &Profile) -> Vec<(String, String)> {
    let root = &profile.root;
    let version = root.vendor_version.clone().map(|version| format!(", {version}")).unwrap_or_default();
    let servers = directory.options().servers.iter().map(ToString::to_string).collect::<Vec<_>>();
    let contexts = root.naming_contexts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let able = [
        ("pages", profile.paged()),
        ("assertion", profile.assertion()),
        ("post-read", profile.post_read()),
        ("dereference", profile.deref()),
        ("matched values", profile.matched_values()),
        ("transactions", profile.transactions()),
        ("password modify", profile.modifies_passwords()),
        ("sorting", profile.has_control(crate::ldap::controls::SORT)),
    ];
    let able = able.iter().filter(|(_, able)| *able).map(|(name, _)| *name).collect::<Vec<_>>();
    vec![
        ("directory".into(), format!("{}{version}", profile.vendor)),
        ("servers".into(), servers.join(", ")),
        ("holds".into(), contexts.join("; ")),
        ("can".into(), able.join(", ")),
    ]
}

/// Bases that the settings do not name, looked for.
async fn fill_in(
    directory: &Directory,
    call: &Call,
    profile: &Profile,
    features: &Features,
    settings: &mut Settings,
    findings: &mut Vec<Finding>,
) -> Result<(), LdapError> {
    let set = |part: &str, base: &str| format!("store.ldap.{part}.base = \"{base}\"");
    if settings.users.base.is_none() {
        match places::people(directory, call, profile, features.product).await? {
            Some(found) => {
                let base = found.base.to_string();
                findings.push(Finding::warning(
                    format!("no base for users is set; they are below {base}"),
                    set("users", &base),
                ));
                settings.users.base = Some(base);
            }
            None => findings.push(Finding::problem(
                "no people are seen in the directory",
                "set store.ldap.users.base and .filter, and let the account of store.ldap.bind_dn read there",
            )),
        }
    }
    if settings.groups.base.is_none() {
        match places::groups(directory, call, profile, features.product).await? {
            Some(found) => {
                let base = found.base.to_string();
                findings.push(Finding::warning(
                    format!("no base for groups is set; they are below {base}"),
                    set("groups", &base),
                ));
                found.settings(&mut settings.groups);
            }
            None => findings.push(Finding::note("no groups are seen in the directory")),
        }
    }
    Ok(())
}

/// A type: its attributes, how many entries there are, and the first of them in SCIM; with ids of some.
async fn type_report(
    directory: &Directory,
    call: &Call,
    mapping: &Mapping,
    attributes: Vec<Row>,
    findings: &mut Vec<Finding>,
) -> Result<(TypeReport, Vec<ResourceId>), LdapError> {
    let place = &mapping.place;
    let search = Search::new(&place.base, place.reach, place.filter.clone(), mapping.plan.document.clone());
    let mut one = TypeReport {
        tenant: None,
        kind: mapping.rt.kind.to_string(),
        base: place.base.to_string(),
        filter: place.filter.to_string(),
        id: mapping.id.name.to_string(),
        entries: 0,
        more: false,
        attributes,
        example: None,
    };
    let mut walk = directory.walk(call, search, PAGE);
    let mut nameless = 0;
    let mut ids = Vec::new();
    loop {
        let page = match walk.next().await {
            Ok(Some(page)) => page,
            Ok(None) => break,
            Err(LdapError::Refused(result)) if !result.code.is_down() => {
                findings.push(Finding::problem(
                    format!("{}: {} cannot be searched: {result}", one.kind, one.base),
                    format!(
                        "set store.ldap.{}s.base to an entry that the account of store.ldap.bind_dn may search",
                        one.kind.to_lowercase()
                    ),
                ));
                return Ok((one, ids));
            }
            Err(error) => return Err(error),
        };
        if one.example.is_none() {
            one.example = page.iter().find_map(|entry| Some(shown(mapping, entry, &mapping.id_of(entry)?)));
        }
        if ids.is_empty() {
            ids.extend(page.iter().filter_map(|entry| mapping.id_of(entry)).take(hidden::SAMPLE));
        }
        nameless += page.iter().filter(|entry| mapping.id_of(entry).is_none()).count();
        one.entries += page.len();
        if one.entries >= COUNTED {
            one.more = true;
            break;
        }
    }
    if one.entries == 0 {
        findings.push(Finding::warning(
            format!("{}: nothing is found below {} with {}", one.kind, one.base, one.filter),
            "look at base and filter, and at what the account of store.ldap.bind_dn may read",
        ));
    }
    if nameless > 0 {
        findings.push(Finding::problem(
            format!("{}: {nameless} entries show no {}, which is their id", one.kind, one.id),
            format!("let the account of store.ldap.bind_dn read {}", one.id),
        ));
    }
    Ok((one, ids))
}

/// An entry as its resource would begin.
fn shown(mapping: &Mapping, entry: &crate::ldap::Entry, id: &ResourceId) -> Value {
    let mut whole = serde_json::Map::new();
    let mut attributes = mapping.attributes_of(entry);
    if let Some(schemas) = attributes.remove("schemas") {
        whole.insert("schemas".into(), schemas);
    }
    whole.insert("id".into(), json!(id.as_str()));
    whole.extend(attributes);
    Value::Object(whole)
}

/// Attribute by attribute, those that cannot be held at the end. What cannot be written is said where others can.
fn rows(mapping: &Mapping, shortfalls: &[Shortfall], writes: bool) -> Vec<Row> {
    let restricted = |write: bool| (writes && !write).then(|| "read only".to_owned());
    let path = |column: &Column| match &column.kind {
        Some(kind) => format!("{} ({kind})", column.at),
        None => column.at.to_string(),
    };
    let row = |scim: String, name: &AttributeName, why| Row { scim, ldap: Some(name.to_string()), why };
    let mut rows = vec![row("id".into(), &mapping.id.name, restricted(false))];
    rows.extend(mapping.columns.iter().map(|column| row(path(column), &column.name, restricted(column.write))));
    rows.extend(mapping.links.iter().map(|link| row(link.link.at.to_string(), &link.name, restricted(link.write))));
    if let Some((at, active)) = &mapping.active {
        let (ldap, why) = match active {
            Active::Always => (None, Some("always true: nothing says who may not log in".to_owned())),
            other => (other.attribute().map(|name| name.to_string()), None),
        };
        rows.push(Row { scim: at.to_string(), ldap, why });
    }
    let own = shortfalls.iter().filter(|short| short.kind == mapping.rt.kind && short.held == Held::Not);
    let missing =
        own.filter(|short| !rows.iter().any(|row| row.scim.split(" (").next() == Some(&short.at.to_string())));
    let missing = missing.map(|short| {
        let at = short.at.to_string();
        // Its path stands before it already.
        let why = short.why.strip_prefix(&at).unwrap_or(&short.why).trim_start_matches([':', ' ']);
        let why = why.strip_prefix("is ").unwrap_or(why).to_owned();
        Row { scim: at, ldap: None, why: Some(why) }
    });
    let missing = missing.collect::<Vec<_>>();
    rows.extend(missing);
    rows
}
