//! A control (RFC 4511 section 4.1.11) and how it is read and written. Those we use stand in [`controls`](super::controls).

use std::borrow::Cow;

use bytes::Bytes;

use super::ber::{self, Reader, Writer, context_nested};
use super::error::Malformed;

/// More controls on one message than anyone sends are left unread.
const MOST: usize = 32;

/// A control, asked for or answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Control {
    /// Which.
    pub oid: Cow<'static, str>,
    /// Must the server refuse the operation where it lacks this?
    pub critical: bool,
    /// Its value, in BER.
    pub value: Option<Bytes>,
}

impl Control {
    /// A control that says all by being there.
    pub const fn plain(oid: &'static str, critical: bool) -> Self {
        Control { oid: Cow::Borrowed(oid), critical, value: None }
    }

    /// A control with a value.
    pub fn valued(oid: &'static str, critical: bool, value: impl Into<Bytes>) -> Self {
        Control { oid: Cow::Borrowed(oid), critical, value: Some(value.into()) }
    }
}

/// Writes the controls of a request, if there are any.
pub(crate) fn write(writer: &mut Writer, controls: &[Control]) {
    if controls.is_empty() {
        return;
    }
    writer.nest(context_nested(0), |list| {
        for control in controls {
            list.nest(ber::SEQUENCE, |one| {
                one.octets(control.oid.as_bytes());
                if control.critical {
                    one.boolean(ber::BOOLEAN, true);
                }
                if let Some(value) = &control.value {
                    one.octets(value);
                }
            });
        }
    });
}

/// Reads the controls of a response.
pub(crate) fn read(list: Bytes) -> Result<Vec<Control>, Malformed> {
    let mut list = Reader::new(list);
    let mut controls = Vec::new();
    while !list.is_empty() && controls.len() < MOST {
        let mut one = list.nested(ber::SEQUENCE, "a control")?;
        let oid = one.expect(ber::OCTETS, "the OID of a control")?;
        let oid = std::str::from_utf8(&oid).ok().filter(|oid| oid.is_ascii());
        let oid = oid.ok_or(Malformed::Missing("the OID of a control"))?.to_owned();
        let critical = one.optional(ber::BOOLEAN)?;
        if critical.as_ref().is_some_and(Bytes::is_empty) {
            return Err(Malformed::Missing("the criticality of a control"));
        }
        let critical = critical.is_some_and(|value| value.first() != Some(&0));
        let value = one.optional(ber::OCTETS)?;
        one.end("a control")?;
        controls.push(Control { oid: oid.into(), critical, value });
    }
    Ok(controls)
}
