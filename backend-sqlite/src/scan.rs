//! All resources that a filter accepts, as a stream: read in pieces, so that no state of the database is held for long.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream;
use scim_core::filter::BoundFilter;
use scim_core::query::Pace;
use scim_core::schema::{Kind, Place, ResourceType};
use scim_core::store::pushdown::Fit;
use scim_core::store::{BoxStream, Pushdown, Record, ResourceId, Result, Scan, Scope, TenantId};

use crate::SqliteStore;
use crate::binds::Binds;
use crate::compile::Compiler;
use crate::connection::Reader;
use crate::error::{Fault, Inner};
use crate::index::Catalogue;
use crate::links::array;
use crate::read::{self, Stored};

/// Resources looked at in one piece, at most.
const PIECE: usize = 1_000;

/// All of a filter can be taken but for reverse attributes, which the core closes over nested groups.
pub(crate) fn pushdown(_kind: &Kind, filter: &BoundFilter) -> Pushdown {
    Pushdown::split(filter, &|leaf| if leaf.at().place() == Place::Reverse { Fit::No } else { Fit::Exact })
}

/// Where a scan stands.
#[derive(Debug, Clone)]
enum Stand {
    /// At its beginning.
    Start,
    /// Behind this id.
    Behind(ResourceId),
    /// Before these, which an index gave.
    Before(Arc<VecDeque<ResourceId>>),
}

/// A scan, as reader threads see it.
#[derive(Clone)]
struct Scanning {
    tenant: TenantId,
    scan: Scan,
    types: Option<Arc<[Arc<ResourceType>]>>,
    catalogue: Arc<Catalogue>,
    pace: Pace,
}

impl SqliteStore {
    pub(crate) fn stream<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        let scanning = Scanning {
            tenant: scope.tenant.clone(),
            scan,
            types: self.types_of(&scope.tenant),
            catalogue: self.catalogue.clone(),
            pace: Pace::new(PIECE),
        };
        let start = (VecDeque::<Record>::new(), Some(Stand::Start), scanning);
        Box::pin(stream::unfold(start, move |(mut ready, mut stand, mut scanning)| async move {
            loop {
                if let Some(record) = ready.pop_front() {
                    return Some((Ok(record), (ready, stand, scanning)));
                }
                scanning.scan.select.budget = scanning.pace.budget();
                let (own, from) = (scanning.clone(), stand.take()?);
                let here = from.clone();
                match self.readers.apart("scan", Some(scope), move |reader| own.piece(reader, from)).await {
                    Ok((records, next)) => (ready, stand) = (records.into(), next),
                    Err(error) if scanning.pace.slower(&error) => stand = Some(here),
                    Err(error) => return Some((Err(error), (ready, None, scanning))),
                }
            }
        }))
    }
}

impl Scanning {
    /// The next piece, and where it ends; None at the end of all.
    fn piece(&self, reader: &mut Reader, stand: Stand) -> Inner<(Vec<Record>, Option<Stand>)> {
        let kind = &self.scan.kind;
        let extent = reader.extent(&self.catalogue, self.tenant.as_str(), kind.as_str())?.unwrap_or_default();
        let db = &reader.db;
        let mut binds = Binds::new(self.tenant.as_str());
        let (mark, shelf) = (binds.bind(kind.as_str().to_owned()), binds.bind(extent.indexes.own));
        let rt = self.types.as_ref().and_then(|types| types.iter().find(|rt| rt.kind == *kind));
        let compiler = Compiler { kind, kind_mark: &mark, shelf_mark: &shelf, rt: rt.map(AsRef::as_ref) };
        if let (Stand::Start, Some(filter)) = (&stand, &self.scan.filter)
            && let Some(drive) = compiler.drive(filter, &extent, &mut binds)
        {
            let mut ids = VecDeque::new();
            binds.each(db, &drive.given.as_ids(), |row| {
                ids.push_back(ResourceId::new(row.get_ref(0)?.as_str()?));
                Ok(())
            })?;
            return Ok((Vec::new(), Some(Stand::Before(Arc::new(ids)))));
        }
        let condition = match &self.scan.filter {
            None => "1".to_owned(),
            Some(filter) => compiler.condition(filter, &mut binds).ok_or_else(|| {
                Fault::Store(scim_core::store::StoreErrorKind::Unsupported("this part of the filter").into())
            })?,
        };
        let columns = read::columns(&self.scan.select);
        reader.slot.set(binds.parts.clone());
        let mut found = Vec::new();
        let mut keep = |row: &rusqlite::Row<'_>| {
            found.push(Stored::read(row, kind, &self.scan.select)?);
            Ok(())
        };
        let next = match stand {
            Stand::Start | Stand::Behind(_) => {
                let from = if let Stand::Behind(id) = &stand { id.as_str() } else { "" };
                let from = binds.bind(from.to_owned());
                // The last id of the piece, whether or not the filter accepts it.
                let mut last: Option<String> = None;
                let sql = format!(
                    "SELECT id FROM resource WHERE shelf = {shelf} AND id > {from} \
                     ORDER BY id LIMIT 1 OFFSET {}",
                    self.pace.count() - 1
                );
                binds.each(db, &sql, |row| {
                    last = row.get(0)?;
                    Ok(())
                })?;
                let upto = last.as_ref().map_or(String::new(), |id| format!("AND r.id <= {}", binds.bind(id.clone())));
                let sql = format!(
                    "SELECT {columns} FROM resource r INDEXED BY sqlite_autoindex_resource_1 \
                     WHERE r.shelf = {shelf} AND r.id > {from} {upto} AND {condition}"
                );
                binds.each(db, &sql, &mut keep)?;
                last.map(|id| Stand::Behind(ResourceId::new(&id)))
            }
            Stand::Before(ids) => {
                let mut ids = Arc::unwrap_or_clone(ids);
                let rest = ids.split_off(ids.len().min(self.pace.count()));
                let sql = format!(
                    "SELECT {columns} FROM rarray(?{}) ids CROSS JOIN resource r \
                     ON r.shelf = {shelf} AND r.id = ids.value WHERE {condition}",
                    binds.values.len() + 1
                );
                let mut statement = db.prepare_cached(&sql)?;
                binds.apply(&mut statement)?;
                let place = binds.values.len() + 1;
                statement.raw_bind_parameter(place, array(ids.iter().map(ResourceId::as_str)))?;
                let mut rows = statement.raw_query();
                while let Some(row) = rows.next()? {
                    keep(row)?;
                }
                (!rest.is_empty()).then(|| Stand::Before(Arc::new(rest)))
            }
        };
        reader.slot.set(Vec::new());
        let records = read::with_links(db, self.tenant.as_str(), found, &self.scan.select, None)?;
        Ok((records.unwrap_or_default(), next))
    }
}
