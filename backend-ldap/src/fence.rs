//! Which entries are whose: by place and by filter, decided on an entry in hand.

use crate::ldap::{AttributeName, Dn, Entry, Filter, Reach, Substrings};
use crate::mapping::Place;

impl Place {
    /// Does this name stand where the entries of the type are?
    pub fn has_name(&self, dn: &Dn) -> bool {
        match self.reach {
            Reach::Base => *dn == self.base,
            Reach::One => dn.parent().as_ref() == Some(&self.base),
            Reach::Tree => dn.is_within(&self.base),
        }
    }

    /// Is this entry one of them, as far as it can be told here?
    pub fn has(&self, entry: &Entry) -> bool {
        self.tells(entry) == Some(true)
    }

    /// Is this entry one of them? It shows what [`Place::looks_at`] names. None: only the directory can tell.
    pub fn tells(&self, entry: &Entry) -> Option<bool> {
        if self.has_name(&entry.dn) { holds(&self.filter, entry) } else { Some(false) }
    }

    /// Do the classes of an entry tell that it is one of them, without the directory? So where the filter asks for classes by their
    /// names and for nothing else: whoever has a class by this name is of it, by the rules of every directory.
    pub fn is_of_classes(&self) -> bool {
        classes(&self.filter)
    }

    /// Is this entry surely one of them? It shows its classes. Where not, the directory may say otherwise: an entry of a class is also
    /// of those above it, and a class has several names.
    pub fn surely_has(&self, entry: &Entry) -> bool {
        self.is_of_classes() && self.has(entry)
    }

    /// What [`Place::has`] must see.
    pub fn looks_at(&self) -> Vec<AttributeName> {
        names(&self.filter)
    }
}

/// The attributes that a filter looks at.
pub(crate) fn names(filter: &Filter) -> Vec<AttributeName> {
    let mut names = Vec::new();
    collect(filter, &mut names);
    names
}

fn collect(filter: &Filter, names: &mut Vec<AttributeName>) {
    let mut add = |name: &AttributeName| {
        if !names.contains(name) {
            names.push(name.clone());
        }
    };
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| collect(part, names)),
        Filter::Not(part) => collect(part, names),
        Filter::Equal(name, _) | Filter::AtLeast(name, _) | Filter::AtMost(name, _) | Filter::Like(name, _) => {
            add(name)
        }
        Filter::Present(name) | Filter::Substrings(name, _) => add(name),
        Filter::Matching(matching) => matching.name.iter().for_each(add),
    }
}

/// Does it ask for classes by name, and for nothing else?
fn classes(filter: &Filter) -> bool {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => !parts.is_empty() && parts.iter().all(classes),
        Filter::Equal(name, value) => {
            name.is("objectClass")
                && name.options().next().is_none()
                && value.first().is_some_and(u8::is_ascii_alphabetic)
        }
        _ => false,
    }
}

/// By three values, as directories reckon (RFC 4511 section 4.5.1.7); None: it cannot be said here. Values compare without
/// case: filters of types name classes and marks, not people.
pub(crate) fn holds(filter: &Filter, entry: &Entry) -> Option<bool> {
    match filter {
        Filter::And(parts) => {
            let all: Vec<_> = parts.iter().map(|part| holds(part, entry)).collect();
            if all.contains(&Some(false)) {
                Some(false)
            } else {
                all.into_iter().collect::<Option<Vec<_>>>().map(|_| true)
            }
        }
        Filter::Or(parts) => {
            let all: Vec<_> = parts.iter().map(|part| holds(part, entry)).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else {
                all.into_iter().collect::<Option<Vec<_>>>().map(|_| false)
            }
        }
        Filter::Not(part) => holds(part, entry).map(|holds| !holds),
        Filter::Present(name) => Some(!entry.values(name).is_empty()),
        Filter::Equal(name, value) => Some(entry.values(name).iter().any(|own| own.eq_ignore_ascii_case(value))),
        Filter::Matching(matching) => {
            let bits: i64 = std::str::from_utf8(&matching.value).ok()?.parse().ok()?;
            let own: i64 = entry.text(matching.name.as_ref()?)?.parse().ok()?;
            match matching.rule.as_ref()?.as_str() {
                "1.2.840.113556.1.4.803" => Some(own & bits == bits),
                "1.2.840.113556.1.4.804" => Some(own & bits != 0),
                _ => None,
            }
        }
        Filter::Substrings(name, pieces) => Some(entry.values(name).iter().any(|own| fits(own, pieces))),
        Filter::AtLeast(..) | Filter::AtMost(..) | Filter::Like(..) => None,
    }
}

/// Do the pieces stand in this value, one behind the other?
fn fits(value: &[u8], pieces: &Substrings) -> bool {
    let value = value.to_ascii_lowercase();
    let piece = |bytes: &[u8]| bytes.to_ascii_lowercase();
    let (initial, last) = (pieces.initial.as_deref().map(piece), pieces.last.as_deref().map(piece));
    let rest = value.strip_prefix(initial.as_deref().unwrap_or_default());
    let Some(mut rest) = rest.and_then(|rest| rest.strip_suffix(last.as_deref().unwrap_or_default())) else {
        return false;
    };
    for piece in pieces.any.iter().map(|bytes| piece(bytes)).filter(|piece| !piece.is_empty()) {
        let found = rest.windows(piece.len()).position(|window| window == piece);
        let Some(behind) = found.and_then(|at| rest.get(at + piece.len()..)) else { return false };
        rest = behind;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(filter: &str, reach: Reach) -> Place {
        Place {
            base: Dn::parse("ou=people,dc=x").unwrap(),
            reach,
            filter: Filter::parse(filter).unwrap(),
            classes: vec!["person".into()],
            rdn: AttributeName::known("uid"),
        }
    }

    #[test]
    fn an_entry_is_one_by_place_and_by_filter() {
        let entry = |dn: &str| {
            Entry::new(Dn::parse(dn).unwrap())
                .with(AttributeName::known("objectClass"), ["top", "Person"])
                .with(AttributeName::known("userAccountControl"), ["514"])
        };
        let check = |filter: &str, reach: Reach, dn: &str, expected: bool| {
            assert_eq!(place(filter, reach).has(&entry(dn)), expected, "{filter} {dn}");
        };
        let person = "(objectClass=person)";
        check(person, Reach::Tree, "uid=a,ou=b,ou=people,dc=x", true);
        check(person, Reach::One, "uid=a,ou=b,ou=people,dc=x", false);
        check(person, Reach::One, "uid=a,ou=people,dc=x", true);
        check(person, Reach::Tree, "uid=a,ou=others,dc=x", false);
        check(person, Reach::Tree, "uid=a,ou=notpeople,dc=x", false);
        check("(&(objectClass=person)(!(mail=*)))", Reach::Tree, "uid=a,ou=people,dc=x", true);
        check("(objectClass=group)", Reach::Tree, "uid=a,ou=people,dc=x", false);
        check("(userAccountControl:1.2.840.113556.1.4.803:=2)", Reach::Tree, "uid=a,ou=people,dc=x", true);
        check("(|(uid>=a)(objectClass=x))", Reach::Tree, "uid=a,ou=people,dc=x", false);
        for (filter, expected) in [
            ("(|(uid>=a)(objectClass=x))", None),
            ("(&(uid>=a)(objectClass=x))", Some(false)),
            ("(|(uid>=a)(objectClass=person))", Some(true)),
            ("(!(uid~=a))", None),
            ("(memberOf:1.2.840.113556.1.4.1941:=cn=a,dc=x)", None),
        ] {
            assert_eq!(place(filter, Reach::Tree).tells(&entry("uid=a,ou=people,dc=x")), expected, "{filter}");
            assert_eq!(place(filter, Reach::Tree).tells(&entry("uid=a,ou=others,dc=x")), Some(false), "{filter}");
        }
        for (filter, expected) in [
            ("(objectClass=PER*)", true),
            ("(objectClass=*son)", true),
            ("(objectClass=p*rs*n)", true),
            ("(objectClass=*o*r*)", false),
            ("(objectClass=pers*rson)", false),
            ("(!(objectClass=app-*))", true),
            ("(uid=a*)", false),
        ] {
            check(filter, Reach::Tree, "uid=a,ou=people,dc=x", expected);
        }
    }

    #[test]
    fn only_classes_by_their_names_tell_surely() {
        let entry = |dn: &str| {
            Entry::new(Dn::parse(dn).unwrap()).with(AttributeName::known("objectClass"), ["top", "inetOrgPerson"])
        };
        let (inside, outside) = (entry("uid=a,ou=people,dc=x"), entry("uid=a,ou=others,dc=x"));
        for (filter, can, has) in [
            ("(objectClass=inetorgperson)", true, true),
            ("(objectClass=person)", true, false),
            ("(|(objectClass=person)(objectClass=inetOrgPerson))", true, true),
            ("(&(objectClass=top)(|(objectClass=inetOrgPerson)(objectClass=x)))", true, true),
            ("(&(objectClass=top)(objectClass=x))", true, false),
            ("(objectClass=2.16.840.1.113730.3.2.2)", false, false),
            ("(objectClass=*)", false, false),
            ("(!(objectClass=x))", false, false),
            ("(&)", false, false),
            ("(&(objectClass=inetOrgPerson)(!(uid=b)))", false, false),
            ("(&(objectClass=inetOrgPerson)(uid=a))", false, false),
            ("(objectClass;x-y=inetOrgPerson)", false, false),
        ] {
            let place = place(filter, Reach::Tree);
            assert_eq!((place.is_of_classes(), place.surely_has(&inside)), (can, has), "{filter}");
            assert!(!place.surely_has(&outside), "{filter}");
        }
    }
}
