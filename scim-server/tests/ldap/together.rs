//! Reads that are asked for at the same time: one search for several, and answers as if each had been alone.

use std::io::Write;
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, group, people};
use scim_server::Server;

use crate::ldapmodify;
use crate::support::{Request, Running};

const PEOPLE: usize = 30;
const CLIENTS: [&str; 2] = ["hr", "audit"];

/// Each client reads as somebody of its own.
fn server(slapd: &Slapd) -> Running {
    let token = |name: &str| format!("[[tokens]]\nname = \"{name}\"\ntenant = \"acme\"\ntoken = \"{}\"\n", token(name));
    let settings = format!(
        "[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\n\
         operation_time = 60\nauthorize_as = \"dn:cn={{client}},dc=example,dc=org\"\n\
         [store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
         [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n{}",
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
fn what_is_read_at_the_same_time_is_answered_as_if_alone_by_fewer_searches() {
    let manages = |number: usize| format!("manager: uid=user{:06},ou=people,dc=example,dc=org\n\n", number + 1);
    let mut entries: String =
        (0..PEOPLE).map(|n| people(n..n + 1).trim_end().to_owned() + "\n" + &manages(n)).collect();
    entries += &group("staff", 0..PEOPLE / 2);
    let slapd = Slapd::start(&Setup { entries, tells: true, ..Setup::furnished() }).unwrap();
    // One of them is hidden from one client, as are all names of groups.
    let rules = "olcAccess: {0}to dn.exact=\"uid=user000003,ou=people,dc=example,dc=org\" \
                 by dn.exact=\"cn=hr,dc=example,dc=org\" read by * none\nolcAccess: {1}to * by * read\n";
    ldapmodify(&slapd, &format!("dn: olcDatabase={{1}}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\n{rules}"));
    let server = server(&slapd);
    let asked = requests(&server);
    let alone: Vec<_> = asked.iter().map(|(client, path)| get(&server, client, path).send()).collect();
    let is = |status: u16| alone.iter().filter(|answer| answer.status == status).count();
    assert_eq!((is(200), is(404)), (asked.len() - 5, 5), "one is hidden, and two are not there");

    let since = slapd.log().len();
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
    let log = slapd.log();
    let searches: Vec<&str> = log[since..].lines().filter(|line| line.contains("filter=\"")).collect();
    let several = searches.iter().filter(|line| line.contains("(|(entryUUID=")).count();
    assert!(several > 0, "{searches:#?}");
    let of_users = searches.iter().filter(|line| line.contains("ou=people") && line.contains("(entryUUID=")).count();
    assert!(of_users < asked.len() / 2, "{of_users} searches: {searches:#?}");
}
