//! Names to definitions, by the registered URNs of a type.

use std::sync::Arc;

use serde_json::Value;

use crate::access::profile::Rules;
use crate::error::ScimError;
use crate::filter::bind::bind_element;
use crate::filter::lex::is_attr_name;
use crate::filter::{BoundFilter, Compare, Leaf};
use crate::limits::Limits;
use crate::name::same;
use crate::schema::{AttributeDef, Place, ResourceType};

use super::AttrPath;
use super::near::unknown;
use super::parse::{self, Path};

/// What the path of a PATCH operation points to.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// An attribute, or a sub-attribute (of every element, where the attribute is multi-valued).
    Attribute(AttrPath),
    /// Those elements of a multi-valued attribute that satisfy a filter, or a sub-attribute of them.
    Element {
        /// The attribute, without sub-attribute.
        at: AttrPath,
        /// Which elements; its paths are to the sub-attributes (or to the attribute itself, where it is simple).
        filter: BoundFilter,
        /// What of them; None for the elements themselves.
        sub: Option<Arc<AttributeDef>>,
    },
    /// All attributes of the extension with this URN.
    Extension(Arc<str>),
}

impl Named {
    /// Does it name something that stands in stored documents?
    pub fn is_stored(&self) -> bool {
        match self {
            Named::Attribute(at) => at.place() == Place::Document,
            Named::Extension(_) => true,
        }
    }
}

/// What a name in `attributes` and `excludedAttributes` stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Named {
    /// An attribute or sub-attribute.
    Attribute(AttrPath),
    /// All attributes of the extension with this URN.
    Extension(Arc<str>),
}

/// Resolves the path of a PATCH operation.
///
/// # Errors
/// `invalidPath` for malformed paths, unknown attributes and brackets behind a singular attribute; `invalidFilter` for
/// what is wrong between brackets.
pub fn resolve(text: &str, kind: &ResourceType, rules: &Rules, limits: &Limits) -> Result<Target, ScimError> {
    let unknown = |name: &str| ScimError::invalid_path(unknown(name, kind));
    match parse::parse(text, limits)? {
        Path::Attribute(name) => match named(&name, kind, rules.short_names) {
            Some(Named::Attribute(at)) => Ok(Target::Attribute(at)),
            Some(Named::Extension(urn)) => Ok(Target::Extension(urn)),
            None => Err(unknown(&name)),
        },
        Path::Element { at: name, filter, sub } => {
            let at = attribute(&name, kind, rules.short_names).ok_or_else(|| unknown(&name))?;
            if at.sub().is_some() || !at.attr().multi_valued {
                return Err(ScimError::invalid_path(format!(
                    "{at} has no elements to choose from; brackets follow multi-valued attributes only"
                )));
            }
            let sub = match sub {
                None => None,
                Some(sub) => Some(at.attr().sub(&sub).cloned().ok_or_else(|| unknown(&format!("{at}.{sub}")))?),
            };
            let filter = bind_element(&filter, &at, rules)?;
            Ok(Target::Element { at, filter, sub })
        }
    }
}

/// The attribute or sub-attribute that a name in attribute notation means for a type (RFC 7644 section 3.10), in any
/// letter case. With `short_names`, an attribute of an extension needs no URN where only one schema of the type has
/// such a name.
///
/// The URN ends where the longest one registered ends: neither colons nor dots tell, for a version is `2.0`
/// (7644-3.10-04).
pub fn attribute(text: &str, kind: &ResourceType, short_names: bool) -> Option<AttrPath> {
    match split(text, kind) {
        Some((urn, rest)) if same(urn, &kind.schema.id) => of_base(rest.strip_prefix(':')?, kind),
        Some((urn, rest)) => of_extension(rest.strip_prefix(':')?, kind, urn),
        None => of_base(text, kind).or_else(|| qualified(text, kind).filter(|_| short_names)),
    }
}

/// The same, or the URN of an extension.
pub fn named(text: &str, kind: &ResourceType, short_names: bool) -> Option<Named> {
    match kind.extension(text) {
        Some(extension) => Some(Named::Extension(extension.schema.id.clone())),
        None => attribute(text, kind, short_names).map(Named::Attribute),
    }
}

/// The attribute of an extension that a name without URN can mean: where just one schema of the type has it.
pub(crate) fn qualified(text: &str, kind: &ResourceType) -> Option<AttrPath> {
    if text.contains(':') || of_base(text, kind).is_some() {
        return None;
    }
    let (name, _) = halves(text);
    let mut having = kind.extensions.iter().filter(|extension| extension.schema.attribute(name).is_some());
    match (having.next(), having.next()) {
        (Some(only), None) => of_extension(text, kind, &only.schema.id),
        _ => None,
    }
}

/// The registered URN that the text begins with, the longest such, and what follows it.
fn split<'a>(text: &'a str, kind: &'a ResourceType) -> Option<(&'a str, &'a str)> {
    kind.urns()
        .filter_map(|urn| {
            let (start, rest) = text.split_at_checked(urn.len())?;
            (same(start, urn) && (rest.is_empty() || rest.starts_with(':'))).then_some((urn.as_ref(), rest))
        })
        .max_by_key(|(urn, _)| urn.len())
}

fn of_base(text: &str, kind: &ResourceType) -> Option<AttrPath> {
    let (name, sub) = halves(text);
    let common = kind.common.iter().find(|attribute| same(&attribute.name, name));
    with_sub(None, common.or_else(|| kind.schema.attribute(name))?, sub)
}

fn of_extension(text: &str, kind: &ResourceType, urn: &str) -> Option<AttrPath> {
    let extension = kind.extension(urn)?;
    let (name, sub) = halves(text);
    with_sub(Some(extension.schema.id.clone()), extension.schema.attribute(name)?, sub)
}

fn with_sub(extension: Option<Arc<str>>, attr: &Arc<AttributeDef>, sub: Option<&str>) -> Option<AttrPath> {
    let sub = match sub {
        Some(sub) if is_attr_name(sub) => Some(attr.sub(sub)?.clone()),
        Some(_) => return None,
        None => None,
    };
    Some(AttrPath::new(extension, attr.clone(), sub))
}

fn halves(text: &str) -> (&str, Option<&str>) {
    match text.split_once('.') {
        Some((name, sub)) => (name, Some(sub)),
        None => (text, None),
    }
}

/// The values a new element must have to satisfy the filter of a [`Target::Element`], where that is a conjunction of
/// equalities; None where it is anything else.
pub fn equalities(filter: &BoundFilter) -> Option<Vec<(AttrPath, Value)>> {
    match filter {
        BoundFilter::Leaf(Leaf::Compare(at, Compare::Eq, operand)) => Some(vec![(at.clone(), operand.to_value(at))]),
        BoundFilter::And(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(equalities(part)?);
            }
            Some(all)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::access::Profile;
    use crate::filter::testing::{kind, registry};

    use super::*;

    fn shown(target: Result<Target, ScimError>) -> String {
        match target {
            Ok(Target::Attribute(at)) => at.to_string(),
            Ok(Target::Extension(urn)) => format!("all of {urn}"),
            Ok(Target::Element { at, filter, sub: None }) => format!("{at} where {filter}"),
            Ok(Target::Element { at, filter, sub: Some(sub) }) => format!("{} of {at} where {filter}", sub.name),
            Err(error) => error.kind.to_string(),
        }
    }

    #[track_caller]
    fn check(name: &str, path: &str, expected: &str) {
        let got = shown(resolve(path, kind(name), &Profile::Compatible.rules(), &Limits::default()));
        assert_eq!(got, expected, "{path}");
    }

    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

    /// 7644-3.5.2-07 to -12, patch-011 to patch-028.
    #[test]
    fn paths_point_to_attributes_elements_and_extensions() {
        for (path, expected) in [
            ("TITLE", "title"),
            ("name.familyName", "name.familyName"),
            ("URN:IETF:PARAMS:SCIM:SCHEMAS:CORE:2.0:USER:NAME.GIVENNAME", "name.givenName"),
            ("urn:ietf:params:scim:schemas:core:2.0:User:externalId", "externalId"),
            ("addresses[type eq \"work\"]", "addresses where addresses.type eq \"work\""),
            (
                "addresses[type eq \"work\"].STREETADDRESS",
                "streetAddress of addresses where addresses.type eq \"work\"",
            ),
            ("emails[value eq\"a]b\"]", "emails where emails.value eq \"a]b\""),
            ("emails[not (type eq \"work\")].value", "value of emails where not (emails.type eq \"work\")"),
            ("emails[primary eq \"True\"]", "emails where emails.primary eq true"),
            ("schemas[value eq \"urn:x\"]", "schemas where schemas eq \"urn:x\""),
            ("groups[$ref eq \"https://h/Groups/g1\"]", "groups where groups.value eq \"g1\""),
            ("password", "password"),
            ("id", "id"),
        ] {
            check("User", path, expected);
        }
        check("User", ENTERPRISE, &format!("all of {ENTERPRISE}"));
        check("User", &ENTERPRISE.to_ascii_uppercase(), &format!("all of {ENTERPRISE}"));
        check("User", &format!("{ENTERPRISE}:manager.value"), &format!("{ENTERPRISE}:manager.value"));
        check("User", "manager", &format!("{ENTERPRISE}:manager"));
    }

    #[test]
    fn what_is_wrong_outside_brackets_is_the_path_and_inside_the_filter() {
        for path in [
            "",
            " ",
            "title ",
            "name..givenName",
            "name.",
            ".name",
            "/title",
            "/emails/0",
            "emails[type eq \"work\"",
            "emails[type eq \"work]",
            "emails[",
            "emails]",
            "emails[type pr]x",
            "emails[type pr].",
            "emails[type pr].foo",
            "emails[type pr].value.x",
            "emails[type pr][type pr]",
            "foo",
            "name.foo",
            "title.foo",
            "title.value",
            "schemas.value",
            "name[givenName eq \"B\"]",
            "emails.value[value eq \"B\"]",
            "foo[value eq \"B\"]",
            "urn:x:y:z",
            "urn:example:unknown:1.0:User:x",
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:core:2.0:User:",
            "urn:ietf:params:scim:schemas:core:2.0:UserName",
            "urn:ietf:params:scim:schemas:core:2.0:Group:displayName",
            "name.givenName.x",
            "[type pr]",
        ] {
            check("User", path, "400 invalidPath");
        }
        check("User", &"a".repeat(1025), "400 invalidPath");
        check("Group", "members[value eq \"x\"].displayName", "400 invalidPath");
        for path in [
            "emails[0]",
            "emails[0].value",
            "emails[]",
            "emails[type zz \"work\"].value",
            "emails[foo eq \"work\"].value",
            "emails[emails.type eq \"work\"]",
            "emails[emails[type pr]]",
            "emails[type eq 1]",
            "emails[type]",
            "schemas[type pr]",
        ] {
            check("User", path, "400 invalidFilter");
        }
        let error = parse::parse("emails[type zz 1]", &Limits::default()).unwrap_err();
        assert!(error.detail.starts_with("at 13: unknown operator"), "{error}");
    }

    #[test]
    fn deep_paths_are_refused_on_a_small_stack() {
        let work = || {
            let wide = Limits { path: usize::MAX, ..Limits::default() };
            for path in [
                format!("emails[{}type pr]", "(".repeat(100_000)),
                format!("emails[{}type pr]", "not (".repeat(100_000)),
                format!("emails[type pr{}]", " and type pr".repeat(100_000)),
                format!("emails{}", "[".repeat(100_000)),
            ] {
                assert!(parse::parse(&path, &wide).is_err() && parse::parse(&path, &Limits::default()).is_err());
            }
        };
        std::thread::Builder::new().stack_size(256 << 10).spawn(work).unwrap().join().unwrap();
    }

    #[test]
    fn paths_print_as_they_parse() {
        for path in ["name.givenName", "emails[type eq \"work\"]", "emails[type eq \"a\" or not (value pr)].value"] {
            assert_eq!(parse::parse(path, &Limits::default()).unwrap().to_string(), path);
        }
    }

    /// 7644-3.10-03: the strict profile wants the URN, and the error says which.
    #[test]
    fn short_names_of_extensions_are_for_the_compatible_profile() {
        let user = kind("User");
        assert_eq!(attribute("department", user, true).unwrap().to_string(), format!("{ENTERPRISE}:department"));
        assert_eq!(attribute("manager.value", user, true).unwrap().to_string(), format!("{ENTERPRISE}:manager.value"));
        assert_eq!(attribute("department", user, false), None);
        let error = resolve("department", user, &Profile::Strict.rules(), &Limits::default()).unwrap_err();
        assert_eq!(error.detail, format!("User has no attribute \"department\"; write {ENTERPRISE}:department"));
        assert_eq!(named(ENTERPRISE, user, false), Some(Named::Extension(ENTERPRISE.into())));
        assert_eq!(named("foo", user, true), None);
    }

    /// 7644-3.10-04: one URN may be a prefix of another.
    #[test]
    fn the_longest_registered_urn_wins() {
        let mut user = kind("User").as_ref().clone();
        let mut longer = registry().schema(ENTERPRISE).unwrap().as_ref().clone();
        longer.id = format!("{ENTERPRISE}:1.0:Sub").into();
        user.extensions.push(crate::schema::Extension { schema: Arc::new(longer), required: false });
        for urn in [ENTERPRISE.to_owned(), format!("{ENTERPRISE}:1.0:Sub")] {
            let text = format!("{urn}:department");
            assert_eq!(attribute(&text, &user, false).unwrap().to_string(), text);
            assert_eq!(named(&urn, &user, false), Some(Named::Extension(urn.as_str().into())));
        }
        assert_eq!(attribute("department", &user, true), None, "two schemas have it");
    }

    #[test]
    fn a_conjunction_of_equalities_says_what_a_new_element_is_like() {
        for (path, expected) in [
            (
                "emails[type eq \"Work\" and (primary eq true and display eq \"x\")]",
                "type=\"Work\" primary=true display=\"x\"",
            ),
            ("x509Certificates[value eq \"AQ\"]", "value=\"AQ==\""),
            ("emails[type ne \"work\"]", "none"),
            ("emails[type eq \"work\" or primary eq true]", "none"),
            ("emails[not (type eq \"work\")]", "none"),
            ("emails[type pr]", "none"),
        ] {
            let target = resolve(path, kind("User"), &Profile::Strict.rules(), &Limits::default()).unwrap();
            let Target::Element { filter, .. } = target else { panic!("{path}") };
            let got = equalities(&filter).map_or("none".to_owned(), |all| {
                all.iter().map(|(at, value)| format!("{}={value}", at.leaf().name)).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(got, expected, "{path}");
        }
    }
}
