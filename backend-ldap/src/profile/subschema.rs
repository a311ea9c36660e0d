//! What a directory knows of attributes and object classes: its subschema, with everything that is inherited filled in.

use std::collections::HashMap;

use crate::ldap::{AttributeName, Entry};

use super::definition::Definition;

/// How far a chain of superiors is followed; a circle ends there.
const SUPERIORS: usize = 32;

/// Rules by which texts are equal in every letter (RFC 4517 section 4.2).
const EXACT: [&str; 4] = ["caseExactMatch", "2.5.13.5", "caseExactIA5Match", "1.3.6.1.4.1.1466.109.114.1"];

/// An attribute type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeType {
    /// Its names, the usual one first.
    pub names: Vec<String>,
    /// Its OID.
    pub oid: String,
    /// The rule by which values are equal.
    pub equality: Option<String>,
    /// The rule by which values have an order.
    pub ordering: Option<String>,
    /// The rule by which values have parts.
    pub substrings: Option<String>,
    /// The OID of its syntax, without a length.
    pub syntax: Option<String>,
    /// Has it one value at most?
    pub single: bool,
    /// Does the directory alone write it?
    pub read_only: bool,
    /// Is it about the entry rather than part of it? Then it must be asked for by name.
    pub operational: bool,
    /// What it inherits from.
    superior: Option<String>,
}

/// What an object class is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClassKind {
    /// Others inherit from it.
    Abstract,
    /// An entry has one.
    #[default]
    Structural,
    /// An entry may have it besides.
    Auxiliary,
}

/// An object class.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectClass {
    /// Its names, the usual one first.
    pub names: Vec<String>,
    /// Its OID.
    pub oid: String,
    /// What it is for.
    pub kind: ClassKind,
    /// What an entry of it must have, inherited ones too.
    pub must: Vec<String>,
    /// What an entry of it may have besides, inherited ones too.
    pub may: Vec<String>,
    /// What it inherits from.
    pub superiors: Vec<String>,
}

/// The attribute types and object classes of a directory.
#[derive(Debug, Clone, Default)]
pub struct Subschema {
    attributes: Vec<AttributeType>,
    classes: Vec<ObjectClass>,
    /// Any name or OID, in lower case → its place.
    attribute_by_name: HashMap<String, usize>,
    class_by_name: HashMap<String, usize>,
}

impl Subschema {
    /// What to ask of the subschema subentry.
    pub const ATTRIBUTES: [AttributeName; 3] = [
        AttributeName::known("attributeTypes"),
        AttributeName::known("objectClasses"),
        AttributeName::known("dITContentRules"),
    ];

    /// Reads the subschema subentry. Definitions that make no sense are left out.
    pub fn read(entry: &Entry) -> Subschema {
        let [attribute_types, object_classes, content_rules] = Subschema::ATTRIBUTES;
        let attributes = entry.texts(&attribute_types).filter_map(Definition::read).map(attribute_type).collect();
        let classes = entry.texts(&object_classes).filter_map(Definition::read).map(object_class).collect();
        let rules: Vec<_> = entry.texts(&content_rules).filter_map(Definition::read).collect();
        Subschema::of(attributes, classes, &rules)
    }

    fn of(attributes: Vec<AttributeType>, classes: Vec<ObjectClass>, rules: &[Definition]) -> Subschema {
        let attribute_by_name = index(attributes.iter().map(|one| (&one.names, &one.oid)));
        let class_by_name = index(classes.iter().map(|one| (&one.names, &one.oid)));
        let mut schema = Subschema { attributes, classes, attribute_by_name, class_by_name };
        schema.attributes = schema.attributes.iter().map(|one| schema.with_inherited(one)).collect();
        // Before what is inherited is filled in: rules of superiors hold for their inferiors too.
        schema.classes = schema.classes.iter().map(|one| schema.with_content(one, rules)).collect();
        schema.classes = schema.classes.iter().map(|one| schema.with_superiors(one)).collect();
        schema
    }

    /// Is nothing known? Then the account may not read it.
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// The attribute type of this name or OID, whatever options stand behind it.
    pub fn attribute(&self, name: &str) -> Option<&AttributeType> {
        let base = name.split(';').next().unwrap_or_default().to_ascii_lowercase();
        self.attributes.get(*self.attribute_by_name.get(&base)?)
    }

    /// Does it hold passwords, by any of its names, or as what it inherits from does?
    pub fn is_secret(&self, one: &AttributeType) -> bool {
        let mut own = Some(one);
        for _ in 0..SUPERIORS {
            let Some(one) = own else { break };
            let mut names = one.names.iter().chain([&one.oid]);
            if names.any(|name| AttributeName::new(name).is_ok_and(|name| name.is_secret())) {
                return true;
            }
            own = one.superior.as_deref().and_then(|name| self.attribute(name));
        }
        false
    }

    /// The names and OIDs of attributes whose texts differ by case.
    pub fn told_by_case(&self) -> impl Iterator<Item = &String> {
        let exact = |one: &&AttributeType| {
            one.equality.as_deref().is_some_and(|rule| EXACT.iter().any(|exact| exact.eq_ignore_ascii_case(rule)))
        };
        self.attributes.iter().filter(exact).flat_map(|one| one.names.iter().chain([&one.oid]))
    }

    /// The object class of this name or OID.
    pub fn class(&self, name: &str) -> Option<&ObjectClass> {
        self.classes.get(*self.class_by_name.get(&name.to_ascii_lowercase())?)
    }

    /// Are these two the same attribute, perhaps under two names?
    pub fn same(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
            || matches!((self.attribute(one), self.attribute(other)), (Some(a), Some(b)) if std::ptr::eq(a, b))
    }

    /// May an entry of these classes have this attribute? Operational ones any entry may.
    pub fn allows(&self, classes: &[String], name: &str) -> bool {
        if self.attribute(name).is_some_and(|attribute| attribute.operational) {
            return true;
        }
        let known = classes.iter().map(|class| self.class(class)).collect::<Option<Vec<_>>>();
        let Some(known) = known else { return true };
        let extensible =
            known.iter().any(|class| class.names.iter().any(|name| name.eq_ignore_ascii_case("extensibleObject")));
        extensible || known.iter().any(|class| class.must.iter().chain(&class.may).any(|one| self.same(one, name)))
    }

    /// What an entry of these classes must have besides `objectClass`.
    pub fn must<'a>(&'a self, classes: &'a [String]) -> Vec<&'a str> {
        let mut must: Vec<&str> = Vec::new();
        for name in classes.iter().filter_map(|class| self.class(class)).flat_map(|class| &class.must) {
            if !name.eq_ignore_ascii_case("objectClass") && !must.iter().any(|one| self.same(one, name)) {
                must.push(name);
            }
        }
        must
    }

    fn with_inherited(&self, one: &AttributeType) -> AttributeType {
        let mut whole = one.clone();
        let mut superior = one.superior.as_deref();
        for _ in 0..SUPERIORS {
            let Some(above) = superior.and_then(|name| self.attribute(name)) else { break };
            whole.equality = whole.equality.or_else(|| above.equality.clone());
            whole.ordering = whole.ordering.or_else(|| above.ordering.clone());
            whole.substrings = whole.substrings.or_else(|| above.substrings.clone());
            whole.syntax = whole.syntax.or_else(|| above.syntax.clone());
            superior = above.superior.as_deref();
        }
        whole
    }

    /// The class with what its content rule adds (RFC 4512 section 4.1.6): attributes, and auxiliary classes that its
    /// entries have or may have without naming them, as Active Directory's users have that of `sAMAccountName`.
    fn with_content(&self, one: &ObjectClass, rules: &[Definition]) -> ObjectClass {
        let mut whole = one.clone();
        for rule in rules.iter().filter(|rule| rule.oid == one.oid) {
            whole.may.extend(rule.all("MUST").iter().chain(rule.all("MAY")).cloned());
            for auxiliary in rule.all("AUX").iter().filter_map(|name| self.class(name)) {
                let auxiliary = self.with_superiors(auxiliary);
                whole.may.extend(auxiliary.must.into_iter().chain(auxiliary.may));
            }
        }
        whole
    }

    fn with_superiors(&self, one: &ObjectClass) -> ObjectClass {
        let mut whole = one.clone();
        let mut waiting = one.superiors.clone();
        let mut seen = Vec::new();
        while let Some(above) = waiting.pop().and_then(|name| self.class(&name)) {
            if seen.contains(&above.oid) || seen.len() > SUPERIORS {
                continue;
            }
            seen.push(above.oid.clone());
            whole.must.extend(above.must.iter().cloned());
            whole.may.extend(above.may.iter().cloned());
            waiting.extend(above.superiors.iter().cloned());
        }
        whole
    }
}

fn index<'a>(all: impl Iterator<Item = (&'a Vec<String>, &'a String)>) -> HashMap<String, usize> {
    let mut places = HashMap::new();
    for (place, (names, oid)) in all.enumerate() {
        for name in names.iter().chain([oid]) {
            places.entry(name.to_ascii_lowercase()).or_insert(place);
        }
    }
    places
}

fn attribute_type(from: Definition) -> AttributeType {
    let text = |word: &str| from.one(word).map(str::to_owned);
    AttributeType {
        names: from.all("NAME").to_vec(),
        equality: text("EQUALITY"),
        ordering: text("ORDERING"),
        substrings: text("SUBSTR"),
        syntax: from.one("SYNTAX").map(|syntax| syntax.split('{').next().unwrap_or_default().to_owned()),
        single: from.has("SINGLE-VALUE"),
        read_only: from.has("NO-USER-MODIFICATION"),
        operational: from.one("USAGE").is_some_and(|usage| usage != "userApplications"),
        superior: text("SUP"),
        oid: from.oid,
    }
}

fn object_class(from: Definition) -> ObjectClass {
    ObjectClass {
        names: from.all("NAME").to_vec(),
        kind: match () {
            () if from.has("ABSTRACT") => ClassKind::Abstract,
            () if from.has("AUXILIARY") => ClassKind::Auxiliary,
            () => ClassKind::Structural,
        },
        must: from.all("MUST").to_vec(),
        may: from.all("MAY").to_vec(),
        superiors: from.all("SUP").to_vec(),
        oid: from.oid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::Dn;

    fn schema(attributes: &[&str], classes: &[&str]) -> Subschema {
        let [attribute_types, object_classes, _] = Subschema::ATTRIBUTES;
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let entry = Entry::new(Dn::root()).with(attribute_types, own(attributes)).with(object_classes, own(classes));
        Subschema::read(&entry)
    }

    fn standard() -> Subschema {
        schema(
            &[
                "( 2.5.4.41 NAME 'name' EQUALITY caseIgnoreMatch SUBSTR caseIgnoreSubstringsMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15{32768} )",
                "( 2.5.4.3 NAME ( 'cn' 'commonName' ) SUP name )",
                "( 2.5.4.4 NAME ( 'sn' 'surname' ) SUP name )",
                "( 1.3.6.1.1.16.4 NAME 'entryUUID' EQUALITY UUIDMatch SYNTAX 1.3.6.1.1.16.1 SINGLE-VALUE NO-USER-MODIFICATION USAGE directoryOperation )",
                "( 1.1 NAME 'a' SUP b )",
                "( 1.2 NAME 'b' SUP a )",
            ],
            &[
                "( 2.5.6.0 NAME 'top' ABSTRACT MUST objectClass )",
                "( 2.5.6.6 NAME 'person' SUP top STRUCTURAL MUST ( sn $ cn ) MAY ( userPassword ) )",
                "( 2.5.6.7 NAME 'organizationalPerson' SUP person MAY title )",
                "( 1.9 NAME 'circle' SUP circle2 MUST x )",
                "( 1.8 NAME 'circle2' SUP circle )",
            ],
        )
    }

    #[test]
    fn what_is_inherited_is_filled_in() {
        let schema = standard();
        let cn = schema.attribute("CommonName;lang-de").unwrap();
        assert_eq!(cn.equality.as_deref(), Some("caseIgnoreMatch"));
        assert_eq!(cn.syntax.as_deref(), Some("1.3.6.1.4.1.1466.115.121.1.15"));
        let uuid = schema.attribute("entryuuid").unwrap();
        assert!(uuid.single && uuid.read_only && uuid.operational);
        assert_eq!(schema.attribute("a").unwrap().equality, None, "a circle ends");
        assert!(schema.same("cn", "commonname") && !schema.same("cn", "sn"));
    }

    #[test]
    fn content_rules_add_attributes_and_auxiliary_classes() {
        let [_, object_classes, content_rules] = Subschema::ATTRIBUTES;
        let classes = [
            "( 1.1 NAME 'top' ABSTRACT MUST objectClass )",
            "( 1.2 NAME 'person' SUP top STRUCTURAL MUST cn )",
            "( 1.3 NAME 'user' SUP person STRUCTURAL MAY unicodePwd )",
            "( 1.4 NAME 'account' SUP top AUXILIARY MAY lockout )",
            "( 1.5 NAME 'securityPrincipal' SUP account AUXILIARY MUST sAMAccountName )",
        ];
        let rules = ["( 1.2 NAME 'person' AUX securityPrincipal MAY ( proxy $ note ) )", "( 1.9 MAY x )", "( ("];
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let entry = Entry::new(Dn::root()).with(object_classes, own(&classes)).with(content_rules, own(&rules));
        let schema = Subschema::read(&entry);
        let user = ["user".to_owned()];
        for (name, expected) in [
            ("samaccountname", true),
            ("lockout", true),
            ("proxy", true),
            ("note", true),
            ("unicodePwd", true),
            ("x", false),
        ] {
            assert_eq!(schema.allows(&user, name), expected, "{name}");
        }
        assert_eq!(schema.must(&user), ["cn"], "what the directory fills by itself is not asked for");
    }

    #[test]
    fn classes_say_what_an_entry_must_and_may_have() {
        let schema = standard();
        let classes = ["organizationalPerson".to_owned()];
        assert_eq!(schema.must(&classes), ["sn", "cn"]);
        for (name, expected) in
            [("surname", true), ("title", true), ("userPassword", true), ("entryUUID", true), ("mail", false)]
        {
            assert_eq!(schema.allows(&classes, name), expected, "{name}");
        }
        assert!(schema.allows(&["unknown".to_owned()], "mail"), "nothing is known of the class");
        assert_eq!(schema.must(&["circle".to_owned()]), ["x"]);
    }
}
