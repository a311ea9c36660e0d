//! Distinguished names: parsed and written by RFC 4514, compared by a normal form, built from values and never from text.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use scim_core::name::TextRule;

use super::attribute::AttributeName;
use super::told_apart;

/// The longest name that is taken, in bytes.
const LONGEST: usize = 64 * 1024;

/// A distinguished name. Two are equal when their normal forms are: attribute names and values without case (but where a directory
/// tells by it: `told_apart`), blanks folded, escapes undone, the parts of a relative name in one order.
#[derive(Clone)]
pub struct Dn {
    text: Arc<str>,
    key: Arc<str>,
}

/// A relative distinguished name: one attribute and its value, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rdn {
    parts: Vec<(AttributeName, Vec<u8>)>,
}

/// Text that is no DN, or values that make none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no distinguished name: {why}")]
pub struct BadDn {
    /// The beginning of the text.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Dn {
    /// The empty name: the root DSE.
    pub fn root() -> Dn {
        Dn { text: "".into(), key: "".into() }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// It is not of the form of RFC 4514 section 3, or longer than 64 KiB.
    pub fn parse(text: &str) -> Result<Dn, BadDn> {
        if let Some(key) = plain(text) {
            let text: Arc<str> = text.into();
            let key = if key == *text { text.clone() } else { key.into() };
            return Ok(Dn { text, key });
        }
        let rdns = parse(text).map_err(|why| BadDn { text: text.chars().take(100).collect(), why })?;
        Ok(Dn::of(text.trim().into(), &rdns))
    }

    fn of(text: Arc<str>, rdns: &[Rdn]) -> Dn {
        let mut key = String::with_capacity(text.len());
        for rdn in rdns {
            if !key.is_empty() {
                key.push(',');
            }
            rdn.normal(&mut key);
        }
        let key = if *key == *text { text.clone() } else { key.into() };
        Dn { text, key }
    }

    /// As it was written, or as it was built.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The normal form, as a key of maps. No name for a server: it may stand for several spellings.
    pub fn key(&self) -> &Arc<str> {
        &self.key
    }

    /// Is it the empty name?
    pub fn is_root(&self) -> bool {
        self.key.is_empty()
    }

    /// Its relative names, the entry's own first.
    pub fn rdns(&self) -> Vec<Rdn> {
        parse(&self.text).unwrap_or_default()
    }

    /// The entry's own relative name.
    pub fn rdn(&self) -> Option<Rdn> {
        self.rdns().into_iter().next()
    }

    /// The name of the entry above.
    pub fn parent(&self) -> Option<Dn> {
        if self.is_root() {
            return None;
        }
        let text = separator(&self.text).and_then(|at| self.text.get(at + 1..)).unwrap_or_default();
        // Commas inside of values are escaped in the normal form without one.
        let key = self.key.split_once(',').map_or("", |(_, above)| above);
        Some(Dn { text: text.trim().into(), key: key.into() })
    }

    /// The name of an entry directly below.
    pub fn child(&self, rdn: &Rdn) -> Dn {
        let text = if self.is_root() { rdn.to_string() } else { format!("{rdn},{}", self.text) };
        let mut key = String::new();
        rdn.normal(&mut key);
        if !self.is_root() {
            key.push(',');
            key.push_str(&self.key);
        }
        Dn { text: text.into(), key: key.into() }
    }

    /// Is it `base`, or somewhere below?
    pub fn is_within(&self, base: &Dn) -> bool {
        self == base || self.is_below(base)
    }

    /// Is it somewhere below `base`?
    pub fn is_below(&self, base: &Dn) -> bool {
        if base.is_root() {
            return !self.is_root();
        }
        self.key.strip_suffix(&*base.key).is_some_and(|rest| rest.ends_with(','))
    }
}

impl PartialEq for Dn {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Dn {}

impl Hash for Dn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl fmt::Display for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Dn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

impl Rdn {
    /// One attribute and its value.
    ///
    /// # Errors
    /// The value is empty, which no server takes in a name.
    pub fn new(attribute: AttributeName, value: impl Into<Vec<u8>>) -> Result<Rdn, BadDn> {
        Rdn::of([(attribute, value.into())])
    }

    /// Several attributes and their values.
    ///
    /// # Errors
    /// There is none, or a value is empty, which no server takes in a name.
    pub fn of(parts: impl IntoIterator<Item = (AttributeName, Vec<u8>)>) -> Result<Rdn, BadDn> {
        let parts = parts.into_iter().collect::<Vec<_>>();
        let empty = parts.iter().find(|(_, value)| value.is_empty());
        match (parts.is_empty(), empty) {
            (true, _) => Err(BadDn { text: String::new(), why: "a relative name needs an attribute" }),
            (_, Some((name, _))) => Err(BadDn { text: format!("{name}="), why: "a value in a name may not be empty" }),
            _ => Ok(Rdn { parts }),
        }
    }

    /// Its attributes and their values.
    pub fn parts(&self) -> &[(AttributeName, Vec<u8>)] {
        &self.parts
    }

    /// The value of this attribute in it.
    pub fn value(&self, attribute: &str) -> Option<&[u8]> {
        self.parts.iter().find(|(name, _)| name.is(attribute)).map(|(_, value)| value.as_slice())
    }

    /// Is this value of this attribute in it, as names compare?
    pub fn has(&self, attribute: &AttributeName, value: &[u8]) -> bool {
        let asked = normal_part(&(attribute.clone(), value.to_vec()));
        self.parts.iter().any(|part| normal_part(part) == asked)
    }

    fn normal(&self, key: &mut String) {
        let mut parts = self.parts.iter().map(normal_part).collect::<Vec<_>>();
        parts.sort_unstable();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                key.push('+');
            }
            key.push_str(part);
        }
    }
}

impl fmt::Display for Rdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.parts.iter().enumerate() {
            if index > 0 {
                f.write_str("+")?;
            }
            write!(f, "{name}={}", escape(value))?;
        }
        Ok(())
    }
}

/// A text as a value in a name that is written as text.
pub fn escaped(text: &str) -> String {
    escape(text.as_bytes())
}

/// A value as it stands in a name (RFC 4514 section 2.4). What is no text, and control characters, go byte by byte.
fn escape(value: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(value) else { return hex_pairs(value) };
    let mut out = String::with_capacity(text.len());
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => out.extend(['\\', c]),
            ' ' | '#' if at == 0 => out.extend(['\\', c]),
            ' ' if at == last => out.extend(['\\', c]),
            c if c.is_ascii_control() => out.push_str(&hex_pairs(&[c as u8])),
            c => out.push(c),
        }
    }
    out
}

fn hex_pairs(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
}

/// Names of attributes that stand in names under two spellings.
const SYNONYMS: &[(&str, &str)] = &[
    ("2.5.4.3", "cn"),
    ("commonname", "cn"),
    ("2.5.4.4", "sn"),
    ("surname", "sn"),
    ("2.5.4.6", "c"),
    ("2.5.4.7", "l"),
    ("localityname", "l"),
    ("2.5.4.8", "st"),
    ("2.5.4.10", "o"),
    ("organizationname", "o"),
    ("2.5.4.11", "ou"),
    ("organizationalunitname", "ou"),
    ("0.9.2342.19200300.100.1.1", "uid"),
    ("userid", "uid"),
    ("0.9.2342.19200300.100.1.25", "dc"),
    ("domaincomponent", "dc"),
];

fn normal_part((name, value): &(AttributeName, Vec<u8>)) -> String {
    let name = name.as_str().to_ascii_lowercase();
    let name = SYNONYMS.iter().find(|(other, _)| *other == name).map_or(name.as_str(), |(_, usual)| usual);
    let rule = if told_apart::by_case(name) { TextRule::Exact } else { TextRule::Folded };
    match std::str::from_utf8(value) {
        Ok(text) => format!("{name}={}", normal_value(text, rule)),
        Err(_) => format!("{name}=#{}", hex_pairs(value)),
    }
}

/// Without case, letter by letter: a directory may hold a Strauß and a Strauss. Blanks are folded, and each special character stands as
/// its two digits.
fn normal_value(text: &str, rule: TextRule) -> String {
    let folded = rule.key(text);
    let folded = folded.trim();
    let mut out = String::with_capacity(folded.len());
    let mut blank = false;
    for c in folded.chars() {
        blank = match c {
            c if c.is_whitespace() && !c.is_ascii_control() && blank => true,
            c if c.is_whitespace() && !c.is_ascii_control() => {
                out.push(' ');
                true
            }
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' | '#' | '=' => {
                out.push_str(&hex_pairs(&[c as u8]));
                false
            }
            c if c.is_ascii_control() => {
                out.push_str(&hex_pairs(&[c as u8]));
                false
            }
            c => {
                out.push(c);
                false
            }
        };
    }
    out
}

/// The longest name of an attribute that has no other spelling: see [`SYNONYMS`].
const SHORT: usize = 5;

/// The normal form of a name that needs no parsing, which nearly all are: short names of attributes, one in each part, and values of
/// letters, digits and a few signs that mean nothing, with single blanks between them.
fn plain(text: &str) -> Option<String> {
    let of_name = |name: &[u8]| {
        (1..=SHORT).contains(&name.len())
            && name.first().is_some_and(u8::is_ascii_alphabetic)
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
    };
    let of_value = |value: &[u8]| {
        let mut blank = true;
        let fits = value.iter().all(|byte| {
            let was = std::mem::replace(&mut blank, *byte == b' ');
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'@') || (*byte == b' ' && !was)
        });
        fits && !blank
    };
    let of_part = |part: &[u8]| {
        let at = part.iter().position(|byte| *byte == b'=')?;
        let (name, value) = part.split_at_checked(at)?;
        let folds = |name: &[u8]| !std::str::from_utf8(name).is_ok_and(told_apart::by_case);
        (of_name(name) && folds(name) && of_value(value.get(1..)?)).then_some(())
    };
    let fits = text.len() <= LONGEST && text.as_bytes().split(|byte| *byte == b',').all(|part| of_part(part).is_some());
    fits.then(|| text.to_ascii_lowercase())
}

/// Where the first relative name ends: its comma.
fn separator(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b',' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// `[ relativeDistinguishedName *( COMMA relativeDistinguishedName ) ]`, with blanks around the separators as in RFC 2253.
fn parse(text: &str) -> Result<Vec<Rdn>, &'static str> {
    if text.len() > LONGEST {
        return Err("it is longer than 64 KiB");
    }
    let mut rest = text.trim();
    let mut rdns = Vec::new();
    let mut parts = Vec::new();
    if rest.is_empty() {
        return Ok(rdns);
    }
    loop {
        let (name, after) = rest.split_once('=').ok_or("an attribute without \"=\"")?;
        let name = name.trim();
        let name = name.strip_prefix("OID.").or_else(|| name.strip_prefix("oid.")).unwrap_or(name);
        let name = AttributeName::new(name).map_err(|_| "what stands before \"=\" names no attribute")?;
        let (value, after) = value(after.trim_start_matches(' '))?;
        parts.push((name, value));
        match after.split_at_checked(1) {
            Some(("+", more)) => rest = more,
            Some((_, more)) => {
                rdns.push(Rdn { parts: std::mem::take(&mut parts) });
                rest = more;
            }
            None => {
                rdns.push(Rdn { parts });
                return Ok(rdns);
            }
        }
    }
}

/// A value, and what follows it: nothing, or text that begins with `,` or `+`.
fn value(text: &str) -> Result<(Vec<u8>, &str), &'static str> {
    if let Some(hex) = text.strip_prefix('#') {
        let end = hex.find([',', '+']).unwrap_or(hex.len());
        let (digits, rest) = hex.split_at(end);
        return Ok((hex_value(digits.trim_end())?, rest));
    }
    let mut value = Vec::new();
    // Trailing blanks count only when escaped.
    let mut keep = 0;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b',' | b'+' => {
                value.truncate(keep);
                return Ok((value, text.get(at..).unwrap_or_default()));
            }
            b'\\' => {
                let (_, first) = bytes.next().ok_or("a backslash at the end")?;
                match digit(first) {
                    Some(high) => {
                        let low = bytes.next().and_then(|(_, low)| digit(low)).ok_or("half a hexadecimal pair")?;
                        value.push(high << 4 | low);
                    }
                    None if b" \"#+,;<=>\\".contains(&first) => value.push(first),
                    None => return Err("a backslash before a character that needs none"),
                }
                keep = value.len();
            }
            b'"' | b';' | b'<' | b'>' | 0 => return Err("a special character without a backslash"),
            byte => {
                value.push(byte);
                if byte != b' ' {
                    keep = value.len();
                }
            }
        }
    }
    value.truncate(keep);
    Ok((value, ""))
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// `#` and the BER of a value: of a string the value itself, of anything else all of it.
fn hex_value(digits: &str) -> Result<Vec<u8>, &'static str> {
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect::<Option<Vec<_>>>()
        .filter(|bytes| !bytes.is_empty())
        .ok_or("\"#\" without pairs of hexadecimal digits")?;
    match bytes.as_slice() {
        // OCTET STRING, UTF8String, PrintableString, IA5String, of a short length.
        [0x04 | 0x0c | 0x13 | 0x16, length, content @ ..] if usize::from(*length) == content.len() => {
            Ok(content.to_vec())
        }
        _ => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn dn(text: &str) -> Dn {
        Dn::parse(text).unwrap()
    }

    #[test]
    fn most_names_are_plain() {
        for text in
            ["uid=user000001,ou=people,dc=example,dc=org", "CN=group of 10,OU=Groups,DC=a-b", "mail=a@b.org,o=x"]
        {
            assert_eq!(plain(text), Some(text.to_ascii_lowercase()), "{text}");
        }
        for text in [
            "",
            ",",
            "uid=",
            "uid=a,",
            "=a",
            "uid=a ",
            "uid= a",
            "uid=a  b",
            "uid=a+cn=b",
            "uid=a\\,b",
            "uid=#00",
            "userid=a",
        ] {
            assert_eq!(plain(text), None, "{text}");
        }
    }

    #[test]
    fn names_of_the_rfc_are_read() {
        for (text, attribute, value) in [
            ("UID=jsmith,DC=example,DC=net", "uid", &b"jsmith"[..]),
            ("OU=Sales+CN=J.  Smith,DC=example,DC=net", "cn", b"J.  Smith"),
            (r#"CN=James \"Jim\" Smith\, III,DC=example,DC=net"#, "cn", br#"James "Jim" Smith, III"#),
            (r"CN=Before\0dAfter,DC=example,DC=net", "cn", b"Before\rAfter"),
            ("1.3.6.1.4.1.1466.0=#04024869", "1.3.6.1.4.1.1466.0", b"Hi"),
            (r"CN=Lu\C4\8Di\C4\87", "cn", "Lučić".as_bytes()),
            (r"cn=\ a\ ,o=x", "cn", b" a "),
            ("cn = a b  , o=x", "cn", b"a b"),
            ("cn=a=b", "cn", b"a=b"),
        ] {
            let rdn = dn(text).rdn().unwrap();
            assert_eq!(rdn.value(attribute), Some(value), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "a", "=a", "cn", "cn=a,", "cn=a+", "cn=a\\", r"cn=\4", r"cn=\xyz", "cn=a;b", "cn=a\"b", "c n=a", "cn=#0",
            "cn=#zz", ",cn=a",
        ] {
            assert!(Dn::parse(text).is_err(), "{text}");
        }
        assert!(Dn::parse(&format!("cn={}", "a".repeat(LONGEST))).is_err());
    }

    #[test]
    fn names_are_equal_however_they_are_written() {
        for (a, b) in [
            ("CN=Ann  Lee,DC=Example", "cn=ann lee, dc=example"),
            ("a=1+b=2,o=x", "B=2+A=1,o=x"),
            (r"cn=a\,b,o=x", r"cn=a\2cb,o=x"),
            ("2.5.4.3=a", "commonName=A"),
            ("cn=Zo\u{eb}", "cn=ZOE\u{308}"),
            ("cn=#04024869", "cn=hi"),
        ] {
            assert_eq!(dn(a), dn(b), "{a} {b}");
        }
        assert_ne!(dn(r"cn=a\,b=c"), dn("cn=a,b=c"));
        assert_ne!(dn(r"cn=a\+b=c"), dn("cn=a+b=c"));
        assert_eq!(dn("cn=Ann\u{a0}Lee"), dn("cn=ann  lee"));
        assert_eq!(dn("cn=STRAU\u{1e9e}"), dn("cn=strau\u{df}"));
        assert_ne!(dn("cn=strau\u{df}"), dn("cn=strauss"), "two people");
    }

    #[test]
    fn names_differ_by_case_where_a_directory_tells_by_it() {
        assert_eq!(dn("x-dn-test=Ann"), dn("X-DN-test=ann"));
        told_apart::tell(["x-dn-test".to_owned(), "xDn".to_owned()]);
        assert_ne!(dn("x-dn-test=Ann"), dn("x-dn-test=ann"));
        assert_ne!(dn("xdn=Ann,o=x"), dn("xdn=ann,o=x"));
        assert_eq!(dn("XDN=Ann  Lee,o=X"), dn("xdn= Ann Lee , O=x"));
        assert_eq!(dn("cn=Ann+xdn=a"), dn("xdn=a+cn=ann"));
    }

    #[test]
    fn a_name_is_within_those_above_it() {
        let base = dn("ou=people,dc=example");
        assert!(dn("uid=a,OU=People, dc=example").is_below(&base));
        assert!(base.is_within(&base) && !base.is_below(&base));
        assert!(!dn("uid=a,ou=otherpeople,dc=example").is_within(&base));
        assert!(!dn(r"uid=a\,ou=people,dc=example").is_within(&base));
        assert!(!dn("ou=xpeople,dc=example").is_within(&base));
        assert!(base.is_within(&Dn::root()) && !Dn::root().is_below(&Dn::root()));
        assert_eq!(base.parent().unwrap(), dn("dc=example"));
        assert_eq!(dn(r"uid=a\,b,dc=example").parent().unwrap().as_str(), "dc=example");
        assert_eq!(dn("dc=example").parent(), Some(Dn::root()));
        assert_eq!(Dn::root().parent(), None);
    }

    proptest! {
        #[test]
        fn a_plain_name_is_what_parsing_makes_of_it(text in "((uid|CN|ou|DC|userid|o-1|2\\.5|)=[a-cI-K19 ._@\\-=+#\\\\ß]{0,4}[,+ ]?){0,3}") {
            if let Some(key) = plain(&text) {
                let parsed = Dn::of(text.trim().into(), &parse(&text).unwrap());
                prop_assert_eq!(key.as_str(), &**parsed.key());
                let read = dn(&text);
                prop_assert_eq!((read.as_str(), read.key()), (parsed.as_str(), parsed.key()));
            }
        }

        #[test]
        fn what_is_built_reads_back(value in proptest::collection::vec(any::<u8>(), 1..40), other in "\\PC{1,20}") {
            let rdn = Rdn::of([
                (AttributeName::known("cn"), value),
                (AttributeName::known("uid"), other.into_bytes()),
            ]).unwrap();
            let built = dn("ou=people,dc=example").child(&rdn);
            let read = dn(built.as_str());
            prop_assert_eq!(&read.rdn().unwrap(), &rdn);
            prop_assert_eq!(read.key(), built.key());
            prop_assert_eq!(read.parent().unwrap(), dn("ou=people,dc=example"));
            prop_assert!(read.is_below(&dn("dc=example")));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,60}", odd in "[a-c=,+\\\\#\" ;]{0,30}") {
            for text in [text, odd] {
                if let Ok(read) = Dn::parse(&text) {
                    let above = read.parent();
                    prop_assert_eq!(read.rdns().len(), above.map_or(0, |above| above.rdns().len() + 1));
                }
            }
        }
    }
}
