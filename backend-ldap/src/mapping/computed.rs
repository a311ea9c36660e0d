//! Values that stand in no attribute of their own: a text for everybody, or one that is put together of others. They are read only.

use scim_core::path::AttrPath;

use crate::ldap::{AttributeName, Entry};

/// A value that is put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    /// What it is in SCIM.
    pub at: AttrPath,
    /// What it is made of.
    pub template: Template,
}

/// Texts and attributes, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    First(AttributeName),
}

impl Template {
    /// The same text for everybody.
    pub fn constant(text: &str) -> Template {
        Template(vec![Piece::Text(text.to_owned())])
    }

    /// Reads `{givenName} {sn}`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('{') {
            let (name, behind) = behind.split_once('}').ok_or("a brace is not closed")?;
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            pieces.push(Piece::First(AttributeName::new(name).map_err(|bad| bad.to_string())?));
            rest = behind;
        }
        if rest.contains('}') {
            return Err("a brace is closed that was not opened".into());
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        match pieces.iter().any(|piece| matches!(piece, Piece::First(_))) {
            true => Ok(Template(pieces)),
            false => Err("it names no attribute in braces: for a text alone write constant".into()),
        }
    }

    /// The attributes that it looks at.
    pub fn names(&self) -> impl Iterator<Item = &AttributeName> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::First(name) => Some(name),
            Piece::Text(_) => None,
        })
    }

    /// The text of an entry; None where it has none of the attributes.
    pub fn of(&self, entry: &Entry) -> Option<String> {
        if self.names().next().is_some() && self.names().all(|name| entry.text(name).is_none()) {
            return None;
        }
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::First(name) => entry.text(name).unwrap_or_default().to_owned(),
        };
        let text: String = self.0.iter().map(piece).collect();
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::Dn;

    #[test]
    fn a_text_is_put_together_of_what_there_is() {
        let entry = |names: &[(&'static str, &'static str)]| {
            let entry = Entry::new(Dn::parse("uid=a,dc=x").unwrap());
            names.iter().fold(entry, |entry, (name, value)| entry.with(AttributeName::known(name), [*value]))
        };
        let template = Template::parse("{givenName} {sn} (x)").unwrap();
        assert_eq!(template.of(&entry(&[("sn", "B"), ("givenName", "A")])).as_deref(), Some("A B (x)"));
        assert_eq!(template.of(&entry(&[("sn", "B")])).as_deref(), Some("B (x)"));
        assert_eq!(template.of(&entry(&[])), None);
        assert_eq!(Template::constant("staff").of(&entry(&[])).as_deref(), Some("staff"));
        for bad in ["", "plain", "{sn", "sn}", "{}", "{a b}"] {
            assert!(Template::parse(bad).is_err(), "{bad:?}");
        }
    }
}
