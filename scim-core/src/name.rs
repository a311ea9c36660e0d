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

/// Which of these names is meant by one that is none of them; None where nothing is near. Letter case means nothing.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_ascii_lowercase();
    let near = known.into_iter().filter_map(|known| {
        let allowed = (known.len().max(name.len()) / 3).max(1);
        // Their lengths alone differ by more: a long name is not worth a look.
        let worth = known.len().abs_diff(name.len()) <= allowed;
        let distance = worth.then(|| distance(&name, &known.to_ascii_lowercase()))?;
        (distance <= allowed).then_some((distance, known))
    });
    near.min().map(|(_, known)| known)
}

/// The number of letters to insert, delete, change or swap with a neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (get(&last, j) + usize::from(x != y)).min(get(&last, j + 1) + 1).min(get(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(get(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_where_one_is_near() {
        let known = ["userName", "displayName", "name.familyName", "title"];
        for (name, expected) in [
            ("usrName", Some("userName")),
            ("USERNAMES", Some("userName")),
            ("name.famliyName", Some("name.familyName")),
            ("tilte", Some("title")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), known), None);
    }

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
