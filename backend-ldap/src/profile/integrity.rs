//! Which references a directory keeps right by itself when an entry goes or is renamed, as far as the account may see it. What it
//! does not keep is kept by the gateway, so what is in doubt counts as not kept.

use crate::directory::{Call, Directory};
use crate::ldap::{AttributeName, Dn, Entry, LdapError, Reach};

use super::root_dse::RootDse;
use super::upkeep::visible;
use super::vendor::Vendor;

/// Which references a directory keeps right by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Integrity {
    /// All of them, and by what.
    All(String),
    /// These.
    Of(Vec<Followed>),
    /// None.
    Not,
    /// The account may not see it.
    Unknown,
}

/// References that follow the entries they lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// What sees to it.
    pub by: String,
    /// The attributes that hold them, as the configuration names them.
    pub attributes: Vec<String>,
    /// Where the entries stand that they lead to.
    pub entries: Vec<Dn>,
    /// Where those stand that hold them.
    pub holders: Vec<Dn>,
    /// What stands in for the last one of an entry that must have one.
    pub nobody: Option<Dn>,
}

const PLUGIN_OF_389: &str = "cn=referential integrity postoperation,cn=plugins,cn=config";

/// What the directory sees to.
pub(super) async fn integrity(
    directory: &Directory,
    call: &Call,
    vendor: Vendor,
    root: &RootDse,
) -> Result<Integrity, LdapError> {
    match vendor {
        Vendor::ActiveDirectory | Vendor::Samba => Ok(Integrity::All("linked attributes".into())),
        Vendor::Ds389 | Vendor::FreeIpa => {
            let all = AttributeName::known("*");
            let found = visible(directory, call, PLUGIN_OF_389, Reach::Base, "(objectClass=*)", &[&all]).await?;
            Ok(found.as_deref().and_then(<[Entry]>::first).map_or(Integrity::Unknown, of_389))
        }
        Vendor::OpenLdap | Vendor::Generic => {
            let Some(config) = &root.config_context else { return Ok(Integrity::Unknown) };
            let overlays = [&AttributeName::known("olcRefintAttribute"), &AttributeName::known("olcRefintNothing")];
            let overlays =
                visible(directory, call, config.as_str(), Reach::Tree, "(objectClass=olcRefintConfig)", &overlays);
            let overlays = overlays.await?.unwrap_or_default();
            let suffix = [&AttributeName::known("olcSuffix")];
            let databases =
                visible(directory, call, config.as_str(), Reach::One, "(objectClass=olcDatabaseConfig)", &suffix);
            let databases = databases.await?.unwrap_or_default();
            Ok(match (overlays.is_empty(), databases.is_empty()) {
                // An empty answer tells nothing where the databases themselves cannot be seen either.
                (true, true) => Integrity::Unknown,
                (true, false) => Integrity::Not,
                (false, _) => Integrity::Of(overlays.iter().map(|overlay| of_openldap(overlay, &databases)).collect()),
            })
        }
    }
}

/// What a refint overlay sees to: references inside of the database that it lies over. Over no suffix, it is over all of them.
fn of_openldap(overlay: &Entry, databases: &[Entry]) -> Followed {
    let suffix = AttributeName::known("olcSuffix");
    let own = overlay.dn.parent();
    let below = databases.iter().filter(|database| own.as_ref() == Some(&database.dn));
    let mut places = dns(below.flat_map(|database| database.texts(&suffix)));
    if own.is_some_and(|own| own.rdn().is_some_and(|rdn| rdn.to_string().contains("{-1}"))) {
        places = databases.iter().flat_map(|database| dns(database.texts(&suffix))).collect();
    }
    Followed {
        by: "the refint overlay".into(),
        attributes: words(overlay.texts(&AttributeName::known("olcRefintAttribute"))),
        holders: places.clone(),
        entries: places,
        nobody: overlay.text(&AttributeName::known("olcRefintNothing")).and_then(|text| Dn::parse(text).ok()),
    }
}

/// What the plug-in sees to. Older ones name the attributes as arguments, behind three others.
fn of_389(plugin: &Entry) -> Integrity {
    let text = |name| plugin.text(&AttributeName::known(name));
    let places = |name| {
        let named = dns(plugin.texts(&AttributeName::known(name)));
        if named.is_empty() { vec![Dn::root()] } else { named }
    };
    match text("nsslapd-pluginEnabled") {
        Some("on") => {}
        Some(_) => return Integrity::Not,
        None => return Integrity::Unknown,
    }
    if text("nsslapd-pluginConfigArea").is_some() {
        // It is told elsewhere.
        return Integrity::Unknown;
    }
    // A negative delay: only one of several servers does it, and perhaps not this one. Exceptions are not looked at more closely.
    let delay = text("referint-update-delay").or_else(|| text("nsslapd-pluginarg0"));
    if delay.is_some_and(|delay| delay.trim().starts_with('-')) || text("nsslapd-pluginExcludeEntryScope").is_some() {
        return Integrity::Not;
    }
    let mut attributes = words(plugin.texts(&AttributeName::known("referint-membership-attr")));
    if attributes.is_empty() {
        let argument = |number| plugin.text(&AttributeName::new(&format!("nsslapd-pluginarg{number}")).ok()?);
        attributes = words((3..).map_while(argument));
    }
    Integrity::Of(vec![Followed {
        by: "the referential integrity plug-in".into(),
        attributes,
        entries: places("nsslapd-pluginEntryScope"),
        holders: places("nsslapd-pluginContainerScope"),
        nobody: None,
    }])
}

fn dns<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Dn> {
    texts.filter_map(|text| Dn::parse(text).ok()).collect()
}

fn words<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    texts.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(dn: &str, lines: &[(&str, &'static [&'static str])]) -> Entry {
        let empty = Entry::new(Dn::parse(dn).unwrap());
        lines
            .iter()
            .fold(empty, |entry, (name, values)| entry.with(AttributeName::new(name).unwrap(), values.iter().copied()))
    }

    fn dn(text: &str) -> Dn {
        Dn::parse(text).unwrap()
    }

    #[test]
    fn an_overlay_sees_to_its_own_database() {
        let databases = [
            entry("olcDatabase={-1}frontend,cn=config", &[]),
            entry("olcDatabase={1}mdb,cn=config", &[("olcSuffix", &["dc=a", "dc=b"])]),
            entry("olcDatabase={2}mdb,cn=config", &[("olcSuffix", &["dc=c"])]),
        ];
        let overlay = |database: &str| {
            let lines: [(&str, &[&str]); 2] =
                [("olcRefintAttribute", &["member uniqueMember", "seeAlso"]), ("olcRefintNothing", &["cn=nobody"])];
            of_openldap(&entry(&format!("olcOverlay={{0}}refint,olcDatabase={database},cn=config"), &lines), &databases)
        };
        let first = overlay("{1}mdb");
        assert_eq!(first.attributes, ["member", "uniqueMember", "seeAlso"]);
        assert_eq!((first.entries, first.holders), (vec![dn("dc=a"), dn("dc=b")], vec![dn("dc=a"), dn("dc=b")]));
        assert_eq!(first.nobody, Some(dn("cn=nobody")));
        assert_eq!(overlay("{-1}frontend").entries, [dn("dc=a"), dn("dc=b"), dn("dc=c")]);
        assert_eq!(overlay("{3}mdb").entries, []);
    }

    #[test]
    fn a_plug_in_sees_to_what_it_is_told() {
        let plugin = |lines: &[(&str, &'static [&'static str])]| of_389(&entry(PLUGIN_OF_389, lines));
        let on: (&str, &[&str]) = ("nsslapd-pluginEnabled", &["on"]);
        let of: (&str, &[&str]) = ("referint-membership-attr", &["member", "owner"]);
        let Integrity::Of(all) = plugin(&[on, of]) else { panic!("it is on") };
        assert_eq!(
            (&*all[0].attributes, &*all[0].entries),
            (&["member".to_owned(), "owner".into()][..], &[Dn::root()][..])
        );
        let Integrity::Of(some) = plugin(&[
            on,
            ("nsslapd-pluginarg0", &["0"]),
            ("nsslapd-pluginarg1", &["/log"]),
            ("nsslapd-pluginarg2", &["0"]),
            ("nsslapd-pluginarg3", &["member"]),
            ("nsslapd-pluginarg4", &["owner"]),
            ("nsslapd-pluginEntryScope", &["ou=people,dc=x"]),
            ("nsslapd-pluginContainerScope", &["ou=groups,dc=x"]),
        ]) else {
            panic!("it is on")
        };
        assert_eq!(some[0].attributes, ["member", "owner"]);
        assert_eq!((&some[0].entries, &some[0].holders), (&vec![dn("ou=people,dc=x")], &vec![dn("ou=groups,dc=x")]));
        assert_eq!(plugin(&[on, of, ("referint-update-delay", &["-1"])]), Integrity::Not);
        assert_eq!(plugin(&[on, of, ("nsslapd-pluginExcludeEntryScope", &["ou=x"])]), Integrity::Not);
        assert_eq!(plugin(&[of, ("nsslapd-pluginEnabled", &["off"])]), Integrity::Not);
        assert_eq!(plugin(&[of]), Integrity::Unknown);
        assert_eq!(plugin(&[on, of, ("nsslapd-pluginConfigArea", &["cn=x"])]), Integrity::Unknown);
    }
}
