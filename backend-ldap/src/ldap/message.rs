//! A message from a directory (RFC 4511 section 4.1.1), looked through to its last byte before anything else sees it.
//!
//! One known level after the other, each tag in its place, nothing behind. What a search finds is read here; the library that
//! asks for everything else goes down into whatever it is given, and ends where an answer is not formed as it expects: so it is
//! given ends of operations alone, written anew.

use bytes::Bytes;

use super::ber::{self, Reader, Writer, context, context_nested};
use super::control::{self, Control};
use super::entry::Entry;
use super::error::Malformed;
use super::result::LdapResult;

/// SearchResultEntry.
const ENTRY: u8 = 0x64;
/// SearchResultReference.
const REFERENCE: u8 = 0x73;
/// SearchResultDone.
pub(crate) const SEARCH_DONE: u8 = 0x65;
/// ExtendedResponse.
const EXTENDED: u8 = 0x78;
/// IntermediateResponse.
const INTERMEDIATE: u8 = 0x79;

/// Attributes and values of one entry; what is beyond makes the answer malformed. Four million bytes hold two million empty
/// values, and each costs more here than there.
pub(crate) const VALUES: usize = 1_000_000;

/// A message that has the form of one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    /// The request it answers; 0: none.
    pub(crate) id: i32,
    pub(crate) body: Body,
}

/// What it says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Body {
    /// An entry of a search. The form was good, so the message is one, also where the entry is none: its name is no name.
    Entry(Box<Result<Entry, Malformed>>),
    /// Where more of what a search finds would be.
    References(Vec<String>),
    /// The end of an operation, with the tag that says of which kind.
    Done(u8, Box<Answer>),
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
    /// Looks a message through: a whole one, no more and no less.
    pub(crate) fn read(message: Bytes) -> Result<Message, Malformed> {
        let mut outer = Reader::new(message);
        let mut inside = outer.nested(ber::SEQUENCE, "a message")?;
        outer.end("a message")?;
        let id = inside.integer(ber::INTEGER, "the number of a message")?;
        if id < 0 {
            return Err(Malformed::Missing("the number of a message"));
        }
        let (tag, content) = inside.element()?;
        let body = match tag {
            ENTRY => {
                let (name, attributes) = Entry::parts(content)?;
                let controls = controls(&mut inside)?;
                inside.end("an entry")?;
                let entry = Entry::name(&name).map(|dn| Entry { dn, attributes, controls });
                Body::Entry(Box::new(entry))
            }
            REFERENCE => {
                let urls = references(content)?;
                controls(&mut inside)?;
                inside.end("a reference")?;
                Body::References(urls)
            }
            // BindResponse, SearchResultDone, Modify-, Add-, Del-, ModifyDN-, CompareResponse, ExtendedResponse
            0x61 | SEARCH_DONE | 0x67 | 0x69 | 0x6b | 0x6d | 0x6f | EXTENDED => {
                let controls = controls(&mut inside)?;
                let mut reader = Reader::new(content);
                let result = LdapResult { controls, ..LdapResult::read(&mut reader)? };
                let value = if tag == EXTENDED { extended_value(reader)? } else { None };
                Body::Done(tag, Box::new(Answer { result, value }))
            }
            INTERMEDIATE => Body::Intermediate,
            _ => return Err(Malformed::Missing("an operation")),
        };
        Ok(Message { id, body })
    }
}

impl Answer {
    /// As the message that ends this operation.
    pub(crate) fn to_message(&self, id: i32, tag: u8) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nest(ber::SEQUENCE, |whole| {
            whole.integer(ber::INTEGER, i64::from(id));
            whole.nest(tag, |inside| {
                self.result.write(inside);
                if let Some(value) = &self.value {
                    inside.primitive(context(11), value);
                }
            });
            control::write(whole, &self.result.controls);
        });
        writer.into_bytes()
    }
}

/// The value of an ExtendedResponse, behind its name.
fn extended_value(mut reader: Reader) -> Result<Option<Bytes>, Malformed> {
    reader.optional(context(10))?;
    reader.optional(context(11))
}

/// The controls of a message, behind what it says.
fn controls(inside: &mut Reader) -> Result<Vec<Control>, Malformed> {
    inside.optional(context_nested(0))?.map_or(Ok(Vec::new()), control::read)
}

fn references(content: Bytes) -> Result<Vec<String>, Malformed> {
    let mut reader = Reader::new(content);
    let mut urls = Vec::new();
    while !reader.is_empty() {
        urls.push(reader.text("a reference")?);
    }
    Ok(urls)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::attribute::AttributeName;
    use super::super::result::Code;
    use super::*;

    fn message(tag: u8, inside: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nest(ber::SEQUENCE, |whole| {
            whole.integer(ber::INTEGER, 7);
            whole.nest(tag, inside);
        });
        writer.into_bytes()
    }

    fn read(message: &[u8]) -> Result<Message, Malformed> {
        Message::read(Bytes::copy_from_slice(message))
    }

    fn result(writer: &mut Writer, code: i64, text: &[u8]) {
        writer.integer(ber::ENUMERATED, code);
        writer.octets("");
        writer.octets(text);
    }

    fn done(bytes: &[u8]) -> Answer {
        let Body::Done(_, answer) = read(bytes).unwrap().body else { panic!("no end") };
        *answer
    }

    #[test]
    fn every_kind_of_answer_is_read() {
        let answer = done(&message(SEARCH_DONE, |inside| result(inside, 4, b"said")));
        assert_eq!((answer.result.code, answer.value), (Code::SIZE_LIMIT, None));

        let extended = message(EXTENDED, |inside| {
            result(inside, 0, b"");
            inside.primitive(context(11), b"id");
        });
        assert_eq!(done(&extended).value.unwrap().as_ref(), b"id");

        let reference = message(REFERENCE, |inside| inside.octets("ldap://other/"));
        assert_eq!(read(&reference).unwrap(), Message { id: 7, body: Body::References(vec!["ldap://other/".into()]) });
        let Body::Entry(ann) = read(&entry(|_| ())).unwrap().body else { panic!("no entry") };
        assert_eq!(ann.unwrap().values(&AttributeName::known("cn")), ["Ann"]);
        assert_eq!(read(&message(INTERMEDIATE, |_| ())).unwrap().body, Body::Intermediate);
        assert!(read(&message(0x7e, |_| ())).is_err());
    }

    #[test]
    fn an_end_is_written_anew_as_ldap3_can_read_it() {
        let odd = message(EXTENDED, |inside| {
            result(inside, 80, b"no text: \xff");
            inside.nest(context_nested(3), |urls| urls.octets("ldap://other/"));
            inside.primitive(context(10), b"1.2.3");
            inside.primitive(context(11), b"value");
            inside.octets("from a later version");
        });
        let answer = done(&odd);
        assert_eq!(answer.result.message, "no text: \u{fffd}");
        let controls = vec![Control::valued("1.2", true, "x"), Control::plain("1.3", false)];
        let answer = Answer { result: LdapResult { controls, ..answer.result }, ..answer };
        let anew = answer.to_message(7, EXTENDED);
        assert_eq!(done(&anew), answer);
        assert_eq!(done(&anew).to_message(7, EXTENDED), anew);
    }

    fn entry(more: impl Fn(&mut Writer)) -> Vec<u8> {
        message(ENTRY, |inside| {
            inside.octets("uid=ann,dc=example");
            inside.nest(ber::SEQUENCE, |list| {
                list.nest(ber::SEQUENCE, |attribute| {
                    attribute.octets("cn");
                    attribute.nest(ber::SET, |set| set.octets("Ann"));
                    more(attribute);
                });
            });
        })
    }

    #[test]
    fn nothing_stands_behind_what_is_known() {
        assert!(read(&entry(|attribute| attribute.nest(ber::SEQUENCE, |_| ()))).is_err());
        let mut behind = entry(|_| ());
        behind.extend_from_slice(&[4, 0]);
        assert!(read(&behind).is_err());
        let nested = message(REFERENCE, |inside| inside.nest(ber::OCTETS | 0x20, |deep| deep.octets("ldap://other/")));
        assert!(read(&nested).is_err());
    }

    #[test]
    fn controls_that_are_none_are_refused() {
        let with = |content: &[u8]| {
            let mut writer = Writer::new();
            writer.nest(ber::SEQUENCE, |whole| {
                whole.integer(ber::INTEGER, 7);
                whole.nest(REFERENCE, |_| ());
                whole.nest(context_nested(0), |list| list.primitive(ber::SEQUENCE, content));
            });
            read(&writer.into_bytes())
        };
        assert!(with(&[4, 1, b'1']).is_ok());
        for bad in
            [&[][..], &[2, 1, 1], &[4, 1, 0xff], &[4, 1, b'1', 1, 0], &[4, 1, b'1', 2, 1, 0], &[4, 1, b'1', 4, 0, 4, 0]]
        {
            assert!(with(bad).is_err(), "{bad:02x?}");
        }
    }

    #[test]
    fn the_values_of_an_entry_are_counted() {
        let many = |values: usize| {
            message(ENTRY, |inside| {
                inside.octets("");
                inside.nest(ber::SEQUENCE, |list| {
                    list.nest(ber::SEQUENCE, |attribute| {
                        attribute.octets("cn");
                        attribute.nest(ber::SET, |set| (0..values).for_each(|_| set.octets("")));
                    });
                });
            })
        };
        assert!(read(&many(VALUES - 1)).is_ok());
        assert_eq!(
            read(&many(VALUES)),
            Err(Malformed::TooMany { values: VALUES + 1, most: VALUES }),
            "the attribute counts as well"
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_damage_to_a_message_panics(
            hits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = entry(|_| ());
            for (at, byte) in hits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len()) + 1);
            let _ = read(&bytes);
        }
    }

    #[test]
    fn nesting_without_end_is_harmless() {
        for levels in [1, 100, 1_000_000] {
            let bytes = std::iter::repeat_n([0x30, 0x84, 0, 0, 0, 1], levels).flatten().collect::<Vec<u8>>();
            assert!(read(&bytes).is_err(), "{levels} levels");
        }
    }
}
