//! Links read from their far end: who holds these.

use std::borrow::Cow;
use std::sync::Arc;

use foldhash::HashMap;
use rusqlite::{Connection, OptionalExtension, Row, Rows};
use scim_core::schema::{Kind, LinkType, ReverseType};
use scim_core::store::{Key, Link, Record, ResourceId, reverse};

use crate::FEW_LINKS;
use crate::connection::Reader;
use crate::error::{Fault, Inner};
use crate::index;
use crate::order;
use crate::read::{self, label};
use crate::writing::Writing;

/// Targets from which on one pass over the index is tried: it beats looking each up where they lie side by side in it,
/// as those of a page do.
const MANY: usize = 8;

/// Links of others that one pass goes over for each target, at most: to go over one takes a twentieth of what it takes to
/// look a target up. Mostly they are of those who report to somebody on the page, and people have one manager each.
const STRANGERS: usize = 8;

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
    /// What shows a holder of this number is read once, however many it holds.
    links: HashMap<i64, Link>,
    /// The numbers of these holders, whose own holders are asked for next.
    numbers: HashMap<ResourceId, i64>,
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
            numbers: HashMap::default(),
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
    /// The holders of each of these, where all are remembered.
    fn known(&self, targets: &[ResourceId]) -> Option<Vec<Vec<Link>>> {
        targets.iter().map(|target| self.above.get(target).cloned()).collect()
    }

    /// The numbers of these targets.
    fn numbers_of(&self, db: &Connection, of: &Kind, targets: &[ResourceId]) -> Inner<Vec<i64>> {
        let known = targets.iter().map(|target| self.numbers.get(target).copied());
        match known.collect::<Option<_>>().filter(|_| *of == self.holder) {
            Some(numbers) => Ok(numbers),
            None => read::numbers_of(db, index::own_shelf(db, &self.tenant, of.as_str())?, targets.iter()),
        }
    }

    fn learn(&mut self, targets: &[ResourceId], held: &[Vec<Link>]) {
        for (target, links) in targets.iter().zip(held) {
            self.above.insert(target.clone(), links.clone());
            self.kept += 1 + links.len();
        }
    }
}

/// Fills reverse attributes into records of one type, which come with their numbers. An error leaves the records as they
/// were.
pub(crate) fn fill(
    reader: &mut Reader,
    tenant: &str,
    (records, numbers): (&mut [Record], &[i64]),
    reverse: &[Arc<ReverseType>],
) -> Inner<()> {
    let before: Vec<usize> = records.iter().map(|record| record.links.len()).collect();
    let filled = reverse.iter().try_for_each(|one| {
        let mut known = Some(numbers);
        reverse::fill_now(records, one, |of, targets| {
            let targets = Targets { of, ids: targets, numbers: known.take() };
            find(&reader.db, &mut reader.holders, tenant, &targets, &one.via, usize::MAX)
        })
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

/// Fills reverse attributes into one record, which comes with its number, as a transaction under way sees them. False, and
/// the record is as it was, where it has more values than the writer should wait for.
pub(crate) fn fill_few(
    writing: &mut Writing<'_>,
    tenant: &str,
    (record, number): (&mut Record, i64),
    reverse: &[Arc<ReverseType>],
) -> Inner<bool> {
    let (before, mut left) = (record.links.len(), FEW_LINKS as usize);
    let numbers = [number];
    let filled = reverse.iter().try_for_each(|one| {
        let mut known = Some(numbers.as_slice());
        reverse::fill_now(std::slice::from_mut(record), one, |of, targets| {
            let targets = Targets { of, ids: targets, numbers: known.take() };
            let found = find(writing.db, &mut writing.holders, tenant, &targets, &one.via, left);
            let found = found.map_err(Stop::Fault)?;
            left = left.checked_sub(found.iter().map(Vec::len).sum()).ok_or(Stop::Many)?;
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
    let asked = Targets { of, ids: targets, numbers: None };
    let held = find(&reader.db, &mut reader.holders, tenant, &asked, via, usize::MAX)?;
    let pairs = targets.iter().zip(held).flat_map(|(id, links)| links.into_iter().map(|link| (id.clone(), link)));
    Ok(pairs.collect())
}

/// Resources of one type whose holders are wanted.
struct Targets<'a> {
    of: &'a Kind,
    ids: &'a [ResourceId],
    /// Their numbers, where they are known.
    numbers: Option<&'a [i64]>,
}

/// Who holds each of these targets; no more than one beyond so many.
fn find(
    db: &Connection,
    remembered: &mut Remembered,
    tenant: &str,
    &Targets { of, ids, numbers }: &Targets<'_>,
    via: &LinkType,
    most: usize,
) -> Inner<Vec<Vec<Link>>> {
    let (holder, attr) = (&via.holder, via.at.to_string());
    let mut relation = remembered.take(db, tenant, holder, &attr)?;
    // Those that are no holders are too many to be remembered.
    let nested = of == holder;
    if let Some(held) = nested.then(|| relation.known(ids)).flatten() {
        remembered.keep(relation);
        return Ok(held);
    }
    let (mut held, mut whole) = (vec![Vec::new(); ids.len()], true);
    if let Some(shelf) = relation.shelf {
        let numbers = match numbers {
            Some(numbers) => Cow::Borrowed(numbers),
            None => Cow::Owned(relation.numbers_of(db, of, ids)?),
        };
        let Relation { links, numbers: known, .. } = &mut relation;
        let mut found = Found { db, holder, shelf, links, numbers: known, held, left: Some(most) };
        if !lie_close(&numbers) || !found.in_one_pass(&numbers)? {
            found.start_again(most);
            found.one_by_one(&numbers)?;
        }
        whole = found.left.is_some();
        held = found.held;
    }
    if nested && whole {
        relation.learn(ids, &held);
    }
    remembered.keep(relation);
    Ok(held)
}

/// Do these lie side by side, as resources of a page mostly do?
fn lie_close(numbers: &[i64]) -> bool {
    let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return false };
    let most = i64::try_from(numbers.len()).unwrap_or(i64::MAX).saturating_mul(2 * order::GAP);
    numbers.len() >= MANY && last.saturating_sub(*first) <= most && numbers.is_sorted()
}

struct Found<'a> {
    db: &'a Connection,
    holder: &'a Kind,
    shelf: i64,
    links: &'a mut HashMap<i64, Link>,
    numbers: &'a mut HashMap<ResourceId, i64>,
    /// The holders of each target.
    held: Vec<Vec<Link>>,
    /// So many more may be found; None once there was one too many, and then no more are looked for.
    left: Option<usize>,
}

impl Found<'_> {
    fn start_again(&mut self, most: usize) {
        self.held.iter_mut().for_each(Vec::clear);
        self.left = Some(most);
    }

    /// From the first target to the last, over whatever lies between. False where that is too much.
    fn in_one_pass(&mut self, numbers: &[i64]) -> Inner<bool> {
        let (Some(first), Some(last)) = (numbers.first(), numbers.last()) else { return Ok(true) };
        let mut statement = self.db.prepare_cached(
            "SELECT target, holder, shelf FROM link WHERE target BETWEEN ?1 AND ?2 ORDER BY target, shelf, holder",
        )?;
        let mut rows = statement.query([*first, *last])?;
        let mut ahead = numbers.iter().enumerate().peekable();
        let mut strangers = 0;
        while self.left.is_some()
            && let Some(row) = rows.next()?
        {
            let target = integer(row, 0)?;
            while ahead.next_if(|(_, next)| **next < target).is_some() {}
            // Links of other attributes lie between.
            let own = integer(row, 2)? == self.shelf;
            match ahead.peek().filter(|(_, next)| own && **next == target) {
                Some((place, _)) => self.keep(*place, integer(row, 1)?)?,
                None => strangers += 1,
            }
            if strangers > STRANGERS * numbers.len() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn one_by_one(&mut self, numbers: &[i64]) -> Inner<()> {
        let mut statement = self.db.prepare_cached("SELECT holder FROM link WHERE shelf = ?1 AND target = ?2")?;
        statement.raw_bind_parameter(1, self.shelf)?;
        for (place, number) in numbers.iter().enumerate() {
            statement.raw_bind_parameter(2, number)?;
            let mut rows: Rows<'_> = statement.raw_query();
            while self.left.is_some()
                && let Some(row) = rows.next()?
            {
                self.keep(place, integer(row, 0)?)?;
            }
        }
        Ok(())
    }

    /// The target at this place has a holder of this number.
    fn keep(&mut self, place: usize, holder: i64) -> Inner<()> {
        let link = match self.links.get(&holder) {
            Some(link) => link.clone(),
            None => {
                let Some(link) = self.read(holder)? else { return Ok(()) };
                self.links.insert(holder, link.clone());
                self.numbers.insert(link.target.id.clone(), holder);
                link
            }
        };
        if let Some(held) = self.held.get_mut(place) {
            held.push(link);
            self.left = self.left.and_then(|left| left.checked_sub(1));
        }
        Ok(())
    }

    fn read(&self, number: i64) -> Inner<Option<Link>> {
        let read = |row: &Row<'_>| {
            let target = Key { kind: self.holder.clone(), id: ResourceId::new(row.get_ref(0)?.as_str()?) };
            Ok(Link { target, display: label(row.get_ref(1)?)?, indirect: false })
        };
        let mut statement = self.db.prepare_cached("SELECT id, label FROM resource WHERE seq = ?1")?;
        Ok(statement.query_row([number], read).optional()?)
    }
}

/// A number in a column that holds nothing else.
fn integer(row: &Row<'_>, column: usize) -> rusqlite::Result<i64> {
    Ok(row.get_ref(column)?.as_i64()?)
}
