//! A directory of our own on a loopback port: with the limits that only Active Directory has (1,000 entries a page, 1,500
//! values a range), and with faults that no real server has when they are wanted.
//!
//! `ber` its bytes · `world` what it holds · `answer` what it answers.

mod answer;
pub mod ber;
mod world;

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;

pub use answer::{PAGE, VALUES};
pub use world::{Entry, World};

use answer::Asked;

/// What everything stands below.
pub const SUFFIX: &str = "DC=fake,DC=example";

/// What goes wrong with an operation. A write happens all the same: it is its answer that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The connection is cut after so many entries, in the middle of one more.
    Cut(usize),
    /// These bytes stand where the answer would.
    Bytes(Vec<u8>),
    /// An entry with a value of so many bytes, sent as long as anybody reads.
    Huge(usize),
    /// No answer.
    Silence,
    /// Go elsewhere, which is here.
    Referral,
    /// This code.
    Refuse(u32),
    /// The connection ends with a notice.
    Notice,
}

/// A fake directory. Dropped, it is gone.
#[derive(Debug)]
pub struct FakeDirectory {
    shared: Arc<Shared>,
    port: u16,
}

#[derive(Debug, Default)]
struct Shared {
    world: Mutex<World>,
    faults: Mutex<VecDeque<Fault>>,
    searches: AtomicUsize,
    connections: AtomicUsize,
    over: AtomicBool,
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FakeDirectory {
    /// One that says it is Active Directory, with `OU=people` and `OU=groups`.
    pub fn active_directory() -> Result<FakeDirectory> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared::default());
        let fake = FakeDirectory { shared: shared.clone(), port };
        furnish(&mut held(&shared.world));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if shared.over.load(Ordering::Relaxed) {
                    return;
                }
                let shared = shared.clone();
                shared.connections.fetch_add(1, Ordering::Relaxed);
                thread::spawn(move || {
                    // Whoever hangs up ends it.
                    let _ = serve(stream, &shared);
                });
            }
        });
        Ok(fake)
    }

    /// Where it listens, in clear.
    pub fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.port)
    }

    /// What it holds.
    pub fn world(&self) -> MutexGuard<'_, World> {
        held(&self.shared.world)
    }

    /// The next operation below the suffix goes wrong thus, and the one after it as what is said next.
    pub fn next(&self, fault: Fault) {
        held(&self.shared.faults).push_back(fault);
    }

    /// How many searches below the suffix it has answered.
    pub fn searches(&self) -> usize {
        self.shared.searches.load(Ordering::Relaxed)
    }

    /// How many connections it has taken.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// People by number: `CN=user000000,OU=people`.
    pub fn people(&self, numbers: std::ops::Range<usize>) {
        let mut world = self.world();
        for n in numbers {
            let name = format!("user{n:06}");
            let text = |value: &str| vec![value.as_bytes().to_vec()];
            let classes =
                ["top", "person", "organizationalPerson", "user"].map(|class| class.as_bytes().to_vec()).to_vec();
            let attributes = [
                ("objectClass", classes),
                ("cn", text(&name)),
                ("sAMAccountName", text(&name)),
                ("sAMAccountType", text("805306368")),
                ("userPrincipalName", text(&format!("{name}@fake.example"))),
                ("userAccountControl", text("512")),
                ("unicodePwd", text("known to them alone")),
                ("sn", text(&format!("Family{n:06}"))),
                ("mail", text(&format!("{name}@fake.example"))),
            ];
            world.add(&person(n), &attributes);
        }
    }

    /// A group of this name with these people.
    pub fn group(&self, name: &str, members: std::ops::Range<usize>) {
        let text = |value: &str| vec![value.as_bytes().to_vec()];
        let members = members.map(|n| person(n).into_bytes()).collect();
        let classes = ["top", "group"].map(|class| class.as_bytes().to_vec()).to_vec();
        let attributes = [
            ("objectClass", classes),
            ("cn", text(name)),
            ("sAMAccountName", text(name)),
            ("groupType", text("-2147483646")),
            ("member", members),
        ];
        self.world().add(&format!("CN={name},OU=groups,{SUFFIX}"), &attributes);
    }
}

impl Drop for FakeDirectory {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        // Wakes the listener, which then goes.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// The name of a person by number.
pub fn person(n: usize) -> String {
    format!("CN=user{n:06},OU=people,{SUFFIX}")
}

/// The root DSE, the schema, the suffix and two units.
fn furnish(world: &mut World) {
    let texts = |values: &[&str]| values.iter().map(|value| value.as_bytes().to_vec()).collect::<Vec<_>>();
    let schema = format!("CN=Aggregate,CN=Schema,CN=Configuration,{SUFFIX}");
    world.add(
        "",
        &[
            ("objectClass", texts(&["top"])),
            ("defaultNamingContext", texts(&[SUFFIX])),
            ("namingContexts", texts(&[SUFFIX])),
            ("subschemaSubentry", texts(&[&schema])),
            ("supportedCapabilities", texts(&["1.2.840.113556.1.4.800"])),
            ("supportedControl", texts(&["1.2.840.113556.1.4.319", "1.2.840.113556.1.4.529"])),
        ],
    );
    let (attributes, classes) = definitions();
    let own = |definitions: Vec<String>| definitions.into_iter().map(String::into_bytes).collect::<Vec<_>>();
    world.add(
        &schema,
        &[("objectClass", texts(&["subSchema"])), ("attributeTypes", own(attributes)), ("objectClasses", own(classes))],
    );
    world.add(SUFFIX, &[("objectClass", texts(&["top", "domain"]))]);
    for unit in ["people", "groups"] {
        world.add(
            &format!("OU={unit},{SUFFIX}"),
            &[("objectClass", texts(&["top", "organizationalUnit"])), ("ou", texts(&[unit]))],
        );
    }
}

/// A schema as poor as Active Directory's: no matching rules.
fn definitions() -> (Vec<String>, Vec<String>) {
    const TEXT: &str = "1.3.6.1.4.1.1466.115.121.1.15";
    const NAME: &str = "1.3.6.1.4.1.1466.115.121.1.12";
    const TIME: &str = "1.3.6.1.4.1.1466.115.121.1.24";
    const NUMBER: &str = "1.3.6.1.4.1.1466.115.121.1.27";
    const BYTES: &str = "1.3.6.1.4.1.1466.115.121.1.40";
    let single = [
        "cn",
        "sn",
        "givenName",
        "middleName",
        "displayName",
        "mail",
        "title",
        "sAMAccountName",
        "userPrincipalName",
        "telephoneNumber",
        "mobile",
        "homePhone",
        "pager",
        "facsimileTelephoneNumber",
        "department",
        "division",
        "company",
        "employeeType",
        "preferredLanguage",
        "wWWHomePage",
        "streetAddress",
        "l",
        "st",
        "postalCode",
        "personalTitle",
        "generationQualifier",
        "employeeNumber",
    ];
    let several = ["description", "proxyAddresses", "otherTelephone", "otherMobile", "otherHomePhone", "otherPager"];
    let mut attributes = Vec::new();
    let mut define = |name: &str, syntax: &str, more: &str| {
        let number = attributes.len() + 1;
        attributes.push(format!("( 1.2.3.{number} NAME '{name}' SYNTAX '{syntax}' {more})"));
    };
    single.iter().for_each(|name| define(name, TEXT, "SINGLE-VALUE "));
    several.iter().for_each(|name| define(name, TEXT, ""));
    for (name, syntax, more) in [
        ("objectClass", "1.3.6.1.4.1.1466.115.121.1.38", ""),
        ("member", NAME, ""),
        ("memberOf", NAME, "NO-USER-MODIFICATION "),
        ("manager", NAME, "SINGLE-VALUE "),
        ("distinguishedName", NAME, "SINGLE-VALUE NO-USER-MODIFICATION "),
        ("objectGUID", BYTES, "SINGLE-VALUE NO-USER-MODIFICATION "),
        ("unicodePwd", BYTES, "SINGLE-VALUE "),
        ("whenCreated", TIME, "SINGLE-VALUE NO-USER-MODIFICATION "),
        ("whenChanged", TIME, "SINGLE-VALUE NO-USER-MODIFICATION "),
        ("userAccountControl", NUMBER, "SINGLE-VALUE "),
        ("sAMAccountType", NUMBER, "SINGLE-VALUE "),
        ("groupType", NUMBER, "SINGLE-VALUE "),
    ] {
        define(name, syntax, more);
    }
    let may =
        [&single[..], &several, &["manager", "memberOf", "unicodePwd", "userAccountControl", "distinguishedName"]]
            .concat()
            .join(" $ ");
    let classes = vec![
        "( 2.5.6.0 NAME 'top' ABSTRACT MUST (objectClass ) MAY (distinguishedName $ objectGUID $ whenCreated $ whenChanged ) )".to_owned(),
        format!("( 1.2.840.113556.1.5.9 NAME 'user' SUP top STRUCTURAL MUST (cn ) MAY ({may} ) )"),
        "( 1.2.840.113556.1.5.8 NAME 'group' SUP top STRUCTURAL MUST (groupType ) MAY (cn $ member $ sAMAccountName $ description $ mail ) )".to_owned(),
    ];
    (attributes, classes)
}

/// One connection, message by message.
fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    let mut chunk = [0; 64 << 10];
    loop {
        let read = stream.read(&mut chunk)?;
        if read == 0 || shared.over.load(Ordering::Relaxed) {
            return Ok(());
        }
        buffer.extend_from_slice(chunk.get(..read).unwrap_or_default());
        loop {
            let mut rest = buffer.as_slice();
            let Some((tag, inside)) = ber::take(&mut rest) else { break };
            let message = ber::element(tag, inside);
            let used = buffer.len() - rest.len();
            buffer.drain(..used);
            let Some(asked) = Asked::read(&message) else { return Ok(()) };
            if !reply(&mut stream, &asked, shared)? {
                return stream.shutdown(Shutdown::Both);
            }
        }
    }
}

/// Answers. False: the connection ends here.
fn reply(stream: &mut TcpStream, asked: &Asked<'_>, shared: &Shared) -> std::io::Result<bool> {
    let of_root = asked.operation == 0x63 && ber::all(asked.content).first().is_some_and(|(_, base)| base.is_empty());
    let fault =
        if of_root || matches!(asked.operation, 0x60 | 0x42 | 0x50) { None } else { held(&shared.faults).pop_front() };
    if asked.operation == 0x63 && !of_root {
        shared.searches.fetch_add(1, Ordering::Relaxed);
    }
    let messages = match asked.operation {
        0x60 => vec![asked.end(0, "")],
        0x42 => return Ok(false),
        0x50 => return Ok(true),
        0x63 if fault.is_none() => answer::search(asked, &held(&shared.world)),
        0x63 => Vec::new(),
        0x66 => vec![answer::modify(asked, &mut held(&shared.world))],
        0x68 => vec![answer::add(asked, &mut held(&shared.world))],
        0x6e => vec![answer::compare(asked, &held(&shared.world))],
        0x4a => vec![answer::delete(asked, &mut held(&shared.world))],
        _ => vec![asked.end(2, "unknown")],
    };
    match fault {
        Some(fault) => go_wrong(stream, asked, shared, fault),
        None => stream.write_all(&messages.concat()).map(|()| true),
    }
}

fn go_wrong(stream: &mut TcpStream, asked: &Asked<'_>, shared: &Shared, fault: Fault) -> std::io::Result<bool> {
    match fault {
        Fault::Cut(entries) => {
            let messages = answer::search(asked, &held(&shared.world));
            let whole = messages.iter().take(entries).flatten().copied().collect::<Vec<_>>();
            let half = messages.get(entries).map_or(&[][..], |next| next.get(..next.len() / 2).unwrap_or_default());
            stream.write_all(&[&whole, half].concat())?;
            Ok(false)
        }
        Fault::Bytes(bytes) => {
            stream.write_all(&bytes)?;
            Ok(true)
        }
        Fault::Huge(size) => {
            let value = ber::nested(0x31, &[ber::octets(vec![b'x'; size])]);
            let attribute = ber::nested(0x30, &[ber::octets("description"), value]);
            let entry = ber::nested(0x64, &[ber::octets("CN=huge"), ber::nested(0x30, &[attribute])]);
            stream.write_all(&asked.answer(entry, None))?;
            stream.write_all(&asked.end(0, ""))?;
            Ok(true)
        }
        Fault::Silence => Ok(true),
        Fault::Referral => {
            let port = stream.local_addr()?.port();
            stream.write_all(&asked.refer(&format!("ldap://127.0.0.1:{port}/{SUFFIX}")))?;
            Ok(true)
        }
        Fault::Refuse(code) => {
            stream.write_all(&asked.end(code, "because"))?;
            Ok(true)
        }
        Fault::Notice => {
            let result = [ber::integer(0x0a, 52), ber::octets(""), ber::octets("going down")].concat();
            let name = ber::element(0x8a, b"1.3.6.1.4.1.1466.20036");
            let notice = ber::element(0x78, &[result, name].concat());
            stream.write_all(&ber::nested(0x30, &[ber::integer(2, 0), notice]))?;
            Ok(false)
        }
    }
}
