//! What a directory is and can do, found by asking it: every later choice is made from this, never from a name alone.
//!
//! `root_dse` what it says of itself · `vendor` whose it is · `definition`, `subschema` its schema · `integrity` which references it
//! keeps right, `upkeep` what else it keeps in order by itself.

mod definition;
mod integrity;
mod root_dse;
mod subschema;
mod upkeep;
mod vendor;

pub use integrity::{Followed, Integrity};
pub use root_dse::RootDse;
pub use subschema::{AttributeType, ClassKind, ObjectClass, Subschema};
pub use upkeep::{Index, Kept};
pub use vendor::Vendor;

use crate::directory::{Call, Directory};
use crate::ldap::controls;
use crate::ldap::request::{END_TRANSACTION, MODIFY_PASSWORD, START_TRANSACTION, WHO_AM_I};
use crate::ldap::{AttributeName, Dn, Entry, LdapError, Rdn, Search, told_apart};

/// RFC 4526: `(&)` is true and `(|)` is false.
const TRUE_AND_FALSE: &str = "1.3.6.1.4.1.4203.1.5.3";
/// RFC 3673: `+` asks for all operational attributes.
const ALL_OPERATIONAL: &str = "1.3.6.1.4.1.4203.1.5.1";
/// Active Directory: an entry by `<GUID=…>` (as Samba, and every domain controller).
const ENTRY_DN: &str = "entryDN";

/// What a directory is and can do.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Whose it is.
    pub vendor: Vendor,
    /// What it says of itself.
    pub root: RootDse,
    /// Its schema.
    pub schema: Subschema,
    /// Which references does it keep right by itself when an entry goes or is renamed?
    pub integrity: Integrity,
    /// Does it keep `memberOf` of entries by itself?
    pub member_of: Kept,
    /// The attributes in which it takes no letters beyond ASCII, where the account may see that.
    pub ascii: Vec<String>,
    /// The attributes with an index, where the account may see that.
    pub indexes: Option<Vec<Index>>,
}

impl Profile {
    /// Asks a directory.
    ///
    /// # Errors
    /// It cannot be reached, or does not let its root DSE be read.
    pub async fn probe(directory: &Directory, call: &Call) -> Result<Profile, LdapError> {
        let names = RootDse::ATTRIBUTES.iter().map(|name| AttributeName::known(name)).collect();
        let root = directory.entry(call, &Search::entry(Dn::root(), names)).await?;
        let root = RootDse::read(&root.unwrap_or_else(|| Entry::new(Dn::root())));
        let schema = match &root.subschema {
            Some(at) => {
                let search = Search::entry(at, Subschema::ATTRIBUTES.to_vec());
                // Some servers hide it: then nothing is known, and `doctor` says so.
                readable(directory.entry(call, &search).await)?.map(|entry| Subschema::read(&entry)).unwrap_or_default()
            }
            None => Subschema::default(),
        };
        let vendor = Vendor::of(&root, has_ipa(directory, call, &root).await?);
        if vendor == Vendor::OpenLdap {
            // 389 Directory Server folds case in names, whatever its schema says of the attribute; Active Directory has no rules.
            told_apart::tell(schema.told_by_case().cloned());
        }
        let integrity = integrity::integrity(directory, call, vendor, &root).await?;
        let member_of = upkeep::member_of(directory, call, vendor, &schema).await?;
        let ascii = upkeep::ascii(directory, call, vendor).await?;
        let indexes = upkeep::indexes(directory, call, vendor, &root).await?;
        Ok(Profile { vendor, root, schema, integrity, member_of, ascii, indexes })
    }

    /// Does it list this control?
    pub fn has_control(&self, oid: &str) -> bool {
        self.root.controls.contains(oid)
    }

    /// Conditional writes (RFC 4528).
    pub fn assertion(&self) -> bool {
        self.has_control(controls::ASSERTION)
    }

    /// The entry as a write left it (RFC 4527).
    pub fn post_read(&self) -> bool {
        self.has_control(controls::POST_READ)
    }

    /// References with what they refer to.
    pub fn deref(&self) -> bool {
        self.has_control(controls::DEREF)
    }

    /// Only the values that a filter names (RFC 3876).
    pub fn matched_values(&self) -> bool {
        self.has_control(controls::MATCHED_VALUES)
    }

    /// Pages (RFC 2696).
    pub fn paged(&self) -> bool {
        self.has_control(controls::PAGED)
    }

    /// Several writes as one (RFC 5805). OpenLDAP lists the operations and not the control.
    pub fn transactions(&self) -> bool {
        self.root.extensions.contains(START_TRANSACTION) && self.root.extensions.contains(END_TRANSACTION)
    }

    /// Passwords by extended operation (RFC 3062).
    pub fn modifies_passwords(&self) -> bool {
        self.root.extensions.contains(MODIFY_PASSWORD)
    }

    /// Says who we are (RFC 4532).
    pub fn says_who(&self) -> bool {
        self.root.extensions.contains(WHO_AM_I)
    }

    /// Knows `(&)` and `(|)` (RFC 4526).
    pub fn true_and_false(&self) -> bool {
        self.root.features.contains(TRUE_AND_FALSE)
    }

    /// Gives all operational attributes for `+` (RFC 3673).
    pub fn all_operational(&self) -> bool {
        self.root.features.contains(ALL_OPERATIONAL)
    }

    /// Finds entries by their name (RFC 5020).
    pub fn entry_dn(&self) -> bool {
        self.schema.attribute(ENTRY_DN).is_some()
    }
}

/// Is there FreeIPA's own entry?
async fn has_ipa(directory: &Directory, call: &Call, root: &RootDse) -> Result<bool, LdapError> {
    let Some(suffix) = root.suffix() else { return Ok(false) };
    if !root.vendor_name.as_deref().is_some_and(|name| name.contains("389 Project")) {
        return Ok(false);
    }
    let below = ["etc", "ipaConfig"]
        .into_iter()
        .try_fold(suffix.clone(), |above, cn| Rdn::new(AttributeName::known("cn"), cn).map(|rdn| above.child(&rdn)));
    let Ok(at) = below else { return Ok(false) };
    Ok(readable(directory.entry(call, &Search::entry(at, Vec::new())).await)?.is_some())
}

/// What the account may not see is as if it were not there; a server that is gone is an error.
fn readable<T>(read: Result<Option<T>, LdapError>) -> Result<Option<T>, LdapError> {
    match read {
        Err(LdapError::Refused(result)) if !result.code.is_down() => Ok(None),
        other => other,
    }
}
