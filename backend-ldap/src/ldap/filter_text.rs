//! Filters as they stand in configuration files: the text of RFC 4515, read.

use bytes::Bytes;

use super::attribute::AttributeName;
use super::filter::{DEEPEST, Filter, Matching, Substrings};

/// Text that is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no LDAP filter: {why} at byte {at}; one looks like (&(objectClass=person)(uid=*))")]
pub struct BadFilter {
    /// The beginning of the text.
    pub text: String,
    /// What is wrong.
    pub why: &'static str,
    /// Where, in bytes from the beginning.
    pub at: usize,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// It is not of the form of RFC 4515 section 3, or nested deeper than [`DEEPEST`].
    pub fn parse(text: &str) -> Result<Filter, BadFilter> {
        let mut parser = Parser { text, at: 0 };
        let trimmed = text.trim_start().len();
        parser.at = text.len() - trimmed;
        let wrong = |why, at| BadFilter { text: text.chars().take(100).collect(), why, at };
        let filter = parser.filter(DEEPEST).map_err(|(why, at)| wrong(why, at))?;
        if parser.rest().trim().is_empty() { Ok(filter) } else { Err(wrong("text follows the filter", parser.at)) }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

type Parsed<T> = Result<T, (&'static str, usize)>;

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next_is(&mut self, c: char) -> bool {
        let is = self.rest().starts_with(c);
        if is {
            self.at += c.len_utf8();
        }
        is
    }

    fn wrong<T>(&self, why: &'static str) -> Parsed<T> {
        Err((why, self.at))
    }

    /// `filter = LPAREN filtercomp RPAREN`
    fn filter(&mut self, left: usize) -> Parsed<Filter> {
        let Some(left) = left.checked_sub(1) else { return self.wrong("too many levels") };
        if !self.next_is('(') {
            return self.wrong("\"(\" is missing");
        }
        let filter = if self.next_is('&') {
            Filter::And(self.list(left)?)
        } else if self.next_is('|') {
            Filter::Or(self.list(left)?)
        } else if self.next_is('!') {
            Filter::Not(Box::new(self.filter(left)?))
        } else {
            self.item()?
        };
        if self.next_is(')') { Ok(filter) } else { self.wrong("\")\" is missing") }
    }

    fn list(&mut self, left: usize) -> Parsed<Vec<Filter>> {
        let mut parts = Vec::new();
        while self.rest().starts_with('(') {
            parts.push(self.filter(left)?);
        }
        Ok(parts)
    }

    /// `item = simple / present / substring / extensible`
    fn item(&mut self) -> Parsed<Filter> {
        let start = self.at;
        let rest = self.rest();
        let end = rest.find(['(', ')']).unwrap_or(rest.len());
        let Some((left, value)) = rest.get(..end).and_then(|item| item.split_once('=')) else {
            return self.wrong("\"=\" is missing");
        };
        self.at += end;
        let named = |name: &str| AttributeName::new(name).map_err(|_| ("no name of an attribute", start));
        let valued = |value: &str| unescape(value).ok_or(("a backslash without two hexadecimal digits", start));
        match left.as_bytes().last() {
            Some(b'>') => Ok(Filter::AtLeast(named(without_last(left))?, valued(value)?)),
            Some(b'<') => Ok(Filter::AtMost(named(without_last(left))?, valued(value)?)),
            Some(b'~') => Ok(Filter::Like(named(without_last(left))?, valued(value)?)),
            Some(b':') => {
                let mut parts = without_last(left).split(':');
                let name = parts.next().filter(|name| !name.is_empty()).map(named).transpose()?;
                let mut rest = parts.collect::<Vec<_>>();
                let of_name = rest.first().is_some_and(|part| part.eq_ignore_ascii_case("dn"));
                if of_name {
                    rest.remove(0);
                }
                let rule = rest.first().map(|rule| named(rule)).transpose()?;
                if rest.len() > 1 || (name.is_none() && rule.is_none()) {
                    return Err(("a match that is neither name:rule:= nor :rule:=", start));
                }
                Ok(Filter::Matching(Matching { rule, name, value: valued(value)?, of_name }))
            }
            _ if value == "*" => Ok(Filter::Present(named(left)?)),
            _ if value.contains('*') => {
                let mut pieces = value.split('*').map(valued).collect::<Parsed<Vec<_>>>()?;
                let last = pieces.pop().filter(|piece| !piece.is_empty());
                let initial = Some(pieces.remove(0)).filter(|piece| !piece.is_empty());
                if pieces.iter().any(Bytes::is_empty) {
                    return Err(("two asterisks side by side", start));
                }
                Ok(Filter::Substrings(named(left)?, Substrings { initial, any: pieces, last }))
            }
            _ => Ok(Filter::Equal(named(left)?, valued(value)?)),
        }
    }
}

/// Without its last character, which is one byte.
fn without_last(text: &str) -> &str {
    text.get(..text.len().saturating_sub(1)).unwrap_or_default()
}

fn unescape(text: &str) -> Option<Bytes> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    while let Some(byte) = bytes.next() {
        if byte == b'\\' {
            let high = digit(bytes.next()?)?;
            let low = digit(bytes.next()?)?;
            out.push(high << 4 | low);
        } else {
            out.push(byte);
        }
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::untrusted::filter as both;

    fn name(text: &'static str) -> AttributeName {
        AttributeName::known(text)
    }

    #[test]
    fn filters_of_the_rfc_read_and_print_back() {
        for text in [
            "(cn=Babs Jensen)",
            "(!(cn=Tim Howes))",
            "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
            "(o=univ*of*mich*)",
            "(seeAlso=)",
            "(cn:caseExactMatch:=Fred Flintstone)",
            "(cn:=Betty Rubble)",
            "(sn:dn:2.4.6.8.10:=Barney Rubble)",
            "(o:dn:=Ace Industry)",
            "(:1.2.3:=Wilma Flintstone)",
            "(:dn:2.4.6.8.10:=Dino)",
            r"(o=Parens R Us \28for all your parenthetical needs\29)",
            r"(cn=*\2a*)",
            r"(filename=C:\5cMyFile)",
            "(sn=Lučić)",
            r"(bin=\00\ff)",
            "(a>=1)",
            "(a<=1)",
            "(a~=1)",
            "(a=*)",
            "(&)",
            "(|)",
        ] {
            assert_eq!(Filter::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "a=b",
            "(a=b",
            "(a)",
            "(a=b))",
            "(=b)",
            "(a=(b)",
            "(a=**)",
            r"(a=\4)",
            r"(a=\zz)",
            "(!)",
            "(&(a=b)",
            "(:=x)",
            "(a:b:c:=x)",
        ] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
        let deep = "(!".repeat(100_000) + "(a=b)" + &")".repeat(100_000);
        assert_eq!(Filter::parse(&deep).unwrap_err().why, "too many levels");
    }

    #[test]
    fn values_are_data_in_bytes_and_in_text() {
        let hostile = Filter::equal(name("uid"), "*)(uid=*\\\0".as_bytes().to_vec());
        assert_eq!(hostile.to_string(), r"(uid=\2a\29\28uid=\2a\5c\00)");
        let bytes = hostile.to_ber().unwrap();
        assert!(bytes.ends_with(b"*)(uid=*\\\0"), "the value goes as it is");
        assert_eq!(Filter::parse(&hostile.to_string()).unwrap(), hostile);
    }

    #[test]
    fn depth_is_bounded_when_it_is_written() {
        let nested =
            |levels: usize| (1..levels).fold(Filter::present(name("a")), |inside, _| Filter::Not(Box::new(inside)));
        assert!(nested(DEEPEST).to_ber().is_ok());
        assert!(nested(DEEPEST + 1).to_ber().is_err());
        assert!(nested(DEEPEST + 1).to_string().contains('…'));
    }

    #[test]
    fn and_and_or_swallow_their_like() {
        let [a, b, c] = ["a", "b", "c"].map(|text| Filter::present(name(text)));
        let inner = Filter::all([a.clone(), b.clone()]);
        assert_eq!(Filter::all([inner, c.clone()]).to_string(), "(&(a=*)(b=*)(c=*))");
        assert_eq!(Filter::any([a.clone()]), a);
        assert_eq!(Filter::negate(Filter::negate(b.clone())), b);
    }

    #[test]
    fn empty_pieces_ask_for_nothing() {
        let contains = |piece: &str| Filter::contains(name("cn"), piece.to_owned());
        assert_eq!(contains("").to_string(), "(cn=*)");
        assert_eq!(contains("").to_ber().unwrap(), Filter::present(name("cn")).to_ber().unwrap());
        let any = vec!["".into(), "b".into(), "".into()];
        let mixed =
            Filter::Substrings(name("cn"), Substrings { initial: Some("a".into()), any, last: Some("".into()) });
        assert_eq!(mixed.to_string(), "(cn=a*b*)");
    }

    fn filters() -> impl Strategy<Value = Filter> {
        let value = proptest::collection::vec(any::<u8>(), 1..12).prop_map(Bytes::from);
        let at = prop_oneof![Just(name("uid")), Just(name("cn;lang-de")), Just(name("2.5.4.3"))];
        let leaf = prop_oneof![
            (at.clone(), value.clone()).prop_map(|(at, value)| Filter::Equal(at, value)),
            (at.clone(), value.clone()).prop_map(|(at, value)| Filter::AtLeast(at, value)),
            (at.clone(), value.clone()).prop_map(|(at, value)| Filter::AtMost(at, value)),
            (at.clone(), value.clone()).prop_map(|(at, value)| Filter::Like(at, value)),
            at.clone().prop_map(Filter::Present),
            (at.clone(), proptest::option::of(value.clone()), proptest::collection::vec(value.clone(), 1..3))
                .prop_map(|(at, last, any)| Filter::Substrings(at, Substrings { initial: None, any, last })),
            (at.clone(), proptest::option::of(value.clone()), proptest::option::of(value.clone()))
                .prop_filter("pieces", |(_, initial, last)| initial.is_some() || last.is_some())
                .prop_map(|(at, initial, last)| Filter::Substrings(at, Substrings { initial, any: vec![], last })),
            (at.clone(), any::<bool>(), value.clone(), any::<bool>()).prop_map(|(at, ruled, value, of_name)| {
                let rule = Some(name("1.2.3")).filter(|_| ruled);
                Filter::Matching(Matching { rule, name: Some(at), value, of_name })
            }),
            (value, any::<bool>()).prop_map(|(value, of_name)| {
                Filter::Matching(Matching { rule: Some(name("caseIgnoreMatch")), name: None, value, of_name })
            }),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::And),
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Filter::Or),
                inner.prop_map(|filter| Filter::Not(Box::new(filter))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(filter in filters()) {
            prop_assert_eq!(Filter::parse(&filter.to_string()).unwrap(), filter);
        }

        /// A filter goes to a server as text that ldap3 reads: what it makes of it are our own bytes.
        #[test]
        fn ldap3_reads_what_is_printed_as_it_was_meant(filter in filters()) {
            let (theirs, ours) = both(&filter.to_string()).unwrap();
            prop_assert_eq!(theirs, ours);
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}", odd in "[a()*=&|!:\\\\<>~ ]{0,30}") {
            for text in [text, odd] {
                if let Some((theirs, ours)) = both(&text) {
                    prop_assert_eq!(theirs, ours, "{}", text);
                }
            }
        }
    }
}
