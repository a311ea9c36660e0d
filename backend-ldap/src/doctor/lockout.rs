//! Whether OpenLDAP's password policy keeps out whom `active` locks: it looks at locks only where a policy says `pwdLockout: TRUE`.

use crate::directory::{Call, Directory};
use crate::ldap::{AttributeName, Filter, LdapError, Reach, Search};
use crate::mapping::{Active, Mapping};
use crate::profile::Profile;

use super::report::Finding;

const LOCKOUT: AttributeName = AttributeName::known("pwdLockout");
const POLICY: &str = "pwdPolicy";

/// What of this is not so, for a type whose users are locked that way.
///
/// # Errors
/// The directory cannot be reached.
pub(super) async fn lockout(
    directory: &Directory,
    call: &Call,
    profile: &Profile,
    mapping: &Mapping,
) -> Result<Option<Finding>, LdapError> {
    if !mapping.active.as_ref().is_some_and(|(_, active)| *active == Active::PpolicyLock) {
        return Ok(None);
    }
    let contexts = profile.root.naming_contexts.iter();
    let own = contexts.filter(|context| mapping.place.base.is_within(context)).max_by_key(|dn| dn.key().len());
    let base = own.unwrap_or(&mapping.place.base);
    let policies = Filter::equal(AttributeName::known("objectClass"), POLICY);
    let search = Search::new(base, Reach::Tree, policies, vec![LOCKOUT]);
    let found = match directory.search(call, &search).await {
        Ok(found) => found.entries,
        // Hidden ones tell nothing.
        Err(LdapError::Refused(result)) if !result.code.is_down() => return Ok(None),
        Err(error) => return Err(error),
    };
    let kind = &mapping.rt.kind;
    let locks = |text: Option<&str>| text.is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let open: Vec<String> =
        found.iter().filter(|one| !locks(one.text(&LOCKOUT))).map(|one| one.dn.to_string()).collect();
    Ok(match (open.as_slice(), found.is_empty()) {
        ([], false) => {
            Some(Finding::good(format!("{kind}: whoever is made inactive is kept out by the password policy")))
        }
        ([], true) => Some(Finding::warning(
            format!("{kind}: no password policy is seen, and without one nobody is kept out by being made inactive"),
            "make an entry of the class pwdPolicy with pwdLockout: TRUE, and name it in olcPPolicyDefault",
        )),
        (open, _) => Some(Finding::problem(
            format!(
                "{kind}: whoever is made inactive can log in all the same, where this policy holds: {}",
                open.join("; ")
            ),
            "set pwdLockout: TRUE in it; without, OpenLDAP does not look at locks",
        )),
    })
}
