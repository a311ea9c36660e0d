//! Several tenants in one directory: each sees, finds, refers to and changes what stands below its own bases, and nothing else.

use conformance_tests::servers::slapd::{Setup, Slapd};
use serde_json::{Value, json};

use crate::support::{Answer, Running, USER};
use crate::{gateway_of, token};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Two companies in one directory; a group of the first names somebody of the second, and somebody of neither.
fn companies() -> String {
    let mut text = String::new();
    for company in ["acme", "bolt"] {
        text += &format!("dn: o={company},dc=example,dc=org\nobjectClass: organization\no: {company}\n\n");
        for unit in ["people", "groups"] {
            text += &format!(
                "dn: ou={unit},o={company},dc=example,dc=org\nobjectClass: organizationalUnit\nou: {unit}\n\n"
            );
        }
        text += &format!(
            "dn: uid=anna,ou=people,o={company},dc=example,dc=org\nobjectClass: inetOrgPerson\nuid: anna\ncn: Anna\nsn: {company}\n\n"
        );
    }
    text + "dn: cn=mixed,ou=groups,o=acme,dc=example,dc=org\nobjectClass: groupOfNames\ncn: mixed\n\
            member: uid=anna,ou=people,o=acme,dc=example,dc=org\nmember: uid=anna,ou=people,o=bolt,dc=example,dc=org\n\
            member: cn=admin,dc=example,dc=org\n\n"
}

fn places() -> String {
    let place = |company: &str, part: &str, unit: &str| {
        format!("[store.ldap.tenants.{company}.{part}]\nbase = \"ou={unit},o={company},dc=example,dc=org\"\n")
    };
    ["acme", "bolt"].map(|company| place(company, "users", "people") + &place(company, "groups", "groups")).concat()
}

/// One tenant's view of the server.
struct Tenant<'a>(&'a Running, &'static str);

impl Tenant<'_> {
    fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let request = self.0.anonymous(method, path).header("Authorization", &format!("Bearer {}", token(self.1)));
        match body {
            Some(body) => request.json(&body).send(),
            None => request.send(),
        }
    }

    fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.ask("GET", path, None);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()["Resources"].as_array().cloned().unwrap_or_default()
    }
}

#[test]
fn a_tenant_meets_nothing_outside_its_bases() {
    let slapd = Slapd::start(&Setup { entries: companies(), tells: true, ..Setup::furnished() }).unwrap();
    let server = gateway_of(&slapd, &places(), &["acme", "bolt"]);
    let (acme, bolt) = (Tenant(&server, "acme"), Tenant(&server, "bolt"));

    // Seen and found.
    let own = acme.list("/scim/v2/Users");
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(own[0]["name"]["familyName"], "acme");
    assert_eq!(acme.list("/scim/v2/Users?filter=name.familyName%20eq%20%22bolt%22").len(), 0);
    let theirs = bolt.list("/scim/v2/Users?filter=userName%20eq%20%22anna%22");
    assert_eq!(theirs.len(), 1);
    let (own, theirs) = (own[0]["id"].as_str().unwrap(), theirs[0]["id"].as_str().unwrap());
    assert_eq!(acme.list(&format!("/scim/v2/Users?filter=id%20eq%20%22{theirs}%22")).len(), 0);

    // Read, changed, deleted: as if it were not there.
    let path = format!("/scim/v2/Users/{theirs}");
    let title = json!({"schemas": [PATCH], "Operations": [{"op": "replace", "path": "title", "value": "x"}]});
    let whole = json!({"schemas": [USER], "userName": "anna", "name": {"familyName": "taken"}});
    for (method, body) in [("GET", None), ("PATCH", Some(title.clone())), ("PUT", Some(whole)), ("DELETE", None)] {
        assert_eq!(acme.ask(method, &path, body).status, 404, "{method}");
    }
    assert_eq!(bolt.ask("GET", &path, None).json()["name"]["familyName"], "bolt");

    // Referred to.
    let mixed = acme.list("/scim/v2/Groups");
    let mixed = format!("/scim/v2/Groups/{}", mixed[0]["id"].as_str().unwrap());
    let shown = acme.ask("GET", &mixed, None).json();
    let members = shown["members"].as_array().unwrap();
    assert_eq!(members.len(), 1, "who stands outside is not shown: {shown}");
    assert_eq!(members[0]["value"], own);
    assert_eq!(acme.list(&format!("/scim/v2/Groups?filter=members.value%20eq%20%22{theirs}%22")).len(), 0);
    let add =
        json!({"schemas": [PATCH], "Operations": [{"op": "add", "path": "members", "value": [{"value": theirs}]}]});
    acme.ask("PATCH", &mixed, Some(add)).is_error(400, Some("invalidValue"));
    let group = json!({"schemas": [GROUP], "displayName": "theirs", "members": [{"value": theirs}]});
    acme.ask("POST", "/scim/v2/Groups", Some(group)).is_error(400, Some("invalidValue"));
    assert_eq!(bolt.ask("GET", &path, None).json()["groups"], Value::Null, "a group of others is none of theirs");
    assert_eq!(bolt.list("/scim/v2/Groups").len(), 0);
    assert_eq!(bolt.ask("GET", &mixed, None).status, 404);

    // A list of members that is replaced leaves alone whom the tenant cannot see.
    let put = json!({"schemas": [GROUP], "displayName": "mixed", "members": []});
    assert_eq!(acme.ask("PUT", &mixed, Some(put)).status, 200);
    assert_eq!(acme.ask("GET", &mixed, None).json()["members"], Value::Null);
    let log = slapd.log();
    let changed: Vec<&str> =
        log.lines().filter(|line| line.contains(" MOD dn=") || line.contains(" DEL dn=")).collect();
    assert!(changed.iter().all(|line| line.contains("o=acme,")), "{changed:#?}");

    // What each makes stands below its own base, and a name may stand in both.
    let made = json!({"schemas": [USER], "userName": "berta", "name": {"familyName": "B"}});
    for tenant in [&acme, &bolt] {
        assert_eq!(tenant.ask("POST", "/scim/v2/Users", Some(made.clone())).status, 201);
        assert_eq!(tenant.list("/scim/v2/Users").len(), 2);
    }
}
