//! The entries of an LDIF file, one after another: folded lines, comments, base64. A file of changes is refused, and so are
//! values that stand elsewhere (`:<`): nothing is read that the file does not hold.

use std::io::{self, BufRead, Read};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

use crate::ldap::{Attribute, AttributeName, Dn, Entry};

/// Why a file is no LDIF that can be read, and in which line.
#[derive(Debug, thiserror::Error)]
pub enum BadLdif {
    /// What is wrong with a line, and what would do.
    #[error("line {line}: {problem}")]
    Line {
        /// Counted from one.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The file could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads entries.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    /// The longest entry, in bytes.
    most: usize,
    /// The line that was read last.
    line: u64,
    /// A line that belongs to what comes next.
    ahead: Option<Vec<u8>>,
}

/// A line put together from those it was folded into, and the number of its first.
struct Logical {
    text: Vec<u8>,
    line: u64,
}

impl<R: BufRead> Reader<R> {
    /// Of this file; an entry may be so many bytes long.
    pub fn new(source: R, most: usize) -> Self {
        Reader { source, most, line: 0, ahead: None }
    }

    /// The next entry; None at the end of the file.
    ///
    /// # Errors
    /// The line and what is wrong with it. Nothing can be read behind it.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, BadLdif> {
        let Some(first) = self.begin()? else { return Ok(None) };
        let (name, value) = first.parts()?;
        if !name.eq_ignore_ascii_case("dn") {
            return first.wrong(format!("{name}: an entry begins with dn"));
        }
        let dn = std::str::from_utf8(&value).ok().and_then(|text| Dn::parse(text).ok()).filter(|dn| !dn.is_root());
        let Some(dn) = dn else { return first.wrong("dn: is no name of an entry") };
        let (mut entry, mut size) = (Entry::new(dn), first.text.len());
        while let Some(next) = self.logical()?.filter(|next| !next.text.is_empty()) {
            size += next.text.len();
            if size > self.most {
                return next.wrong(format!("the entry is longer than {} bytes", self.most));
            }
            let (name, value) = next.parts()?;
            match &*name.to_ascii_lowercase() {
                "changetype" if value.eq_ignore_ascii_case(b"add") => {}
                "changetype" | "control" => {
                    return next.wrong(format!(
                        "{name}: this is a file of changes; give one of entries, as slapcat writes it"
                    ));
                }
                "dn" => return next.wrong("dn: an empty line stands between two entries"),
                _ => {
                    let Ok(name) = AttributeName::new(&name) else {
                        return next.wrong(format!("{name:?} is no name of an attribute"));
                    };
                    put(&mut entry, name, value);
                }
            }
        }
        Ok(Some(entry))
    }

    /// The first line of the next entry: empty lines and the version of the file pass by.
    fn begin(&mut self) -> Result<Option<Logical>, BadLdif> {
        while let Some(next) = self.logical()? {
            if next.text.is_empty() {
                continue;
            }
            match next.parts() {
                Ok((name, version)) if name.eq_ignore_ascii_case("version") => {
                    if *version != *b"1" {
                        return next.wrong("version: only 1 is known (RFC 2849)");
                    }
                }
                _ => return Ok(Some(next)),
            }
        }
        Ok(None)
    }

    /// The next line that is no comment, unfolded.
    fn logical(&mut self) -> Result<Option<Logical>, BadLdif> {
        loop {
            let Some(mut text) = self.physical()? else { return Ok(None) };
            let line = self.line;
            while text.len() <= self.most {
                match self.physical()? {
                    Some(next) if !text.is_empty() && next.first() == Some(&b' ') => {
                        text.extend_from_slice(next.get(1..).unwrap_or_default());
                    }
                    Some(next) => {
                        self.ahead = Some(next);
                        self.line -= 1;
                        break;
                    }
                    None => break,
                }
            }
            if text.len() > self.most {
                return Logical { text, line }.wrong(format!("it is longer than {} bytes", self.most));
            }
            if text.first() != Some(&b'#') {
                return Ok(Some(Logical { text, line }));
            }
        }
    }

    /// The next line as it stands, without its end.
    fn physical(&mut self) -> Result<Option<Vec<u8>>, BadLdif> {
        if let Some(ahead) = self.ahead.take() {
            self.line += 1;
            return Ok(Some(ahead));
        }
        let mut text = Vec::new();
        let most = u64::try_from(self.most).unwrap_or(u64::MAX).saturating_add(2);
        if self.source.by_ref().take(most).read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        if text.last() == Some(&b'\n') {
            text.pop();
        }
        if text.last() == Some(&b'\r') {
            text.pop();
        }
        Ok(Some(text))
    }
}

impl Logical {
    fn wrong<T>(&self, problem: impl Into<String>) -> Result<T, BadLdif> {
        Err(BadLdif::Line { line: self.line, problem: problem.into() })
    }

    /// What stands before the colon, and the value.
    fn parts(&self) -> Result<(String, Bytes), BadLdif> {
        let colon = self.text.iter().position(|byte| *byte == b':');
        let Some((name, rest)) = colon.and_then(|at| self.text.split_at_checked(at)) else {
            return self
                .wrong("it has no colon: a line is `name: value`, and goes on in lines that begin with a blank");
        };
        let name = String::from_utf8_lossy(name).into_owned();
        match rest.get(1..).unwrap_or_default() {
            [b'<', ..] => {
                self.wrong(format!("{name}: values that stand in other files (`:<`) are not read; put it in base64"))
            }
            [b':', value @ ..] => match STANDARD.decode(value.trim_ascii()) {
                Ok(value) => Ok((name, value.into())),
                Err(_) => self.wrong(format!("{name}: is no base64")),
            },
            value => {
                let value =
                    value.iter().position(|byte| *byte != b' ').and_then(|at| value.get(at..)).unwrap_or_default();
                Ok((name, Bytes::copy_from_slice(value)))
            }
        }
    }
}

fn put(entry: &mut Entry, name: AttributeName, value: Bytes) {
    match entry.attributes.iter_mut().find(|attribute| attribute.name == name) {
        Some(attribute) => attribute.values.push(value),
        None => entry.attributes.push(Attribute { name, values: vec![value] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<Entry>, BadLdif> {
        let mut reader = Reader::new(text.as_bytes(), 1_000);
        let mut entries = Vec::new();
        while let Some(entry) = reader.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }

    #[test]
    fn entries_come_with_folded_lines_comments_and_base64() {
        let text = "version: 1\n# who\n #  folded\n\ndn: cn=Babs, dc=x\nchangetype: add\nobjectclass: person\nobjectClass: top\n\
                    description: a long\n  line\r\ncn:: WmXDqw==\nsn:\nmail:b@x\n\n\n\ndn:: dWlkPXpvw6ssZGM9eA==\n# between\nuid: zoë";
        let entries = all(text).unwrap();
        let of = |entry: usize, name: &'static str| {
            let values = entries[entry].values(&AttributeName::known(name));
            values.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0].dn, Dn::parse("cn=Babs,dc=x").unwrap());
        assert_eq!(of(0, "objectClass"), ["person", "top"]);
        assert_eq!(of(0, "description"), ["a long line"]);
        assert_eq!(of(0, "cn"), ["Zeë"]);
        assert_eq!(of(0, "sn"), [""]);
        assert_eq!(of(0, "mail"), ["b@x"]);
        assert_eq!(entries[1].dn, Dn::parse("uid=zoë,dc=x").unwrap());
        assert_eq!(of(1, "uid"), ["zoë"]);
    }

    #[test]
    fn what_is_no_file_of_entries_is_refused_with_its_line() {
        let check = |text: &str, expected: &str| {
            let said = all(text).unwrap_err().to_string();
            assert!(said.starts_with(expected), "{text:?}: {said}");
        };
        check("cn: a\n", "line 1: cn: an entry begins with dn");
        check("dn: cn=a\n\ndn: cn=b\nchangetype: modify\nadd: cn\n", "line 4: changetype: this is a file of changes");
        check("dn: cn=a\ncontrol: 1.2.3\n", "line 2: control: this is a file of changes");
        check("dn: cn=a\njpegPhoto:< file:///etc/passwd\n", "line 2: jpegPhoto: values that stand in other files");
        check("dn: cn=a\ncn:: %%\n", "line 2: cn: is no base64");
        check("dn: cn=a\n# note\ncn a\n", "line 3: it has no colon");
        check("dn: no name\n", "line 1: dn: is no name of an entry");
        check("dn:\n", "line 1: dn: is no name of an entry");
        check("dn: cn=a\nc n: a\n", "line 2: \"c n\" is no name of an attribute");
        check("dn: cn=a\ndn: cn=b\n", "line 2: dn: an empty line");
        check("version: 2\ndn: cn=a\n", "line 1: version: only 1");
        check(&format!("dn: cn=a\ncn: {}\n", "x".repeat(2_000)), "line 2: ");
        check(
            &format!("dn: cn=a\n{}", "cn: xxxxxxxxxxxxxxxx\n".repeat(100)),
            "line 51: the entry is longer than 1000 bytes",
        );
    }

    proptest::proptest! {
        #[test]
        fn what_was_written_is_read(values in proptest::collection::vec(".{0,40}", 1..5), bytes: Vec<u8>) {
            let mut written = Entry::new(Dn::parse("uid=x,dc=y").unwrap());
            let texts = values.into_iter().map(String::into_bytes).chain([bytes]).map(Bytes::from);
            written = written.with(AttributeName::known("description"), texts);
            proptest::prop_assert_eq!(all(&super::super::entry(&written)).unwrap(), vec![written]);
        }

        #[test]
        fn no_file_ends_the_program(text in "(dn: cn=a\n)?([a-z:< \r\n#]{0,9}:{0,2}[ <]?[^\u{0}]{0,9}\n?){0,9}") {
            let _ = all(&text);
        }
    }
}
