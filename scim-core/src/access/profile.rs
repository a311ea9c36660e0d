//! How a credential speaks SCIM: to the letter, leniently, or in a known client's dialect.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The way a credential speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Profile {
    /// Lenient wherever leniency breaks no MUST of the RFC on the server; a dialect only where a message is plainly in it.
    #[default]
    Compatible,
    /// The RFC to the letter.
    Strict,
    /// Compatible, with this client's dialect always on.
    Named(Client),
}

/// The clients with a profile of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "names of products")]
pub enum Client {
    Entra,
    Okta,
    OneLogin,
    JumpCloud,
    Ping,
    Google,
    SailPoint,
    CyberArk,
    HelloId,
    Keycloak,
    Authentik,
    MidPoint,
}

impl Client {
    /// All of them, with the names used in settings.
    pub const ALL: &'static [(&'static str, Client)] = &[
        ("entra", Client::Entra),
        ("okta", Client::Okta),
        ("onelogin", Client::OneLogin),
        ("jumpcloud", Client::JumpCloud),
        ("ping", Client::Ping),
        ("google", Client::Google),
        ("sailpoint", Client::SailPoint),
        ("cyberark", Client::CyberArk),
        ("helloid", Client::HelloId),
        ("keycloak", Client::Keycloak),
        ("authentik", Client::Authentik),
        ("midpoint", Client::MidPoint),
    ];
}

/// When Entra's reading of `Replace` applies: a value filter that matches nothing creates the element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Never: 400 noTarget.
    Off,
    /// In messages that are plainly Entra's: a capitalised `op`, or path-like keys in a path-less value.
    WhenPlain,
    /// In every message.
    On,
}

/// What a profile tolerates, rule by rule. docs/clients.md lists them; `conformance-tests/data/profiles.tsv` holds the cases in which they matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// `"true"` and `"False"` are booleans, in values and in filters (R8).
    pub string_booleans: bool,
    /// Absent `schemas` in POST, PUT and PATCH, or only URNs of known dialects: the route decides (R2).
    pub lenient_schemas: bool,
    /// Unknown attributes in bodies are ignored rather than refused (R7).
    pub ignore_unknown: bool,
    /// A bare string for a complex value that has a `value` sub-attribute means that sub-attribute (R10).
    pub bare_values: bool,
    /// Extension attributes without URN resolve in filters, paths, sortBy and attributes when unambiguous (R15).
    pub short_names: bool,
    /// `attr[filter].sub op value` in filters, and `manager eq` for `manager.value eq`.
    pub wide_filters: bool,
    /// Endpoint names match in any case.
    pub endpoint_any_case: bool,
    /// User names may hold blanks and symbols that PRECIS refuses.
    pub wide_user_names: bool,
    /// `addresses.country` must be two letters.
    pub two_letter_country: bool,
    /// Two groups may not have one name, unless the tenant says otherwise.
    pub unique_group_names: bool,
    /// Entra's `Replace`.
    pub replace_creates: Dialect,
    /// A PATCH without operations is no error and changes nothing: the validator that Microsoft offers sends one.
    pub empty_patches: bool,
}

impl Profile {
    /// What it tolerates.
    pub const fn rules(self) -> Rules {
        let lenient = !matches!(self, Profile::Strict);
        Rules {
            string_booleans: lenient,
            lenient_schemas: lenient,
            ignore_unknown: lenient,
            bare_values: lenient,
            short_names: lenient,
            wide_filters: lenient,
            endpoint_any_case: lenient,
            wide_user_names: lenient,
            two_letter_country: !lenient,
            unique_group_names: lenient,
            replace_creates: match self {
                Profile::Strict => Dialect::Off,
                Profile::Named(Client::Entra) => Dialect::On,
                Profile::Compatible | Profile::Named(_) => Dialect::WhenPlain,
            },
            empty_patches: matches!(self, Profile::Named(Client::Entra)),
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Profile::Compatible => "compatible",
            Profile::Strict => "strict",
            Profile::Named(client) => {
                Client::ALL.iter().find(|(_, one)| one == client).map_or("compatible", |(name, _)| name)
            }
        })
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "compatible" => Ok(Profile::Compatible),
            "strict" => Ok(Profile::Strict),
            _ => match Client::ALL.iter().find(|(name, _)| *name == text) {
                Some((_, client)) => Ok(Profile::Named(*client)),
                None => {
                    let names = Client::ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
                    Err(format!("{text:?} is no profile; use compatible, strict, {names}"))
                }
            },
        }
    }
}

impl Serialize for Profile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Profile {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
