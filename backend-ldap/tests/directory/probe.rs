//! What is found of each kind of directory.

use backend_ldap::directory::{Call, Credentials, Directory, Options, Tls};
use backend_ldap::ldap::{Filter, Reach, Search, controls};
use backend_ldap::profile::{Followed, Integrity, Kept, Profile, Vendor};
use conformance_tests::servers::ds389::{self, Ds389};
use conformance_tests::servers::samba::{self, Samba};
use conformance_tests::servers::slapd::Setup;

use super::support::*;

fn simple(who: &str, password: &str) -> Credentials {
    Credentials::Simple { dn: dn(who), password: password.to_owned().into() }
}

async fn probe(options: Options) -> Profile {
    Profile::probe(&Directory::open(options).unwrap(), &call()).await.unwrap()
}

fn has_index(profile: &Profile, attribute: &str) -> bool {
    profile.indexes.iter().flatten().any(|index| index.attribute.eq_ignore_ascii_case(attribute))
}

#[tokio::test]
async fn openldap_is_known_with_what_it_can_do() {
    let bare = slapd(&Setup::default());
    let profile = probe(options(&[bare.url()])).await;
    assert_eq!(profile.vendor, Vendor::OpenLdap);
    assert_eq!(profile.root.suffix(), Some(&dn("dc=example,dc=org")));
    assert!(profile.assertion() && profile.post_read() && profile.transactions() && profile.paged());
    assert!(profile.true_and_false() && profile.modifies_passwords() && profile.matched_values() && profile.entry_dn());
    assert!(!profile.deref());
    assert_eq!((&profile.integrity, &profile.member_of), (&Integrity::Not, &Kept::Not));
    assert!(has_index(&profile, "objectClass") && !has_index(&profile, "uid"));
    let classes = ["inetOrgPerson".to_owned()];
    assert_eq!(profile.schema.must(&classes), ["sn", "cn"]);
    assert!(profile.schema.allows(&classes, "mail") && !profile.schema.allows(&classes, "uidNumber"));
    let mail = profile.schema.attribute("rfc822Mailbox").unwrap();
    assert_eq!(mail.equality.as_deref(), Some("caseIgnoreIA5Match"));
    assert_eq!(mail.ordering, None);

    let furnished = slapd(&Setup::furnished());
    let profile = probe(options(&[furnished.url()])).await;
    assert!(profile.deref() && has_index(&profile, "uid") && profile.has_control(controls::SORT));
    let base = vec![dn("dc=example,dc=org")];
    let refint = Followed {
        by: "the refint overlay".into(),
        attributes: vec!["member".into(), "manager".into()],
        entries: base.clone(),
        holders: base,
        nobody: Some(dn("cn=admin,dc=example,dc=org")),
    };
    assert_eq!(profile.integrity, Integrity::Of(vec![refint]));
    assert!(matches!(profile.member_of, Kept::By(how) if how.contains("nobody else")));

    // Who may see little is told little, and nothing false.
    let anonymous = probe(Options { credentials: Credentials::Anonymous, ..options(&[bare.url()]) }).await;
    assert_eq!((anonymous.integrity, anonymous.indexes), (Integrity::Unknown, None));
}

#[tokio::test]
async fn ds389_is_known_with_what_it_can_do() {
    let server = Ds389::shared().unwrap();
    let credentials = simple(ds389::ADMIN, ds389::PASSWORD);
    let profile = probe(Options { credentials, ..options(&[server.url()]) }).await;
    assert_eq!(profile.vendor, Vendor::Ds389);
    assert_eq!(profile.root.suffix(), Some(&dn(ds389::SUFFIX)));
    assert!(profile.deref() && profile.post_read() && profile.paged() && profile.modifies_passwords());
    assert!(!profile.assertion() && !profile.transactions() && !profile.true_and_false());
    let Integrity::Of(followed) = &profile.integrity else { panic!("{:?}", profile.integrity) };
    assert!(followed[0].attributes.iter().any(|name| name == "member"), "{followed:?}");
    assert!(followed[0].attributes.iter().all(|name| name != "manager"), "nobody has told it to: {followed:?}");
    assert_eq!(profile.member_of, Kept::By("the memberOf plug-in".into()));
    let anonymous = probe(Options { credentials: Credentials::Anonymous, ..options(&[server.url()]) }).await;
    assert_eq!(anonymous.member_of, Kept::Unknown);
    assert!(has_index(&profile, "uid") && has_index(&profile, "entryUUID"));
    assert_eq!(profile.schema.must(&["groupOfNames".to_owned()]), ["cn"], "a group may be empty here");
    assert!(profile.schema.attribute("nsUniqueId").unwrap().read_only);
}

#[tokio::test]
async fn samba_is_known_with_what_it_can_do() {
    let server = Samba::shared().unwrap();
    let tls = Tls { authorities: Some(server.certificates().authority_pem.clone().into_bytes()), ..Tls::default() };
    let credentials = simple(samba::ADMIN, samba::PASSWORD);
    let profile = probe(Options { credentials, tls, ..options(&[server.url()]) }).await;
    assert_eq!(profile.vendor, Vendor::Samba);
    assert_eq!(profile.root.suffix(), Some(&dn(samba::SUFFIX)));
    assert!(
        profile.paged()
            && profile.has_control(controls::EXTENDED_DN)
            && profile.has_control(controls::ATTRIBUTE_SCOPED)
    );
    assert!(!profile.assertion() && !profile.post_read() && !profile.deref() && !profile.modifies_passwords());
    assert!(matches!(profile.integrity, Integrity::All(_)) && matches!(profile.member_of, Kept::By(_)));
    assert!(has_index(&profile, "sAMAccountName") && has_index(&profile, "objectGUID"));
    let user = ["user".to_owned()];
    assert!(profile.schema.allows(&user, "userPrincipalName") && profile.schema.allows(&user, "manager"));
    for class in ["user", "group"] {
        assert!(
            profile.schema.allows(&[class.to_owned()], "sAMAccountName"),
            "told by the content rule of {class} alone"
        );
    }
    let guid = profile.schema.attribute("objectGUID").unwrap();
    assert!(guid.single && guid.read_only);
}

/// Nobody follows references to other naming contexts: they are not sent at all, also not on the pages of a walk.
#[tokio::test]
async fn samba_keeps_references_to_itself_where_it_is_told_to() {
    let server = Samba::shared().unwrap();
    let tls = Tls { authorities: Some(server.certificates().authority_pem.clone().into_bytes()), ..Tls::default() };
    let credentials = simple(samba::ADMIN, samba::PASSWORD);
    let directory = Directory::open(Options { credentials, tls, ..options(&[server.url()]) }).unwrap();
    let search = Search::new(dn(samba::SUFFIX), Reach::Tree, Filter::parse("(cn=Administrator)").unwrap(), Vec::new());
    for (one_domain, sent) in [(false, true), (true, false)] {
        let call = Call { one_domain, ..call() };
        let found = directory.search(&call, &search).await.unwrap();
        assert_eq!((found.entries.len(), !found.references.is_empty()), (1, sent), "{:?}", found.references);
    }
    let call = Call { one_domain: true, ..call() };
    let mut walk = directory.walk(&call, search, 100);
    assert_eq!(walk.next().await.unwrap().map(|page| page.len()), Some(1));
}
