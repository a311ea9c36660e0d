//! The default tables: what SCIM attribute is what directory attribute, by kind of directory. Each line can be overridden
//! in the configuration; what the directory's schema lacks falls out by itself.

use super::syntax::Syntax;

/// The kinds of directory that have tables of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "names of products")]
pub enum Product {
    #[default]
    #[serde(rename = "openldap")]
    OpenLdap,
    #[serde(rename = "389ds")]
    Ds389,
    #[serde(rename = "freeipa")]
    FreeIpa,
    ActiveDirectory,
    Samba,
}

/// The defaults of one type.
#[derive(Debug, Clone)]
pub struct Table {
    /// Which entries, as filter text.
    pub filter: &'static str,
    /// What a new entry is.
    pub classes: &'static [&'static str],
    /// The attribute of its relative name.
    pub rdn: &'static str,
    /// The attribute of its id: several are tried in order.
    pub ids: &'static [&'static str],
    /// The attribute that moves with every change, where there is one.
    pub version: Option<&'static str>,
    /// When it was made, when it last changed.
    pub times: (&'static str, &'static str),
    /// How `active` is kept: a name of [`super::settings`].
    pub active: &'static str,
    /// SCIM path → attributes of the directory.
    pub rows: Vec<Row>,
    /// What the directory wants to have: the attribute, the SCIM paths to take it from, and what stands there else.
    pub fills: &'static [(&'static str, &'static [&'static str], Option<&'static str>)],
}

/// One line: a SCIM path, and the attributes of the directory that hold its values, in order.
#[derive(Debug, Clone)]
pub struct Row {
    /// In the notation of PATCH paths: `name.familyName`, `emails[type eq "work"].value`.
    pub path: &'static str,
    /// The directory's attributes.
    pub names: &'static [&'static str],
    /// Where it is not that of the SCIM type.
    pub syntax: Option<Syntax>,
    /// Its only value is primary.
    pub primary: bool,
    /// It is shown and never written.
    pub read_only: bool,
}

const fn row(path: &'static str, names: &'static [&'static str]) -> Row {
    Row { path, names, syntax: None, primary: false, read_only: false }
}

impl Row {
    const fn primary(mut self) -> Row {
        self.primary = true;
        self
    }

    const fn syntax(mut self, syntax: Syntax) -> Row {
        self.syntax = Some(syntax);
        self
    }

    const fn read_only(mut self) -> Row {
        self.read_only = true;
        self
    }
}

const EMPLOYEE_NUMBER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber";
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";
const DIVISION: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division";
const ORGANIZATION: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization";
const MANAGER: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";

const WORK_MAIL: &str = r#"emails[type eq "work"]"#;
const OTHER_MAIL: &str = r#"emails[type eq "other"]"#;
const WORK_PHONE: &str = r#"phoneNumbers[type eq "work"]"#;
const MOBILE: &str = r#"phoneNumbers[type eq "mobile"]"#;
const HOME: &str = r#"phoneNumbers[type eq "home"]"#;
const FAX: &str = r#"phoneNumbers[type eq "fax"]"#;
const PAGER: &str = r#"phoneNumbers[type eq "pager"]"#;

/// What all kinds have in common.
fn person() -> Vec<Row> {
    vec![
        row("name.familyName", &["sn"]),
        row("name.givenName", &["givenName"]),
        row("displayName", &["displayName"]),
        row("title", &["title"]),
        row("userType", &["employeeType"]),
        row("preferredLanguage", &["preferredLanguage"]),
        row(r#"addresses[type eq "work"].locality"#, &["l"]),
        row(r#"addresses[type eq "work"].region"#, &["st"]),
        row(r#"addresses[type eq "work"].postalCode"#, &["postalCode"]),
        row(EMPLOYEE_NUMBER, &["employeeNumber"]),
        row(MANAGER, &["manager"]),
    ]
}

/// `inetOrgPerson` (RFC 2798).
fn inet_org_person() -> Vec<Row> {
    let mut rows = person();
    rows.extend([
        row("userName", &["uid"]),
        row("name.formatted", &["cn"]),
        row("profileUrl", &["labeledURI"]),
        row("password", &["userPassword"]),
        row(WORK_MAIL, &["mail"]).primary(),
        row(OTHER_MAIL, &["mailAlternateAddress"]),
        row(WORK_PHONE, &["telephoneNumber"]),
        row(MOBILE, &["mobile"]),
        row(HOME, &["homePhone"]),
        row(FAX, &["facsimileTelephoneNumber"]),
        row(PAGER, &["pager"]),
        row(r#"addresses[type eq "work"].streetAddress"#, &["street"]),
        row(r#"addresses[type eq "work"].formatted"#, &["postalAddress"]).syntax(Syntax::Lines),
        row("x509Certificates", &["userCertificate;binary"]),
        row(DEPARTMENT, &["departmentNumber"]),
        row(ORGANIZATION, &["o"]),
    ]);
    rows
}

/// The `user` of Active Directory.
fn ad_user(name: &'static [&'static str]) -> Vec<Row> {
    let mut rows = person();
    rows.extend([
        row("userName", name),
        row("name.formatted", &["displayName"]).read_only(),
        row("name.middleName", &["middleName"]),
        row("name.honorificPrefix", &["personalTitle"]),
        row("name.honorificSuffix", &["generationQualifier"]),
        row("profileUrl", &["wWWHomePage"]),
        row("password", &["unicodePwd"]),
        row(WORK_MAIL, &["mail"]).primary(),
        row(WORK_PHONE, &["telephoneNumber", "otherTelephone"]),
        row(MOBILE, &["mobile", "otherMobile"]),
        row(HOME, &["homePhone", "otherHomePhone"]),
        row(FAX, &["facsimileTelephoneNumber", "otherFacsimileTelephoneNumber"]),
        row(PAGER, &["pager", "otherPager"]),
        row(r#"addresses[type eq "work"].streetAddress"#, &["streetAddress"]),
        row(r#"addresses[type eq "work"].country"#, &["c"]).syntax(Syntax::Country),
        row("x509Certificates", &["userCertificate"]),
        row(DEPARTMENT, &["department"]),
        row(DIVISION, &["division"]),
        row(ORGANIZATION, &["company"]),
    ]);
    rows
}

const OPERATIONAL: (&str, &str) = ("createTimestamp", "modifyTimestamp");
const AD_TIMES: (&str, &str) = ("whenCreated", "whenChanged");

/// The defaults of users.
pub fn users(product: Product) -> Table {
    let open = Table {
        filter: "(objectClass=inetOrgPerson)",
        classes: &["inetOrgPerson"],
        rdn: "uid",
        ids: &["entryUUID"],
        version: Some("entryCSN"),
        times: OPERATIONAL,
        active: "none",
        rows: inet_org_person(),
        // A person must have a family name there. A name that nobody gave is not shown as one.
        fills: &[("cn", &["displayName", "userName"], None), ("sn", &[], Some("-"))],
    };
    match product {
        Product::OpenLdap => open,
        Product::Ds389 => Table { ids: &["nsUniqueId", "entryUUID"], version: None, active: "ns_account_lock", ..open },
        Product::FreeIpa => Table {
            filter: "(objectClass=posixAccount)",
            ids: &["ipaUniqueID"],
            version: None,
            active: "ns_account_lock",
            ..open
        },
        Product::ActiveDirectory | Product::Samba => Table {
            filter: "(sAMAccountType=805306368)",
            classes: &["user"],
            rdn: "cn",
            ids: &["objectGUID"],
            version: None,
            times: AD_TIMES,
            active: "ad_uac",
            rows: ad_user(if product == Product::Samba { &["sAMAccountName"] } else { &["userPrincipalName"] }),
            fills: &[("cn", &["userName"], None), ("sAMAccountName", &["userName"], None)],
        },
    }
}

/// The defaults of groups.
pub fn groups(product: Product) -> Table {
    let members = |names| vec![row("displayName", &["cn"]), row("members", names)];
    let open = Table {
        filter: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))",
        classes: &["groupOfNames"],
        rdn: "cn",
        ids: &["entryUUID"],
        version: Some("entryCSN"),
        times: OPERATIONAL,
        active: "none",
        rows: members(&["member"]),
        fills: &[],
    };
    match product {
        Product::OpenLdap => Table { filter: "(objectClass=groupOfNames)", ..open },
        Product::Ds389 => {
            Table { filter: "(objectClass=groupOfNames)", ids: &["nsUniqueId", "entryUUID"], version: None, ..open }
        }
        Product::FreeIpa => Table {
            filter: "(objectClass=ipaUserGroup)",
            classes: &["ipaUserGroup"],
            ids: &["ipaUniqueID"],
            version: None,
            ..open
        },
        Product::ActiveDirectory | Product::Samba => Table {
            filter: "(objectClass=group)",
            classes: &["group"],
            ids: &["objectGUID"],
            version: None,
            times: AD_TIMES,
            fills: &[("sAMAccountName", &["displayName"], None)],
            ..open
        },
    }
}
