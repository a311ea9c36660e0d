//! Reading known resources, their links, and links from their far end.

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::query::{LinkSelect, Select};
use scim_core::schema::Kind;
use scim_core::store::link_list::PackedLinks;
use scim_core::store::{Key, Label, LinkList, Links, Record, ResourceId, Version};

use crate::bundle::inside;
use crate::connection::Reader;
use crate::error::Inner;
use crate::links::array;

/// Columns of a resource, in the order in which [`Stored::read`] reads them.
pub(crate) const COLUMNS: &str = "r.id, r.version, r.created, r.modified, r.linked, r.seq, r.document";

/// The same, without the document.
pub(crate) const BARE: &str = "r.id, r.version, r.created, r.modified, r.linked, r.seq";

/// Which of the columns is the document.
pub(crate) const DOCUMENT: usize = 6;

/// Columns for what is wanted.
pub(crate) fn columns(select: &Select) -> &'static str {
    if select.document { COLUMNS } else { BARE }
}

/// How many they are.
pub(crate) fn width(select: &Select) -> usize {
    if select.document { DOCUMENT + 1 } else { DOCUMENT }
}

/// A resource as its row has it: still without links.
pub(crate) struct Stored {
    pub record: Record,
    /// Its number.
    pub seq: i64,
    /// It holds links, or has held some: else there is nothing to look for.
    linked: bool,
}

impl Stored {
    /// From a row whose columns start with [`columns`].
    pub(crate) fn read(row: &Row<'_>, kind: &Kind, select: &Select) -> rusqlite::Result<Stored> {
        let document = if select.document {
            let text = row.get_ref(DOCUMENT)?.as_str()?;
            select.budget.spend(text.len()).map_err(|heavy| rusqlite::Error::UserFunctionError(heavy.into()))?;
            Document::from_stored(text)
        } else {
            Document::default()
        };
        Ok(Stored {
            record: Record {
                key: Key { kind: kind.clone(), id: ResourceId::new(row.get_ref(0)?.as_str()?) },
                version: Version::new(&row.get::<_, i64>(1)?.to_string()),
                created: Timestamp::from_millis(row.get(2)?),
                modified: Timestamp::from_millis(row.get(3)?),
                document,
                links: Vec::new(),
            },
            linked: row.get(4)?,
            seq: row.get(5)?,
        })
    }
}

/// Those of `ids` that exist. With `most`, None where some has more links than that.
pub(crate) fn records(
    reader: &mut Reader,
    tenant: &str,
    kind: &Kind,
    ids: &[ResourceId],
    select: &Select,
    most: Option<u32>,
) -> Inner<Option<Vec<Record>>> {
    let rows = known(reader, tenant, kind, ids, select)?;
    with_links(&reader.db, tenant, rows, select, most)
}

/// Those of `ids` that exist, without links.
pub(crate) fn known(
    reader: &mut Reader,
    tenant: &str,
    kind: &Kind,
    ids: &[ResourceId],
    select: &Select,
) -> Inner<Vec<Stored>> {
    reader.look(tenant, kind.as_str(), |db, shelf| {
        let rows = rows(db, (shelf, kind), ids, select)?;
        let all = rows.len() == ids.len();
        Ok((rows, all))
    })
}

/// The same of what stands on a shelf. The shelf is the number under which resources of the type stand, None where
/// there never were any.
pub(crate) fn rows(
    db: &Connection,
    (shelf, kind): (Option<i64>, &Kind),
    ids: &[ResourceId],
    select: &Select,
) -> Inner<Vec<Stored>> {
    if let [] | [_] = ids {
        return match ids.first() {
            Some(id) => Ok(one(db, (shelf, kind), id, select)?.into_iter().collect()),
            None => Ok(Vec::new()),
        };
    }
    let sql = format!(
        "SELECT {} FROM rarray(?2) ids CROSS JOIN resource r ON r.shelf = ?1 AND r.id = ids.value",
        columns(select)
    );
    let mut statement = db.prepare_cached(&sql)?;
    let ids = array(ids.iter().map(ResourceId::as_str));
    let rows = statement.query_map(params![shelf, ids], |row| Stored::read(row, kind, select))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn one(
    db: &Connection,
    (shelf, kind): (Option<i64>, &Kind),
    id: &ResourceId,
    select: &Select,
) -> Inner<Option<Stored>> {
    let sql = if select.document {
        "SELECT r.id, r.version, r.created, r.modified, r.linked, r.seq, r.document FROM resource r
         WHERE r.shelf = ?1 AND r.id = ?2"
    } else {
        "SELECT r.id, r.version, r.created, r.modified, r.linked, r.seq FROM resource r
         WHERE r.shelf = ?1 AND r.id = ?2"
    };
    let mut statement = db.prepare_cached(sql)?;
    Ok(statement.query_row(params![shelf, id.as_str()], |row| Stored::read(row, kind, select)).optional()?)
}

/// The numbers of resources.
pub(crate) fn numbers(rows: &[Stored]) -> Vec<i64> {
    rows.iter().map(|row| row.seq).collect()
}

/// The number of no resource.
const NOBODY: i64 = 0;

/// The numbers of the resources of these ids on a shelf: those of [`NOBODY`] where there are none any more.
pub(crate) fn numbers_of<'a>(
    db: &Connection,
    shelf: Option<i64>,
    ids: impl Iterator<Item = &'a ResourceId>,
) -> Inner<Vec<i64>> {
    let mut statement = db.prepare_cached("SELECT seq FROM resource WHERE shelf = ?1 AND id = ?2")?;
    let mut number = |id: &ResourceId| {
        let number = statement.query_row(params![shelf, id.as_str()], |row| row.get(0)).optional()?;
        Ok(number.unwrap_or(NOBODY))
    };
    ids.map(&mut number).collect()
}

/// The selected links of a resource.
pub(crate) fn links_of(db: &Connection, tenant: &str, holder: &Key, select: &Select) -> Inner<Vec<Links>> {
    let mut all = Vec::new();
    for select in select.links.iter().filter(|select| select.link.holder == holder.kind) {
        all.extend(Reading::new(db, tenant, select, None)?.of(&holder.id)?.flatten());
    }
    Ok(all)
}

/// The resources with the selected links. None where one attribute of one of them has more values than `most`.
pub(crate) fn with_links(
    db: &Connection,
    tenant: &str,
    mut rows: Vec<Stored>,
    select: &Select,
    most: Option<u32>,
) -> Inner<Option<Vec<Record>>> {
    let budget = &select.budget;
    for select in &select.links {
        // A list over several types selects the links of each.
        let mut holders =
            rows.iter_mut().filter(|row| row.linked && row.record.key.kind == select.link.holder).peekable();
        if holders.peek().is_none() {
            continue;
        }
        let mut reading = Reading::new(db, tenant, select, most)?;
        for Stored { record, .. } in holders {
            match reading.of(&record.key.id)? {
                Some(links) => {
                    budget.spend_links(links.as_slice())?;
                    record.links.extend(links);
                }
                None => return Ok(None),
            }
        }
    }
    Ok(Some(rows.into_iter().map(|row| row.record).collect()))
}

/// One link attribute of many resources: the statement is prepared and its constants are bound once.
struct Reading<'a> {
    statement: CachedStatement<'a>,
    select: &'a LinkSelect,
    /// Values that are wanted, and those that are read, at most.
    wanted: i64,
    limit: i64,
}

impl<'a> Reading<'a> {
    fn new(db: &'a Connection, tenant: &str, select: &'a LinkSelect, most: Option<u32>) -> Inner<Self> {
        // One more than wanted tells whether those were all.
        let wanted = select.at_most.map_or(i64::MAX, |most| i64::from(most) + 1);
        let limit = most.map_or(wanted, |most| wanted.min(i64::from(most) + 1));
        let mut statement = db.prepare_cached(
            "SELECT n, links FROM bundle WHERE tenant = ?1 AND holder = ?2 AND attr = ?3 ORDER BY first",
        )?;
        statement.raw_bind_parameter(1, tenant)?;
        statement.raw_bind_parameter(3, select.link.at.to_string())?;
        Ok(Reading { statement, select, wanted, limit })
    }

    /// The links of one resource, None inside where it has none; None where there are more than may be read.
    fn of(&mut self, holder: &ResourceId) -> Inner<Option<Option<Links>>> {
        self.statement.raw_bind_parameter(2, holder.as_str())?;
        let mut rows = self.statement.raw_query();
        let mut links = PackedLinks::default();
        while (links.len() as i64) < self.limit
            && let Some(row) = rows.next()?
        {
            let n = row.get::<_, i64>(0)?.try_into().unwrap_or_default();
            links.push(inside(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?), n);
        }
        if self.limit < self.wanted && links.len() as i64 >= self.limit {
            return Ok(None);
        }
        if links.is_empty() {
            return Ok(Some(None));
        }
        let mut links = LinkList::from(links);
        let whole = self.select.at_most.is_none_or(|most| links.len() <= most as usize);
        links.truncate(self.select.at_most.map_or(usize::MAX, |most| most as usize));
        Ok(Some(Some(Links { at: self.select.link.at.clone(), links, whole })))
    }
}

/// The label of a resource, where it has one.
pub(crate) fn label(value: ValueRef<'_>) -> rusqlite::Result<Option<Label>> {
    Ok(value.as_str_or_null()?.map(Label::from))
}
