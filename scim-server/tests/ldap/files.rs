//! LDIF: what a directory holds goes into a server, and comes out as what a directory takes.

use conformance_tests::servers::slapd::{Setup, Slapd, group, people};
use serde_json::{Value, json};

use crate::gateway;
use crate::support::Running;

const BASES: &str = "[store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n[store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n";

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// What clients see of everybody, without what the server gave.
fn content(server: &Running) -> Vec<Value> {
    let mut names = std::collections::HashMap::new();
    let mut all = Vec::new();
    for endpoint in ["Users", "Groups"] {
        let answer = server.get(&format!("/scim/v2/{endpoint}?count=100"));
        assert_eq!(answer.status, 200, "{answer:?}");
        for resource in answer.json()["Resources"].as_array().cloned().unwrap_or_default() {
            let own = resource["userName"].as_str().or(resource["displayName"].as_str()).unwrap().to_owned();
            names.insert(resource["id"].clone(), own);
            all.push(resource);
        }
    }
    for resource in &mut all {
        let members = resource["members"].as_array().into_iter().flatten();
        let mut members: Vec<&String> = members.map(|member| &names[&member["value"]]).collect();
        members.sort();
        let members = json!(members);
        let resource = resource.as_object_mut().unwrap();
        ["id", "meta", "groups", "schemas"].iter().for_each(|key| drop(resource.remove(*key)));
        resource.insert("members".into(), members);
        if let Some(manager) = resource.get_mut(ENTERPRISE).and_then(|own| own.get_mut("manager")) {
            *manager = names[&manager["value"]].clone().into();
        }
        // The address is the only one of its type: primary by rule where a directory holds it.
        resource.get_mut("emails").and_then(|emails| emails[0].as_object_mut()).map(|email| email.remove("primary"));
    }
    all.sort_by_key(ToString::to_string);
    all
}

#[test]
fn entries_go_into_a_server_and_come_out_as_entries() {
    let first = Slapd::start(&Setup { entries: people(0..30) + &group("staff", 0..20), ..Setup::default() }).unwrap();
    let strange = "dn:: dWlkPXpvw6tcLGEsb3U9cGVvcGxlLGRjPWV4YW1wbGUsZGM9b3Jn\nobjectClass: inetOrgPerson\nuid: zoë,a\ncn: Zoë\n  folded\n\
                   sn:: w6kg\nmanager: uid=user000001,ou=people,dc=example,dc=org\nuserPassword: hidden\n\n";
    let entries = "# of an old directory\nversion: 1\n\ndn: dc=example,dc=org\nobjectClass: organization\no: x\n\n"
        .to_owned()
        + &group("staff", 0..20).replace("\n\n", "\nmember: cn=gone,dc=example,dc=org\n\n")
        + &people(0..30)
        + strange;

    let server = Running::with(BASES);
    let path = |name: &str| server.directory.path().join(name).display().to_string();
    std::fs::write(path("all.ldif"), &entries).unwrap();
    let said = server.command(&["import", &path("all.ldif"), "--tenant", "default"]);
    assert!(said.contains("32 resources"), "{said}");
    let left: Vec<_> =
        std::fs::read_dir(server.directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("all.ldif.")), "{left:?}");

    let zoe = server.get("/scim/v2/Users?filter=userName%20sw%20%22zo%22").json()["Resources"][0].clone();
    assert_eq!(zoe["name"], json!({"formatted": "Zoë folded", "familyName": "é "}));
    assert!(zoe[ENTERPRISE]["manager"]["value"].is_string(), "{zoe}");
    let of_directory = gateway(&first, "");
    let imported: Vec<Value> = content(&server).into_iter().filter(|one| one["userName"] != zoe["userName"]).collect();
    assert_eq!(imported, content(&of_directory), "the same people and groups as the directory itself shows");

    server.command(&["export", &path("out.ldif"), "--tenant", "default"]);
    let written = std::fs::read_to_string(path("out.ldif")).unwrap();
    assert!(!written.contains("userPassword") && written.starts_with("version: 1\n"), "{written}");
    let second = Slapd::start(&Setup { entries: written.replace("version: 1\n", ""), ..Setup::default() }).unwrap();
    assert_eq!(content(&gateway(&second, "")), content(&server), "what was written, slapadd takes");
}

#[test]
fn a_file_of_changes_makes_nothing() {
    let server = Running::with(BASES);
    let file = server.directory.path().join("changes.ldif").display().to_string();
    std::fs::write(&file, people(0..2) + "dn: uid=user000000,ou=people,dc=example,dc=org\nchangetype: delete\n")
        .unwrap();
    let output = crate::support::command(&server.config(), &["import", &file, "--tenant", "default"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("a file of changes"), "{said}");
    assert_eq!(server.get("/scim/v2/Users").json()["totalResults"], 0);
}
