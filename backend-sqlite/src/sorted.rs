//! Lists that an index gives in their own order: by id, by a value that every resource has, by the time of the last
//! change.

use rusqlite::{Connection, Row, params};
use scim_core::query::{Order, SortKey, Window};
use scim_core::schema::Place;
use scim_core::store::index::{Rule, Via};

use crate::error::Inner;
use crate::query::Plan;

/// What a list is in order of.
pub(crate) enum Sorted {
    /// Ids: of all resources, or of those an index names.
    Id,
    /// The tokens of an attribute, in this table.
    Token { table: &'static str, attr: String, order: Order },
    /// The time of the last change.
    Modified(Order),
}

/// Where the keys of a list are read in order: a query for `token`, `holder` and what ties them to a resource.
struct Keys {
    rows: String,
    condition: String,
    tie: Tie,
}

/// What a row of keys says of its resource.
enum Tie {
    /// Its id alone.
    Id,
    /// Its number `seq` too: the index is one of the resources themselves.
    Number,
}

impl Sorted {
    /// How an index gives this list in order; None where none does.
    pub(crate) fn of(db: &Connection, plan: &Plan<'_>, order: Option<Order>) -> Inner<Option<Sorted>> {
        let (Some(order), Some(at)) = (order, &plan.source.sort) else {
            return Ok(plan.by_id().is_ok().then_some(Sorted::Id));
        };
        if plan.source.filter.is_some() {
            return Ok(None);
        }
        if at.place() == Place::Meta {
            return Ok((at.leaf().name == "lastModified").then_some(Sorted::Modified(order)));
        }
        let attr = at.to_string();
        let Some(indexed) = plan.extent.indexes.built(&attr).filter(|indexed| indexed.single) else { return Ok(None) };
        let table = match indexed.via {
            Via::Term => "term",
            Via::Claim => "claim",
            Via::Global => return Ok(None),
        };
        if !matches!(indexed.shape.rule, Rule::Text(_)) {
            return Ok(None);
        }
        // Only where every resource has a value, and none so long that its sort key is cut.
        let (tenant, kind) = (plan.binds.values.first(), plan.source.kind.as_str());
        let usable: bool = db
            .prepare_cached(&format!(
                "SELECT n = ?4 AND NOT EXISTS (SELECT 1 FROM {table} INDEXED BY {table}_long
                   WHERE tenant = ?1 AND kind = ?2 AND attr = ?3 AND length(token) > 256)
                 FROM indexed WHERE tenant = ?1 AND kind = ?2 AND attr = ?3"
            ))?
            .query_row(params![tenant, kind, attr, plan.extent.n], |row| row.get(0))?;
        Ok(usable.then_some(Sorted::Token { table, attr, order }))
    }

    /// The statement for a window: the columns of records, then the sort key. One row more than the window holds, in no
    /// order. None where the position is none in this order.
    pub(crate) fn statement(&self, plan: &mut Plan<'_>, window: &Window, columns: &str) -> Option<String> {
        let kind = plan.kind.clone();
        let Keys { rows, condition, tie } = self.keys(plan)?;
        let bounds = self.bounds(plan, window)?;
        let down = match self {
            Sorted::Id => None,
            Sorted::Token { order, .. } | Sorted::Modified(order) => Some(*order == Order::Descending),
        };
        let total = u64::try_from(plan.extent.n).unwrap_or_default();
        let (limit, skip, from_end) = match window {
            // Far behind, the way from the end is the shorter one. Only of all resources is it known how long it is.
            Window::Offset { skip, count } if *skip > total / 2 && plan.source.filter.is_none() => {
                let limit = (u64::from(*count) + 1).min(total.saturating_sub(*skip));
                (limit, total.saturating_sub(*skip).saturating_sub(limit), true)
            }
            Window::Offset { skip, count } => (u64::from(*count) + 1, *skip, false),
            Window::After { count, .. } => (u64::from(*count) + 1, 0, false),
            Window::Before { count, .. } => (u64::from(*count) + 1, 0, true),
        };
        let direction = |down: bool| if down { "DESC" } else { "ASC" };
        let by_key = down.map_or(String::new(), |down| format!("token {}, ", direction(down != from_end)));
        let limit = plan.binds.bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let offset = match skip {
            0 => String::new(),
            skip => format!(" OFFSET {}", plan.binds.bind(i64::try_from(skip).unwrap_or(i64::MAX))),
        };
        let resource = match tie {
            Tie::Number => "r.seq = w.seq".to_owned(),
            Tie::Id => format!("r.tenant = ?1 AND r.kind = {kind} AND r.id = w.holder"),
        };
        // The inner query touches nothing but an index, also where many rows are skipped.
        Some(format!(
            "SELECT {columns}, w.token FROM ({rows} WHERE {condition}{bounds} \
             ORDER BY {by_key}holder {} LIMIT {limit}{offset}) w CROSS JOIN resource r ON {resource}",
            direction(from_end),
        ))
    }

    /// Where the keys are read; None where no index gives them in this order.
    fn keys(&self, plan: &mut Plan<'_>) -> Option<Keys> {
        let kind = plan.kind.clone();
        Some(match self {
            Sorted::Id => match plan.by_id().ok()? {
                Some(drive) => Keys {
                    rows: format!("SELECT NULL AS token, id AS holder FROM ({})", drive.ids),
                    condition: "1".to_owned(),
                    tie: Tie::Id,
                },
                None => Keys {
                    rows: "SELECT NULL AS token, k.id AS holder, k.seq FROM resource k INDEXED BY sqlite_autoindex_resource_1"
                        .to_owned(),
                    condition: format!("k.tenant = ?1 AND k.kind = {kind}"),
                    tie: Tie::Number,
                },
            },
            Sorted::Token { table, attr, .. } => Keys {
                rows: format!("SELECT token, holder FROM {table}"),
                condition: format!("tenant = ?1 AND kind = {kind} AND attr = {}", plan.binds.bind(attr.clone())),
                tie: Tie::Id,
            },
            Sorted::Modified(_) => Keys {
                rows: "SELECT modified AS token, id AS holder, seq FROM resource INDEXED BY resource_modified".to_owned(),
                condition: format!("tenant = ?1 AND kind = {kind}"),
                tie: Tie::Number,
            },
        })
    }

    /// What the position of the window demands of a row.
    fn bounds(&self, plan: &mut Plan<'_>, window: &Window) -> Option<String> {
        let (position, after) = match window {
            Window::Offset { .. } => return Some(String::new()),
            Window::After { position, .. } => (position, true),
            Window::Before { position, .. } => (position, false),
        };
        let by_id = if after { ">" } else { "<" };
        let (key, order): (rusqlite::types::Value, Order) = match (self, &position.key) {
            (Sorted::Id, _) => {
                let id = plan.binds.bind(position.id.as_str().to_owned());
                return Some(format!(" AND holder {by_id} {id}"));
            }
            (Sorted::Token { order, .. }, SortKey::Text(key)) => (key.clone().into(), *order),
            (Sorted::Modified(order), SortKey::Instant(nanos)) => {
                (i64::try_from(nanos.parse::<i128>().ok()? / 1_000_000).ok()?.into(), *order)
            }
            _ => return None,
        };
        let (key, id) = (plan.binds.bind(key), plan.binds.bind(position.id.as_str().to_owned()));
        let name = if matches!(self, Sorted::Modified(_)) { ("modified", "id") } else { ("token", "holder") };
        // Towards greater keys?
        let up = (order == Order::Ascending) == after;
        let by_key = if up { ">" } else { "<" };
        Some(format!(
            " AND {token} {by_key}= {key} AND ({token} {by_key} {key} OR {holder} {by_id} {id})",
            token = name.0,
            holder = name.1,
        ))
    }

    /// The sort key of a row, behind so many columns.
    pub(crate) fn key(&self, row: &Row<'_>, width: usize) -> rusqlite::Result<SortKey> {
        Ok(match self {
            Sorted::Id => SortKey::Absent,
            Sorted::Token { .. } => SortKey::Text(row.get(width)?),
            Sorted::Modified(_) => SortKey::Instant((i128::from(row.get::<_, i64>(width)?) * 1_000_000).to_string()),
        })
    }
}
