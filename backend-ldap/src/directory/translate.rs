//! Between our words and ldap3's. What comes from there was looked through by the seam, and still nothing here depends on it:
//! what is not of the form expected is an error.

use bytes::Bytes;
use ldap3::LdapResult as TheirResult;
use ldap3::controls::Control as TheirControl;

use crate::ldap::{Answer, Code, Control, LdapResult};

pub(super) fn answer(result: TheirResult) -> Answer {
    let result = LdapResult {
        code: Code(i32::try_from(result.rc).unwrap_or(Code::OTHER.0)),
        matched: result.matched,
        message: result.text,
        referrals: result.refs,
        controls: answered(result.ctrls),
    };
    Answer { result, value: None }
}

fn answered(controls: Vec<TheirControl>) -> Vec<Control> {
    let ours = |TheirControl(_, raw): TheirControl| Control {
        oid: raw.ctype.into(),
        critical: raw.crit,
        value: raw.val.map(Bytes::from),
    };
    controls.into_iter().map(ours).collect()
}
