//! Links read from their far end: who holds these.

use std::sync::Arc;

use foldhash::HashMap;
use rusqlite::{Connection, OptionalExtension, Rows, params};
use scim_core::schema::{Kind, LinkType, ReverseType};
use scim_core::store::{Key, Label, Link, Record, ResourceId, reverse};

use crate::FEW_LINKS;
use crate::connection::Reader;
use crate::error::{Fault, Inner};
use crate::read::label;
use crate::writing::Writing;

/// Targets from which on one pass over the index is tried: it beats looking each up where they lie side by side in it,
/// as those of a page do.
const MANY: usize = 8;

/// Link attributes whose holders are remembered.
const RELATIONS: usize = 16;

/// Holders, and holders of holders, that are remembered of each.
const HOLDERS: usize = 1_000;

/// What a connection remembers of holders, as long as the database does not change: nearly every user who is read is in
/// one of the same few groups.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Vec<Relation>);

/// One link attribute of one type in one tenant.
#[derive(Debug)]
struct Relation {
    tenant: String,
    holder: Kind,
    attr: String,
    /// The number under which its links stand; None where there were none yet.
    shelf: Option<i64>,
    /// What shows a holder is read once, however many it holds. None: it is gone, and not shown.
    links: HashMap<String, Option<Link>>,
    /// Who holds a resource that may be a holder itself.
    above: HashMap<ResourceId, Vec<Link>>,
    /// How many those are.
    kept: usize,
}

impl Remembered {
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// What is remembered of an attribute, to be given back by [`Remembered::keep`].
    fn take(&mut self, db: &Connection, tenant: &str, holder: &Kind, attr: &str) -> Inner<Relation> {
        let same = |one: &Relation| one.tenant == tenant && one.holder == *holder && one.attr == attr;
        if let Some(place) = self.0.iter().position(same) {
            return Ok(self.0.swap_remove(place));
        }
        let shelf = db
            .prepare_cached("SELECT number FROM shelf WHERE tenant = ?1 AND kind = ?2 AND attr = ?3")?
            .query_row([tenant, holder.as_str(), attr], |row| row.get(0))
            .optional()?;
        Ok(Relation {
            tenant: tenant.to_owned(),
            holder: holder.clone(),
            attr: attr.to_owned(),
            shelf,
            links: HashMap::default(),
            above: HashMap::default(),
            kept: 0,
        })
    }

    fn keep(&mut self, relation: Relation) {
        if self.0.len() >= RELATIONS {
            self.0.clear();
        }
        if relation.links.len() <= HOLDERS && relation.kept <= HOLDERS {
            self.0.push(relation);
        }
    }
}

impl Relation {
    /// The holders of these, where all are remembered.
    fn known(&self, targets: &[ResourceId]) -> Option<Vec<(ResourceId, Link)>> {
        let mut pairs = Vec::new();
        for target in targets {
            pairs.extend(self.above.get(target)?.iter().map(|link| (target.clone(), link.clone())));
        }
        Some(pairs)
    }

    fn learn(&mut self, targets: &[ResourceId], pairs: &[(ResourceId, Link)]) {
        for target in targets {
            self.above.insert(target.clone(), Vec::new());
        }
        for (target, link) in pairs {
            self.above.entry(target.clone()).or_default().push(link.clone());
        }
        self.kept += targets.len() + pairs.len();
    }
}

/// Fills reverse attributes into records of one type. An error leaves the records as they were.
pub(crate) fn fill(
    reader: &mut Reader,
    tenant: &str,
    records: &mut [Record],
    reverse: &[Arc<ReverseType>],
) -> Inner<()> {
    let before: Vec<usize> = records.iter().map(|record| record.links.len()).collect();
    let filled = reverse.iter().try_for_each(|one| {
        reverse::fill_now(records, one, |of, targets| holders(reader, tenant, of, targets, &one.via))
    });
    if filled.is_err() {
        records.iter_mut().zip(before).for_each(|(record, links)| record.links.truncate(links));
    }
    filled
}

/// Why [`fill_few`] stopped.
enum Stop {
    Many,
    Fault(Fault),
}

/// Fills reverse attributes into one record, as a transaction under way sees them. False, and the record is as it was,
/// where it has more values than the writer should wait for.
pub(crate) fn fill_few(
    writing: &mut Writing<'_>,
    tenant: &str,
    record: &mut Record,
    reverse: &[Arc<ReverseType>],
) -> Inner<bool> {
    let (before, mut left) = (record.links.len(), FEW_LINKS as usize);
    let filled = reverse.iter().try_for_each(|one| {
        reverse::fill_now(std::slice::from_mut(record), one, |of, targets| {
            let found = find(writing.db, &mut writing.holders, tenant, (of, targets), &one.via, left);
            let found = found.map_err(Stop::Fault)?;
            left = left.checked_sub(found.len()).ok_or(Stop::Many)?;
            Ok(found)
        })
    });
    match filled {
        Ok(()) => Ok(true),
        Err(Stop::Many) => {
            record.links.truncate(before);
            Ok(false)
        }
        Err(Stop::Fault(fault)) => Err(fault),
    }
}

/// The holders of these targets of one kind: (target, its holder).
pub(crate) fn holders(
    reader: &mut Reader,
    tenant: &str,
    of: &Kind,
    targets: &[ResourceId],
    via: &LinkType,
) -> Inner<Vec<(ResourceId, Link)>> {
    find(&reader.db, &mut reader.holders, tenant, (of, targets), via, usize::MAX)
}

/// The same; no more than one beyond so many.
fn find(
    db: &Connection,
    remembered: &mut Remembered,
    tenant: &str,
    (of, targets): (&Kind, &[ResourceId]),
    via: &LinkType,
    most: usize,
) -> Inner<Vec<(ResourceId, Link)>> {
    let (holder, attr) = (&via.holder, via.at.to_string());
    let mut relation = remembered.take(db, tenant, holder, &attr)?;
    // Those that are no holders are too many to be remembered.
    let nested = of == holder;
    if let Some(pairs) = nested.then(|| relation.known(targets)).flatten() {
        remembered.keep(relation);
        return Ok(pairs);
    }
    // Mostly each is held once or twice, if at all.
    let mut pairs = Vec::with_capacity(targets.len().min(most) * 2);
    if let Some(shelf) = relation.shelf {
        let mut found = Found { db, tenant, holder, shelf, links: &mut relation.links, pairs, most };
        if targets.len() < MANY || !targets.is_sorted() || !found.in_one_pass(of, targets)? {
            found.pairs.clear();
            found.one_by_one(of, targets)?;
        }
        pairs = found.pairs;
    }
    if nested && pairs.len() <= most {
        relation.learn(targets, &pairs);
    }
    remembered.keep(relation);
    Ok(pairs)
}

struct Found<'a> {
    db: &'a Connection,
    tenant: &'a str,
    holder: &'a Kind,
    shelf: i64,
    links: &'a mut HashMap<String, Option<Link>>,
    pairs: Vec<(ResourceId, Link)>,
    /// Once there are more than so many, no more are looked for.
    most: usize,
}

impl Found<'_> {
    /// From the first target to the last, over whatever lies between. False where that is too much.
    fn in_one_pass(&mut self, of: &Kind, targets: &[ResourceId]) -> Inner<bool> {
        let (Some(first), Some(last)) = (targets.first(), targets.last()) else { return Ok(true) };
        let mut statement = self.db.prepare_cached(
            "SELECT holder, target FROM link
             WHERE shelf = ?1 AND target BETWEEN ?2 AND ?3 AND target_kind = ?4 ORDER BY target",
        )?;
        let mut rows = statement.query(params![self.shelf, first.as_str(), last.as_str(), of.as_str()])?;
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
            if self.pairs.len() > self.most {
                break;
            }
        }
        Ok(true)
    }

    fn one_by_one(&mut self, of: &Kind, targets: &[ResourceId]) -> Inner<()> {
        let mut statement =
            self.db.prepare_cached("SELECT holder FROM link WHERE shelf = ?1 AND target = ?2 AND target_kind = ?3")?;
        statement.raw_bind_parameter(1, self.shelf)?;
        statement.raw_bind_parameter(3, of.as_str())?;
        for target in targets {
            statement.raw_bind_parameter(2, target.as_str())?;
            let mut rows: Rows<'_> = statement.raw_query();
            while let Some(row) = rows.next()? {
                self.keep(target, row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?)?;
                if self.pairs.len() > self.most {
                    return Ok(());
                }
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
        let display: Option<Option<Label>> = self
            .db
            .prepare_cached("SELECT label FROM resource WHERE tenant = ?1 AND kind = ?2 AND id = ?3")?
            .query_row([self.tenant, self.holder.as_str(), id], |row| label(row.get_ref(0)?))
            .optional()?;
        let target = Key { kind: self.holder.clone(), id: ResourceId::new(id) };
        Ok(display.map(|display| Link { target, display, indirect: false }))
    }
}
