//! From a directory that answers to a store: what was found decides what can be done.

use std::sync::Arc;

use crate::LdapStore;
use crate::directory::{Call, Directory};
use crate::features::{Features, Indexed, Reference, Upheld};
use crate::ldap::{AttributeName, LdapError, controls};
use crate::mapping::schema::{Equality, Facts, Rules, Schema};
use crate::mapping::tables::Product;
use crate::profile::{AttributeType, Integrity, Kept, Profile, Subschema, Vendor};
use crate::settings::{MemberOf, Settings};

impl LdapStore {
    /// Asks the directory what it is and can do, and makes a store of it.
    ///
    /// # Errors
    /// It cannot be reached, or does not let its root DSE be read.
    pub async fn open(directory: Directory, settings: Settings) -> Result<LdapStore, LdapError> {
        let profile = Profile::probe(&directory, &Call::default()).await?;
        let options = directory.options();
        let private = options.servers.iter().all(|server| options.is_private(server));
        let mut features = features(&profile, settings.product, private);
        // Also where the schema cannot be read.
        features.member_of |= settings.member_of == MemberOf::Always;
        if settings.authorize_as.is_some() && !profile.has_control(controls::PROXIED_AUTHORIZATION) {
            let why =
                "store.ldap.authorize_as: the directory does not list proxied authorization (RFC 4370); leave it out";
            return Err(LdapError::Request(why.into()));
        }
        tracing::info!(vendor = %profile.vendor, ?features, "found a directory");
        Ok(LdapStore::new(directory, settings, features, Arc::new(profile.schema)))
    }
}

/// What the store goes by. `private` where nothing that is sent can be read on the way.
pub fn features(profile: &Profile, asked: Option<Product>, private: bool) -> Features {
    let product = asked.unwrap_or(match profile.vendor {
        Vendor::OpenLdap | Vendor::Generic => Product::OpenLdap,
        Vendor::Ds389 => Product::Ds389,
        Vendor::FreeIpa => Product::FreeIpa,
        Vendor::ActiveDirectory => Product::ActiveDirectory,
        Vendor::Samba => Product::Samba,
    });
    let passwords = profile.modifies_passwords() || profile.vendor.is_like_active_directory();
    Features {
        product,
        deref: profile.deref(),
        matched_values: profile.matched_values(),
        assertion: profile.assertion(),
        assertion_spreads: profile.vendor == Vendor::OpenLdap
            && (profile.schema.is_empty() || Subschema::attribute(&profile.schema, "memberOf").is_some()),
        post_read: profile.post_read(),
        transactions: profile.transactions(),
        entry_dn: profile.entry_dn(),
        passwords: passwords && private,
        integrity: upheld(profile),
        member_of: Subschema::attribute(&profile.schema, "memberOf").is_some(),
        keeps_member_of: matches!(profile.member_of, Kept::By(_)),
        direct_member_of: profile.vendor.is_like_active_directory(),
        domain_scope: profile.vendor.is_like_active_directory() && profile.has_control(controls::DOMAIN_SCOPE),
        primary_groups: profile.vendor.is_like_active_directory(),
        indexed: indexed(profile),
        joins: profile.vendor != Vendor::OpenLdap || Subschema::attribute(&profile.schema, "memberURL").is_some(),
    }
}

/// What is found by an index, where the configuration of each database can be seen (OpenLDAP). An index has all names of its attribute.
fn indexed(profile: &Profile) -> Option<Indexed> {
    let indexes = profile.indexes.as_ref().filter(|_| profile.vendor == Vendor::OpenLdap)?;
    let equal = indexes.iter().filter(|index| index.kinds.iter().any(|kind| kind.eq_ignore_ascii_case("eq")));
    let named = equal.flat_map(|index| {
        names(profile, &index.attribute).into_iter().filter_map(|name| Some((name, index.below.clone()?)))
    });
    Some(Indexed(named.collect()))
}

/// All names of an attribute.
fn names(profile: &Profile, attribute: &str) -> Vec<AttributeName> {
    let known = Subschema::attribute(&profile.schema, attribute).map(|own| own.names.clone());
    let names = known.unwrap_or_else(|| vec![attribute.to_owned()]);
    names.iter().filter_map(|name| AttributeName::new(name).ok()).collect()
}

/// The references that need no care of ours.
fn upheld(profile: &Profile) -> Upheld {
    match &profile.integrity {
        Integrity::All(_) => Upheld::All,
        Integrity::Not | Integrity::Unknown => Upheld::default(),
        Integrity::Of(all) => Upheld::Of(
            all.iter()
                .flat_map(|own| own.attributes.iter().map(move |attribute| (own, attribute)))
                .flat_map(|(own, attribute)| names(profile, attribute).into_iter().map(move |name| (own, name)))
                .map(|(own, name)| Reference { name, entries: own.entries.clone(), holders: own.holders.clone() })
                .collect(),
        ),
    }
}

impl Schema for Subschema {
    fn attribute(&self, name: &AttributeName) -> Option<Facts> {
        if self.is_empty() {
            // It may not be read: every attribute may be there, and nothing is pushed that needs a rule.
            return Some(Facts::default());
        }
        let own = Subschema::attribute(self, name.as_str())?;
        let secret = self.is_secret(own);
        Some(Facts { rules: rules(own), single: own.single, read_only: own.read_only, secret })
    }

    fn usual(&self, name: &AttributeName) -> AttributeName {
        let own = Subschema::attribute(self, name.as_str()).and_then(|own| own.names.first());
        let options: String = name.options().map(|option| format!(";{option}")).collect();
        let usual = own.filter(|own| !name.is(own)).and_then(|own| AttributeName::new(&format!("{own}{options}")).ok());
        usual.unwrap_or_else(|| name.clone())
    }

    fn allows(&self, classes: &[String], name: &AttributeName) -> bool {
        self.is_empty() || Subschema::allows(self, classes, name.base())
    }
}

/// How values are compared, by the names of the rules. Active Directory names none: its text has no case and parts.
fn rules(own: &AttributeType) -> Rules {
    let equality = match own.equality.as_deref() {
        Some(rule) if rule.starts_with("caseIgnore") || rule == "telephoneNumberMatch" => Equality::Folded,
        Some(rule) if rule.starts_with("caseExact") => Equality::Exact,
        Some(_) => Equality::Typed,
        None if own.syntax.as_deref() == Some(DIRECTORY_STRING) => Equality::Folded,
        None => Equality::None,
    };
    let text = own.equality.is_none() && equality == Equality::Folded;
    Rules {
        equality,
        ordering: own.ordering.is_some(),
        substrings: own
            .substrings
            .as_deref()
            .is_some_and(|rule| rule.starts_with("case") || rule.starts_with("telephone"))
            || text,
    }
}

const DIRECTORY_STRING: &str = "1.3.6.1.4.1.1466.115.121.1.15";
