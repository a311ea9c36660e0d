//! Edits of link attributes. Each link lies in a bundle of its holder's, and in a row of its own by which its target finds it:
//! adding one member costs the same in a group of ten and of a hundred thousand.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, params};
use scim_core::change::LinkEdit;
use scim_core::path::AttrPath;
use scim_core::schema::Kind;
use scim_core::store::{Key, ResourceId, StoreErrorKind};

use crate::bundle::{Bundle, Piece};
use crate::error::Inner;
use crate::writing::Writing;

/// Makes an edit of the links of a holder, known by its id and its number, true; tells whether it changed anything.
pub(crate) fn edit(
    writing: &mut Writing<'_>,
    tenant: &str,
    holder_kind: &Kind,
    (holder, number): (&ResourceId, i64),
    edit: LinkEdit,
) -> Inner<bool> {
    let (LinkEdit::Add { at, .. } | LinkEdit::Remove { at, .. } | LinkEdit::Replace { at, .. }) = &edit;
    let attr = at.at.to_string();
    let shelf = writing.shelf(tenant, holder_kind.as_str(), &attr, false)?;
    let mut rows = Rows { writing, tenant, holder_kind, holder: holder.as_str(), number, attr, shelf };
    match edit {
        LinkEdit::Add { at, targets, kinds } => {
            let found = rows.find(&at.at, targets.iter().map(|target| (target, &*kinds)))?;
            rows.insert(found)
        }
        LinkEdit::Remove { targets, .. } => rows.delete(targets.iter().map(ResourceId::as_str)),
        LinkEdit::Replace { at, targets } => {
            let found = rows.find(&at.at, targets.iter().map(|(target, kinds)| (target, &**kinds)))?;
            let mut gone: HashMap<String, ()> = rows.targets()?.into_iter().map(|(_, target)| (target, ())).collect();
            let mut new = Vec::new();
            for target in found {
                if gone.remove(target.id).is_none() {
                    new.push(target);
                }
            }
            let removed = rows.delete(gone.keys().map(String::as_str))?;
            Ok(rows.insert(new)? | removed)
        }
    }
}

/// A target that exists.
struct Found<'a> {
    id: &'a str,
    kind: &'a Kind,
    number: i64,
    label: Option<String>,
}

/// The links of one attribute of one holder.
struct Rows<'a, 'w> {
    writing: &'a mut Writing<'w>,
    tenant: &'a str,
    holder_kind: &'a Kind,
    holder: &'a str,
    /// The holder's number.
    number: i64,
    attr: String,
    /// The number under which they stand from their far end.
    shelf: i64,
}

impl Rows<'_, '_> {
    /// Looks the targets up, each in the kinds where it may be.
    fn find<'t>(
        &mut self,
        at: &AttrPath,
        targets: impl Iterator<Item = (&'t ResourceId, &'t [Kind])>,
    ) -> Inner<Vec<Found<'t>>> {
        let db = self.writing.db;
        let mut statement = db.prepare_cached("SELECT seq, label FROM resource WHERE shelf = ?1 AND id = ?2")?;
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        'targets: for (target, kinds) in targets {
            for kind in kinds {
                let shelf = self.writing.own_shelf(self.tenant, kind.as_str())?;
                let there = statement
                    .query_row(params![shelf, target.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))
                    .optional()?;
                if let Some((number, label)) = there {
                    found.push(Found { id: target.as_str(), kind, number, label });
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

    fn insert(&self, mut targets: Vec<Found<'_>>) -> Inner<bool> {
        targets.sort_unstable_by_key(|found| found.id);
        let mut far = self.writing.db.prepare_cached("INSERT INTO link (shelf, target, holder) VALUES (?1, ?2, ?3)")?;
        self.each(
            &targets,
            |found| found.id,
            |bundle, Found { id, kind, number, label }| {
                let new = bundle.insert(id, kind, label.as_deref());
                if new {
                    far.execute([self.shelf, *number, self.number])?;
                }
                Ok(new)
            },
        )
    }

    fn delete<'t>(&mut self, targets: impl Iterator<Item = &'t str>) -> Inner<bool> {
        let mut targets: Vec<&str> = targets.collect();
        targets.sort_unstable();
        let mut gone = Vec::new();
        let changed = self.each(
            &targets,
            |target| target,
            |bundle, target| {
                let Some(kind) = bundle.remove(target) else { return Ok(false) };
                gone.push((kind, *target));
                Ok(true)
            },
        )?;
        self.delete_far(gone)?;
        Ok(changed)
    }

    /// Removes links as their targets see them.
    fn delete_far<T: AsRef<str>>(&mut self, targets: Vec<(Kind, T)>) -> Inner<()> {
        let mut far = self.writing.db.prepare_cached(
            "DELETE FROM link WHERE shelf = ?1 AND holder = ?2
             AND target = (SELECT t.seq FROM resource t WHERE t.shelf = ?3 AND t.id = ?4)",
        )?;
        for (kind, target) in targets {
            let own = self.writing.own_shelf(self.tenant, kind.as_str())?;
            far.execute(params![self.shelf, self.number, own, target.as_ref()])?;
        }
        Ok(())
    }

    /// Edits the bundles in which these targets are or would be, which come in ascending order; tells whether one changed.
    fn each<T>(
        &self,
        targets: &[T],
        id: impl for<'t> Fn(&'t T) -> &'t str,
        mut edit: impl FnMut(&mut Bundle, &T) -> Inner<bool>,
    ) -> Inner<bool> {
        let (mut rest, mut changed) = (targets, false);
        while let Some(next) = rest.first() {
            let (first, mut bundle) = self.bundle(id(next))?;
            let own = match rest {
                [_] => 1,
                _ => {
                    let end = self.end(first.as_deref().unwrap_or_default())?;
                    rest.partition_point(|target| end.as_deref().is_none_or(|end| id(target) < end)).max(1)
                }
            };
            let (own, behind) = rest.split_at(own);
            let mut moved = false;
            for target in own {
                moved |= edit(&mut bundle, target)?;
            }
            if moved {
                self.keep(first.as_deref(), &bundle)?;
            }
            changed |= moved;
            rest = behind;
        }
        Ok(changed)
    }

    /// The bundle in which a target is or would be, with what it is known by where it is there.
    fn bundle(&self, target: &str) -> Inner<(Option<String>, Bundle)> {
        let found = self
            .writing
            .db
            .prepare_cached(
                "SELECT first, links FROM bundle WHERE tenant = ?1 AND holder = ?2 AND attr = ?3 AND first <= ?4
                 ORDER BY first DESC LIMIT 1",
            )?
            .query_row(params![self.tenant, self.holder, self.attr, target], |row| {
                Ok((row.get(0)?, Bundle::read(row.get_ref(1)?.as_str()?)))
            })
            .optional()?;
        Ok(found.map_or_else(|| (None, Bundle::new()), |(first, bundle)| (Some(first), bundle)))
    }

    /// Where the bundle begins that follows one.
    fn end(&self, first: &str) -> Inner<Option<String>> {
        let mut statement = self.writing.db.prepare_cached(
            "SELECT first FROM bundle WHERE tenant = ?1 AND holder = ?2 AND attr = ?3 AND first > ?4 ORDER BY first LIMIT 1",
        )?;
        Ok(statement.query_row(params![self.tenant, self.holder, self.attr, first], |row| row.get(0)).optional()?)
    }

    /// Writes a bundle down: in the place of the one that was read, or as one that begins before all others.
    fn keep(&self, first: Option<&str>, bundle: &Bundle) -> Inner<()> {
        let pieces = bundle.pieces();
        let Some((own, more)) = pieces.split_first() else {
            self.writing.run(
                "DELETE FROM bundle WHERE tenant = ?1 AND holder = ?2 AND attr = ?3 AND first = ?4",
                params![self.tenant, self.holder, self.attr, first],
            )?;
            return Ok(());
        };
        let insert = |first: &str, Piece { n, links, .. }: &Piece| {
            self.writing.run(
                "INSERT INTO bundle (tenant, holder, attr, first, holder_kind, n, links) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![self.tenant, self.holder, self.attr, first, self.holder_kind.as_str(), n, links],
            )
        };
        match first {
            Some(first) => self.writing.run(
                "UPDATE bundle SET n = ?5, links = ?6 WHERE tenant = ?1 AND holder = ?2 AND attr = ?3 AND first = ?4",
                params![self.tenant, self.holder, self.attr, first, own.n, own.links],
            )?,
            None => insert("", own)?,
        };
        more.iter().try_for_each(|piece| insert(&piece.first, piece).map(drop))
    }

    fn targets(&self) -> Inner<Vec<(Kind, String)>> {
        let mut statement = self.writing.db.prepare_cached(
            "SELECT links FROM bundle WHERE tenant = ?1 AND holder = ?2 AND attr = ?3 ORDER BY first",
        )?;
        let mut rows = statement.query(params![self.tenant, self.holder, self.attr])?;
        let mut targets = Vec::new();
        while let Some(row) = rows.next()? {
            let bundle = Bundle::read(row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?);
            targets.extend(bundle.targets().map(|(kind, id)| (kind, id.to_owned())));
        }
        Ok(targets)
    }
}

/// Gives all links to a resource its new label.
pub(crate) fn relabel(
    writing: &mut Writing<'_>,
    tenant: &str,
    (id, number): (&ResourceId, i64),
    label: &str,
) -> Inner<()> {
    for holder in holders(writing, tenant, number)? {
        let rows = holder.rows(writing, tenant);
        rows.each(&[id.as_str()], |target| target, |bundle, target| Ok(bundle.relabel(target, label)))?;
    }
    Ok(())
}

/// Who holds a resource, by which attribute.
pub(crate) struct Holder {
    pub key: Key,
    pub number: i64,
    pub attr: String,
    /// The attribute's number.
    shelf: i64,
}

impl Holder {
    fn rows<'a, 'w>(&'a self, writing: &'a mut Writing<'w>, tenant: &'a str) -> Rows<'a, 'w> {
        let Holder { key: Key { kind, id }, number, attr, shelf } = self;
        let (attr, holder) = (attr.clone(), id.as_str());
        Rows { writing, tenant, holder_kind: kind, holder, number: *number, attr, shelf: *shelf }
    }
}

/// Who holds the resource of this number, in order.
fn holders(writing: &Writing<'_>, tenant: &str, target: i64) -> Inner<Vec<Holder>> {
    let mut statement = writing.db.prepare_cached(
        "SELECT s.kind, h.id, h.seq, s.attr, s.number FROM shelf s
         CROSS JOIN link l ON l.shelf = s.number AND l.target = ?2 CROSS JOIN resource h ON h.seq = l.holder
         WHERE s.tenant = ?1 AND s.attr <> 'id' ORDER BY h.id, s.attr",
    )?;
    let rows = statement.query_map(params![tenant, target], |row| {
        let (kind, id) = (Kind::new(row.get_ref(0)?.as_str()?), ResourceId::new(row.get_ref(1)?.as_str()?));
        Ok(Holder { key: Key { kind, id }, number: row.get(2)?, attr: row.get(3)?, shelf: row.get(4)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes all links of a resource that goes and still stands, and all links to it; gives the holders that lost one.
pub(crate) fn release(writing: &mut Writing<'_>, tenant: &str, own: &Key, number: i64) -> Inner<Vec<Holder>> {
    let attrs: Vec<String> = {
        let mut statement =
            writing.db.prepare_cached("SELECT DISTINCT attr FROM bundle WHERE tenant = ?1 AND holder = ?2")?;
        let rows = statement.query_map(params![tenant, own.id.as_str()], |row| row.get(0))?;
        rows.collect::<Result<_, _>>()?
    };
    for attr in attrs {
        let shelf = writing.shelf(tenant, own.kind.as_str(), &attr, false)?;
        let mut rows = Rows { writing, tenant, holder_kind: &own.kind, holder: own.id.as_str(), number, attr, shelf };
        let targets = rows.targets()?;
        rows.delete_far(targets)?;
    }
    writing.run("DELETE FROM bundle WHERE tenant = ?1 AND holder = ?2", params![tenant, own.id.as_str()])?;
    let lost = holders(writing, tenant, number)?;
    for holder in &lost {
        holder.rows(writing, tenant).delete([own.id.as_str()].into_iter())?;
    }
    Ok(lost)
}

/// Ids as a table: `rarray(?)`.
pub(crate) fn array<'a>(ids: impl Iterator<Item = &'a str>) -> Rc<Vec<Value>> {
    Rc::new(ids.map(|id| Value::Text(id.to_owned())).collect())
}
