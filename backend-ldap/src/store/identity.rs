//! As whom a client's requests are done in the directory (RFC 4370): its own rules and its own log then know the client.

use crate::ldap::escaped;

/// The authorization identity (RFC 4513 section 5.2.1.8) that a template gives a client of a tenant. What stands in a DN is escaped.
pub(super) fn of(template: &str, tenant: &str, client: &str) -> String {
    let is_name = template.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("dn:"));
    let put = |text: &str| if is_name { escaped(text) } else { text.to_owned() };
    template.replace("{client}", &put(client)).replace("{tenant}", &put(tenant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_somebody_of_its_own() {
        let of = |template: &str, client: &str| of(template, "acme", client);
        assert_eq!(of("dn:cn={client},ou={tenant},dc=x", "entra"), "dn:cn=entra,ou=acme,dc=x");
        assert_eq!(of("dn:cn={client},dc=x", "a,cn=admin"), "dn:cn=a\\,cn=admin,dc=x");
        assert_eq!(of("u:{client}", "a,b"), "u:a,b");
        assert_eq!(of("dn:cn=all,dc=x", "entra"), "dn:cn=all,dc=x");
    }
}
