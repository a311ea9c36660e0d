//! The links around the resources of a list, from both ends: row by row where they are few, and of a page in one go, each
//! holder's label once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use scim_core::query::{LinkSelect, Select};
use scim_core::schema::{Kind, ReverseType};
use scim_core::store::{Key, Label, Link as Value, Links, Record, ResourceId};

use crate::error::{Inner, corrupt};
use crate::read::{BETWEEN, Joined, Reversed, known, nested};
use crate::statement::{Line, Sql};

/// The links that the index of links by attribute and holder (`link_single`) leaves out: of these a holder may have any number.
const MANY: &str = "members";

/// What is read with the resources of one type.
pub(crate) struct Around<'a> {
    /// Read row by row.
    joined: Joined<'a>,
    reversed: Reversed<'a>,
    /// Links of which a resource has one at most, read of all rows at once.
    single: Vec<&'a LinkSelect>,
    /// Links from the other end, read of all rows at once.
    gathered: &'a [Arc<ReverseType>],
    /// Is there anything of all rows? It stands in a row of its own, the head, before them.
    page: bool,
    first: usize,
    found: Found,
}

/// The rows `r` of a statement.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Their columns, `r.id` first, and how many these are.
    pub columns: String,
    pub width: usize,
    /// What is told of the whole list, as a column behind these.
    pub once: Option<&'static str>,
    /// What gives them, and how their ids are known before.
    pub from: String,
    pub ids: Ids,
}

/// How the ids of rows are known before the rows are read.
#[derive(Debug)]
pub(crate) enum Ids {
    /// They are the value with this mark.
    Bound(&'static str),
    /// From a query for `holder`, which is named `w`: the rows are read by what it gives. Are they `most` of those that there are of
    /// their type from the first to the last?
    Window { query: String, most: bool },
    /// From this query. The rows are all of those.
    Stretch(String),
}

/// What the head tells of all rows.
#[derive(Default)]
struct Found {
    /// For each of `single` the links of resources.
    single: Vec<HashMap<ResourceId, Value>>,
    /// For each of `gathered` resources and their holders, one after another, and the holders themselves: with the label, and
    /// whether others hold them in turn.
    held: Vec<Option<Label>>,
    holders: Vec<HashMap<ResourceId, (Option<Label>, bool)>>,
    /// Resources whose attribute of this number goes on upwards, of those read row by row.
    upwards: Vec<(usize, ResourceId)>,
}

impl<'a> Around<'a> {
    /// What is selected of resources of this type, of which there are many (`page`) or few, and these reverse attributes; the
    /// marks of values begin at `first`.
    pub(crate) fn new(
        select: &'a Select,
        reverse: &'a [Arc<ReverseType>],
        kind: &Kind,
        first: usize,
        page: bool,
    ) -> Around<'a> {
        let own = select.links.iter().filter(|one| one.link.holder == *kind);
        let (single, rows): (Vec<_>, Vec<_>) = own.partition(|one| page && !one.link.multi_valued());
        let joined = Joined::of(rows, first);
        let (reverse, gathered): (&[_], &[_]) = if page { (&[], reverse) } else { (reverse, &[]) };
        let reversed = Reversed::new(reverse, first + joined.values());
        let page = !single.is_empty() || !gathered.is_empty();
        Around { joined, reversed, single, gathered, page, first, found: Found::default() }
    }

    /// The statement that gives the columns of the rows, what is told once of them, and behind that what is around. Rows that
    /// were kept until all of them are known would be copied once more: so the ids are found first, and by them what is around
    /// all, in the head; then come the rows.
    pub(crate) fn text(&self, rows: &Rows) -> String {
        let (joined, reversed) = (&self.joined.columns, &self.reversed.columns);
        let Rows { columns, width, once, from, ids } = rows;
        let told = once.map(|once| format!(", {once}")).unwrap_or_default();
        if !self.page {
            return match ids {
                Ids::Window { query, .. } => {
                    format!("SELECT {columns}{told}{joined}{reversed} FROM ({query}) w CROSS JOIN LATERAL {from}")
                }
                Ids::Bound(_) | Ids::Stretch(_) => format!("SELECT {columns}{told}{joined}{reversed} FROM {from}"),
            };
        }
        let those = if let Ids::Bound(mark) = ids { mark } else { "(SELECT ids FROM own)::text[]" };
        // OFFSET keeps the planner from finding the ids anew wherever they are named.
        let all = |query: &str| {
            format!(
                "own AS MATERIALIZED (SELECT ids, least(ids[1], ids[cardinality(ids)]) AS low, \
                 greatest(ids[1], ids[cardinality(ids)]) AS high FROM (SELECT ARRAY({query}) AS ids OFFSET 0) i)"
            )
        };
        let (mut parts, between, from) = match ids {
            Ids::Bound(_) => (Vec::new(), false, from.clone()),
            Ids::Window { query, most } => (
                vec![format!("w AS MATERIALIZED ({query})"), all("SELECT holder FROM w")],
                *most,
                format!("w CROSS JOIN LATERAL {from}"),
            ),
            Ids::Stretch(query) => (vec![all(query)], true, from.clone()),
        };
        let mut mark = self.first + self.joined.values();
        let mut next = || {
            mark += 1;
            mark - 1
        };
        let mut shown = told;
        // Writing to a string does not fail.
        for _ in 0..self.joined.width() {
            shown.push_str(", NULL::text[]");
        }
        // One way through the index instead of one for each row.
        let on_page = |id: &str| {
            if between {
                format!("{id} >= (SELECT low FROM own) AND {id} <= (SELECT high FROM own)")
            } else {
                format!("{id} = ANY({those})")
            }
        };
        for select in &self.single {
            let attr = next();
            let mut holders = format!("k.holder = ANY({those})");
            if between && select.link.at.to_string() != MANY {
                holders = format!("{} AND k.attr <> '{MANY}'", on_page("k.holder"));
            }
            let _ok = write!(
                shown,
                ", ARRAY(SELECT unnest(ARRAY[k.holder, k.target, k.target_kind, (SELECT t.label FROM resource t \
                 WHERE t.tenant = $1 AND t.kind = k.target_kind AND t.id = k.target)]) FROM link k \
                 WHERE k.tenant = $1 AND {holders} AND k.attr = ${attr})"
            );
        }
        for (number, one) in self.gathered.iter().enumerate() {
            let (attr, holder) = (next(), next());
            let targets = on_page("l.target");
            parts.push(format!(
                "held{number} AS MATERIALIZED (SELECT l.target, l.holder FROM link l WHERE l.tenant = $1 \
                 AND {targets} AND l.attr = ${attr} AND l.holder_kind = ${holder} AND l.target_kind = $2)"
            ));
            let nested = nested(one, "h.id", attr, holder);
            // One text is made and read in a fraction of the time of an array.
            let _ok = write!(
                shown,
                ", (SELECT string_agg(target || E'{BETWEEN}' || holder, E'{BETWEEN}') FROM held{number}), \
                 ARRAY(SELECT unnest(ARRAY[h.id, h.label, {nested}]) FROM (SELECT DISTINCT holder FROM held{number}) d \
                 CROSS JOIN LATERAL (SELECT id, label FROM resource h WHERE h.tenant = $1 AND h.kind = ${holder} \
                 AND h.id = d.holder LIMIT 1) h)"
            );
        }
        let nulls = |many: usize| vec!["NULL"; many].join(", ");
        let none = self.single.len() + 2 * self.gathered.len();
        let once = if once.is_some() { ", NULL" } else { "" };
        let parts = if parts.is_empty() { String::new() } else { format!("WITH {} ", parts.join(", ")) };
        format!(
            "{parts}SELECT {}{shown} UNION ALL (SELECT {columns}{once}{joined}, {} FROM {from})",
            nulls(*width),
            nulls(none)
        )
    }

    /// Binds its values.
    pub(crate) fn bind<'v>(&self, sql: Sql<'v>) -> Sql<'v> {
        let mut sql = self.reversed.bind(self.joined.bind(sql));
        for select in &self.single {
            sql = sql.bind(select.link.at.to_string());
        }
        for one in self.gathered {
            sql = sql.bind(one.via.at.to_string()).bind(one.via.holder.as_str().to_owned());
        }
        sql
    }

    /// Reads the head, where this line is it, from this column on.
    pub(crate) fn head(&mut self, line: &Line, from: usize) -> Inner<bool> {
        if !self.page || !line.is_null(0)? {
            return Ok(false);
        }
        let mut columns = from + self.joined.width()..;
        let mut next = || columns.next().unwrap_or(from);
        for select in &self.single {
            let (mut links, mut parts) = (HashMap::new(), line.texts(next())?.into_iter());
            while let Some(of) = parts.next() {
                let (Some(of), Some(Some(target)), Some(Some(kind)), Some(label)) =
                    (of, parts.next(), parts.next(), parts.next())
                else {
                    return Err(corrupt("a link lacks its target"));
                };
                let target = Key { kind: known(&select.link.kinds, &kind), id: ResourceId::new(&target) };
                let link = Value { target, display: label.map(Label::from), indirect: false };
                links.insert(ResourceId::new(&of), link);
            }
            self.found.single.push(links);
        }
        for _ in self.gathered {
            self.found.held.push(line.opt_text(next())?);
            let (mut holders, mut parts) = (HashMap::new(), line.texts(next())?.into_iter());
            while let (Some(Some(holder)), Some(label), Some(above)) = (parts.next(), parts.next(), parts.next()) {
                holders.insert(ResourceId::new(&holder), (label.map(Label::from), above.is_some()));
            }
            self.found.holders.push(holders);
        }
        Ok(true)
    }

    /// Reads a row, from this column on, into its record.
    pub(crate) fn fill(&mut self, line: &Line, from: usize, record: &mut Record) -> Inner<()> {
        self.joined.fill(line, from, record)?;
        for number in self.reversed.fill(line, from + self.joined.width(), record)? {
            self.found.upwards.push((number, record.key.id.clone()));
        }
        Ok(())
    }

    /// Puts what was told of all rows where it belongs. Gives the resources that go on upwards, with the number of the attribute.
    pub(crate) fn end<'r>(self, records: impl Iterator<Item = &'r mut Record>) -> Vec<(usize, ResourceId)> {
        let Around { single, gathered, found: Found { single: links, held, holders, mut upwards }, .. } = self;
        let mut links = links;
        let mut held: Vec<HashMap<&str, Vec<ResourceId>>> = held.iter().map(|held| pairs(held.as_deref())).collect();
        for record in records {
            let id = record.key.id.clone();
            for (select, links) in single.iter().zip(&mut links) {
                if let Some(link) = links.remove(&id) {
                    let whole = select.at_most != Some(0);
                    let links = if whole { vec![link] } else { Vec::new() };
                    record.links.push(Links { at: select.link.at.clone(), links: links.into(), whole });
                }
            }
            for (number, ((one, held), holders)) in gathered.iter().zip(&mut held).zip(&holders).enumerate() {
                let Some(mut own) = held.remove(id.as_str()) else { continue };
                own.sort_unstable();
                let mut nested = false;
                // A holder that is gone is not shown.
                let links: Vec<Value> = own
                    .into_iter()
                    .filter_map(|holder| {
                        let (label, above) = holders.get(&holder)?;
                        nested |= above;
                        let target = Key { kind: one.via.holder.clone(), id: holder };
                        Some(Value { target, display: label.clone(), indirect: false })
                    })
                    .collect();
                if links.is_empty() {
                    continue;
                }
                if nested {
                    upwards.push((number, id.clone()));
                }
                record.links.push(Links { at: one.at.clone(), links: links.into(), whole: true });
            }
        }
        upwards
    }
}

/// Resources with their holders, from ids one after another.
fn pairs(text: Option<&str>) -> HashMap<&str, Vec<ResourceId>> {
    let mut held: HashMap<&str, Vec<ResourceId>> = HashMap::new();
    let mut parts = text.into_iter().flat_map(|text| text.split(BETWEEN));
    while let (Some(of), Some(holder)) = (parts.next(), parts.next()) {
        held.entry(of).or_default().push(ResourceId::new(holder));
    }
    held
}
