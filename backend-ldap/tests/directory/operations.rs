//! Every operation and control, as a server answers it.

use backend_ldap::ldap::controls;
use backend_ldap::ldap::{Change, Code, Dn, Filter, LdapError, Operation, Rdn, Reach, Request, Search, Target};
use bytes::Bytes;
use conformance_tests::servers::slapd::{Setup, group, people as load};

use super::support::*;

fn add(uid: &str) -> (Dn, Operation) {
    let at = people().child(&Rdn::new(name("uid"), uid).unwrap());
    let value = |text: &str| vec![Bytes::from(text.to_owned())];
    let attributes = vec![
        (name("objectClass"), value("inetOrgPerson")),
        (name("uid"), value(uid)),
        (name("cn"), value("Ann Lee")),
        (name("sn"), value("Lee")),
    ];
    (at.clone(), Operation::Add { dn: at, attributes })
}

fn replace(at: &Dn, attribute: &'static str, value: &str) -> Operation {
    let values = vec![Bytes::from(value.to_owned())];
    Operation::Modify { target: at.into(), changes: vec![Change::Replace(name(attribute), values)] }
}

fn code<T: std::fmt::Debug>(result: Result<T, LdapError>) -> Code {
    result.unwrap_err().code().expect("an answer of the server")
}

#[tokio::test]
async fn an_entry_is_added_changed_compared_renamed_and_deleted() {
    let slapd = slapd(&Setup::default());
    let directory = directory(&slapd);
    let (at, operation) = add("ann");
    let request = Request::from(operation).with(controls::post_read(&[name("entryUUID"), name("entryCSN")]));
    let answer = directory.perform(&call(), &request).await.unwrap();
    let stored = controls::read_entry(&answer.result.controls, controls::POST_READ).unwrap().unwrap();
    let id = stored.text(&name("entryUUID")).unwrap().to_owned();
    assert_eq!(code(directory.perform(&call(), &request).await), Code::ENTRY_ALREADY_EXISTS);

    directory.perform(&call(), &replace(&at, "title", "Chief").into()).await.unwrap();
    let compare = Operation::Compare { target: (&at).into(), name: name("title"), value: "chief".into() };
    let compared = directory.perform(&call(), &compare.into()).await.unwrap();
    assert_eq!(compared.result.code, Code::COMPARE_TRUE);

    let rdn = Rdn::new(name("uid"), "anna").unwrap();
    let rename = Operation::ModifyDn { target: (&at).into(), rdn: rdn.clone(), delete_old: true, superior: None };
    directory.perform(&call(), &rename.into()).await.unwrap();
    assert!(read(&directory, &at, &[]).await.is_none());
    let renamed = people().child(&rdn);
    let entry = read(&directory, &renamed, &["entryUUID", "title", "uid"]).await.unwrap();
    assert_eq!(entry.text(&name("entryUUID")), Some(id.as_str()), "the id stays");
    assert_eq!(entry.texts(&name("uid")).collect::<Vec<_>>(), ["anna"]);

    let delete = Operation::Delete { target: (&renamed).into() };
    directory.perform(&call(), &delete.clone().into()).await.unwrap();
    assert_eq!(code(directory.perform(&call(), &delete.into()).await), Code::NO_SUCH_OBJECT);
}

#[tokio::test]
async fn names_with_every_special_character_are_found_again() {
    let slapd = slapd(&Setup::default());
    let directory = directory(&slapd);
    for uid in [
        " outer ",
        "#hash",
        "a,b",
        "a+b",
        "a\"b",
        "a\\b",
        "a<b>c;d",
        "a=b",
        "*",
        "(a)",
        "a*b)(uid=*",
        "\u{e9}\u{4e2d}\u{1f600}",
        "a/b",
        "a  b",
        "\\2a",
        "a\u{7f}b",
        "cn=x,dc=y",
    ] {
        let (at, operation) = add(uid);
        directory.perform(&call(), &operation.into()).await.unwrap_or_else(|error| panic!("{uid:?}: {error}"));
        let search = Search::new(people(), Reach::One, Filter::equal(name("uid"), uid.to_owned()), vec![name("uid")]);
        let found = directory.search(&call(), &search).await.unwrap().entries;
        assert_eq!(found.len(), 1, "{uid:?}");
        assert_eq!(found[0].dn, at, "{uid:?}");
        assert_eq!(found[0].text(&name("uid")), Some(uid), "{uid:?}");
        // The server's own spelling of the name leads to it as well.
        assert!(read(&directory, &found[0].dn, &["uid"]).await.is_some(), "{uid:?}");
        directory
            .perform(&call(), &Operation::Delete { target: Target::Dn(found[0].dn.clone()) }.into())
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn an_assertion_that_does_not_hold_changes_nothing() {
    let slapd = slapd(&Setup { entries: load(0..1), ..Setup::default() });
    let directory = directory(&slapd);
    let at = dn("uid=user000000,ou=people,dc=example,dc=org");
    let csn = read(&directory, &at, &["entryCSN"]).await.unwrap().text(&name("entryCSN")).unwrap().to_owned();
    let asserted = |title: &str| {
        let holds = controls::assertion(&Filter::equal(name("entryCSN"), csn.clone())).unwrap();
        Request::from(replace(&at, "title", title)).with(holds)
    };
    directory.perform(&call(), &asserted("first")).await.unwrap();
    assert_eq!(code(directory.perform(&call(), &asserted("second")).await), Code::ASSERTION_FAILED);
    assert_eq!(read(&directory, &at, &["title"]).await.unwrap().text(&name("title")), Some("first"));
}

#[tokio::test]
async fn a_transaction_is_whole_or_absent() {
    let slapd = slapd(&Setup { entries: load(0..2), ..Setup::default() });
    let directory = directory(&slapd);
    let at = dn("uid=user000000,ou=people,dc=example,dc=org");
    let rename = |to: &str| Operation::ModifyDn {
        target: (&at).into(),
        rdn: Rdn::new(name("uid"), to).unwrap(),
        delete_old: true,
        superior: None,
    };
    let transaction = async |title: &str, to: &str| {
        let lease = directory.lease(&call()).await.unwrap();
        lease.transaction([replace(&at, "title", title).into(), rename(to).into()]).await
    };
    // The other name is taken: nothing of it happens.
    assert_eq!(code(transaction("never", "user000001").await), Code::ENTRY_ALREADY_EXISTS);
    let entry = read(&directory, &at, &["title"]).await.unwrap();
    assert_eq!(entry.text(&name("title")), Some("Title 0"));
    transaction("both", "renamed").await.unwrap();
    let renamed = dn("uid=renamed,ou=people,dc=example,dc=org");
    assert_eq!(read(&directory, &renamed, &["title"]).await.unwrap().text(&name("title")), Some("both"));
}

#[tokio::test]
async fn a_walk_brings_each_entry_once_while_others_share_the_directory() {
    let slapd = slapd(&Setup { entries: load(0..2500), ..Setup::default() });
    let directory = directory(&slapd);
    let walk = async || {
        let mut walk = directory.walk(&call(), below_people("(objectClass=*)", &["uid"]), 700);
        let mut uids = Vec::new();
        while let Some(page) = walk.next().await.unwrap() {
            assert!(page.len() <= 700);
            uids.extend(page.iter().map(|entry| entry.text(&name("uid")).unwrap().to_owned()));
        }
        uids.sort();
        uids.dedup();
        uids.len()
    };
    let others = async {
        for n in 0..200 {
            let one = below_people(&format!("(uid=user{n:06})"), &["cn"]);
            assert_eq!(directory.search(&call(), &one).await.unwrap().entries.len(), 1);
        }
    };
    let (a, b, c, ()) = tokio::join!(walk(), walk(), walk(), others);
    assert_eq!((a, b, c), (2500, 2500, 2500));
}

#[tokio::test]
async fn without_pages_the_servers_limit_shows_and_our_own_does_not() {
    let slapd = slapd(&Setup { entries: load(0..30), size_limit: Some(10), ..Setup::default() });
    // Whom limits do not spare.
    let anonymous = backend_ldap::directory::Options {
        credentials: backend_ldap::directory::Credentials::Simple {
            dn: dn("uid=user000000,ou=people,dc=example,dc=org"),
            password: "secret".to_owned().into(),
        },
        ..options(&[slapd.url()])
    };
    let admin = directory(&slapd);
    let password =
        Request::set_password(&dn("uid=user000000,ou=people,dc=example,dc=org"), &"secret".to_owned().into());
    admin.perform(&call(), &password).await.unwrap();
    let directory = backend_ldap::directory::Directory::open(anonymous).unwrap();
    let all = below_people("(objectClass=*)", &["uid"]);
    assert_eq!(code(directory.search(&call(), &all).await), Code::SIZE_LIMIT);
    let few = directory.search(&call(), &all.clone().at_most(2)).await.unwrap();
    assert_eq!(few.entries.len(), 2);
    let mut walk = directory.walk(&call(), all, 10);
    let mut count = 0;
    while let Some(page) = walk.next().await.unwrap() {
        count += page.len();
    }
    assert_eq!(count, 30);
}

#[tokio::test]
async fn members_come_with_their_ids_in_one_search() {
    let slapd = slapd(&Setup { entries: load(0..50) + &group("staff", 0..60), ..Setup::furnished() });
    let directory = directory(&slapd);
    let search = Search::entry(dn("cn=staff,ou=groups,dc=example,dc=org"), vec![name("cn")])
        .with(controls::deref(&name("member"), &[name("entryUUID"), name("cn")]));
    let entry = directory.entry(&call(), &search).await.unwrap().unwrap();
    let members = controls::dereferenced(&entry.controls).unwrap();
    assert_eq!(members.len(), 60);
    assert_eq!(members.iter().filter(|member| member.attributes.is_empty()).count(), 10, "these name no entry");
}

#[tokio::test]
async fn matched_values_leave_the_other_members_where_they_are() {
    let slapd = slapd(&Setup { entries: load(0..50) + &group("staff", 0..50), ..Setup::default() });
    let directory = directory(&slapd);
    let one = Filter::equal(name("member"), "uid=user000007,ou=people,dc=example,dc=org");
    let search = Search::new(dn("ou=groups,dc=example,dc=org"), Reach::One, one.clone(), vec![name("member")])
        .with(controls::matched_values(&[one]).unwrap());
    let found = directory.search(&call(), &search).await.unwrap().entries;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].texts(&name("member")).collect::<Vec<_>>(), ["uid=user000007,ou=people,dc=example,dc=org"]);
}

#[tokio::test]
async fn the_password_policy_says_why() {
    let slapd = slapd(&Setup { entries: load(0..1), ..Setup::furnished() });
    let directory = directory(&slapd);
    // The policy spares whoever may do everything, so one sets a password for itself.
    let at = dn("uid=user000000,ou=people,dc=example,dc=org");
    directory.perform(&call(), &Request::set_password(&at, &"long enough".to_owned().into())).await.unwrap();
    let own = backend_ldap::directory::Options {
        credentials: backend_ldap::directory::Credentials::Simple {
            dn: at.clone(),
            password: "long enough".to_owned().into(),
        },
        ..options(&[slapd.url()])
    };
    let own = backend_ldap::directory::Directory::open(own).unwrap();
    let short = Request::set_password(&at, &"short".to_owned().into()).with(controls::password_policy());
    let LdapError::Refused(result) = own.perform(&call(), &short).await.unwrap_err() else { panic!("it is refused") };
    assert_eq!(controls::password_problem(&result.controls).unwrap(), Some(controls::PasswordProblem::TooShort));
}
