//! Answers that are lost on the way: the write is done or not, and the gateway has to find out which. A proxy of our own between gateway
//! and directory reads along and cuts the connection at one write.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, group, people};
use serde_json::{Value, json};

use crate::support::{Answer, Running, USER};
use crate::{served, users};

const TABLES: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                      [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";
/// The tags of what changes a directory (RFC 4511 section 4.2 and on): Modify, Add, Delete, ModifyDN, extended operations.
const WRITES: [u8; 5] = [0x66, 0x68, 0x4a, 0x6c, 0x77];

/// Where a connection is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Before the request reaches the directory.
    Request,
    /// When it is done, before its answer reaches the gateway.
    Answer,
}

/// What is cut, and how many writes come before it; None: nothing any more.
type Plan = Arc<Mutex<Option<(Cut, usize)>>>;

/// A message of LDAP at the beginning of these bytes: its length, its number, its tag.
fn message(bytes: &[u8]) -> Option<(usize, Vec<u8>, u8)> {
    let (head, length) = match *bytes.get(1)? {
        short @ ..0x80 => (2, usize::from(short)),
        long => {
            let digits = bytes.get(2..2 + usize::from(long & 0x7f))?;
            (2 + digits.len(), digits.iter().fold(0, |all, digit| all << 8 | usize::from(*digit)))
        }
    };
    let body = bytes.get(head..head + length)?;
    let number = 2 + usize::from(*body.get(1)?);
    Some((head + length, body.get(2..number)?.to_vec(), *body.get(number)?))
}

fn close(ends: [&TcpStream; 2]) {
    ends.into_iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
}

/// Passes messages on; None from `pass` ends it.
fn pump(mut from: &TcpStream, mut to: &TcpStream, mut pass: impl FnMut(&[u8], u8) -> bool) {
    let (mut held, mut part) = (Vec::new(), [0; 65_536]);
    while let Ok(read @ 1..) = from.read(&mut part) {
        held.extend_from_slice(&part[..read]);
        while let Some((length, number, tag)) = message(&held) {
            if !pass(&number, tag) || to.write_all(&held[..length]).is_err() {
                return close([from, to]);
            }
            held.drain(..length);
        }
    }
    close([from, to]);
}

/// Stands before a directory; gives its address.
fn proxy(target: String, plan: Plan) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (Ok(client), Ok(server)) = (client, TcpStream::connect(&target)) else { continue };
            let (client, server) = (Arc::new(client), Arc::new(server));
            let swallowed: Arc<Mutex<Option<Vec<u8>>>> = Arc::default();
            let (back, open, plan) = (swallowed.clone(), (client.clone(), server.clone()), plan.clone());
            thread::spawn(move || pump(&open.1, &open.0, |number, _| back.lock().unwrap().as_deref() != Some(number)));
            thread::spawn(move || {
                pump(&client, &server, |number, tag| {
                    let mut plan = plan.lock().unwrap();
                    match &mut *plan {
                        Some((cut, left)) if WRITES.contains(&tag) => {
                            if *left > 0 {
                                *left -= 1;
                                return true;
                            }
                            let cut = *cut;
                            *plan = None;
                            if cut == Cut::Answer {
                                *swallowed.lock().unwrap() = Some(number.to_vec());
                            }
                            cut == Cut::Answer
                        }
                        _ => true,
                    }
                });
            });
        }
    });
    address.to_string()
}

/// Does one thing over a connection that is cut at its first, its second … write, each time on a directory of its own, until it has none
/// more; `look` says what is wrong with what came of it.
fn cut_at_each(act: impl Fn(&Running, &str) -> Answer, look: impl Fn(&Slapd, &Running, &Answer) -> Option<String>) {
    for cut in [Cut::Request, Cut::Answer] {
        for nth in 0.. {
            let entries = people(0..3) + &group("staff", 1..2) + &group("others", 0..3);
            let slapd = Slapd::start(&Setup { entries, ..Setup::default() }).unwrap();
            let plan = Plan::default();
            let target = slapd.url().replace("ldap://", "");
            let lines = format!(
                "urls = [\"ldap://{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\nmode = \"write\"",
                proxy(target, plan.clone())
            );
            let server = served(&lines, TABLES, &["acme"]);
            let id = users(&server, "userName eq \"user000001\"").remove(0);
            *plan.lock().unwrap() = Some((cut, nth));
            let answer = act(&server, &format!("/scim/v2/Users/{id}"));
            let reached = plan.lock().unwrap().take().is_none();
            if let Some(wrong) = look(&slapd, &server, &answer) {
                panic!("{cut:?} {nth}: {wrong}; {answer:?}");
            }
            if !reached {
                assert!(answer.status < 300, "nothing was cut: {answer:?}");
                break;
            }
        }
    }
}

fn patch(server: &Running, path: &str, value: &Value) -> Answer {
    let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
    let body = json!({"schemas": [schema], "Operations": [{"op": "replace", "value": value}]});
    server.request("PATCH", path).json(&body).send()
}

/// What an entry and the groups hold.
fn held(slapd: &Slapd) -> (String, String) {
    let people = slapd.search("(objectClass=inetOrgPerson)", &["uid", "title"]).unwrap();
    (people, slapd.search("(objectClass=groupOfNames)", &["member"]).unwrap())
}

#[test]
fn a_rename_whose_answers_are_lost_is_whole_or_not_at_all() {
    let rename = |server: &Running, path: &str| patch(server, path, &json!({"userName": "anna", "title": "New"}));
    cut_at_each(rename, |slapd, _, answer| {
        let (people, groups) = held(slapd);
        let [renamed, titled] = ["uid=anna,", "title: New"].map(|part| people.contains(part));
        let [new, old] = ["uid=anna,", "uid=user000001,"].map(|name| groups.matches(name).count());
        match answer.status {
            200 if renamed && titled && (new, old) == (2, 0) => None,
            503 if !renamed && !titled && (new, old) == (0, 2) => None,
            _ => Some(format!("{people}{groups}")),
        }
    });
}

#[test]
fn references_follow_where_the_answer_to_a_deletion_is_lost() {
    let delete = |server: &Running, path: &str| server.request("DELETE", path).send();
    cut_at_each(delete, |slapd, _, answer| {
        let (people, groups) = held(slapd);
        let there = people.contains("user000001");
        match answer.status {
            204 if !there && !groups.contains("user000001") => None,
            503 if there && groups.matches("user000001").count() == 2 => None,
            _ => Some(format!("{people}{groups}")),
        }
    });
}

#[test]
fn a_user_whose_creation_was_not_answered_is_made_once_and_can_log_in() {
    let create = |server: &Running, _: &str| {
        let body =
            json!({"schemas": [USER], "userName": "cyd", "name": {"familyName": "C"}, "password": "correct horse"});
        server.post("/scim/v2/Users", &body)
    };
    cut_at_each(create, |slapd, server, answer| {
        let found = users(server, "userName eq \"cyd\"");
        let secret = slapd.search("(uid=cyd)", &["userPassword"]).unwrap().contains("userPassword");
        match answer.status {
            201 if found.len() == 1 && answer.json()["id"] == found[0] && secret => None,
            503 if found.is_empty() => None,
            _ => Some(format!("{found:?} {secret}")),
        }
    });
}

#[test]
fn a_change_with_a_password_is_done_whole_where_answers_are_lost() {
    let change =
        |server: &Running, path: &str| patch(server, path, &json!({"title": "New", "password": "correct horse"}));
    cut_at_each(change, |slapd, _, answer| {
        let found = slapd.search("(uid=user000001)", &["title", "userPassword"]).unwrap();
        let (titled, secret) = (found.contains("title: New"), found.contains("userPassword"));
        match (answer.status, titled, secret) {
            (200, true, true) | (503, false, false) => None,
            _ => Some(found),
        }
    });
}

/// Somebody else may have done the same, with the same outcome; but what was asserted is not.
#[test]
fn members_that_came_are_there_where_the_answer_is_lost() {
    let join = |server: &Running, path: &str| {
        let list = server.get("/scim/v2/Groups").json();
        let staff =
            list["Resources"].as_array().unwrap().iter().find(|one| one["displayName"] == "staff").unwrap().clone();
        let other = users(server, "userName eq \"user000002\"").remove(0);
        let own = path.rsplit('/').next().unwrap();
        let schema = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
        let body = json!({"schemas": [schema], "Operations": [
            {"op": "add", "path": "members", "value": [{"value": other}]},
            {"op": "remove", "path": format!("members[value eq \"{own}\"]")}]});
        server.request("PATCH", &format!("/scim/v2/Groups/{}", staff["id"].as_str().unwrap())).json(&body).send()
    };
    cut_at_each(join, |slapd, _, answer| {
        let staff = slapd.search("(cn=staff)", &["member"]).unwrap();
        match (answer.status, staff.contains("user000002"), staff.contains("user000001")) {
            (200 | 204, true, false) | (503, false, true) => None,
            _ => Some(staff),
        }
    });
}
