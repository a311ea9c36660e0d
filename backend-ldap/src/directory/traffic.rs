//! What passes between us and a server: pure, without the streams.
//!
//! Binds are ldap3's; all else is asked under numbers that ldap3 does not come to. It is remembered what was asked, and how far it
//! went out. Of what comes only that counts which has the form of an answer, answers something that was asked and is still waited for, is
//! the kind of answer to it, and is not more than an answer may be.

use std::time::Instant;

use bytes::Bytes;
use foldhash::HashMap;

use crate::ldap::ber::{self, Reader};
use crate::ldap::message::{Body, Message, SEARCH_DONE};
use crate::ldap::{Answer, LdapResult, Malformed, request};

use super::search::{Gathering, Tells};

/// What is under way on one connection.
#[derive(Debug)]
pub(super) struct Traffic {
    asked: HashMap<i32, Asked>,
    /// How many numbers of our own were given out.
    own: u32,
    /// How many of these went out. They do so in their order.
    gone: u32,
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
    Search(Gathering),
    /// Somebody here waits for what becomes of an operation; the tag of the answer that ends it.
    Operation(u8, Tells<Answer>),
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
const ABANDON: u8 = 0x50;

/// The first number of our own: ldap3 counts up from one, and no connection grows that old.
const OWN: u32 = 0x4000_0000;

impl Traffic {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Traffic { asked: HashMap::default(), own: 0, gone: 0, sent: 0, heard: Instant::now() }
    }

    /// Can anything of this request have gone out?
    pub(super) fn was_sent(&self, id: i32) -> bool {
        match u32::try_from(id).unwrap_or_default().checked_sub(OWN) {
            // No connection grows so old that numbers come twice.
            Some(own) => own < self.gone,
            None => id <= self.sent,
        }
    }

    /// All that was asked here so far goes out.
    pub(super) fn go(&mut self) {
        self.gone = self.own;
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
        self.asked.insert(id, Asked::Search(gathering));
        id
    }

    /// An operation is asked for, which this kind of answer ends; under which number.
    pub(super) fn operation(&mut self, end: u8, tells: Tells<Answer>) -> i32 {
        let id = self.number();
        self.asked.insert(id, Asked::Operation(end, tells));
        id
    }

    /// Nobody waits for this any more; what says so to the server, where it is a search that is still under way. All else comes to
    /// its end: nobody could say how far it had come.
    pub(super) fn leave(&mut self, id: i32) -> Option<Vec<u8>> {
        match self.asked.remove(&id)? {
            Asked::Search(_) => Some(request::abandon(self.number(), id)),
            Asked::Operation(..) | Asked::There(_) => None,
        }
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
            // The answer's number is the request's and one.
            (BIND, _) => BIND + 1,
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
            (Some(Asked::Search(gathering)), Body::Entry(entry)) => {
                let Err(error) = gathering.entry(*entry, bytes) else { return Ok(Passage::No) };
                if let Some(Asked::Search(gathering)) = self.asked.remove(&id) {
                    gathering.fail(error);
                }
                Ok(Passage::Stop(request::abandon(self.number(), id)))
            }
            (Some(Asked::Search(gathering)), Body::References(urls)) => {
                gathering.references(urls);
                Ok(Passage::No)
            }
            (Some(Asked::Search(_)), Body::Done(SEARCH_DONE, answer)) => {
                self.ended(id, answer.result);
                Ok(Passage::No)
            }
            (Some(Asked::There(end)), Body::Done(tag, answer)) if tag == *end => {
                self.asked.remove(&id);
                Ok(Passage::As(answer.to_message(id, tag)))
            }
            (Some(Asked::Operation(end, _)), Body::Done(tag, answer)) if tag == *end => {
                if let Some(Asked::Operation(_, tells)) = self.asked.remove(&id) {
                    // Whoever does not wait does not hear it.
                    let _ = tells.send(Ok(*answer));
                }
                Ok(Passage::No)
            }
            (Some(_), _) => Err(Malformed::Missing("an answer to what was asked")),
        }
    }

    fn ended(&mut self, id: i32, result: LdapResult) {
        if let Some(Asked::Search(gathering)) = self.asked.remove(&id) {
            gathering.end(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot::Receiver;

    use super::super::search::{Found, Told};
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

    fn asked(binds: &[i32]) -> Traffic {
        let mut traffic = Traffic::new();
        for id in binds {
            traffic.goes(&message(*id, BIND, |_| ())).unwrap();
        }
        traffic
    }

    /// Asks for a Modify.
    fn modifying(traffic: &mut Traffic, id: i32) -> Receiver<Told<Answer>> {
        let (tells, told) = tokio::sync::oneshot::channel();
        assert_eq!(traffic.operation(0x67, tells), id);
        told
    }

    fn searching(traffic: &mut Traffic, most: usize) -> Receiver<Told<Found>> {
        let (gathering, told) = Gathering::new(most);
        assert_eq!(traffic.search(gathering), ANN);
        told
    }

    fn comes(traffic: &mut Traffic, message: &[u8]) -> Result<Passage, Malformed> {
        traffic.comes(Bytes::copy_from_slice(message), Instant::now())
    }

    #[test]
    fn only_what_was_asked_is_answered_and_once() {
        let mut traffic = asked(&[2, 3]);
        let mut told = searching(&mut traffic, 1_000);
        for one in [entry(9, "dc=b"), entry(ANN, "dc=a"), message(ANN, 0x79, |_| ()), end(ANN, SEARCH_DONE)] {
            assert_eq!(comes(&mut traffic, &one), Ok(Passage::No));
        }
        let found = told.try_recv().unwrap().unwrap();
        assert_eq!(found.entries.iter().map(|entry| entry.dn.as_str()).collect::<Vec<_>>(), ["dc=a"]);
        assert_eq!(comes(&mut traffic, &entry(ANN, "dc=a")), Ok(Passage::No), "nobody waits any more");
        let mut done = modifying(&mut traffic, ANN + 1);
        assert_eq!(comes(&mut traffic, &end(ANN + 1, 0x67)), Ok(Passage::No));
        assert_eq!(done.try_recv().unwrap().unwrap().result.code, Code::SUCCESS);
        assert_eq!(comes(&mut traffic, &end(ANN + 1, 0x67)), Ok(Passage::No), "nobody waits any more");
        for id in [2, 3] {
            assert_eq!(comes(&mut traffic, &end(id, 0x61)), Ok(Passage::As(end(id, 0x61))));
            assert_eq!(comes(&mut traffic, &end(id, 0x61)), Ok(Passage::No));
        }
    }

    #[test]
    fn an_answer_of_another_kind_ends_the_connection() {
        let (two, bob) = (2, ANN + 1);
        for wrong in [
            entry(two, "dc=a"),
            end(two, SEARCH_DONE),
            end(ANN, 0x67),
            end(ANN, 0x78),
            end(bob, 0x69),
            end(bob, SEARCH_DONE),
            entry(bob, "dc=a"),
        ] {
            let mut traffic = asked(&[two]);
            let _told = searching(&mut traffic, 1_000);
            let _done = modifying(&mut traffic, bob);
            assert!(comes(&mut traffic, &wrong).is_err());
        }
    }

    #[test]
    fn what_nobody_waits_for_stays_here() {
        let mut traffic = asked(&[1, 300]);
        traffic.goes(&abandon(301, 300)).unwrap();
        assert_eq!(comes(&mut traffic, &end(300, 0x61)), Ok(Passage::No));
        traffic.forget(1);
        assert_eq!(comes(&mut traffic, &end(1, 0x61)), Ok(Passage::No));
        let _done = modifying(&mut traffic, ANN);
        assert_eq!(traffic.leave(ANN), None, "a write is never broken off");
        assert_eq!(comes(&mut traffic, &end(ANN, 0x67)), Ok(Passage::No));
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
        assert_eq!(traffic.leave(ANN).map(|bytes| bytes.len() > 8), Some(true));
        assert_eq!(traffic.leave(ANN), None);
        assert_eq!(comes(&mut traffic, &entry(ANN, "dc=a")), Ok(Passage::No));
    }

    #[test]
    fn an_entry_without_a_name_ends_its_search_alone() {
        let mut traffic = asked(&[2]);
        let mut told = searching(&mut traffic, 1_000);
        assert!(matches!(comes(&mut traffic, &entry(ANN, "no name")), Ok(Passage::Stop(_))));
        assert!(matches!(told.try_recv(), Ok(Err(_))));
        assert_eq!(comes(&mut traffic, &end(2, 0x61)), Ok(Passage::As(end(2, 0x61))));
    }

    #[test]
    fn who_waits_hears_that_it_is_over() {
        let mut traffic = asked(&[2]);
        let mut told = searching(&mut traffic, 1_000);
        let mut done = modifying(&mut traffic, ANN + 1);
        traffic.end();
        assert!(told.try_recv().is_err() && done.try_recv().is_err());
    }

    #[test]
    fn numbers_of_our_own_are_never_those_of_ldap3_or_of_the_good_bye() {
        let mut traffic = Traffic { own: OWN - 2, ..Traffic::new() };
        assert_eq!([(); 3].map(|()| traffic.number()), [0x7fff_fffe, 0x4000_0000, 0x4000_0001]);
    }

    #[test]
    fn it_is_known_what_can_have_gone_out() {
        let mut traffic = asked(&[4, 3]);
        assert!(traffic.was_sent(3) && traffic.was_sent(4) && !traffic.was_sent(5));
        let _done = modifying(&mut traffic, ANN);
        assert!(!traffic.was_sent(ANN));
        traffic.go();
        let _next = modifying(&mut traffic, ANN + 1);
        assert!(traffic.was_sent(ANN) && !traffic.was_sent(ANN + 1));
    }

    #[test]
    fn a_notice_of_disconnection_says_why() {
        let notice =
            Answer { result: LdapResult::of(Code::UNAVAILABLE, "going down"), value: None }.to_message(0, 0x78);
        let Ok(Passage::End(why)) = comes(&mut asked(&[]), &notice) else { panic!("it goes on") };
        assert!(why.contains("going down"), "{why}");
    }
}
