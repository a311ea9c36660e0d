//! Lists that an index gives in their own order: by id, by a value that every resource has, by the time of the last
//! change.

use rusqlite::{Connection, Row, params};
use scim_core::query::{Order, SortKey, Window};
use scim_core::schema::Place;
use scim_core::store::index::{Rule, Via};

use crate::drive::Name;
use crate::error::Inner;
use crate::query::Plan;

/// What a list is in order of.
pub(crate) enum Sorted {
    /// Ids: of all resources, or of those an index names.
    Id,
    /// The tokens of an attribute: this table's with this number.
    Token { table: &'static str, shelf: i64, order: Order },
    /// The time of the last change.
    Modified(Order),
}

/// Where the keys of a list are read in order.
struct Keys {
    /// A query for the columns `token` and `id` or `seq`.
    rows: String,
    condition: String,
    /// The token, as the condition names it.
    token: &'static str,
    /// What rows with one token stand in order of, as the condition names it.
    place: (Name, &'static str),
    /// How the rows name their resources.
    by: Name,
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
        if indexed.via == Via::Global || !matches!(indexed.shape.rule, Rule::Text(_)) {
            return Ok(None);
        }
        let Some((table, shelf)) = plan.extent.indexes.place(indexed) else { return Ok(None) };
        // Only where every resource has a value, and none so long that its sort key is cut.
        let (tenant, kind) = (plan.binds.values.first(), plan.source.kind.as_str());
        let usable: bool = db
            .prepare_cached(&format!(
                "SELECT n = ?4 AND NOT EXISTS (SELECT 1 FROM {table} INDEXED BY {table}_long
                   WHERE shelf = ?5 AND length(token) > 256)
                 FROM indexed WHERE tenant = ?1 AND kind = ?2 AND attr = ?3"
            ))?
            .query_row(params![tenant, kind, attr, plan.extent.n, shelf], |row| row.get(0))?;
        Ok(usable.then_some(Sorted::Token { table, shelf, order }))
    }

    /// The statement for a window: the columns of records, then the sort key. One row more than the window holds, in no
    /// order. None where the position is none in this order.
    pub(crate) fn statement(&self, plan: &mut Plan<'_>, window: &Window, columns: &str) -> Option<String> {
        let shelf = plan.shelf.clone();
        let keys = self.keys(plan)?;
        let bounds = self.bounds(&keys, plan, window)?;
        let Keys { rows, condition, token, place: (_, place), by } = keys;
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
        let by_key = down.map_or(String::new(), |down| format!("{token} {}, ", direction(down != from_end)));
        let limit = plan.binds.bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let offset = match skip {
            0 => String::new(),
            skip => format!(" OFFSET {}", plan.binds.bind(i64::try_from(skip).unwrap_or(i64::MAX))),
        };
        let resource = match by {
            Name::Number => "r.seq = w.seq".to_owned(),
            Name::Id => format!("r.shelf = {shelf} AND r.id = w.id"),
        };
        // The inner query touches nothing but an index, also where many rows are skipped.
        Some(format!(
            "SELECT {columns}, w.token FROM ({rows} WHERE {condition}{bounds} \
             ORDER BY {by_key}{place} {} LIMIT {limit}{offset}) w CROSS JOIN resource r ON {resource}",
            direction(from_end),
        ))
    }

    /// Where the keys are read; None where no index gives them in this order.
    fn keys(&self, plan: &mut Plan<'_>) -> Option<Keys> {
        let of_type = format!("k.shelf = {}", plan.shelf);
        Some(match self {
            Sorted::Id => match plan.by_id().ok()? {
                Some(drive) => {
                    let by = drive.given.by;
                    let name = by.column();
                    Keys {
                        rows: format!("SELECT NULL AS token, {name} FROM ({})", drive.given.sql),
                        condition: "1".to_owned(),
                        token: "token",
                        place: (by, name),
                        by,
                    }
                }
                None => Keys {
                    rows: "SELECT NULL AS token, k.seq FROM resource k INDEXED BY sqlite_autoindex_resource_1"
                        .to_owned(),
                    condition: of_type,
                    token: "token",
                    place: (Name::Id, "k.id"),
                    by: Name::Number,
                },
            },
            Sorted::Token { table, shelf, .. } => {
                let condition = format!("k.shelf = {}", plan.binds.bind(*shelf));
                let rows = format!("SELECT k.token, k.seq FROM {table} k");
                // Where numbers do not stand in order of ids, those with one token are sorted by their ids.
                let (rows, place) = if plan.extent.ordered {
                    (rows, (Name::Number, "k.seq"))
                } else {
                    (format!("{rows} CROSS JOIN resource i ON i.seq = k.seq"), (Name::Id, "i.id"))
                };
                Keys { rows, condition, token: "k.token", place, by: Name::Number }
            }
            Sorted::Modified(_) => Keys {
                rows: "SELECT k.modified AS token, k.seq FROM resource k INDEXED BY resource_modified".to_owned(),
                condition: of_type,
                token: "k.modified",
                place: (Name::Id, "k.id"),
                by: Name::Number,
            },
        })
    }

    /// What the position of the window demands of a row.
    fn bounds(&self, keys: &Keys, plan: &mut Plan<'_>, window: &Window) -> Option<String> {
        let (position, after) = match window {
            Window::Offset { .. } => return Some(String::new()),
            Window::After { position, .. } => (position, true),
            Window::Before { position, .. } => (position, false),
        };
        let beyond = beyond(keys.place, plan, position.id.as_str(), after);
        let (key, order): (rusqlite::types::Value, Order) = match (self, &position.key) {
            (Sorted::Id, _) => return Some(format!(" AND {beyond}")),
            (Sorted::Token { order, .. }, SortKey::Text(key)) => (key.clone().into(), *order),
            (Sorted::Modified(order), SortKey::Instant(nanos)) => {
                (i64::try_from(nanos.parse::<i128>().ok()? / 1_000_000).ok()?.into(), *order)
            }
            _ => return None,
        };
        let (token, key) = (keys.token, plan.binds.bind(key));
        // Towards greater keys?
        let up = (order == Order::Ascending) == after;
        let by_key = if up { ">" } else { "<" };
        Some(format!(" AND {token} {by_key}= {key} AND ({token} {by_key} {key} OR {beyond})"))
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

/// The condition that a resource lies behind the one of this id (or before it).
fn beyond((by, column): (Name, &str), plan: &mut Plan<'_>, id: &str, after: bool) -> String {
    let (sign, direction) = if after { (">", "ASC") } else { ("<", "DESC") };
    let (shelf, id) = (plan.shelf.clone(), plan.binds.bind(id.to_owned()));
    match by {
        Name::Id => format!("{column} {sign} {id}"),
        // The one of this id may be gone: its neighbour tells.
        Name::Number => format!(
            "{column} {sign}= (SELECT n.seq FROM resource n WHERE n.shelf = {shelf} AND n.id {sign} {id} \
             ORDER BY n.id {direction} LIMIT 1)"
        ),
    }
}
