//! Which attribute is meant by a name that is none: for errors that tell the mend.

use std::sync::Arc;

use crate::error::excerpt;
use crate::name::nearest;
use crate::schema::{AttributeDef, ResourceType};

use super::resolve::qualified;

/// What is wrong with a name that is no attribute of a type, and what to write instead.
pub(crate) fn unknown(name: &str, kind: &ResourceType) -> String {
    let shown = excerpt(name);
    match (qualified(name, kind), near(name, kind)) {
        (Some(at), _) => format!("{} has no attribute {shown}; write {at}", kind.kind),
        (None, Some(near)) => format!("{} has no attribute {shown}; did you mean {near}?", kind.kind),
        (None, None) => format!("{} has no attribute {shown}; /Schemas lists those it has", kind.kind),
    }
}

/// The attribute of a type whose name is nearest to this one, as it is to be written; None where nothing is near. One of
/// an extension is known by its own name too.
pub fn near(name: &str, kind: &ResourceType) -> Option<String> {
    let own = kind.common.iter().chain(&kind.schema.attributes).flat_map(written);
    let base = own.map(|name| (name.clone(), name));
    let extended = kind.extensions.iter().flat_map(|extension| {
        let names = extension.schema.attributes.iter().flat_map(written);
        names.map(|name| (format!("{}:{name}", extension.schema.id), name))
    });
    let known: Vec<_> = base.chain(extended).collect();
    let found = nearest(name, known.iter().flat_map(|(full, short)| [full.as_str(), short.as_str()]))?;
    known.iter().find(|(full, short)| full == found || short == found).map(|(full, _)| full.clone())
}

/// An attribute and its sub-attributes.
fn written(attr: &Arc<AttributeDef>) -> Vec<String> {
    let subs = attr.sub_attributes.iter().map(|sub| format!("{}.{}", attr.name, sub.name));
    std::iter::once(attr.name.clone()).chain(subs).collect()
}
