//! What passes between us and a server: pure, without the streams.
//!
//! Of what ldap3 sends it is remembered what was asked, and how far it went out; searches are asked under numbers that ldap3 does not
//! come to. Of what comes only that counts which has the form of an answer, answers something that was asked and is still waited for, is
//! the kind of answer to it, and is not more than an answer may be.

use std::collections::HashMap;
use std::time::Instant;

use bytes::Bytes;

use crate::ldap::ber::{self, Reader};
use crate::ldap::message::{Body, Message, SEARCH_DONE};
use crate::ldap::{LdapResult, Malformed, request};

use super::search::Gathering;

/// What is under way on one connection.
#[derive(Debug)]
pub(super) struct Traffic {
    asked: HashMap<i32, Asked>,
    /// How many numbers of our own were given out.
    own: u32,
    /// The highest number of a request of ldap3's that went out. It counts upwards.
    sent: i32,
    /// When the last message came.
    heard: Instant,
}

/// A request without its answer.
#[derive(Debug)]
enum Asked {
    /// ldap3 waits for it; the tag of the answer that ends it.
    There(u8),
    /// Somebody here waits for what a search finds.
    Here(Gathering),
}

/// What becomes of a message that came.
#[derive(Debug, PartialEq)]
pub(super) enum Passage {
    /// This goes on to ldap3.
    As(Vec<u8>),
    /// It was for us, or for nobody.
    No,
    /// No more is wanted of what it belongs to: this goes back.
    Stop(Vec<u8>),
    /// The server ended the connection, for this reason.
    End(String),
}

const BIND: u8 = 0x60;
const UNBIND: u8 = 0x42;
const DELETE: u8 = 0x4a;
const ABANDON: u8 = 0x50;

/// The first number of our own: ldap3 counts up from one, and no connection grows that old.
const OWN: u32 = 0x4000_0000;

impl Traffic {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Traffic { asked: HashMap::new(), own: 0, sent: 0, heard: Instant::now() }
    }

    /// Can anything of this request of ldap3's have gone out?
    pub(super) fn was_sent(&self, id: i32) -> bool {
        id <= self.sent
    }

    pub(super) fn heard(&self) -> Instant {
        self.heard
    }

    /// A number for what is asked without ldap3: below that of the good bye, which is the last of all.
    fn number(&mut self) -> i32 {
        let number = OWN + self.own % (OWN - 1);
        self.own = self.own.wrapping_add(1);
        i32::try_from(number).unwrap_or(i32::MAX)
    }

    /// A search is asked; under which number.
    pub(super) fn search(&mut self, gathering: Gathering) -> i32 {
        let id = self.number();
        self.asked.insert(id, Asked::Here(gathering));
        id
    }

    /// Nobody waits for this search any more; what says so to the server, where it is still under way.
    pub(super) fn abandon(&mut self, id: i32) -> Option<Vec<u8>> {
        self.asked.remove(&id)?;
        Some(request::abandon(self.number(), id))
    }

    /// ldap3 does not wait for this any more.
    pub(super) fn forget(&mut self, id: i32) {
        self.asked.remove(&id);
    }

    /// It is over: who waits here hears that nothing comes.
    pub(super) fn end(&mut self) {
        self.asked.retain(|_, asked| matches!(asked, Asked::There(_)));
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
            (DELETE, _) => 0x6b,
            // The answer's number is the request's and one.
            (tag @ (BIND | 0x66 | 0x68 | 0x6c | 0x6e | 0x77), _) => tag + 1,
            _ => return Err(Malformed::Missing("a request")),
        };
        self.asked.insert(id, Asked::There(end));
        Ok(())
    }

    /// A message came.
    pub(super) fn comes(&mut self, message: Bytes, now: Instant) -> Result<Passage, Malformed> {
        let bytes = message.len();
        let Message { id, body } = Message::read(message)?;
        self.heard = now;
        if id == 0 {
            let Body::Done(_, answer) = body else { return Ok(Passage::No) };
            return Ok(Passage::End(format!("the server ended the connection: {}", answer.result)));
        }
        match (self.asked.get_mut(&id), body) {
            (None, _) | (_, Body::Intermediate) => Ok(Passage::No),
            (Some(Asked::Here(gathering)), Body::Entry(entry)) => {
                let Err(error) = gathering.entry(*entry, bytes) else { return Ok(Passage::No) };
                if let Some(Asked::Here(gathering)) = self.asked.remove(&id) {
                    gathering.fail(error);
                }
                Ok(Passage::Stop(request::abandon(self.number(), id)))
            }
            (Some(Asked::Here(gathering)), Body::References(urls)) => {
                gathering.references(urls);
                Ok(Passage::No)
            }
            (Some(Asked::Here(_)), Body::Done(SEARCH_DONE, answer)) => {
                self.ended(id, answer.result);
                Ok(Passage::No)
            }
            (Some(Asked::There(end)), Body::Done(tag, answer)) if tag == *end => {
                self.asked.remove(&id);
                Ok(Passage::As(answer.to_message(id, tag)))
            }
            (Some(_), _) => Err(Malformed::Missing("an answer to what was asked")),
        }
    }

    fn ended(&mut self, id: i32, result: LdapResult) {
        if let Some(Asked::Here(gathering)) = self.asked.remove(&id) {
            gathering.end(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::Receiver;

    use super::super::search::Told;
    use super::*;
    use crate::ldap::ber::Writer;
    use crate::ldap::{Answer, Code, LdapError};

    /// The first number of our own.
    const ANN: i32 = 0x4000_0000;

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

    fn entry(id: i32, name: &str) -> Vec<u8> {
        message(id, 0x64, |inside| {
            inside.octets(name);
            inside.nest(ber::SEQUENCE, |_| ());
        })
    }

    fn asked(requests: &[(i32, u8)]) -> Traffic {
        let mut traffic = Traffic::new();
        for (id, tag) in requests {
            traffic.goes(&message(*id, *tag, |_| ())).unwrap();
        }
        traffic
    }

    fn searching(traffic: &mut Traffic, most: usize) -> Receiver<Told> {
        let (gathering, told) = Gathering::new(most);
        assert_eq!(traffic.search(gathering), ANN);
        told
    }

    fn comes(traffic: &mut Traffic, message: &[u8]) -> Result<Passage, Malformed> {
        traffic.comes(Bytes::copy_from_slice(message), Instant::now())
    }

    #[test]
    fn only_what_was_asked_is_answered_and_once() {
        let mut traffic = asked(&[(2, 0x66), (3, DELETE)]);
        let mut told = searching(&mut traffic, 1_000);
        for one in [entry(9, "dc=b"), entry(ANN, "dc=a"), message(ANN, 0x79, |_| ()), end(ANN, SEARCH_DONE)] {
            assert_eq!(comes(&mut traffic, &one), Ok(Passage::No));
        }
        let found = told.try_recv().unwrap().unwrap();
        assert_eq!(found.entries.iter().map(|entry| entry.dn.as_str()).collect::<Vec<_>>(), ["dc=a"]);
        assert_eq!(comes(&mut traffic, &entry(ANN, "dc=a")), Ok(Passage::No), "nobody waits any more");
        for (id, tag) in [(2, 0x67), (3, 0x6b)] {
            assert_eq!(comes(&mut traffic, &end(id, tag)), Ok(Passage::As(end(id, tag))));
            assert_eq!(comes(&mut traffic, &end(id, tag)), Ok(Passage::No));
        }
    }

    #[test]
    fn an_answer_of_another_kind_ends_the_connection() {
        for wrong in [entry(2, "dc=a"), end(2, SEARCH_DONE), end(ANN, 0x67), end(ANN, 0x78)] {
            let mut traffic = asked(&[(2, 0x66)]);
            let _told = searching(&mut traffic, 1_000);
            assert!(comes(&mut traffic, &wrong).is_err());
        }
    }

    #[test]
    fn what_nobody_waits_for_stays_here() {
        let mut traffic = asked(&[(1, 0x66), (300, 0x66)]);
        traffic.goes(&abandon(301, 300)).unwrap();
        assert_eq!(comes(&mut traffic, &end(300, 0x67)), Ok(Passage::No));
        traffic.forget(1);
        assert_eq!(comes(&mut traffic, &end(1, 0x67)), Ok(Passage::No));
    }

    #[test]
    fn too_much_ends_a_search_for_who_waits() {
        let entry = entry(ANN, "dc=a");
        let mut traffic = asked(&[]);
        let mut told = searching(&mut traffic, 3 * entry.len());
        for _ in 0..3 {
            assert_eq!(comes(&mut traffic, &entry), Ok(Passage::No));
        }
        assert_eq!(comes(&mut traffic, &entry), Ok(Passage::Stop(abandon(ANN + 1, ANN))));
        assert!(matches!(told.try_recv(), Ok(Err(LdapError::TooMany(_)))));
        assert_eq!(comes(&mut traffic, &entry), Ok(Passage::No));
    }

    #[test]
    fn a_search_is_abandoned_once_and_only_while_it_is_under_way() {
        let mut traffic = asked(&[]);
        let _told = searching(&mut traffic, 1_000);
        assert_eq!(traffic.abandon(ANN).map(|bytes| bytes.len() > 8), Some(true));
        assert_eq!(traffic.abandon(ANN), None);
        assert_eq!(comes(&mut traffic, &entry(ANN, "dc=a")), Ok(Passage::No));
    }

    #[test]
    fn an_entry_without_a_name_ends_its_search_alone() {
        let mut traffic = asked(&[(2, 0x66)]);
        let mut told = searching(&mut traffic, 1_000);
        assert!(matches!(comes(&mut traffic, &entry(ANN, "no name")), Ok(Passage::Stop(_))));
        assert!(matches!(told.try_recv(), Ok(Err(_))));
        assert_eq!(comes(&mut traffic, &end(2, 0x67)), Ok(Passage::As(end(2, 0x67))));
    }

    #[test]
    fn who_waits_hears_that_it_is_over() {
        let mut traffic = asked(&[(2, 0x66)]);
        let mut told = searching(&mut traffic, 1_000);
        traffic.end();
        assert!(told.try_recv().is_err());
    }

    #[test]
    fn numbers_of_our_own_are_never_those_of_ldap3_or_of_the_good_bye() {
        let mut traffic = Traffic { own: OWN - 2, ..Traffic::new() };
        assert_eq!([(); 3].map(|()| traffic.number()), [0x7fff_fffe, 0x4000_0000, 0x4000_0001]);
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
