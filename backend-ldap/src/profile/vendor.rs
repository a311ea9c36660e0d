//! Whose server it is, by what it says. Only defaults come from this; what it can do it says itself.

use std::fmt;

use super::root_dse::RootDse;

/// Whose server it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// OpenLDAP.
    OpenLdap,
    /// 389 Directory Server.
    Ds389,
    /// FreeIPA, which is 389 Directory Server with a tree of its own.
    FreeIpa,
    /// Active Directory.
    ActiveDirectory,
    /// Samba as a domain controller.
    Samba,
    /// Another.
    Generic,
}

/// LDAP_CAP_ACTIVE_DIRECTORY_OID
const ACTIVE_DIRECTORY: &str = "1.2.840.113556.1.4.800";
/// LDAP_CAP_ACTIVE_DIRECTORY_ADAM_OID
const LIGHTWEIGHT: &str = "1.2.840.113556.1.4.1851";

impl Vendor {
    /// By the root DSE, and by whether there is an entry of FreeIPA's.
    pub fn of(root: &RootDse, has_ipa: bool) -> Vendor {
        let vendor = root.vendor_name.as_deref().unwrap_or_default();
        let is_active_directory = [ACTIVE_DIRECTORY, LIGHTWEIGHT].iter().any(|oid| root.capabilities.contains(*oid));
        if is_active_directory {
            return if vendor.contains("Samba") { Vendor::Samba } else { Vendor::ActiveDirectory };
        }
        if vendor.contains("389 Project") {
            return if has_ipa { Vendor::FreeIpa } else { Vendor::Ds389 };
        }
        let is_openldap = |class: &String| class.eq_ignore_ascii_case("OpenLDAProotDSE");
        if root.classes.iter().any(is_openldap) { Vendor::OpenLdap } else { Vendor::Generic }
    }

    /// Active Directory, or something that takes after it?
    pub fn is_like_active_directory(self) -> bool {
        matches!(self, Vendor::ActiveDirectory | Vendor::Samba)
    }

    /// Its name in the configuration (`store.ldap.profile`); None: it has none of its own.
    pub fn profile(self) -> Option<&'static str> {
        match self {
            Vendor::OpenLdap => Some("openldap"),
            Vendor::Ds389 => Some("389ds"),
            Vendor::FreeIpa => Some("freeipa"),
            Vendor::ActiveDirectory => Some("active_directory"),
            Vendor::Samba => Some("samba"),
            Vendor::Generic => None,
        }
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Vendor::OpenLdap => "OpenLDAP",
            Vendor::Ds389 => "389 Directory Server",
            Vendor::FreeIpa => "FreeIPA",
            Vendor::ActiveDirectory => "Active Directory",
            Vendor::Samba => "Samba AD",
            Vendor::Generic => "another directory",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_what_it_says() {
        let set = |oid: &str| [oid.to_owned()].into();
        let named = |name: &str| RootDse { vendor_name: Some(name.into()), ..RootDse::default() };
        let openldap = RootDse { classes: vec!["top".into(), "OpenLDAProotDSE".into()], ..RootDse::default() };
        let samba = RootDse { capabilities: set(ACTIVE_DIRECTORY), ..named("Samba Team (https://www.samba.org)") };
        for (root, ipa, expected) in [
            (openldap, false, Vendor::OpenLdap),
            (named("389 Project"), false, Vendor::Ds389),
            (named("389 Project"), true, Vendor::FreeIpa),
            (samba, false, Vendor::Samba),
            (RootDse { capabilities: set(ACTIVE_DIRECTORY), ..RootDse::default() }, false, Vendor::ActiveDirectory),
            (RootDse { capabilities: set(LIGHTWEIGHT), ..RootDse::default() }, false, Vendor::ActiveDirectory),
            (named("ForgeRock"), false, Vendor::Generic),
        ] {
            assert_eq!(Vendor::of(&root, ipa), expected);
        }
    }
}
