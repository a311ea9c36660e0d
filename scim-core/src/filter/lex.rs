//! The characters of filters and paths: spaces, words, strings, and where one stands among them.
//!
//! There are no tokens: what a word means depends on its position alone, so attributes named `and`, `not` or `pr`
//! stay usable.

use crate::error::{ErrorKind, ScimError, excerpt};

use super::ast::Literal;

/// A place in a text, moving forward only (but see [`Scanner::back`]).
#[derive(Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Reads `text` from byte `at` on; positions in errors count from its beginning.
    pub(crate) fn new(text: &'a str, at: usize) -> Self {
        Scanner { text, at }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The place, for [`Scanner::back`] and [`Scanner::fail`].
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// Returns to an earlier place.
    pub(crate) fn back(&mut self, place: usize) {
        self.at = place;
    }

    /// Is everything read?
    pub(crate) fn done(&self) -> bool {
        self.rest().is_empty()
    }

    /// Is this the next byte?
    pub(crate) fn sees(&self, byte: u8) -> bool {
        self.rest().as_bytes().first() == Some(&byte)
    }

    /// Steps over this byte, where it is the next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let seen = self.sees(byte);
        self.at += usize::from(seen);
        seen
    }

    /// OWS: steps over blanks, tabs and line ends; tells whether there were any (WS).
    pub(crate) fn space(&mut self) -> bool {
        let from = self.at;
        self.at += self.rest().bytes().take_while(|byte| is_space(*byte)).count();
        self.at > from
    }

    /// Steps over everything up to a space, a bracket, a parenthesis or a quote.
    pub(crate) fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.bytes().take_while(|byte| !is_space(*byte) && !b"\"()[]".contains(byte)).count();
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    /// Reads a JSON string, whose opening quote is next.
    pub(crate) fn string(&mut self) -> Result<String, ScimError> {
        let from = self.at;
        let Some(length) = string_length(self.rest()) else {
            return Err(self.fail(from, "this string has no closing quote"));
        };
        let raw = self.rest().get(..length).unwrap_or_default();
        self.at += length;
        match serde_json::from_str::<String>(raw) {
            Ok(text) if text.contains('\0') => Err(self.fail(from, "no value holds a NUL character")),
            Ok(text) => Ok(text),
            Err(error) => Err(self.fail(from, &format!("{} is no JSON string: {error}", excerpt(raw)))),
        }
    }

    /// Reads a literal that is no string.
    pub(crate) fn bare_literal(&mut self) -> Result<Literal, ScimError> {
        const EXPECTED: &str = "expected a value: a string in double quotes, a number, true, false or null";
        let from = self.at;
        let word = self.word();
        for (name, literal) in
            [("true", Literal::Boolean(true)), ("false", Literal::Boolean(false)), ("null", Literal::Null)]
        {
            if word.eq_ignore_ascii_case(name) {
                return Ok(literal);
            }
        }
        if word.is_empty() {
            return Err(self.fail(from, EXPECTED));
        }
        if word.starts_with(|c: char| c == '-' || c.is_ascii_digit())
            && let Ok(number) = serde_json::from_str(word)
        {
            return Ok(Literal::Number(number));
        }
        Err(self.fail(from, &format!("{EXPECTED}, not {}", excerpt(word))))
    }

    /// `invalidFilter` at a place, told as the number of the character, from 1.
    pub(crate) fn fail(&self, place: usize, why: &str) -> ScimError {
        self.fail_as(ErrorKind::InvalidFilter, place, why)
    }

    /// The same as an error of another kind.
    pub(crate) fn fail_as(&self, kind: ErrorKind, place: usize, why: &str) -> ScimError {
        ScimError::new(kind, format!("at {}: {why}", self.number(place)))
    }

    /// The number of the character at a place, from 1.
    pub(crate) fn number(&self, place: usize) -> usize {
        self.text.get(..place).unwrap_or(self.text).chars().count() + 1
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The bytes of the JSON string at the beginning of a text, with its quotes; None where it does not end.
pub(crate) fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (n, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(n + 1),
            _ => {}
        }
    }
    None
}

/// ATTRNAME = [ "$" ] ALPHA *( ALPHA / DIGIT / "-" / "_" / "$" )
pub(crate) fn is_attr_name(text: &str) -> bool {
    let name = text.strip_prefix('$').unwrap_or(text);
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_$".contains(&byte))
}

/// attrPath = [ schemaUri ":" ] ATTRNAME [ "." ATTRNAME ]
///
/// Where a schema URI ends is known to those who know the registered ones; here it only has to look like one.
pub(crate) fn is_attr_path(text: &str) -> bool {
    if text.contains(':') {
        return text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"()[]<>\\^`{|}".contains(&byte));
    }
    match text.split_once('.') {
        Some((name, sub)) => is_attr_name(name) && is_attr_name(sub),
        None => is_attr_name(text),
    }
}
