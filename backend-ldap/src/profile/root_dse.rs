//! What a server says of itself: the root DSE (RFC 4512 section 5.1).

use std::collections::BTreeSet;

use crate::ldap::{AttributeName, Dn, Entry};

/// The root DSE.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RootDse {
    /// Who made it.
    pub vendor_name: Option<String>,
    /// Which version.
    pub vendor_version: Option<String>,
    /// Object classes of the root DSE itself.
    pub classes: Vec<String>,
    /// What it holds.
    pub naming_contexts: Vec<Dn>,
    /// What it holds above all.
    pub default_context: Option<Dn>,
    /// Where its configuration is.
    pub config_context: Option<Dn>,
    /// Where its schema is as entries (Active Directory).
    pub schema_context: Option<Dn>,
    /// Where its schema is.
    pub subschema: Option<Dn>,
    /// OIDs of controls.
    pub controls: BTreeSet<String>,
    /// OIDs of extended operations.
    pub extensions: BTreeSet<String>,
    /// OIDs of features.
    pub features: BTreeSet<String>,
    /// OIDs of Active Directory's capabilities.
    pub capabilities: BTreeSet<String>,
    /// Names of SASL mechanisms.
    pub mechanisms: BTreeSet<String>,
    /// What time it is there (Active Directory), as generalized time.
    pub current_time: Option<String>,
    /// Is it Active Directory's global catalog, or still reading in?
    pub synchronized: Option<bool>,
}

impl RootDse {
    /// What to ask for: most of it is operational, and some servers give it only by name.
    pub const ATTRIBUTES: &'static [&'static str] = &[
        "objectClass",
        "vendorName",
        "vendorVersion",
        "namingContexts",
        "defaultNamingContext",
        "configContext",
        "configurationNamingContext",
        "schemaNamingContext",
        "subschemaSubentry",
        "supportedControl",
        "supportedExtension",
        "supportedFeatures",
        "supportedCapabilities",
        "supportedSASLMechanisms",
        "currentTime",
        "isSynchronized",
    ];

    /// Reads the root DSE.
    pub fn read(entry: &Entry) -> RootDse {
        let all = |name: &'static str| -> Vec<String> {
            entry.texts(&AttributeName::known(name)).map(str::to_owned).collect()
        };
        let one = |name: &'static str| all(name).into_iter().next();
        let set = |name: &'static str| all(name).into_iter().collect();
        let dn = |name: &'static str| one(name).and_then(|text| Dn::parse(&text).ok());
        RootDse {
            vendor_name: one("vendorName"),
            vendor_version: one("vendorVersion"),
            classes: all("objectClass"),
            naming_contexts: all("namingContexts").iter().filter_map(|text| Dn::parse(text).ok()).collect(),
            default_context: dn("defaultNamingContext"),
            config_context: dn("configContext").or_else(|| dn("configurationNamingContext")),
            schema_context: dn("schemaNamingContext"),
            subschema: dn("subschemaSubentry"),
            controls: set("supportedControl"),
            extensions: set("supportedExtension"),
            features: set("supportedFeatures"),
            capabilities: set("supportedCapabilities"),
            mechanisms: set("supportedSASLMechanisms"),
            current_time: one("currentTime"),
            synchronized: one("isSynchronized").map(|text| text.eq_ignore_ascii_case("true")),
        }
    }

    /// What it holds that is not its own schema or configuration.
    pub fn suffix(&self) -> Option<&Dn> {
        let own = |dn: &&Dn| {
            let lower = dn.key();
            !dn.is_root() && !["cn=config", "cn=monitor", "cn=schema", "cn=changelog"].contains(&&**lower)
        };
        self.default_context.as_ref().or_else(|| self.naming_contexts.iter().find(own))
    }
}
