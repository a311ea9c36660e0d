//! The definitions of a subschema (RFC 4512 section 4.1): parentheses around an OID and words with their values. Read
//! leniently, since servers write them in dialects; never a panic, never an error that hides the other definitions.

/// A definition, taken apart: its OID, and the words behind it, each with its values.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Definition {
    pub(super) oid: String,
    fields: Vec<(String, Vec<String>)>,
}

#[derive(Debug, PartialEq)]
enum Token<'a> {
    Open,
    Close,
    Dollar,
    Quoted(String),
    Word(&'a str),
}

/// Words that stand alone, without a value.
const FLAGS: &[&str] =
    &["SINGLE-VALUE", "COLLECTIVE", "NO-USER-MODIFICATION", "OBSOLETE", "ABSTRACT", "STRUCTURAL", "AUXILIARY"];

impl Definition {
    /// Reads one; None where it is none.
    pub(super) fn read(text: &str) -> Option<Definition> {
        let mut tokens = tokens(text).into_iter().peekable();
        let Some(Token::Open) = tokens.next() else { return None };
        let oid = match tokens.next()? {
            Token::Word(oid) => oid.to_owned(),
            Token::Quoted(oid) => oid,
            _ => return None,
        };
        let mut fields = Vec::new();
        while let Some(token) = tokens.next() {
            let Token::Word(word) = token else { continue };
            let mut values = Vec::new();
            if !FLAGS.contains(&word) {
                match tokens.next_if(|next| !matches!(next, Token::Close)) {
                    Some(Token::Open) => {
                        for inner in tokens.by_ref() {
                            match inner {
                                Token::Close => break,
                                Token::Word(value) => values.push(value.to_owned()),
                                Token::Quoted(value) => values.push(value),
                                _ => {}
                            }
                        }
                    }
                    Some(Token::Word(value)) => values.push(value.to_owned()),
                    Some(Token::Quoted(value)) => values.push(value),
                    _ => {}
                }
            }
            fields.push((word.to_owned(), values));
        }
        Some(Definition { oid, fields })
    }

    /// The values behind a word.
    pub(super) fn all(&self, word: &str) -> &[String] {
        self.fields.iter().find(|(name, _)| name == word).map_or(&[], |(_, values)| values.as_slice())
    }

    /// The value behind a word.
    pub(super) fn one(&self, word: &str) -> Option<&str> {
        self.all(word).first().map(String::as_str)
    }

    /// Does the word stand there?
    pub(super) fn has(&self, word: &str) -> bool {
        self.fields.iter().any(|(name, _)| name == word)
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, used) = match first {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '$' => (Token::Dollar, 1),
            '\'' => {
                let inside = rest.get(1..).unwrap_or_default();
                let end = inside.find('\'').unwrap_or(inside.len());
                let value = inside.get(..end).unwrap_or_default();
                (
                    Token::Quoted(value.replace("\\27", "'").replace("\\5c", "\\").replace("\\5C", "\\")),
                    (end + 2).min(rest.len()),
                )
            }
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "()$'".contains(c)).unwrap_or(rest.len());
                (Token::Word(rest.get(..end).unwrap_or_default()), end)
            }
        };
        tokens.push(token);
        rest = rest.get(used..).unwrap_or_default().trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn definitions_of_every_dialect_are_read() {
        let slapd = "( 2.5.4.4 NAME ( 'sn' 'surname' ) DESC 'RFC2256: last (family) name' SUP name )";
        let read = Definition::read(slapd).unwrap();
        assert_eq!(
            (read.oid.as_str(), read.all("NAME"), read.one("SUP")),
            ("2.5.4.4", &["sn".into(), "surname".into()][..], Some("name"))
        );

        let samba = "( 1.2.840.113556.1.4.2 NAME 'objectGUID' SYNTAX '1.3.6.1.4.1.1466.115.121.1.40' SINGLE-VALUE NO-USER-MODIFICATION )";
        let read = Definition::read(samba).unwrap();
        assert_eq!(read.one("SYNTAX"), Some("1.3.6.1.4.1.1466.115.121.1.40"));
        assert!(read.has("SINGLE-VALUE") && read.has("NO-USER-MODIFICATION") && !read.has("COLLECTIVE"));

        let class = "( 2.5.6.9 NAME 'groupOfNames' SUP top STRUCTURAL MUST (member $ cn ) MAY ( businessCategory $ o ) X-ORIGIN 'it\\27s' )";
        let read = Definition::read(class).unwrap();
        assert_eq!(read.all("MUST"), ["member", "cn"]);
        assert_eq!(read.one("X-ORIGIN"), Some("it's"));
        assert_eq!(Definition::read("nothing"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", odd in "[()$' A-Z1.\\\\]{0,60}") {
            let _ = (Definition::read(&text), Definition::read(&odd), Definition::read(&format!("( 1.2 {odd}")));
        }
    }
}
