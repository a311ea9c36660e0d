//! Import and export of CSV.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};

use crate::support::{Running, USER, command};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

fn write(server: &Running, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = server.directory.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The exit status and all that was said.
fn import(server: &Running, file: &std::path::Path, tenant: &str) -> (i32, String) {
    let Output { status, stdout, stderr } =
        command(&server.config(), &["import", &file.display().to_string(), "--tenant", tenant]).output().unwrap();
    (status.code().unwrap(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

fn resources(server: &Running, token: &str, path: &str) -> BTreeSet<String> {
    let request = server.anonymous("GET", path).header("Authorization", &format!("Bearer {token}"));
    let list = request.send().json();
    let shown = |resource: &Value| {
        let mut resource = resource.as_object().unwrap().clone();
        resource.retain(|key, _| !["id", "meta", "groups"].contains(&key.as_str()));
        if let Some(members) = resource.get_mut("members").and_then(Value::as_array_mut) {
            members.iter_mut().for_each(|member| *member = member["display"].take());
        }
        if let Some(manager) = resource.get_mut(ENTERPRISE).and_then(|own| own.get_mut("manager")) {
            *manager = manager["displayName"].take();
        }
        Value::from(resource).to_string()
    };
    list["Resources"].as_array().unwrap().iter().map(shown).collect()
}

fn refused(file: &std::path::Path) -> Vec<(u64, String)> {
    let text = std::fs::read_to_string(format!("{}.refused.jsonl", file.display())).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|line| (line["line"].as_u64().unwrap(), line["detail"].as_str().unwrap().to_owned())).collect()
}

/// As spreadsheets of half the world write it: with a byte order mark, semicolons and CRLF.
#[test]
fn a_spreadsheet_of_people_becomes_users() {
    let server = Running::start();
    let text = "\u{feff}userName;name.givenName;Name.FamilyName;emails.value;emails.type;emails.primary;\"phoneNumbers[type eq \"\"work\"\"].value\";active;department;manager\r\n\
        anna;Anna;\"Ek; the elder\";anna@example.com|anna\\|x@example.org;work|home;|TRUE;+46 1;false;Sales;\r\n\
        \r\n\
        ben;Ben;\"two\nlines\";;;;;;;\r\n";
    let (status, said) = import(&server, &write(&server, "people.CSV", text), "default");
    assert_eq!((status, said.contains("2 resources of 2 lines")), (0, true), "{said}");
    let list = server.get("/scim/v2/Users?sortBy=userName").json();
    let [anna, ben] = list["Resources"].as_array().unwrap().as_slice() else { panic!("{list}") };
    assert_eq!(anna["schemas"], json!([USER, ENTERPRISE]));
    assert_eq!(anna["name"]["familyName"], "Ek; the elder");
    assert_eq!(
        anna["emails"],
        json!([{"value": "anna@example.com", "type": "work"}, {"value": "anna|x@example.org", "type": "home", "primary": true}])
    );
    assert_eq!(anna["phoneNumbers"][0]["type"], "work");
    assert_eq!(anna["phoneNumbers"][0]["value"], "+46 1");
    assert_eq!((&anna["active"], &ben["active"]), (&json!(false), &json!(true)));
    assert_eq!(anna[ENTERPRISE], json!({"department": "Sales"}));
    assert_eq!(ben["name"]["familyName"], "two\nlines");
    assert_eq!(ben["schemas"], json!([USER]));
}

#[test]
fn what_is_exported_as_a_table_can_be_imported() {
    let server = Running::start();
    let boss = server.user("boss");
    let anna = json!({"schemas": [USER, ENTERPRISE], "userName": "anna", "externalId": "x\"1", "password": "T0p-secret-enough",
        "name": {"familyName": "Ek, née \"Ö\""}, "active": false, ENTERPRISE: {"manager": {"value": boss}, "costCenter": "\\7|"},
        "emails": [{"value": "a@example.com"}, {"value": "b|c\\@example.com", "type": "home", "primary": true}],
        "roles": [{"value": "r|\\|", "type": "t"}], "title": "=1+cmd|' /C calc'!A0", "nickName": "'=x",
        "phoneNumbers": [{"value": "+46 1", "type": "work"}]});
    let answer = server.post("/scim/v2/Users", &anna);
    assert_eq!(answer.status, 201, "{answer:?}");
    let group = json!({"schemas": [GROUP], "displayName": "all",
        "members": [{"value": boss}, {"value": answer.json()["id"]}]});
    assert_eq!(server.post("/scim/v2/Groups", &group).status, 201);

    let users = server.directory.path().join("users.csv");
    let said = server.command(&["export", &users.display().to_string(), "--tenant", "default"]);
    assert!(said.contains("2 resources"), "{said}");
    let text = std::fs::read_to_string(&users).unwrap();
    let header = text.lines().next().unwrap();
    assert!(header.starts_with("id,externalId,userName,") && !header.contains("password"), "{header}");
    assert!(!header.contains("userType"), "nobody has one: {header}");
    assert!(text.contains(",'=1+cmd|' /C calc'!A0,") && text.contains(",''=x,"), "no spreadsheet computes it: {text}");
    let names = std::fs::read_dir(server.directory.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(!names.collect::<String>().contains("partial"), "nothing is left behind");

    server.command(&["tenant", "create", "copy"]);
    let (status, said) = import(&server, &users, "copy");
    assert_eq!(status, 0, "{said}");
    let token = server.make_token("copy", "t", &[]);
    assert_eq!(resources(&server, &token, "/scim/v2/Users"), resources(&server, &server.token, "/scim/v2/Users"));

    let groups = server.directory.path().join("groups.csv");
    server.command(&["export", &groups.display().to_string(), "--tenant", "default", "--type", "group"]);
    let ids = std::fs::read_to_string(&groups).unwrap();
    assert!(
        ids.starts_with("id,displayName,members.value,members.type\n") && ids.contains(&format!("{boss}|")),
        "{ids}"
    );
    let output =
        command(&server.config(), &["export", "x.csv", "--tenant", "default", "--type", "Robot"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("no resource type Robot"), "{output:?}");
}

/// A row that does not fit is refused alone; it is mended in the file, and the rest stays as it was made.
#[test]
fn rows_that_do_not_fit_are_refused_one_by_one() {
    let server = Running::start();
    let header = "userName,active,emails.value\n";
    let good = format!("{header}anna,true,\n");
    let file = write(&server, "users.csv", format!("{good}ben,perhaps,\ncarl,true\n\"dora\nx,true,\n"));
    let (status, said) = import(&server, &file, "default");
    assert!(status == 1 && said.contains("1 resources were imported, 3 lines were refused"), "{said}");
    let lines = refused(&file);
    assert_eq!(lines.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [3, 4, 5]);
    assert!(lines[0].1.contains("\"active\" holds \"perhaps\"; write true or false"), "{lines:?}");
    assert!(lines[1].1.contains("has 2 cells, and the header 3"), "{lines:?}");
    let mended = format!("{good}ben,FALSE,\ncarl,true,c@example.com\n");
    let (status, said) = import(&server, &write(&server, "users.csv", mended), "default");
    assert!(status == 0 && said.contains("3 resources"), "{said}");
    assert_eq!(server.get("/scim/v2/Users").json()["totalResults"], 3);
}

#[test]
fn a_header_that_does_not_fit_stops_the_import_with_the_mend() {
    let server = Running::start();
    for (header, told) in [
        ("", "tells no resource type: User needs userName; Group needs displayName"),
        ("title,active", "tells no resource type"),
        ("userName,tite", "User has no attribute \\\"tite\\\"; did you mean title?"),
        ("userName,departmnt", "did you mean urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department?"),
        ("userName,name.givnName", "did you mean name.givenName?"),
        ("usrName,title", "did you mean userName by \\\"usrName\\\"?"),
        ("userName,name", "has parts; name one of them"),
        ("userName,USERNAME", "stands there twice"),
        ("userName,\"emails[type co \"\"w\"\"].value\"", "chooses by more than equality"),
        ("userName,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User", "is a whole extension"),
    ] {
        let (status, said) = import(&server, &write(&server, "wrong.csv", format!("{header}\nanna,x\n")), "default");
        let told = told.replace("\\\"", "\"");
        assert!(status == 1 && said.contains(&told), "{header}: {said}");
    }
    let (status, said) = import(&server, &write(&server, "open.csv", "userName,title\nanna,\"a\nben,b\n"), "default");
    assert!(status == 1, "{said}");
    let lines = refused(&server.directory.path().join("open.csv"));
    assert!(lines[0].1.contains("never closed"), "{lines:?}");
    let (status, said) = import(&server, &write(&server, "latin.csv", b"userName,title\nanna,\xe9\n"), "default");
    assert!(status == 1, "{said}");
    let lines = refused(&server.directory.path().join("latin.csv"));
    assert!(lines[0].1.contains("UTF-8"), "{lines:?}");
    assert_eq!(server.get("/scim/v2/Users").json()["totalResults"], 0, "nothing was made");
}
