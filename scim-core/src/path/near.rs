//! Which attribute is meant by a name that is none: for errors that tell the mend.

use std::sync::Arc;

use crate::name::nearest;
use crate::schema::{AttributeDef, ResourceType};

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
