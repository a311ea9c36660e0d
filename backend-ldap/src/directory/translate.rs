//! Between our words and ldap3's. What comes from there was looked through by the seam, and still nothing here depends on it:
//! what is not of the form expected is an error.

use std::collections::HashSet;

use bytes::Bytes;
use ldap3::asn1::{PL, StructureTag};
use ldap3::controls::{Control as TheirControl, RawControl};
use ldap3::exop::Exop;
use ldap3::{LdapResult as TheirResult, Mod, ResultEntry, Scope, SearchOptions};

use crate::ldap::{
    Answer, Attribute, AttributeName, Change, Code, Control, Entry, LdapResult, Malformed, Reach, Search,
};

/// An attribute with its values, which are a set there as here.
type Values = (Bytes, HashSet<Bytes>);

/// A search as ldap3 takes it.
pub(super) struct Query {
    pub(super) base: String,
    pub(super) scope: Scope,
    pub(super) filter: String,
    pub(super) attributes: Vec<String>,
    pub(super) options: SearchOptions,
    pub(super) controls: Vec<RawControl>,
}

impl From<&Search> for Query {
    fn from(search: &Search) -> Self {
        let seconds = search.time_limit.as_secs() + u64::from(search.time_limit.subsec_nanos() > 0);
        // Aliases are never followed: an entry is found under one name.
        let options = SearchOptions::new()
            .sizelimit(i32::try_from(search.size_limit).unwrap_or(i32::MAX))
            .timelimit(i32::try_from(seconds).unwrap_or(i32::MAX));
        let mut attributes = search.attributes.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        if attributes.is_empty() {
            attributes.push("1.1".to_owned());
        }
        Query {
            base: search.base.to_string(),
            scope: match search.reach {
                Reach::Base => Scope::Base,
                Reach::One => Scope::OneLevel,
                Reach::Tree => Scope::Subtree,
            },
            filter: search.filter.to_string(),
            attributes,
            options,
            controls: controls(&search.controls),
        }
    }
}

pub(super) fn controls(controls: &[Control]) -> Vec<RawControl> {
    let raw = |control: &Control| RawControl {
        ctype: control.oid.to_string(),
        crit: control.critical,
        val: control.value.as_ref().map(|value| value.to_vec()),
    };
    controls.iter().map(raw).collect()
}

pub(super) fn attribute(name: &AttributeName, values: &[Bytes]) -> Values {
    (Bytes::copy_from_slice(name.as_str().as_bytes()), values.iter().cloned().collect())
}

pub(super) fn change(change: &Change) -> Mod<Bytes> {
    let (name, values) = change.parts();
    let (name, values) = attribute(name, values);
    match change {
        Change::Add(..) => Mod::Add(name, values),
        Change::Delete(..) => Mod::Delete(name, values),
        Change::Replace(..) => Mod::Replace(name, values),
    }
}

pub(super) fn answer(result: TheirResult, exop: Option<Exop>) -> Answer {
    Answer { result: result_of(result), value: exop.and_then(|exop| exop.val).map(Bytes::from) }
}

pub(super) fn result_of(result: TheirResult) -> LdapResult {
    LdapResult {
        code: Code(i32::try_from(result.rc).unwrap_or(Code::OTHER.0)),
        matched: result.matched,
        message: result.text,
        referrals: result.refs,
        controls: answered(result.ctrls),
    }
}

fn answered(controls: Vec<TheirControl>) -> Vec<Control> {
    let ours = |TheirControl(_, raw): TheirControl| Control {
        oid: raw.ctype.into(),
        critical: raw.crit,
        value: raw.val.map(Bytes::from),
    };
    controls.into_iter().map(ours).collect()
}

/// What a search found: an entry here, or where one would be.
pub(super) enum Found {
    Entry(Entry),
    References(Vec<String>),
}

pub(super) fn found(found: ResultEntry) -> Result<Found, Malformed> {
    let is_reference = found.is_ref();
    let ResultEntry { 0: tag, 1: controls, .. } = found;
    let mut parts = parts(tag, "what a search found")?;
    if is_reference {
        let url = |part| octets(part, "a reference").map(|url| String::from_utf8_lossy(&url).into_owned());
        return parts.map(url).collect::<Result<_, _>>().map(Found::References);
    }
    let mut next = || parts.next().ok_or(Malformed::Missing("a part of an entry"));
    let dn = Entry::name(&octets(next()?, "the name of an entry")?)?;
    let mut attributes = Vec::new();
    for part in self::parts(next()?, "the attributes of an entry")? {
        attributes.extend(attribute_of(part)?);
    }
    Ok(Found::Entry(Entry { dn, attributes, controls: answered(controls) }))
}

fn attribute_of(tag: StructureTag) -> Result<Option<Attribute>, Malformed> {
    let mut parts = parts(tag, "an attribute")?;
    let mut next = || parts.next().ok_or(Malformed::Missing("a part of an attribute"));
    let name = octets(next()?, "the name of an attribute")?;
    let values = self::parts(next()?, "the values of an attribute")?;
    let values = values.map(|value| octets(value, "a value").map(Bytes::from)).collect::<Result<_, _>>()?;
    Ok(Attribute::heard(&name, values))
}

fn parts(tag: StructureTag, what: &'static str) -> Result<std::vec::IntoIter<StructureTag>, Malformed> {
    match tag.payload {
        PL::C(parts) => Ok(parts.into_iter()),
        PL::P(_) => Err(Malformed::Missing(what)),
    }
}

fn octets(tag: StructureTag, what: &'static str) -> Result<Vec<u8>, Malformed> {
    match tag.payload {
        PL::P(octets) => Ok(octets),
        PL::C(_) => Err(Malformed::Missing(what)),
    }
}
