//! Reads that are asked for at the same time: one search for several, and answers as if each had been alone.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{slice, thread};

use conformance_tests::alike::making::scope;
use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, group, people};
use futures_util::future::join_all;
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{ResourceId, Scope, TenantId};
use scim_server::Server;

use crate::support::{Request, Running};
use crate::{gateway_of, ldapmodify, patch_user, served};

const PEOPLE: usize = 30;
const CLIENTS: [&str; 2] = ["hr", "audit"];

const TABLES: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
                      [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";

/// Each client reads as somebody of its own.
fn server(slapd: &Slapd) -> Running {
    let token = |name: &str| format!("[[tokens]]\nname = \"{name}\"\ntenant = \"acme\"\ntoken = \"{}\"\n", token(name));
    let settings = format!(
        "[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\n\
         operation_time = 60\nauthorize_as = \"dn:cn={{client}},dc=example,dc=org\"\n{TABLES}{}",
        slapd.url(),
        CLIENTS.map(token).concat(),
    );
    Running::built(Server::builder(), &settings, |_| {})
}

fn token(client: &str) -> String {
    format!("{client}-a-token-of-the-operators-own-making")
}

fn get(server: &Running, client: &str, path: &str) -> Request {
    server.anonymous("GET", path).header("Authorization", &format!("Bearer {}", token(client)))
}

/// What is asked for, and by whom: everybody, with and without what is around them, and somebody who is not there.
fn requests(server: &Running) -> Vec<(&'static str, String)> {
    let listed = get(server, "hr", "/scim/v2/Users?attributes=userName").send().json();
    let listed = listed["Resources"].as_array().unwrap();
    assert_eq!(listed.len(), PEOPLE);
    let mut ids: Vec<String> = listed.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect();
    ids.push("5d3f5c1a-0000-4000-8000-000000000000".into());
    ids.push("no id of this directory".replace(' ', "%20"));
    let staff = get(server, "hr", "/scim/v2/Groups").send().json()["Resources"][0]["id"].as_str().unwrap().to_owned();
    let mut paths: Vec<String> = ids
        .iter()
        .enumerate()
        .map(|(number, id)| format!("/scim/v2/Users/{id}{}", ["", "?attributes=title"][number % 2]))
        .collect();
    paths.extend(["", "?excludedAttributes=members"].map(|query| format!("/scim/v2/Groups/{staff}{query}")));
    paths.iter().flat_map(|path| CLIENTS.map(|client| (client, path.clone()))).collect()
}

#[test]
fn what_is_read_at_the_same_time_is_answered_as_if_alone() {
    let manages = |number: usize| format!("manager: uid=user{:06},ou=people,dc=example,dc=org\n\n", number + 1);
    let mut entries: String =
        (0..PEOPLE).map(|n| people(n..n + 1).trim_end().to_owned() + "\n" + &manages(n)).collect();
    entries += &group("staff", 0..PEOPLE / 2);
    let slapd = Slapd::start(&Setup { entries, ..Setup::furnished() }).unwrap();
    // One of them is hidden from one client, as are all names of groups.
    let rules = "olcAccess: {0}to dn.exact=\"uid=user000003,ou=people,dc=example,dc=org\" \
                 by dn.exact=\"cn=hr,dc=example,dc=org\" read by * none\nolcAccess: {1}to * by * read\n";
    ldapmodify(&slapd, &format!("dn: olcDatabase={{1}}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\n{rules}"));
    let server = server(&slapd);
    let asked = requests(&server);
    let alone: Vec<_> = asked.iter().map(|(client, path)| get(&server, client, path).send()).collect();
    let is = |status: u16| alone.iter().filter(|answer| answer.status == status).count();
    assert_eq!((is(200), is(404)), (asked.len() - 5, 5), "one is hidden, and two are not there");

    slapd.pause().unwrap();
    let together = thread::scope(|scope| {
        // Some go away before they are answered, perhaps those whose search the others wait for.
        for (client, path) in asked.iter().step_by(7) {
            let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n", token(client));
            TcpStream::connect(server.address).unwrap().write_all(head.as_bytes()).unwrap();
        }
        let all: Vec<_> =
            asked.iter().map(|(client, path)| scope.spawn(|| get(&server, client, path).send())).collect();
        thread::sleep(Duration::from_millis(500));
        slapd.resume().unwrap();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    for (((client, path), alone), together) in asked.iter().zip(&alone).zip(&together) {
        assert_eq!((alone.status, alone.json()), (together.status, together.json()), "{client}: {path}");
        assert_eq!(alone.header("etag"), together.header("etag"), "{client}: {path}");
    }
}

/// Everybody, by ids.
fn ids(server: &Running) -> Vec<ResourceId> {
    let listed = server.get("/scim/v2/Users?attributes=userName").json();
    let ids = listed["Resources"].as_array().unwrap().iter().map(|user| ResourceId::new(user["id"].as_str().unwrap()));
    ids.collect()
}

/// Reads all of them in one moment of one thread: none is answered before the last has asked. Gives how many each search asked for.
fn read_at_once(server: &Running, slapd: &Slapd, actor: &str, ids: &[ResourceId]) -> Vec<usize> {
    let scope = Scope { tenant: TenantId::new("acme"), actor: actor.into(), ..scope() };
    let (kind, select) = (Kind::new("User"), Select::document());
    let read = |id| server.store.read(&scope, &kind, slice::from_ref(id), &select);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(read(&ids[0])).unwrap();
    let since = slapd.log().len();
    let found = runtime.block_on(join_all(ids.iter().map(read)));
    for (id, found) in ids.iter().zip(found) {
        assert_eq!(found.unwrap().iter().map(|record| &record.key.id).collect::<Vec<_>>(), [id]);
    }
    let log = slapd.log();
    log[since..].lines().map(|line| line.matches("(entryUUID=").count()).filter(|count| *count > 0).collect()
}

#[test]
fn who_asks_while_another_is_asked_for_shares_the_next_search() {
    let slapd = Slapd::start(&Setup { entries: people(0..20), tells: true, ..Setup::furnished() }).unwrap();
    let server = gateway_of(&slapd, &format!("member_of = \"never\"\n{TABLES}"), &["acme"]);
    let ids = ids(&server);
    assert_eq!(read_at_once(&server, &slapd, "anybody", &ids), [1, ids.len() - 1]);
}

/// Of several servers, whoever wrote reads where the write went, and others wherever they read.
#[test]
fn who_wrote_shares_no_search_where_there_are_several_servers() {
    let setup = || Setup { entries: people(0..20), tells: true, ..Setup::furnished() };
    let (first, second) = (Slapd::start(&setup()).unwrap(), Slapd::start(&setup()).unwrap());
    let lines = format!(
        "urls = [\"{}\", \"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\noperation_time = 60\nmode = \"write\"\n\
         member_of = \"never\"",
        first.url(),
        second.url()
    );
    let server = served(&lines, TABLES, &["acme"]);
    let ids = ids(&server);
    assert_eq!(read_at_once(&server, &first, "anybody", &ids), [1, ids.len() - 1]);
    loop {
        let begun = Instant::now();
        assert_eq!(patch_user(&server, ids[0].as_str(), "title", "Chief".into()).status, 200);
        // The token is called so.
        let asked = read_at_once(&server, &first, "n", &ids);
        // It holds for ten seconds.
        if begun.elapsed() < Duration::from_secs(9) {
            assert_eq!(asked, vec![1; ids.len()]);
            break;
        }
    }
}
