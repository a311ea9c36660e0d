//! Links read from their far end: who holds these.

use std::sync::Arc;

use foldhash::HashMap;
use rusqlite::{Connection, OptionalExtension, Rows, params};
use scim_core::schema::Kind;
use scim_core::store::{Key, Link, ResourceId};

use crate::error::Inner;

/// Targets from which on one pass over the index is tried: it beats looking each up where they lie side by side in it,
/// as those of a page do.
const MANY: usize = 8;

/// The holders of these targets of one kind: (target, its holder).
pub(crate) fn holders(
    db: &Connection,
    tenant: &str,
    of: &Kind,
    targets: &[ResourceId],
    holder: &Kind,
    attr: &str,
) -> Inner<Vec<(ResourceId, Link)>> {
    let mut found = Found { db, tenant, holder, links: HashMap::default(), pairs: Vec::new() };
    if targets.len() < MANY || !targets.is_sorted() || !found.in_one_pass(of, targets, attr)? {
        found.pairs.clear();
        found.one_by_one(of, targets, attr)?;
    }
    Ok(found.pairs)
}

struct Found<'a> {
    db: &'a Connection,
    tenant: &'a str,
    holder: &'a Kind,
    /// What shows a holder is read once, however many it holds. None: it is gone, and not shown.
    links: HashMap<String, Option<Link>>,
    pairs: Vec<(ResourceId, Link)>,
}

impl Found<'_> {
    /// From the first target to the last, over whatever lies between. False where that is too much.
    fn in_one_pass(&mut self, of: &Kind, targets: &[ResourceId], attr: &str) -> Inner<bool> {
        let (Some(first), Some(last)) = (targets.first(), targets.last()) else { return Ok(true) };
        let mut statement = self.db.prepare_cached(
            "SELECT holder, target FROM link INDEXED BY link_target
             WHERE tenant = ?1 AND target BETWEEN ?2 AND ?3 AND +attr = ?4 AND +holder_kind = ?5 AND +target_kind = ?6
             ORDER BY target",
        )?;
        let mut rows = statement.query(params![
            self.tenant,
            first.as_str(),
            last.as_str(),
            attr,
            self.holder.as_str(),
            of.as_str()
        ])?;
        let mut ahead = targets.iter().peekable();
        let mut strangers = 0;
        while let Some(row) = rows.next()? {
            let target = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            while ahead.next_if(|next| next.as_str() < target).is_some() {}
            match ahead.peek().copied().filter(|next| next.as_str() == target) {
                Some(target) => self.keep(target, row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?,
                None => strangers += 1,
            }
            if strangers > targets.len() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn one_by_one(&mut self, of: &Kind, targets: &[ResourceId], attr: &str) -> Inner<()> {
        // The index holds all that is asked of it.
        let mut statement = self.db.prepare_cached(
            "SELECT holder FROM link INDEXED BY link_target
             WHERE tenant = ?1 AND target = ?2 AND attr = ?3 AND holder_kind = ?4 AND target_kind = ?5",
        )?;
        statement.raw_bind_parameter(1, self.tenant)?;
        statement.raw_bind_parameter(3, attr)?;
        statement.raw_bind_parameter(4, self.holder.as_str())?;
        statement.raw_bind_parameter(5, of.as_str())?;
        for target in targets {
            statement.raw_bind_parameter(2, target.as_str())?;
            let mut rows: Rows<'_> = statement.raw_query();
            while let Some(row) = rows.next()? {
                self.keep(target, row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, target: &ResourceId, holder: &str) -> Inner<()> {
        let known = match self.links.get(holder) {
            Some(known) => known,
            None => {
                let link = self.read(holder)?;
                self.links.entry(holder.to_owned()).or_insert(link)
            }
        };
        self.pairs.extend(known.clone().map(|link| (target.clone(), link)));
        Ok(())
    }

    fn read(&self, id: &str) -> Inner<Option<Link>> {
        let display: Option<Option<Arc<str>>> = self
            .db
            .prepare_cached("SELECT label FROM resource WHERE tenant = ?1 AND kind = ?2 AND id = ?3")?
            .query_row([self.tenant, self.holder.as_str(), id], |row| row.get(0))
            .optional()?;
        let target = Key { kind: self.holder.clone(), id: ResourceId::new(id) };
        Ok(display.map(|display| Link { target, display, indirect: false }))
    }
}
