//! Lists that an index gives in their own order: by id, by a value that every resource has, by the time of the last
//! change.

use scim_core::query::{Order, SortKey, Window};
use scim_core::schema::Place;
use scim_core::store::index::{Rule, Via};

use crate::around::Ids;
use crate::binds::Binds;
use crate::drive::none_is_long;
use crate::error::Inner;
use crate::query::Plan;
use crate::statement::Line;
use crate::tally::Matching;

/// What a list is in order of.
pub(crate) enum Sorted {
    /// Ids: of all resources, or of those an index names.
    Id,
    /// The tokens of an attribute, in this table.
    Token { table: &'static str, attr: String, order: Order },
    /// The time of the last change.
    Modified(Order),
}

/// The rows of a window, of which a page is made.
pub(crate) struct Stretch {
    /// What gives the resources `r`, one more than the window holds, and how their ids are known before.
    pub from: String,
    pub ids: Ids,
    /// The sort key of each.
    pub token: &'static str,
    /// The condition under which this list is in order at all; empty where it always is.
    pub sound: String,
}

impl Sorted {
    /// How an index gives this list in order; None where none does.
    pub(crate) fn of(plan: &Plan<'_>, order: Option<Order>) -> Option<Sorted> {
        let (Some(order), Some(at)) = (order, &plan.source.sort) else {
            let drive = plan.drive.as_ref();
            let whole = plan.source.filter.is_none() || drive.is_some_and(|drive| drive.exact);
            return whole.then_some(Sorted::Id);
        };
        if plan.source.filter.is_some() {
            return None;
        }
        if at.place() == Place::Meta {
            return (at.leaf().name == "lastModified").then_some(Sorted::Modified(order));
        }
        let attr = at.to_string();
        let indexed = plan.indexes.counted().find(|indexed| indexed.attr == attr)?;
        if indexed.state != scim_core::store::index::State::Built || !matches!(indexed.shape.rule, Rule::Text(_)) {
            return None;
        }
        let table = match indexed.via {
            Via::Term => "term",
            Via::Claim => "claim",
            Via::Global => return None,
        };
        Some(Sorted::Token { table, attr, order })
    }

    /// The rows of a window, in no order. None where the position is none in this order.
    /// How many those are that an index names: where many, they are gone through in order of ids.
    pub(crate) fn rows(
        &self,
        plan: &Plan<'_>,
        window: &Window,
        matching: Matching,
        binds: &mut Binds,
    ) -> Option<Stretch> {
        let (many, most) = (matching != Matching::Few, matching == Matching::Most);
        let (source, condition, sound) = match self {
            Sorted::Id => match &plan.drive {
                Some(drive) => {
                    let ids = drive.in_order.as_ref().filter(|_| many).unwrap_or(&drive.ids);
                    let source = format!("SELECT NULL AS token, id AS holder FROM ({ids}) d");
                    (source, "true".to_owned(), drive.sound.clone())
                }
                None => (
                    "SELECT NULL AS token, id AS holder FROM resource".to_owned(),
                    "tenant = $1 AND kind = $2".to_owned(),
                    String::new(),
                ),
            },
            Sorted::Token { table, attr, .. } => {
                let attr = binds.bind(attr.clone());
                (
                    format!("SELECT token, holder FROM {table}"),
                    format!("tenant = $1 AND kind = $2 AND attr = {attr}"),
                    // Only where every resource has a value, and none so long that its sort key is cut.
                    format!(
                        "(SELECT coalesce(sum(n), 0) FROM tally WHERE tenant = $1 AND kind = $2 AND attr = {attr}) = 0 \
                         AND {}",
                        none_is_long(table, &attr)
                    ),
                )
            }
            Sorted::Modified(_) => (
                "SELECT modified AS token, id AS holder FROM resource".to_owned(),
                "tenant = $1 AND kind = $2".to_owned(),
                String::new(),
            ),
        };
        let bounds = self.bounds(window, plan.drive.is_some(), binds)?;
        let (skip, from_end) = match window {
            Window::Offset { skip, .. } => (*skip, false),
            Window::After { .. } => (0, false),
            Window::Before { .. } => (0, true),
        };
        let direction = |down: bool| if down { "DESC" } else { "ASC" };
        let by_key = match self {
            Sorted::Id => String::new(),
            Sorted::Token { order, .. } | Sorted::Modified(order) => {
                let name = if matches!(self, Sorted::Modified(_)) { "modified" } else { "token" };
                format!("{name} {}, ", direction((*order == Order::Descending) != from_end))
            }
        };
        let id = self.id_column(plan.drive.is_some());
        let limit = binds.bind(i64::from(window.count()) + 1);
        let offset = match skip {
            0 => String::new(),
            skip => format!(" OFFSET {}", binds.bind(i64::try_from(skip).unwrap_or(i64::MAX))),
        };
        let window = format!("WHERE {condition}{bounds} ORDER BY {by_key}{id} {} LIMIT {limit}", direction(from_end));
        if matches!(self, Sorted::Id) && plan.drive.is_none() && skip == 0 {
            return Some(Stretch {
                from: format!("(SELECT * FROM resource {window}) r"),
                ids: Ids::Stretch(format!("SELECT id FROM resource {window}")),
                token: "NULL::text",
                sound,
            });
        }
        // The window touches nothing but an index, also where many rows are skipped. The second LIMIT keeps the join a look-up a
        // row, whatever the planner believes of the window.
        let from = "(SELECT * FROM resource r WHERE r.tenant = $1 AND r.kind = $2 AND r.id = w.holder LIMIT 1) r";
        let ids = Ids::Window { query: format!("{source} {window}{offset}"), most: most && matches!(self, Sorted::Id) };
        Some(Stretch { from: from.to_owned(), ids, token: "w.token", sound })
    }

    fn id_column(&self, driven: bool) -> &'static str {
        match self {
            Sorted::Token { .. } => "holder",
            Sorted::Id if driven => "d.id",
            Sorted::Id | Sorted::Modified(_) => "id",
        }
    }

    /// What the position of the window demands of a row.
    fn bounds(&self, window: &Window, driven: bool, binds: &mut Binds) -> Option<String> {
        let (position, after) = match window {
            Window::Offset { .. } => return Some(String::new()),
            Window::After { position, .. } => (position, true),
            Window::Before { position, .. } => (position, false),
        };
        let by_id = if after { ">" } else { "<" };
        let id_column = self.id_column(driven);
        let id = crate::compile::text(position.id.as_str())?;
        let (key, order) = match (self, &position.key) {
            (Sorted::Id, _) => {
                return Some(format!(" AND {id_column} {by_id} {}", binds.bind(id)));
            }
            (Sorted::Token { order, .. }, SortKey::Text(key)) => (binds.bind(crate::compile::text(key)?), *order),
            (Sorted::Modified(order), SortKey::Instant(nanos)) => {
                (binds.bind(i64::try_from(nanos.parse::<i128>().ok()? / 1_000_000).ok()?), *order)
            }
            _ => return None,
        };
        let id = binds.bind(id);
        let name = if matches!(self, Sorted::Modified(_)) { "modified" } else { "token" };
        // Towards greater keys?
        let up = (order == Order::Ascending) == after;
        let by_key = if up { ">" } else { "<" };
        if by_key == by_id {
            return Some(format!(" AND ({name}, {id_column}) {by_id} ({key}, {id})"));
        }
        Some(format!(" AND {name} {by_key}= {key} AND ({name} {by_key} {key} OR {id_column} {by_id} {id})"))
    }

    /// The sort key of a row, in this column.
    pub(crate) fn key(&self, line: &Line, column: usize) -> Inner<SortKey> {
        Ok(match self {
            Sorted::Id => SortKey::Absent,
            Sorted::Token { .. } => SortKey::Text(line.text(column, str::to_owned)?),
            Sorted::Modified(_) => SortKey::Instant((i128::from(line.int(column)?) * 1_000_000).to_string()),
        })
    }
}
