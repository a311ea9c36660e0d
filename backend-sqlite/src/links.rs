//! Edits of link attributes: one row a value, so that adding one member costs the same in a group of ten and of a
//! hundred thousand.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params};
use scim_core::change::LinkEdit;
use scim_core::path::AttrPath;
use scim_core::schema::Kind;
use scim_core::store::{Key, ResourceId, StoreErrorKind};

use crate::error::Inner;
use crate::writing::Writing;

/// Makes an edit true; tells whether it changed anything.
pub(crate) fn edit(
    writing: &Writing<'_>,
    tenant: &str,
    holder_kind: &Kind,
    holder: &ResourceId,
    edit: LinkEdit,
) -> Inner<bool> {
    let rows = |at: &AttrPath| Rows { writing, tenant, holder_kind, holder: holder.as_str(), attr: at.to_string() };
    match edit {
        LinkEdit::Add { at, targets, kinds } => {
            let found = rows(&at.at).find(&at.at, targets.iter().map(|target| (target, &*kinds)))?;
            rows(&at.at).insert(&found)
        }
        LinkEdit::Remove { at, targets } => rows(&at.at).delete(targets.iter().map(ResourceId::as_str)),
        LinkEdit::Replace { at, targets } => {
            let rows = rows(&at.at);
            let found = rows.find(&at.at, targets.iter().map(|(target, kinds)| (target, &**kinds)))?;
            let mut gone: HashMap<String, ()> = rows.targets()?.into_iter().map(|target| (target, ())).collect();
            let mut new = Vec::new();
            for target in found {
                if gone.remove(target.id).is_none() {
                    new.push(target);
                }
            }
            let removed = rows.delete(gone.keys().map(String::as_str))?;
            Ok(rows.insert(&new)? | removed)
        }
    }
}

/// A target that exists.
struct Found<'a> {
    id: &'a str,
    kind: &'a Kind,
    label: Option<String>,
}

/// The rows of one attribute of one holder.
struct Rows<'a> {
    writing: &'a Writing<'a>,
    tenant: &'a str,
    holder_kind: &'a Kind,
    holder: &'a str,
    attr: String,
}

impl Rows<'_> {
    /// Looks the targets up, each in the kinds where it may be.
    fn find<'t>(
        &self,
        at: &AttrPath,
        targets: impl Iterator<Item = (&'t ResourceId, &'t [Kind])>,
    ) -> Inner<Vec<Found<'t>>> {
        let mut statement =
            self.writing.db.prepare_cached("SELECT label FROM resource WHERE tenant = ?1 AND kind = ?2 AND id = ?3")?;
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        'targets: for (target, kinds) in targets {
            for kind in kinds {
                let label = statement
                    .query_row(params![self.tenant, kind.as_str(), target.as_str()], |row| row.get(0))
                    .optional()?;
                if let Some(label) = label {
                    found.push(Found { id: target.as_str(), kind, label });
                    continue 'targets;
                }
            }
            missing.push(target.clone());
        }
        if missing.is_empty() {
            Ok(found)
        } else {
            Err(StoreErrorKind::Missing { at: at.clone(), targets: missing }.into())
        }
    }

    fn insert(&self, targets: &[Found<'_>]) -> Inner<bool> {
        let mut statement = self.writing.db.prepare_cached(
            "INSERT INTO link (tenant, holder, attr, target, holder_kind, target_kind, display)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
        )?;
        let mut changed = false;
        for Found { id, kind, label } in targets {
            let values =
                params![self.tenant, self.holder, self.attr, id, self.holder_kind.as_str(), kind.as_str(), label];
            changed |= statement.execute(values)? > 0;
        }
        Ok(changed)
    }

    fn delete<'t>(&self, targets: impl Iterator<Item = &'t str>) -> Inner<bool> {
        let mut statement = self
            .writing
            .db
            .prepare_cached("DELETE FROM link WHERE tenant = ?1 AND holder = ?2 AND attr = ?3 AND target = ?4")?;
        let mut changed = false;
        for target in targets {
            changed |= statement.execute(params![self.tenant, self.holder, self.attr, target])? > 0;
        }
        Ok(changed)
    }

    fn targets(&self) -> Inner<Vec<String>> {
        let mut statement = self
            .writing
            .db
            .prepare_cached("SELECT target FROM link WHERE tenant = ?1 AND holder = ?2 AND attr = ?3")?;
        let rows = statement.query_map(params![self.tenant, self.holder, self.attr], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Removes all links of a resource that goes, and all links to it; gives the holders that lost one, with the attribute.
pub(crate) fn release(writing: &Writing<'_>, tenant: &str, id: &ResourceId) -> Inner<Vec<(Key, String)>> {
    writing.run("DELETE FROM link WHERE tenant = ?1 AND holder = ?2", params![tenant, id.as_str()])?;
    let lost = {
        let mut statement = writing.db.prepare_cached(
            "SELECT holder_kind, holder, attr FROM link WHERE tenant = ?1 AND target = ?2 ORDER BY holder, attr",
        )?;
        let rows = statement.query_map(params![tenant, id.as_str()], |row| {
            let (kind, holder): (String, String) = (row.get(0)?, row.get(1)?);
            Ok((Key { kind: Kind::new(&kind), id: ResourceId::new(&holder) }, row.get::<_, String>(2)?))
        })?;
        rows.collect::<Result<Vec<_>, _>>()?
    };
    if !lost.is_empty() {
        writing.run("DELETE FROM link WHERE tenant = ?1 AND target = ?2", params![tenant, id.as_str()])?;
    }
    Ok(lost)
}

/// Ids as a table: `rarray(?)`.
pub(crate) fn array<'a>(ids: impl Iterator<Item = &'a str>) -> Rc<Vec<Value>> {
    Rc::new(ids.map(|id| Value::Text(id.to_owned())).collect())
}
