//! What passes between ldap3 and a server: pure, without the streams.
//!
//! Of what we send it is remembered what was asked, and how far it went out. Of what comes only that passes which has the
//! form of an answer, answers something that was asked and is still waited for, is the kind of answer to it, and is not more
//! than an answer may be.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;

use crate::ldap::ber::{self, Reader};
use crate::ldap::message::{Body, Message, SEARCH_DONE};
use crate::ldap::{Answer, Code, LdapResult, Malformed};

/// What is under way on one connection.
#[derive(Debug)]
pub(super) struct Traffic {
    asked: HashMap<i32, Asked>,
    /// The highest number of a request that went out. ldap3 counts upwards.
    sent: i32,
    /// When the last message came.
    heard: Instant,
    /// Bytes that the entries of one answer may have.
    answer: usize,
}

/// A request without its answer.
#[derive(Debug)]
struct Asked {
    /// The tag of the answer that ends it.
    end: u8,
    /// Bytes of the entries so far.
    bytes: usize,
    /// Were they too many?
    too_many: bool,
}

/// What becomes of a message that came.
#[derive(Debug, PartialEq)]
pub(super) enum Passage {
    /// It goes on as it came.
    AsItCame,
    /// This goes on in its place.
    As(Vec<u8>),
    /// It stays here: nobody waits for it.
    No,
    /// The server ended the connection, for this reason.
    End(String),
}

const BIND: u8 = 0x60;
const UNBIND: u8 = 0x42;
const SEARCH: u8 = 0x63;
const DELETE: u8 = 0x4a;
const ABANDON: u8 = 0x50;

impl Traffic {
    /// Nothing yet; `answer` is how many bytes the entries of one answer may have.
    pub(super) fn new(answer: usize) -> Self {
        Traffic { asked: HashMap::new(), sent: 0, heard: Instant::now(), answer }
    }

    /// Can anything of this request have gone out?
    pub(super) fn was_sent(&self, id: i32) -> bool {
        id <= self.sent
    }

    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// Nobody waits for this any more. Were its entries too many?
    pub(super) fn forget(&mut self, id: i32) -> bool {
        self.asked.remove(&id).is_some_and(|asked| asked.too_many)
    }

    /// A request goes out. It was written by ldap3.
    pub(super) fn goes(&mut self, message: &[u8]) -> Result<(), Malformed> {
        let mut inside = Reader::new(message).nested(ber::SEQUENCE, "a request")?;
        let id = inside.integer(ber::INTEGER, "the number of a request")?;
        self.sent = self.sent.max(id);
        let end = match inside.element()? {
            (ABANDON, number) => {
                let number = number.iter().fold(0, |number, digit| (number << 8) | i32::from(*digit));
                self.asked.remove(&number);
                return Ok(());
            }
            (UNBIND, _) => return Ok(()),
            (SEARCH, _) => SEARCH_DONE,
            (DELETE, _) => 0x6b,
            // The answer's number is the request's and one.
            (tag @ (BIND | 0x66 | 0x68 | 0x6c | 0x6e | 0x77), _) => tag + 1,
            _ => return Err(Malformed::Missing("a request")),
        };
        self.asked.insert(id, Asked { end, bytes: 0, too_many: false });
        Ok(())
    }

    /// A message came.
    pub(super) fn comes(&mut self, message: &[u8], now: Instant) -> Result<Passage, Malformed> {
        let Message { id, body } = Message::read(message)?;
        self.heard = now;
        if id == 0 {
            let Body::Done(_, answer) = body else { return Ok(Passage::No) };
            return Ok(Passage::End(format!("the server ended the connection: {}", answer.result)));
        }
        let Some(asked) = self.asked.get_mut(&id).filter(|asked| !asked.too_many) else { return Ok(Passage::No) };
        match body {
            Body::Found if asked.end == SEARCH_DONE => {
                asked.bytes += message.len();
                if asked.bytes <= self.answer {
                    return Ok(Passage::AsItCame);
                }
                // Whoever waits is to see an end: this one stands for it.
                asked.too_many = true;
                let result = LdapResult::of(Code::SIZE_LIMIT, "more bytes than are taken");
                let answer = Answer { result, value: None::<Bytes> };
                Ok(Passage::As(answer.to_message(id, SEARCH_DONE)))
            }
            Body::Done(tag, answer) if tag == asked.end => {
                self.asked.remove(&id);
                Ok(Passage::As(answer.to_message(id, tag)))
            }
            Body::Intermediate => Ok(Passage::No),
            Body::Found | Body::Done(..) => Err(Malformed::Missing("an answer to what was asked")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::ber::Writer;

    fn message(id: i32, tag: u8, inside: impl FnOnce(&mut Writer)) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nest(ber::SEQUENCE, |whole| {
            whole.integer(ber::INTEGER, i64::from(id));
            whole.nest(tag, inside);
        });
        writer.into_bytes()
    }

    fn abandon(id: i32, number: i32) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.nest(ber::SEQUENCE, |whole| {
            whole.integer(ber::INTEGER, i64::from(id));
            whole.integer(ABANDON, i64::from(number));
        });
        writer.into_bytes()
    }

    fn end(id: i32, tag: u8) -> Vec<u8> {
        Answer { result: LdapResult::of(Code::SUCCESS, ""), value: None }.to_message(id, tag)
    }

    fn entry(id: i32) -> Vec<u8> {
        message(id, 0x64, |inside| {
            inside.octets("dc=a");
            inside.nest(ber::SEQUENCE, |_| ());
        })
    }

    fn asked(requests: &[(i32, u8)]) -> Traffic {
        let mut traffic = Traffic::new(1000);
        for (id, tag) in requests {
            traffic.goes(&message(*id, *tag, |_| ())).unwrap();
        }
        traffic
    }

    fn comes(traffic: &mut Traffic, message: &[u8]) -> Result<Passage, Malformed> {
        traffic.comes(message, Instant::now())
    }

    #[test]
    fn only_what_was_asked_is_answered_and_once() {
        let mut traffic = asked(&[(1, SEARCH), (2, 0x66), (3, DELETE)]);
        assert_eq!(comes(&mut traffic, &entry(9)), Ok(Passage::No));
        assert_eq!(comes(&mut traffic, &entry(1)), Ok(Passage::AsItCame));
        assert_eq!(comes(&mut traffic, &message(1, 0x79, |_| ())), Ok(Passage::No));
        for (id, tag) in [(1, SEARCH_DONE), (2, 0x67), (3, 0x6b)] {
            assert_eq!(comes(&mut traffic, &end(id, tag)), Ok(Passage::As(end(id, tag))));
            assert_eq!(comes(&mut traffic, &end(id, tag)), Ok(Passage::No));
        }
    }

    #[test]
    fn an_answer_of_another_kind_ends_the_connection() {
        for wrong in [entry(2), end(2, SEARCH_DONE), end(1, 0x67), end(1, 0x78)] {
            assert!(comes(&mut asked(&[(1, SEARCH), (2, 0x66)]), &wrong).is_err());
        }
    }

    #[test]
    fn what_nobody_waits_for_stays_here() {
        let mut traffic = asked(&[(1, SEARCH), (300, SEARCH)]);
        traffic.goes(&abandon(301, 300)).unwrap();
        assert_eq!(comes(&mut traffic, &entry(300)), Ok(Passage::No));
        assert!(!traffic.forget(1));
        assert_eq!(comes(&mut traffic, &entry(1)), Ok(Passage::No));
    }

    #[test]
    fn too_much_ends_a_search_for_who_waits() {
        let mut traffic = asked(&[(1, SEARCH)]);
        let entry = entry(1);
        let fit = 1000 / entry.len();
        for _ in 0..fit {
            assert_eq!(comes(&mut traffic, &entry), Ok(Passage::AsItCame));
        }
        assert!(matches!(comes(&mut traffic, &entry), Ok(Passage::As(_))));
        assert_eq!(comes(&mut traffic, &entry), Ok(Passage::No));
        assert!(traffic.forget(1));
    }

    #[test]
    fn it_is_known_what_can_have_gone_out() {
        let traffic = asked(&[(4, 0x66), (3, 0x66)]);
        assert!(traffic.was_sent(3) && traffic.was_sent(4) && !traffic.was_sent(5));
    }

    #[test]
    fn a_notice_of_disconnection_says_why() {
        let notice =
            Answer { result: LdapResult::of(Code::UNAVAILABLE, "going down"), value: None }.to_message(0, 0x78);
        let Ok(Passage::End(why)) = comes(&mut asked(&[]), &notice) else { panic!("it goes on") };
        assert!(why.contains("going down"), "{why}");
    }
}
