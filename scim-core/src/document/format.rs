//! What text must look like beyond being text: references, user names, locales, countries.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::access::Rules;
use crate::error::{ScimError, excerpt};
use crate::name::TextRule;
use crate::path::AttrPath;

/// Checks text by the attribute it is for. `invalidValue` where it does not fit.
pub(super) fn check(at: &AttrPath, text: &str, rules: &Rules) -> Result<(), ScimError> {
    if at.leaf().text == TextRule::UserName {
        return user_name(at, text, rules);
    }
    if at.extension().is_some() {
        return Ok(());
    }
    match (at.attr().name.as_str(), at.sub().map(|sub| sub.name.as_str())) {
        ("locale", None) if text.chars().any(char::is_whitespace) => Err(ScimError::invalid_value(format!(
            "{at} takes a language tag such as \"en-US\", without white space, not {}",
            excerpt(text)
        ))),
        ("addresses", Some("country"))
            if rules.two_letter_country && !(text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic())) =>
        {
            Err(ScimError::invalid_value(format!(
                "{at} takes a two-letter country code (ISO 3166-1) such as \"US\", not {}",
                excerpt(text)
            )))
        }
        _ => Ok(()),
    }
}

/// Is this a URI or a relative reference (RFC 3986 section 4.1)? Characters beyond ASCII may stand unescaped.
pub(super) fn is_reference(text: &str) -> bool {
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let fits = match byte {
            b'%' => {
                let mut hex = || rest.next().is_some_and(|b| b.is_ascii_hexdigit());
                hex() && hex()
            }
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => false,
            byte => !byte.is_ascii_whitespace() && !byte.is_ascii_control(),
        };
        if !fits {
            return false;
        }
    }
    !text.is_empty() && !text.chars().any(char::is_whitespace)
}

/// User names (7644-5-03): never control, format or unassigned characters, and (strict) nothing that PRECIS'
/// IdentifierClass refuses.
fn user_name(at: &AttrPath, text: &str, rules: &Rules) -> Result<(), ScimError> {
    let bad = |why: &str| Err(ScimError::invalid_value(format!("{at} {}: {why}", excerpt(text))));
    if TextRule::UserName.key(text).is_empty() {
        return bad("a user name is not empty and not only white space");
    }
    for c in text.chars() {
        match c.general_category() {
            GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::Unassigned => {
                return bad(&format!("remove the invisible or unassigned character U+{:04X}", u32::from(c)));
            }
            _ => {}
        }
        if !rules.wide_user_names && !in_identifier_class(c) {
            return bad(&format!(
                "the strict profile takes no character such as U+{:04X} in a user name",
                u32::from(c)
            ));
        }
    }
    Ok(())
}

/// Is the character valid in PRECIS' IdentifierClass (RFC 8264 section 4.2), once full-width forms are mapped?
fn in_identifier_class(c: char) -> bool {
    if ('\u{ff00}'..='\u{ffef}').contains(&c) {
        return std::iter::once(c).nfkc().all(in_identifier_class_unmapped);
    }
    in_identifier_class_unmapped(c)
}

fn in_identifier_class_unmapped(c: char) -> bool {
    use GeneralCategory as Is;
    match c {
        '!'..='~' | 'ß' | 'ς' | '\u{6fd}' | '\u{6fe}' | '\u{f0b}' | '\u{3007}' => true,
        '\u{640}' | '\u{7fa}' | '\u{302e}' | '\u{302f}' | '\u{3031}'..='\u{3035}' | '\u{303b}' => false,
        // Conjoining Hangul jamo
        '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97c}' | '\u{d7b0}'..='\u{d7fb}' => false,
        _ => {
            matches!(
                c.general_category(),
                Is::UppercaseLetter
                    | Is::LowercaseLetter
                    | Is::ModifierLetter
                    | Is::OtherLetter
                    | Is::DecimalNumber
                    | Is::NonspacingMark
                    | Is::SpacingMark
            ) && std::iter::once(c).nfkd().eq(std::iter::once(c).nfd())
        }
    }
}
