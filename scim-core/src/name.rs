//! Text as SCIM compares it: attribute names without case, values by the rule of their attribute.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// How values of an attribute are compared, in filters, in sorting and in uniqueness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextRule {
    /// Code point by code point (`caseExact` true).
    Exact,
    /// Without case: Unicode simple case folding of NFC text (`caseExact` false).
    Folded,
    /// A user name: NFKC, full case folding, NFKC, outer white space left off (RFC 8265 and 7644-5-02).
    UserName,
}

impl TextRule {
    /// The text under which `value` is compared. Two values are equal exactly when their keys are the same bytes.
    pub fn key(self, value: &str) -> Cow<'_, str> {
        match self {
            TextRule::Exact => Cow::Borrowed(value),
            TextRule::Folded => fold(value),
            TextRule::UserName => match user_name(value) {
                Cow::Borrowed(key) => Cow::Borrowed(key.trim()),
                Cow::Owned(key) => Cow::Owned(key.trim().to_owned()),
            },
        }
    }

    /// The key of a fragment that is looked for in keys (`co`): as [`TextRule::key`], but outer white space counts, for it
    /// may be an inner one of the value.
    pub fn fragment(self, value: &str) -> Cow<'_, str> {
        match self {
            TextRule::UserName => user_name(value),
            _ => self.key(value),
        }
    }

    /// The key of a beginning (`sw`). No key begins with white space where the rule leaves that off.
    pub fn beginning(self, value: &str) -> Cow<'_, str> {
        match (self, self.fragment(value)) {
            (TextRule::UserName, Cow::Borrowed(key)) => Cow::Borrowed(key.trim_start()),
            (TextRule::UserName, Cow::Owned(key)) => Cow::Owned(key.trim_start().to_owned()),
            (_, key) => key,
        }
    }

    /// The key of an end (`ew`).
    pub fn end(self, value: &str) -> Cow<'_, str> {
        match (self, self.fragment(value)) {
            (TextRule::UserName, Cow::Borrowed(key)) => Cow::Borrowed(key.trim_end()),
            (TextRule::UserName, Cow::Owned(key)) => Cow::Owned(key.trim_end().to_owned()),
            (_, key) => key,
        }
    }
}

fn fold(value: &str) -> Cow<'_, str> {
    if value.is_ascii() {
        return ascii_lower(value);
    }
    Cow::Owned(value.nfc().map(simple_fold).nfc().collect())
}

fn user_name(value: &str) -> Cow<'_, str> {
    if value.is_ascii() {
        return ascii_lower(value);
    }
    Cow::Owned(full_fold(&value.nfkc().collect::<String>()).nfkc().collect())
}

fn ascii_lower(value: &str) -> Cow<'_, str> {
    if value.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(value.to_ascii_lowercase())
    } else {
        Cow::Borrowed(value)
    }
}

fn simple_fold(c: char) -> char {
    unicode_case_mapping::case_folded(c).and_then(|folded| char::from_u32(folded.get())).unwrap_or(c)
}

/// Full case folding, character by character: `ß` and `ẞ` become `ss`.
fn full_fold(value: &str) -> String {
    caseless::default_case_fold_str(value)
}

/// Are two names of attributes, schemas, operators the same? (RFC 7643 section 2.1)
pub fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_names_are_compared_by_their_precis_key() {
        for (a, b) in
            [("Straße", "STRASSE"), ("\u{212a}", "k"), ("ｆｕｌｌ", "FULL"), ("zoe\u{308}", "ZOË"), (" ann ", "Ann")]
        {
            assert_eq!(TextRule::UserName.key(a), TextRule::UserName.key(b), "{a} {b}");
        }
        assert_ne!(TextRule::UserName.key("ı"), TextRule::UserName.key("i"));
    }

    #[test]
    fn folded_text_uses_simple_folding_of_nfc() {
        assert_eq!(TextRule::Folded.key("ZOË"), TextRule::Folded.key("zoe\u{308}"));
        assert_ne!(TextRule::Folded.key("ß"), TextRule::Folded.key("ss"));
        assert_eq!(TextRule::Exact.key("Ab"), "Ab");
    }
}
