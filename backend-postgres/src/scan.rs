//! All resources that a filter accepts, as a stream: read in pieces, so that no connection is held while nobody reads.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::stream;
use scim_core::filter::BoundFilter;
use scim_core::query::{Pace, Select};
use scim_core::schema::{Kind, Place, ResourceType};
use scim_core::store::pushdown::Fit;
use scim_core::store::{BoxStream, Pushdown, Record, ResourceId, Result, Scan, Scope, StoreErrorKind, TenantId};

use crate::binds::Binds;
use crate::compile::Compiler;
use crate::connection::Link;
use crate::error::Inner;
use crate::pool::reading;
use crate::query::truths;
use crate::read::{self, Joined};
use crate::{PostgresStore, Shared};

/// Resources looked at in one piece.
const PIECE: usize = 1_000;

/// All of a filter can be taken but for reverse attributes, which the core closes over nested groups.
pub(crate) fn pushdown(_kind: &Kind, filter: &BoundFilter) -> Pushdown {
    Pushdown::split(filter, &|leaf| if leaf.at().place() == Place::Reverse { Fit::No } else { Fit::Exact })
}

/// Where a scan stands.
#[derive(Debug)]
enum Stand {
    /// At its beginning.
    Start,
    /// Behind this id.
    Behind(ResourceId),
    /// Before these, which an index gave.
    Before(VecDeque<ResourceId>),
}

/// A scan, as it runs apart.
#[derive(Clone)]
struct Scanning {
    shared: Arc<Shared>,
    tenant: TenantId,
    scan: Scan,
    types: Option<Arc<[Arc<ResourceType>]>>,
    pace: Pace,
}

impl PostgresStore {
    pub(crate) fn stream<'a>(&'a self, scope: &'a Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
        let scanning = Scanning {
            shared: self.shared.clone(),
            tenant: scope.tenant.clone(),
            scan,
            types: self.shared.types_of(&scope.tenant),
            pace: Pace::new(PIECE),
        };
        let start = (VecDeque::<Record>::new(), Some(Arc::new(Stand::Start)), scanning);
        Box::pin(stream::unfold(start, move |(mut ready, mut stand, mut scanning)| async move {
            loop {
                if let Some(record) = ready.pop_front() {
                    return Some((Ok(record), (ready, stand, scanning)));
                }
                scanning.scan.select.budget = scanning.pace.budget();
                let (own, here) = (scanning.clone(), stand.take()?);
                let from = here.clone();
                let piece =
                    async move { reading!(own.shared.lender, Some(&own.tenant), link => own.piece(link, &from).await) };
                match self.pool.run("scan", scope.deadline, piece).await {
                    Ok((records, next)) => (ready, stand) = (records.into(), next.map(Arc::new)),
                    Err(error) if scanning.pace.slower(&error) => stand = Some(here),
                    Err(error) => return Some((Err(error), (ready, None, scanning))),
                }
            }
        }))
    }
}

impl Scanning {
    /// The next piece, and where it ends; None at the end of all.
    async fn piece(&self, link: &Link, stand: &Stand) -> Inner<(Vec<Record>, Option<Stand>)> {
        let (tenant, kind) = (self.tenant.as_str(), &self.scan.kind);
        let mut binds = Binds::new(tenant, kind.as_str());
        let rt = self.types.as_ref().and_then(|types| types.iter().find(|rt| rt.kind == *kind));
        let compiler = Compiler { kind, rt: rt.map(AsRef::as_ref) };
        if let (Stand::Start, Some(filter)) = (stand, &self.scan.filter) {
            let indexes = self.shared.catalogue.fresh(link, tenant, kind.as_str()).await?;
            let mut own = binds.clone();
            if let Some(drive) = compiler.drive(filter, &indexes, &mut own) {
                let ids = link.weighed(own.sql(drive.ids), |line| line.text(0, ResourceId::new)).await?;
                return Ok((Vec::new(), Some(Stand::Before(ids.into()))));
            }
        }
        let compiled = match &self.scan.filter {
            None => None,
            Some(filter) => Some(
                compiler.compile(filter, &mut binds).ok_or(StoreErrorKind::Unsupported("this part of the filter"))?,
            ),
        };
        let mut seen = self.scan.select.clone();
        let (mut conditions, mut columns, mut count) = (String::new(), String::new(), 0);
        if let Some(compiled) = &compiled {
            seen = with(seen, &compiled.select);
            conditions = compiled.conditions.iter().map(|condition| format!(" AND {condition}")).collect();
            columns = compiled.columns.iter().map(|column| format!(", {column}")).collect();
            count = compiled.columns.len();
        }
        // Rows that the conditions leave out still move the scan on.
        let (place, next) = match stand {
            Stand::Start | Stand::Behind(_) => {
                let from = if let Stand::Behind(id) = stand { id.as_str() } else { "" };
                let last = binds.clone();
                let mut last = last;
                let from = from.to_owned();
                let sql = format!(
                    "SELECT id FROM resource WHERE tenant = $1 AND kind = $2 AND id > {} ORDER BY id LIMIT 1 OFFSET {}",
                    last.bind(from.clone()),
                    self.pace.count() - 1
                );
                let last = link.first(last.sql(sql)).await?.map(|line| line.text(0, ResourceId::new)).transpose()?;
                let mut place = format!(" AND r.id > {}", binds.bind(from));
                if let Some(last) = &last {
                    place.push_str(&format!(" AND r.id <= {}", binds.bind(last.as_str().to_owned())));
                }
                (place, last.map(Stand::Behind))
            }
            Stand::Before(ids) => {
                let piece: Vec<String> = ids.iter().take(self.pace.count()).map(|id| id.as_str().to_owned()).collect();
                let rest: VecDeque<ResourceId> = ids.iter().skip(self.pace.count()).cloned().collect();
                let place = format!(" AND r.id = ANY({})", binds.bind(piece));
                (place, (!rest.is_empty()).then_some(Stand::Before(rest)))
            }
        };
        let joined = Joined::new(&seen, kind, binds.next());
        let text = format!(
            "SELECT {}{columns}{} FROM resource r WHERE r.tenant = $1 AND r.kind = $2{place}{conditions}",
            read::columns(&seen),
            joined.columns
        );
        let width = read::width(&seen);
        let rest = compiled.as_ref().and_then(|compiled| compiled.rest.as_ref());
        let records = link
            .weighed(joined.bind(binds.sql(text)), |line| {
                let mut record = read::record(&line, kind, &seen)?;
                joined.fill(&line, width + count, &mut record)?;
                seen.budget.spend_links(&record.links)?;
                let truths = truths(&line, width, count)?;
                Ok(rest.is_none_or(|rest| rest.holds(&record, &truths)).then_some(record))
            })
            .await?;
        Ok((records.into_iter().flatten().collect(), next))
    }
}

/// Both: more than was asked for may be returned.
fn with(mut select: Select, other: &Select) -> Select {
    select.document |= other.document;
    for wanted in &other.links {
        match select.links.iter_mut().find(|known| known.link == wanted.link) {
            Some(known) => known.at_most = None,
            None => select.links.push(wanted.clone()),
        }
    }
    select
}
