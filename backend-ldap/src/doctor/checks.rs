//! What is right and what is not, from what was found: no I/O.

use std::time::Duration;

use scim_core::clock::Timestamp;

use crate::directory::Options;
use crate::features::Features;
use crate::mapping::{LinkColumn, Mapping, syntax};
use crate::member_of::Agreement;
use crate::profile::{Followed, Integrity, Kept, Profile, Vendor};
use crate::settings::{MemberOf, Mode};
use crate::tenant::Tenant;

use super::report::Finding;

/// Clocks further apart than this spoil times and certificates.
const SKEW: Duration = Duration::from_secs(60);

/// What protects the way there.
pub(super) fn transport(options: &Options) -> Vec<Finding> {
    let mut found = Vec::new();
    if options.tls.insecure {
        found.push(Finding::warning(
            "certificates are not verified: anybody on the way can read and change everything",
            "set store.ldap.ca to the authority's certificate and remove store.ldap.insecure",
        ));
    }
    for server in &options.servers {
        if options.is_private(server) {
            found.push(Finding::good(format!("{server}: what is sent there stays private")));
        } else {
            found.push(Finding::warning(
                format!("{server}: everything is sent in clear; passwords will not be"),
                "use ldaps://, or set store.ldap.start_tls = true",
            ));
        }
    }
    found
}

/// How far its clock is from ours.
pub(super) fn clock(profile: &Profile, now: Timestamp) -> Option<Finding> {
    let theirs = syntax::generalized(profile.root.current_time.as_deref()?)?;
    let apart = theirs.as_millisecond().abs_diff(now.millis());
    let seconds = apart / 1000;
    Some(if Duration::from_millis(apart) > SKEW {
        Finding::warning(
            format!("the directory's clock is {seconds} s from ours"),
            "let both take their time from the same servers (NTP)",
        )
    } else {
        Finding::good("the directory's clock agrees with ours")
    })
}

/// What its controls and its schema allow.
pub(super) fn abilities(profile: &Profile, features: &Features, mode: Mode) -> Vec<Finding> {
    let mut found = Vec::new();
    if profile.schema.is_empty() {
        found.push(Finding::problem(
            "the schema cannot be read: what is in the directory is guessed, and filters are not sent to it",
            "let the account of store.ldap.bind_dn read the entry that subschemaSubentry of the root DSE names",
        ));
    }
    if profile.paged() {
        found.push(Finding::good("lists come in pages"));
    } else {
        found.push(Finding::problem(
            "the server has no paged results: lists end where its size limit does",
            "enable the control 1.2.840.113556.1.4.319, or lift the size limit of the account",
        ));
    }
    found.push(if features.deref || profile.vendor.is_like_active_directory() {
        Finding::good("members are resolved together with their group")
    } else if profile.vendor == Vendor::OpenLdap {
        Finding::warning(
            "members are resolved in searches of their own: big groups are read more slowly",
            "load the deref overlay: olcModuleLoad: deref, and an entry olcOverlay=deref below the database",
        )
    } else {
        Finding::note("members are resolved in searches of their own: big groups are read more slowly")
    });
    if mode != Mode::ReadOnly {
        found.push(if features.assertion {
            Finding::good("If-Match is decided by the server itself")
        } else {
            Finding::note("If-Match is decided by the values that are replaced: it protects what is written, not all of the entry")
        });
        found.push(if features.transactions {
            Finding::good("a rename with other changes is one transaction")
        } else {
            Finding::note("a rename with other changes is two steps; the first is undone when the second fails")
        });
        found.push(if features.passwords {
            Finding::good("passwords can be set")
        } else {
            Finding::note("passwords cannot be set: there is no protected way, or no operation for it")
        });
    }
    found
}

/// Whether references go with the entries they lead to.
pub(super) fn integrity(profile: &Profile, mode: Mode) -> Finding {
    match (&profile.integrity, mode) {
        (Integrity::All(how), _) => Finding::good(format!("members that are deleted leave their groups: {how}")),
        (Integrity::Of(all), _) => {
            let what = |one: &Followed| format!("{}, for {}", one.by, one.attributes.join(", "));
            let all = all.iter().map(what).collect::<Vec<_>>().join("; ");
            Finding::good(format!("references to entries that are deleted go with them: {all}"))
        }
        (Integrity::Unknown, _) => {
            Finding::note("whether members that are deleted leave their groups cannot be seen with this account")
        }
        (Integrity::Not, Mode::Write) => Finding::warning(
            "members that are deleted stay in their groups, unless they are deleted through the gateway",
            integrity_mend(profile),
        ),
        (Integrity::Not, _) => {
            Finding::note("members that are deleted stay in their groups, unless who deletes them takes care")
        }
    }
}

/// How a directory is told to keep references right.
pub(super) fn integrity_mend(profile: &Profile) -> &'static str {
    match profile.vendor {
        Vendor::OpenLdap => "load the refint overlay with olcRefintAttribute: member and olcRefintAttribute: manager",
        Vendor::Ds389 | Vendor::FreeIpa => {
            "dsconf INSTANCE plugin referential-integrity enable, and restart the server"
        }
        _ => "let the directory keep member and manager right by itself, if it can",
    }
}

/// References of a type that the directory does not keep right, where it does so for others: who deletes or renames an entry elsewhere
/// leaves them as they are.
pub(super) fn references(
    profile: &Profile,
    features: &Features,
    tenant: &Tenant,
    mapping: &Mapping,
    mode: Mode,
) -> Option<Finding> {
    let Integrity::Of(all) = &profile.integrity else { return None };
    let upheld = |column: &&LinkColumn| {
        let mut targets = tenant.of(&column.link.kinds).map(|target| &target.place.base);
        targets.all(|target| features.integrity.has(&column.name, &mapping.place.base, target))
    };
    let open = mapping.links.iter().filter(|column| column.write && !column.by_name && !upheld(column));
    let open: Vec<&str> = open.map(|column| column.name.as_str()).collect();
    if mode == Mode::ReadOnly || open.is_empty() {
        return None;
    }
    let what = format!(
        "{} below {} is not kept right by the directory: what leads to an entry that is deleted or renamed stays, unless that is done \
         through the gateway",
        open.join(", "),
        mapping.place.base
    );
    let mend = match profile.vendor {
        Vendor::Ds389 | Vendor::FreeIpa => {
            let known = all.iter().flat_map(|own| own.attributes.iter().map(String::as_str));
            let names = known.chain(open).collect::<Vec<_>>().join(" ");
            format!(
                "dsconf INSTANCE plugin referential-integrity set --membership-attr {names}, and restart the server"
            )
        }
        _ => format!("give the refint overlay of this database olcRefintAttribute: {}", open.join(" ")),
    };
    Some(Finding::warning(what, mend))
}

/// Which names are refused for their letters.
pub(super) fn letters(profile: &Profile, mode: Mode) -> Option<Finding> {
    let what = format!("{} take no letters beyond ASCII: a user \"zoë\" is refused", profile.ascii.join(", "));
    (mode != Mode::ReadOnly && !profile.ascii.is_empty()).then(|| {
        Finding::warning(what, "dsconf INSTANCE plugin set --enabled off \"7-bit check\", and restart the server")
    })
}

/// Where groups of users come from: their own entries, or a search; and why. `compared` where it could be.
pub(super) fn groups_of_users(profile: &Profile, asked: MemberOf, compared: Option<&Agreement>) -> Finding {
    const SEARCHED: &str = "groups of users are searched for";
    let kept = match (asked, &profile.member_of) {
        (MemberOf::Always, _) => {
            return Finding::note("groups of users are read from memberOf unseen, as store.ldap.member_of says");
        }
        (MemberOf::Never, _) => return Finding::note(format!("{SEARCHED}, as store.ldap.member_of says")),
        (MemberOf::Auto, Kept::Not) => return Finding::note(format!("{SEARCHED}: the directory keeps no memberOf")),
        (MemberOf::Auto, Kept::Unknown) => {
            return Finding::note(format!(
                "{SEARCHED}: whether the directory keeps memberOf cannot be seen with this account (where you know that it does: \
                 store.ldap.member_of = \"always\")"
            ));
        }
        (MemberOf::Auto, Kept::By(how)) => how,
    };
    match compared {
        Some(Agreement::Yes { memberships, .. }) => Finding::good(format!(
            "groups of users are read from memberOf, kept by {kept}: it agrees with the groups in {memberships} memberships"
        )),
        Some(Agreement::No(why)) => Finding::warning(
            format!("{SEARCHED}, which is slower, because memberOf (kept by {kept}) differs: {why}"),
            match profile.vendor {
                Vendor::Ds389 | Vendor::FreeIpa => {
                    "dsconf INSTANCE plugin memberof fixup BASE, for the base of the users"
                }
                Vendor::OpenLdap => {
                    "take the members of such groups out and put them in again, so that the memberof overlay sees them, or set \
                     store.ldap.member_of = \"never\", so that it is not compared"
                }
                _ => "let the account of store.ldap.bind_dn read memberOf of users and member of groups",
            },
        ),
        Some(Agreement::Nothing) | None => Finding::note(format!(
            "{SEARCHED} until there are members by which memberOf can be compared with the groups"
        )),
    }
}

/// The attributes that are searched by equality and have no index.
pub(super) fn indexes(profile: &Profile, mappings: &[&Mapping]) -> Finding {
    let Some(indexes) = &profile.indexes else {
        return Finding::note("which attributes have an index cannot be seen with this account");
    };
    let mut wanted: Vec<String> = vec!["objectClass".into()];
    for mapping in mappings {
        wanted.push(mapping.id.name.as_str().into());
        wanted.push(mapping.place.rdn.as_str().into());
        let by_name = ["userName", "emails", "displayName"];
        let columns = mapping.columns.iter().filter(|column| by_name.contains(&column.at.attr().name.as_ref()));
        wanted.extend(columns.map(|column| column.name.base().to_owned()));
        wanted.extend(mapping.links.iter().map(|link| link.name.base().to_owned()));
    }
    let mut missing: Vec<String> = Vec::new();
    for name in wanted {
        let has = indexes.iter().any(|index| {
            let equality = index.kinds.iter().any(|kind| kind.eq_ignore_ascii_case("eq"));
            equality && profile.schema.same(&index.attribute, &name)
        });
        // Active Directory finds by GUID and by link without being told to.
        let inherent =
            profile.vendor.is_like_active_directory() && ["member", "manager", "objectClass"].contains(&name.as_str());
        let known = missing.iter().any(|one| profile.schema.same(one, &name));
        if !has && !inherent && !known && profile.schema.attribute(&name).is_some() {
            missing.push(name);
        }
    }
    if missing.is_empty() {
        return Finding::good("what is searched has an index");
    }
    let what = format!("no index for {}: each search looks at every entry", missing.join(", "));
    let mend = match profile.vendor {
        Vendor::OpenLdap => {
            let lines = missing.iter().map(|name| format!("olcDbIndex: {name} eq\n")).collect::<String>();
            format!(
                "ldapmodify, for the database's entry below cn=config:\nchangetype: modify\nadd: olcDbIndex\n{lines}"
            )
        }
        Vendor::Ds389 | Vendor::FreeIpa => {
            let line = |name: &String| {
                format!("dsconf INSTANCE backend index add --attr {name} --index-type eq --reindex userRoot\n")
            };
            missing.iter().map(line).collect()
        }
        _ => "set bit 1 of searchFlags of their schema entries".to_owned(),
    };
    Finding::warning(what, mend)
}

/// What a group of this class must have.
pub(super) fn empty_groups(profile: &Profile, mapping: &Mapping) -> Option<Finding> {
    let link = mapping.links.iter().find(|link| link.link.multi_valued())?;
    let must = profile.schema.must(&mapping.place.classes);
    let must = must.iter().any(|name| profile.schema.same(name, link.name.base()));
    let standing_in = match &profile.integrity {
        Integrity::Of(all) => all.iter().find_map(|own| own.nobody.as_ref()),
        _ => None,
    };
    let other = standing_in.filter(|nobody| mapping.placeholder(&link.name) != Some(nobody.as_str()));
    let told =
        other.map(|nobody| format!("; the refint overlay has {nobody} for that, which placeholder can name too"));
    must.then(|| {
        Finding::note(format!(
            "a group cannot be empty here: where SCIM has no member, {} holds a placeholder{}",
            link.name,
            told.unwrap_or_default()
        ))
    })
}
