//! What a directory keeps in order by itself, as far as the account may see it: what entries say of their groups, indexes.

use crate::directory::{Call, Directory};
use crate::ldap::{AttributeName, Dn, Entry, Filter, LdapError, Reach, Search};

use super::root_dse::RootDse;
use super::subschema::Subschema;
use super::vendor::Vendor;

/// Does the directory do it?
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Yes, and by what.
    By(String),
    /// No.
    Not,
    /// The account may not see it.
    Unknown,
}

/// An attribute with an index, and for which comparisons: `eq`, `pres`, `sub`, …
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The attribute, as the configuration names it.
    pub attribute: String,
    /// The comparisons.
    pub kinds: Vec<String>,
    /// Below which entry, where the configuration says that.
    pub below: Option<Dn>,
}

const MEMBER_OF_OF_389: &str = "cn=MemberOf Plugin,cn=plugins,cn=config";
const LETTERS_OF_389: &str = "cn=7-bit check,cn=plugins,cn=config";
const INDEXES_OF_389: &str = "cn=ldbm database,cn=plugins,cn=config";

/// Does it keep `memberOf` of entries as groups change?
pub(super) async fn member_of(
    directory: &Directory,
    call: &Call,
    vendor: Vendor,
    schema: &Subschema,
) -> Result<Kept, LdapError> {
    let Some(known) = schema.attribute("memberOf") else {
        return Ok(if schema.is_empty() { Kept::Unknown } else { Kept::Not });
    };
    match vendor {
        Vendor::ActiveDirectory | Vendor::Samba => Ok(Kept::By("linked attributes".into())),
        Vendor::FreeIpa => Ok(Kept::By("FreeIPA".into())),
        // Who may write it may have written it.
        _ if known.read_only => Ok(Kept::By("the directory, as nobody else can write it".into())),
        Vendor::Ds389 => plugin(directory, call, MEMBER_OF_OF_389, "the memberOf plug-in").await,
        Vendor::OpenLdap | Vendor::Generic => Ok(Kept::Not),
    }
}

/// Is this plug-in of 389 Directory Server on?
async fn plugin(directory: &Directory, call: &Call, at: &str, what: &str) -> Result<Kept, LdapError> {
    let on = AttributeName::known("nsslapd-pluginEnabled");
    let found = visible(directory, call, at, Reach::Base, "(objectClass=*)", &[&on]).await?;
    Ok(match found.as_deref() {
        Some([plugin, ..]) if plugin.text(&on) == Some("on") => Kept::By(what.into()),
        Some([plugin, ..]) if plugin.text(&on).is_some() => Kept::Not,
        _ => Kept::Unknown,
    })
}

/// The attributes in which it takes no letters beyond ASCII, as far as the account may see it.
pub(super) async fn ascii(directory: &Directory, call: &Call, vendor: Vendor) -> Result<Vec<String>, LdapError> {
    if !matches!(vendor, Vendor::Ds389 | Vendor::FreeIpa) {
        return Ok(Vec::new());
    }
    let all = AttributeName::known("*");
    let found = visible(directory, call, LETTERS_OF_389, Reach::Base, "(objectClass=*)", &[&all]).await?;
    Ok(found.as_deref().and_then(<[Entry]>::first).map(checked).unwrap_or_default())
}

/// The attributes that the 7-bit check plug-in of 389 Directory Server looks at, where it is on: its arguments up to a comma, behind which
/// stand the places.
fn checked(plugin: &Entry) -> Vec<String> {
    const ARGUMENT: &str = "nsslapd-pluginarg";
    if plugin.text(&AttributeName::known("nsslapd-pluginEnabled")) != Some("on") {
        return Vec::new();
    }
    let mut arguments: Vec<(u32, &str)> = plugin
        .attributes
        .iter()
        .filter_map(|attribute| {
            let number = attribute.name.as_str().to_ascii_lowercase().strip_prefix(ARGUMENT)?.parse().ok()?;
            Some((number, plugin.text(&attribute.name)?))
        })
        .collect();
    arguments.sort_unstable();
    arguments.into_iter().map(|(_, text)| text.to_owned()).take_while(|text| text != ",").collect()
}

/// Which attributes have an index? None: the account may not see it.
pub(super) async fn indexes(
    directory: &Directory,
    call: &Call,
    vendor: Vendor,
    root: &RootDse,
) -> Result<Option<Vec<Index>>, LdapError> {
    match vendor {
        Vendor::OpenLdap => {
            let Some(config) = &root.config_context else { return Ok(None) };
            let (name, suffix) = (AttributeName::known("olcDbIndex"), AttributeName::known("olcSuffix"));
            let wanted = [&name, &suffix];
            let found = visible(directory, call, config.as_str(), Reach::One, "(olcSuffix=*)", &wanted).await?;
            Ok(found.filter(|found| !found.is_empty()).map(|found| {
                let of = |database: &Entry| {
                    let below: Vec<Dn> = database.texts(&suffix).filter_map(|text| Dn::parse(text).ok()).collect();
                    let lines = database.texts(&name).flat_map(openldap_index);
                    let each = |index: Index| {
                        let one = |below: &Dn| Index { below: Some(below.clone()), ..index.clone() };
                        below.iter().map(one).collect::<Vec<_>>()
                    };
                    lines.flat_map(each).collect::<Vec<_>>()
                };
                found.iter().flat_map(of).collect()
            }))
        }
        Vendor::Ds389 | Vendor::FreeIpa => {
            let (attribute, kinds) = (AttributeName::known("cn"), AttributeName::known("nsIndexType"));
            let wanted = [&attribute, &kinds];
            let found = visible(directory, call, INDEXES_OF_389, Reach::Tree, "(objectClass=nsIndex)", &wanted).await?;
            Ok(found.filter(|found| !found.is_empty()).map(|found| {
                let index = |entry: &Entry| {
                    // Those that every new database would get are not those of this one.
                    let default = entry.dn.key().contains("cn=default indexes,");
                    let attribute = entry.text(&attribute).filter(|_| !default)?.to_owned();
                    let kinds = entry.texts(&kinds).map(str::to_owned).collect();
                    Some(Index { attribute, kinds, below: None })
                };
                found.iter().filter_map(index).collect()
            }))
        }
        Vendor::ActiveDirectory | Vendor::Samba => {
            let Some(schema) = &root.schema_context else { return Ok(None) };
            let name = AttributeName::known("lDAPDisplayName");
            let filter = "(&(objectClass=attributeSchema)(searchFlags:1.2.840.113556.1.4.803:=1))";
            let mut walk = directory.walk(
                call,
                Search { attributes: vec![name.clone()], ..search(schema, Reach::One, filter) },
                500,
            );
            let mut found = Vec::new();
            loop {
                match walk.next().await {
                    Ok(Some(page)) => found.extend(page.iter().filter_map(|entry| {
                        let attribute = entry.text(&name)?.to_owned();
                        Some(Index { attribute, kinds: vec!["eq".into()], below: None })
                    })),
                    Ok(None) => return Ok(Some(found)),
                    Err(LdapError::Refused(result)) if !result.code.is_down() => return Ok(None),
                    Err(error) => return Err(error),
                }
            }
        }
        Vendor::Generic => Ok(None),
    }
}

/// `uid,mail eq,sub`: several attributes, and the comparisons of all of them; `default` names none.
fn openldap_index(line: &str) -> Vec<Index> {
    let mut words = line.split_whitespace();
    let names = words.next().unwrap_or_default();
    let kinds = words.next().unwrap_or("pres,eq").split(',').map(str::to_owned).collect::<Vec<_>>();
    let named = names.split(',').filter(|name| *name != "default" && !name.is_empty());
    named.map(|name| Index { attribute: name.to_owned(), kinds: kinds.clone(), below: None }).collect()
}

fn search(base: &Dn, reach: Reach, filter: &str) -> Search {
    // The filters stand above, and parse.
    let filter = Filter::parse(filter).unwrap_or_else(|_| Filter::present(AttributeName::known("objectClass")));
    Search::new(base, reach, filter, Vec::new())
}

/// What a search finds; None where the account may not search there, or there is no such place.
pub(super) async fn visible(
    directory: &Directory,
    call: &Call,
    base: &str,
    reach: Reach,
    filter: &str,
    attributes: &[&AttributeName],
) -> Result<Option<Vec<Entry>>, LdapError> {
    let Ok(base) = Dn::parse(base) else { return Ok(None) };
    let attributes = attributes.iter().map(|name| (*name).clone()).collect();
    match directory.search(call, &Search { attributes, ..search(&base, reach, filter) }).await {
        Ok(found) => Ok(Some(found.entries)),
        Err(LdapError::Refused(result)) if !result.code.is_down() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_a_plug_in_are_told_apart() {
        let plugin = |on: &'static str| {
            let argument = |entry: Entry, (number, text): (usize, &'static str)| {
                entry.with(AttributeName::new(&format!("nsslapd-pluginarg{number}")).unwrap(), [text])
            };
            let entry = Entry::new(Dn::root()).with(AttributeName::known("nsslapd-pluginenabled"), [on]);
            [(10, "dc=x"), (9, ","), (1, "mail"), (0, "uid")].into_iter().fold(entry, argument)
        };
        assert_eq!(checked(&plugin("on")), ["uid", "mail"]);
        assert_eq!(checked(&plugin("off")), [""; 0]);
    }

    #[test]
    fn a_line_of_indexes_is_taken_apart() {
        let one = |attribute: &str, kinds: &[&str]| Index {
            attribute: attribute.into(),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            below: None,
        };
        assert_eq!(openldap_index("uid,mail eq,sub"), [one("uid", &["eq", "sub"]), one("mail", &["eq", "sub"])]);
        assert_eq!(openldap_index("cn"), [one("cn", &["pres", "eq"])]);
        assert_eq!(openldap_index("default pres,eq"), []);
    }
}
