//! Requests done as somebody of the client's own (RFC 4370): the directory's rules and its log know who it was.

use conformance_tests::servers::slapd::{ADMIN, PASSWORD, Setup, Slapd, people};
use scim_server::Server;
use serde_json::{Value, json};

use crate::ldapmodify;
use crate::support::{Request, Running, USER};

const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

fn server(slapd: &Slapd) -> Running {
    let token = |name: &str| {
        format!(
            "[[tokens]]\nname = \"{name}\"\ntenant = \"acme\"\ntoken = \"{name}-a-token-of-the-operators-own-making\"\n"
        )
    };
    let settings = format!(
        "[store]\nbackend = \"ldap\"\n[store.ldap]\nurls = [\"{}\"]\nbind_dn = \"{ADMIN}\"\nbind_password = \"{PASSWORD}\"\n\
         operation_time = 60\nmode = \"write\"\nauthorize_as = \"dn:cn={{client}},dc=example,dc=org\"\n\
         [store.ldap.users]\nbase = \"ou=people,dc=example,dc=org\"\n\
         [store.ldap.groups]\nbase = \"ou=groups,dc=example,dc=org\"\n{}{}",
        slapd.url(),
        token("hr"),
        token("audit"),
    );
    Running::built(Server::builder(), &settings, |_| {})
}

fn request(server: &Running, client: &str, method: &str, path: &str) -> Request {
    let token = format!("Bearer {client}-a-token-of-the-operators-own-making");
    server.anonymous(method, path).header("Authorization", &token)
}

#[test]
fn each_client_may_what_the_directory_lets_it() {
    let slapd = Slapd::start(&Setup { entries: people(0..4), audits: true, ..Setup::default() }).unwrap();
    let rules = "olcAccess: {0}to dn.exact=\"uid=user000003,ou=people,dc=example,dc=org\" \
                 by dn.exact=\"cn=hr,dc=example,dc=org\" write by * none\n\
                 olcAccess: {1}to * by dn.exact=\"cn=hr,dc=example,dc=org\" write by * read\n";
    let database = "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nreplace: olcAccess\n";
    ldapmodify(&slapd, &format!("{database}{rules}"));
    let server = server(&slapd);
    let count = |client: &str| {
        let list = request(&server, client, "GET", "/scim/v2/Users").send().json();
        assert_eq!(list["totalResults"], list["Resources"].as_array().unwrap().len(), "{list}");
        list["totalResults"].clone()
    };
    // Nobody is shown another's list.
    for _ in 0..2 {
        assert_eq!((count("hr"), count("audit")), (json!(4), json!(3)));
    }
    let filter = "/scim/v2/Users?filter=userName%20eq%20%22user000001%22";
    let one = request(&server, "audit", "GET", filter).send().json()["Resources"][0]["id"].clone();
    let path = format!("/scim/v2/Users/{}", one.as_str().unwrap());
    let change = |client: &str, title: &str| {
        let operation = json!({"op": "replace", "path": "title", "value": title});
        let body = json!({"schemas": [PATCH], "Operations": [operation]});
        request(&server, client, "PATCH", &path).json(&body).send()
    };
    let refused = change("audit", "by audit");
    refused.is_error(403, None);
    assert!(refused.json()["detail"].as_str().unwrap().contains("insufficientAccessRights"), "{refused:?}");
    let changed = change("hr", "by hr");
    assert_eq!(changed.status, 200, "{changed:?}");
    let new = json!({"schemas": [USER], "userName": "new", "name": {"familyName": "New"}});
    request(&server, "audit", "POST", "/scim/v2/Users").json(&new).send().is_error(403, None);
    assert_eq!(request(&server, "hr", "POST", "/scim/v2/Users").json(&new).send().status, 201);
    assert_eq!(request(&server, "audit", "GET", &path).send().json()["title"], Value::from("by hr"));
    let audit = slapd.audit();
    let by: Vec<&str> =
        audit.lines().filter(|line| line.starts_with("# modify ") || line.starts_with("# add ")).collect();
    assert!(!by.is_empty() && by.iter().all(|line| line.contains("cn=hr,dc=example,dc=org")), "{audit}");
}
