//! Search filters: a tree, written as text (RFC 4515) for ldap3 and for people, and as BER (RFC 4511 section 4.5.1.7) where
//! one stands in a control. The text holds every value, whatever its bytes are.

use std::fmt;

use bytes::Bytes;

use super::attribute::AttributeName;
use super::ber::{self, Writer, context, context_nested};
use super::error::LdapError;

/// How deep a filter may be nested. SCIM filters are bounded before they come here.
pub const DEEPEST: usize = 100;

/// A search filter.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of them; of none, everything (RFC 4526).
    And(Vec<Filter>),
    /// One of them; of none, nothing (RFC 4526).
    Or(Vec<Filter>),
    /// Not this one.
    Not(Box<Filter>),
    /// `(name=value)`
    Equal(AttributeName, Bytes),
    /// `(name=initial*any*last)`
    Substrings(AttributeName, Substrings),
    /// `(name>=value)`
    AtLeast(AttributeName, Bytes),
    /// `(name<=value)`
    AtMost(AttributeName, Bytes),
    /// `(name=*)`
    Present(AttributeName),
    /// `(name~=value)`
    Like(AttributeName, Bytes),
    /// `(name:rule:=value)`
    Matching(Matching),
}

/// The pieces of a value, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Substrings {
    /// With what it begins.
    pub initial: Option<Bytes>,
    /// What is in it.
    pub any: Vec<Bytes>,
    /// With what it ends.
    pub last: Option<Bytes>,
}

impl Filter {
    /// Must whoever looks for it look at every entry, for a fragment of fewer than `least` letters that nothing narrower stands beside?
    pub fn wants_short_fragment(&self, least: usize) -> bool {
        match self {
            Filter::And(parts) => {
                parts.iter().any(|part| part.wants_short_fragment(least)) && !parts.iter().any(Filter::is_narrow)
            }
            Filter::Or(parts) => parts.iter().any(|part| part.wants_short_fragment(least)),
            Filter::Substrings(_, Substrings { initial: None, any, last }) => {
                let letters = |piece: &Bytes| String::from_utf8_lossy(piece).chars().count();
                any.iter().chain(last).map(letters).max().unwrap_or_default() < least
            }
            _ => false,
        }
    }

    /// Does an index find what it means, at least one part of it?
    fn is_narrow(&self) -> bool {
        match self {
            Filter::And(parts) => parts.iter().any(Filter::is_narrow),
            Filter::Or(parts) => !parts.is_empty() && parts.iter().all(Filter::is_narrow),
            Filter::Equal(..) | Filter::Substrings(_, Substrings { initial: Some(_), .. }) => true,
            _ => false,
        }
    }
}

/// A comparison by a named rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Matching {
    /// The name or the OID of the rule; the attribute's own where there is none.
    pub rule: Option<AttributeName>,
    /// The attribute; any that the rule fits where there is none.
    pub name: Option<AttributeName>,
    /// The value.
    pub value: Bytes,
    /// The attributes of the entry's name as well.
    pub of_name: bool,
}

impl Filter {
    /// All of these. Nested ones become part of it, and one alone stays what it is.
    pub fn all(filters: impl IntoIterator<Item = Filter>) -> Filter {
        let mut parts = Vec::new();
        for filter in filters {
            match filter {
                Filter::And(more) => parts.extend(more),
                one => parts.push(one),
            }
        }
        if parts.len() == 1 { parts.swap_remove(0) } else { Filter::And(parts) }
    }

    /// One of these. Nested ones become part of it, and one alone stays what it is.
    pub fn any(filters: impl IntoIterator<Item = Filter>) -> Filter {
        let mut parts = Vec::new();
        for filter in filters {
            match filter {
                Filter::Or(more) => parts.extend(more),
                one => parts.push(one),
            }
        }
        if parts.len() == 1 { parts.swap_remove(0) } else { Filter::Or(parts) }
    }

    /// Not this one; of a negation what it negates.
    pub fn negate(filter: Filter) -> Filter {
        match filter {
            Filter::Not(inner) => *inner,
            other => Filter::Not(Box::new(other)),
        }
    }

    /// `(name=value)`
    pub fn equal(name: AttributeName, value: impl Into<Bytes>) -> Filter {
        Filter::Equal(name, value.into())
    }

    /// `(name=*)`
    pub fn present(name: AttributeName) -> Filter {
        Filter::Present(name)
    }

    /// `(name=*value*)`
    pub fn contains(name: AttributeName, value: impl Into<Bytes>) -> Filter {
        Filter::Substrings(name, Substrings { any: vec![value.into()], ..Substrings::default() })
    }

    /// `(name=value*)`
    pub fn starts(name: AttributeName, value: impl Into<Bytes>) -> Filter {
        Filter::Substrings(name, Substrings { initial: Some(value.into()), ..Substrings::default() })
    }

    /// `(name=*value)`
    pub fn ends(name: AttributeName, value: impl Into<Bytes>) -> Filter {
        Filter::Substrings(name, Substrings { last: Some(value.into()), ..Substrings::default() })
    }

    /// `(name>=value)`
    pub fn at_least(name: AttributeName, value: impl Into<Bytes>) -> Filter {
        Filter::AtLeast(name, value.into())
    }

    /// `(name<=value)`
    pub fn at_most(name: AttributeName, value: impl Into<Bytes>) -> Filter {
        Filter::AtMost(name, value.into())
    }

    /// `(name:rule:=value)`
    pub fn matching(name: AttributeName, rule: AttributeName, value: impl Into<Bytes>) -> Filter {
        let value = value.into();
        Filter::Matching(Matching { rule: Some(rule), name: Some(name), value, of_name: false })
    }

    /// Its BER.
    ///
    /// # Errors
    /// It is nested deeper than [`DEEPEST`].
    pub fn to_ber(&self) -> Result<Vec<u8>, LdapError> {
        let mut writer = Writer::new();
        self.write(&mut writer, DEEPEST)?;
        Ok(writer.into_bytes())
    }

    /// Writes its BER; `left` levels may follow.
    pub(crate) fn write(&self, writer: &mut Writer, left: usize) -> Result<(), LdapError> {
        let Some(left) = left.checked_sub(1) else {
            return Err(LdapError::Request(format!("a filter of more than {DEEPEST} levels")));
        };
        match self {
            Filter::And(parts) => {
                return writer
                    .try_nest(context_nested(0), |inside| parts.iter().try_for_each(|part| part.write(inside, left)));
            }
            Filter::Or(parts) => {
                return writer
                    .try_nest(context_nested(1), |inside| parts.iter().try_for_each(|part| part.write(inside, left)));
            }
            Filter::Not(part) => return writer.try_nest(context_nested(2), |inside| part.write(inside, left)),
            Filter::Equal(name, value) => assertion(writer, 3, name, value),
            Filter::Substrings(name, pieces) if pieces.is_empty() => {
                writer.primitive(context(7), name.as_str().as_bytes());
            }
            Filter::Substrings(name, pieces) => {
                writer.nest(context_nested(4), |inside| {
                    inside.octets(name.as_str());
                    inside.nest(ber::SEQUENCE, |inside| pieces.write(inside));
                });
            }
            Filter::AtLeast(name, value) => assertion(writer, 5, name, value),
            Filter::AtMost(name, value) => assertion(writer, 6, name, value),
            Filter::Present(name) => writer.primitive(context(7), name.as_str().as_bytes()),
            Filter::Like(name, value) => assertion(writer, 8, name, value),
            Filter::Matching(matching) => writer.nest(context_nested(9), |inside| matching.write(inside)),
        }
        Ok(())
    }
}

fn assertion(writer: &mut Writer, number: u8, name: &AttributeName, value: &Bytes) {
    writer.nest(context_nested(number), |inside| {
        inside.octets(name.as_str());
        inside.octets(value);
    });
}

impl Substrings {
    /// Pieces without bytes are in every value, and have no form in text: nothing is asked of them.
    fn is_empty(&self) -> bool {
        self.pieces().next().is_none()
    }

    fn pieces(&self) -> impl Iterator<Item = (u8, &Bytes)> {
        let any = self.any.iter().map(|any| (1, any));
        let pieces =
            self.initial.iter().map(|initial| (0, initial)).chain(any).chain(self.last.iter().map(|last| (2, last)));
        pieces.filter(|(_, piece)| !piece.is_empty())
    }

    fn write(&self, writer: &mut Writer) {
        self.pieces().for_each(|(number, piece)| writer.primitive(context(number), piece));
    }
}

impl Matching {
    fn write(&self, writer: &mut Writer) {
        if let Some(rule) = &self.rule {
            writer.primitive(context(1), rule.as_str().as_bytes());
        }
        if let Some(name) = &self.name {
            writer.primitive(context(2), name.as_str().as_bytes());
        }
        writer.primitive(context(3), &self.value);
        if self.of_name {
            writer.boolean(context(4), true);
        }
    }
}

/// A value as it stands in a filter's text: what is special there, and what is no printable text, as `\xx`.
struct Value<'a>(&'a [u8]);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '(' | ')' | '*' | '\\' => write!(f, "\\{:02x}", u32::from(c))?,
                    c if c.is_control() => c.to_string().bytes().try_for_each(|byte| write!(f, "\\{byte:02x}"))?,
                    c => write!(f, "{c}")?,
                }
            }
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\{byte:02x}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self, f, DEEPEST)
    }
}

fn print(filter: &Filter, f: &mut fmt::Formatter<'_>, left: usize) -> fmt::Result {
    let Some(left) = left.checked_sub(1) else { return f.write_str("(…)") };
    f.write_str("(")?;
    match filter {
        Filter::And(parts) => {
            f.write_str("&")?;
            parts.iter().try_for_each(|part| print(part, f, left))?;
        }
        Filter::Or(parts) => {
            f.write_str("|")?;
            parts.iter().try_for_each(|part| print(part, f, left))?;
        }
        Filter::Not(part) => {
            f.write_str("!")?;
            print(part, f, left)?;
        }
        Filter::Equal(name, value) => write!(f, "{name}={}", Value(value))?,
        Filter::Substrings(name, pieces) => {
            write!(f, "{name}={}*", Value(pieces.initial.as_deref().unwrap_or_default()))?;
            let mut any = pieces.any.iter().filter(|any| !any.is_empty());
            any.try_for_each(|any| write!(f, "{}*", Value(any)))?;
            write!(f, "{}", Value(pieces.last.as_deref().unwrap_or_default()))?;
        }
        Filter::AtLeast(name, value) => write!(f, "{name}>={}", Value(value))?,
        Filter::AtMost(name, value) => write!(f, "{name}<={}", Value(value))?,
        Filter::Present(name) => write!(f, "{name}=*")?,
        Filter::Like(name, value) => write!(f, "{name}~={}", Value(value))?,
        Filter::Matching(matching) => {
            if let Some(name) = &matching.name {
                write!(f, "{name}")?;
            }
            if matching.of_name {
                f.write_str(":dn")?;
            }
            if let Some(rule) = &matching.rule {
                write!(f, ":{rule}")?;
            }
            write!(f, ":={}", Value(&matching.value))?;
        }
    }
    f.write_str(")")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_fragment_is_one_beside_which_nothing_narrower_stands() {
        for (text, expected) in [
            ("(cn=*ab*)", true),
            ("(cn=*äb*)", true),
            ("(cn=*ab)", true),
            ("(cn=*abc*)", false),
            ("(cn=*a*bcd*)", false),
            ("(cn=a*b*)", false),
            ("(&(objectClass=*)(cn=*ab*))", true),
            ("(&(uid=x)(cn=*ab*))", false),
            ("(|(uid=x)(cn=*ab*))", true),
            ("(&(|(uid=x)(uid=y))(cn=*ab*))", false),
            ("(cn=*)", false),
        ] {
            assert_eq!(Filter::parse(text).unwrap().wants_short_fragment(3), expected, "{text}");
            assert!(!Filter::parse(text).unwrap().wants_short_fragment(0), "{text}");
        }
    }
}
