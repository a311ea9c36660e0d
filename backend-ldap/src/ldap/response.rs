//! What a directory answers: one message (RFC 4511 section 4.1.1), read from any bytes without a panic.

use bytes::Bytes;

use super::ber::{self, Reader, context, context_nested};
use super::control;
use super::entry::Entry;
use super::error::Malformed;
use super::result::LdapResult;

/// A message from a directory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// The request it answers; 0: none.
    pub(crate) id: i32,
    pub(crate) body: Body,
}

/// What it says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// One entry of a search.
    Entry(Entry),
    /// A part of a search that stands elsewhere.
    Reference(Vec<String>),
    /// The end of an operation, and the value of an extended one.
    Done(Answer),
    /// Something on the way that nobody here asked for.
    Intermediate,
}

/// The end of an operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// How it ended.
    pub result: LdapResult,
    /// The value of an extended operation's answer.
    pub value: Option<Bytes>,
}

impl Message {
    /// Reads a message: a whole one, no more and no less.
    pub(crate) fn read(message: Bytes) -> Result<Message, Malformed> {
        let mut outer = Reader::new(message);
        let mut inside = outer.nested(ber::SEQUENCE, "a message")?;
        let id = inside.integer(ber::INTEGER, "the number of a message")?;
        let (tag, content) = inside.element()?;
        let controls = match inside.optional(context_nested(0))? {
            Some(list) => control::read(list)?,
            None => Vec::new(),
        };
        let body = match tag {
            // SearchResultEntry
            0x64 => Body::Entry(Entry { controls, ..Entry::read(content)? }),
            // SearchResultReference
            0x73 => Body::Reference(references(content)?),
            // BindResponse, SearchResultDone, Modify-, Add-, Del-, ModifyDN-, CompareResponse, ExtendedResponse
            0x61 | 0x65 | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | 0x78 => {
                let mut reader = Reader::new(content);
                let result = LdapResult { controls, ..LdapResult::read(&mut reader)? };
                let value = if tag == 0x78 { extended_value(reader)? } else { None };
                Body::Done(Answer { result, value })
            }
            0x79 => Body::Intermediate,
            _ => return Err(Malformed::Missing("an operation")),
        };
        Ok(Message { id, body })
    }
}

/// The value of an ExtendedResponse, behind its name.
fn extended_value(mut reader: Reader) -> Result<Option<Bytes>, Malformed> {
    reader.optional(context(10))?;
    reader.optional(context(11))
}

/// More URLs than anyone needs are left off.
fn references(content: Bytes) -> Result<Vec<String>, Malformed> {
    let mut reader = Reader::new(content);
    let mut urls = Vec::new();
    while !reader.is_empty() && urls.len() < 16 {
        urls.push(reader.text("a reference")?);
    }
    Ok(urls)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ber::Writer;
    use super::super::result::Code;
    use super::*;

    fn message(tag: u8, inside: impl FnOnce(&mut Writer)) -> Bytes {
        let mut writer = Writer::new();
        writer.nest(ber::SEQUENCE, |whole| {
            whole.integer(ber::INTEGER, 7);
            whole.nest(tag, inside);
        });
        writer.into_bytes().into()
    }

    fn result(writer: &mut Writer, code: i64) {
        writer.integer(ber::ENUMERATED, code);
        writer.octets("");
        writer.octets("said");
    }

    #[test]
    fn every_kind_of_answer_is_read() {
        let done = Message::read(message(0x65, |inside| result(inside, 4))).unwrap();
        let Body::Done(answer) = done.body else { panic!("no result") };
        assert_eq!((done.id, answer.result.code, answer.value), (7, Code::SIZE_LIMIT, None));

        let extended = message(0x78, |inside| {
            result(inside, 0);
            inside.primitive(context(11), b"id");
        });
        let Body::Done(answer) = Message::read(extended).unwrap().body else { panic!("no result") };
        assert_eq!(answer.value.unwrap().as_ref(), b"id");

        let reference = message(0x73, |inside| inside.octets("ldap://other/"));
        assert_eq!(Message::read(reference).unwrap().body, Body::Reference(vec!["ldap://other/".into()]));
        assert!(Message::read(message(0x7f & 0x7e, |_| ())).is_err());
    }

    fn entry() -> Vec<u8> {
        message(0x64, |inside| {
            inside.octets("uid=ann,dc=example");
            inside.nest(ber::SEQUENCE, |list| {
                list.nest(ber::SEQUENCE, |attribute| {
                    attribute.octets("cn");
                    attribute.nest(ber::SET, |set| set.octets("Ann"));
                });
            });
        })
        .to_vec()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::read(bytes.into());
        }

        #[test]
        fn no_damage_to_a_message_panics(
            hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = entry();
            for (at, byte) in hits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = Message::read(bytes.into());
        }
    }

    #[test]
    fn nesting_without_end_is_harmless() {
        for levels in [1, 100, 1_000_000] {
            let bytes = std::iter::repeat_n([0x30, 0x84, 0, 0, 0, 1], levels).flatten().collect::<Vec<u8>>();
            assert!(Message::read(bytes.into()).is_err(), "{levels} levels");
        }
    }
}
