//! Between our words and ldap3's. What comes from there was looked through by the seam, and still nothing here depends on it:
//! what is not of the form expected is an error.

use std::collections::HashSet;

use bytes::Bytes;
use ldap3::controls::{Control as TheirControl, RawControl};
use ldap3::exop::Exop;
use ldap3::{LdapResult as TheirResult, Mod};

use crate::ldap::{Answer, AttributeName, Change, Code, Control, LdapResult};

/// An attribute with its values, which are a set there as here.
type Values = (Bytes, HashSet<Bytes>);

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
