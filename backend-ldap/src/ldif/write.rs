//! Writes as LDIF: what would be sent, for people to read and for `ldapmodify` to take; and entries. Passwords are left out.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::ldap::{Change, Entry, Operation};

/// An entry as a record of a file, ending with an empty line.
pub fn entry(entry: &Entry) -> String {
    let mut out = String::new();
    line(&mut out, "dn", entry.dn.as_str().as_bytes());
    for attribute in &entry.attributes {
        attribute.values.iter().for_each(|value| self::attribute(&mut out, attribute.name.as_str(), value));
    }
    out.push('\n');
    out
}

/// A write as LDIF, ending with an empty line.
pub fn of(operation: &Operation) -> String {
    let mut out = String::new();
    match operation {
        Operation::Add { dn, attributes } => {
            line(&mut out, "dn", dn.as_str().as_bytes());
            out.push_str("changetype: add\n");
            for (name, values) in attributes {
                values.iter().for_each(|value| attribute(&mut out, name.as_str(), value));
            }
        }
        Operation::Modify { target, changes } => {
            line(&mut out, "dn", target.to_string().as_bytes());
            out.push_str("changetype: modify\n");
            for change in changes {
                let (name, values) = change.parts();
                let what = match change {
                    Change::Add(..) => "add",
                    Change::Delete(..) => "delete",
                    Change::Replace(..) => "replace",
                };
                let _ = writeln!(out, "{what}: {name}");
                values.iter().for_each(|value| attribute(&mut out, name.as_str(), value));
                out.push_str("-\n");
            }
        }
        Operation::ModifyDn { target, rdn, delete_old, superior } => {
            line(&mut out, "dn", target.to_string().as_bytes());
            out.push_str("changetype: modrdn\n");
            line(&mut out, "newrdn", rdn.to_string().as_bytes());
            let _ = writeln!(out, "deleteoldrdn: {}", u8::from(*delete_old));
            if let Some(superior) = superior {
                line(&mut out, "newsuperior", superior.as_str().as_bytes());
            }
        }
        Operation::Delete { target } => {
            line(&mut out, "dn", target.to_string().as_bytes());
            out.push_str("changetype: delete\n");
        }
        Operation::Compare { .. } | Operation::Extended { .. } => {
            let _ = writeln!(out, "# {}", operation.name());
        }
    }
    out
}

fn attribute(out: &mut String, name: &str, value: &[u8]) {
    let secret = ["userPassword", "unicodePwd"].iter().any(|secret| name.eq_ignore_ascii_case(secret));
    if secret {
        let _ = writeln!(out, "# {name}: left out");
    } else {
        line(out, name, value);
    }
}

/// `name: value`, in base64 where a value is not safe as it stands (RFC 2849, SAFE-STRING).
fn line(out: &mut String, name: &str, value: &[u8]) {
    let safe_start = value.first().is_none_or(|first| !b" :<".contains(first));
    let safe = safe_start && value.last() != Some(&b' ') && value.iter().all(|byte| matches!(byte, 0x20..=0x7e));
    match std::str::from_utf8(value) {
        Ok(text) if safe => {
            let _ = writeln!(out, "{name}: {text}");
        }
        _ => {
            let _ = writeln!(out, "{name}:: {}", STANDARD.encode(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::{AttributeName, Dn};

    #[test]
    fn a_write_reads_as_ldif_without_its_passwords() {
        let add = Operation::Add {
            dn: Dn::parse("uid=zoë,dc=x").unwrap(),
            attributes: vec![
                (AttributeName::known("sn"), vec!["Z".into(), " b".into()]),
                (AttributeName::known("userPassword"), vec!["hidden".into()]),
            ],
        };
        assert_eq!(
            of(&add),
            "dn:: dWlkPXpvw6ssZGM9eA==\nchangetype: add\nsn: Z\nsn:: IGI=\n# userPassword: left out\n"
        );
    }
}
