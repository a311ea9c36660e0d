//! The links around the resources of a list, from both ends: row by row where they are few, and of a page in one go, each
//! holder's label once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use scim_core::query::{LinkSelect, Select};
use scim_core::schema::{Kind, ReverseType};
use scim_core::store::{Key, Label, Link as Value, Links, Record, ResourceId};

use crate::error::{Inner, corrupt};
use crate::read::{Joined, Reversed, known, nested};
use crate::statement::{Line, Sql};

/// What is read with the resources of one type.
pub(crate) struct Around<'a> {
    /// Read row by row.
    joined: Joined<'a>,
    reversed: Reversed<'a>,
    /// Links of which a resource has one at most, read of all rows at once.
    single: Vec<&'a LinkSelect>,
    /// Links from the other end, read of all rows at once.
    gathered: &'a [Arc<ReverseType>],
    /// Is there anything of all rows? It stands in the first.
    page: bool,
    first: usize,
    found: Found,
}

/// What the first row tells of all.
#[derive(Default)]
struct Found {
    /// For each of `single` the links of resources.
    single: Vec<HashMap<ResourceId, Value>>,
    /// For each of `gathered` the holders of resources, and the holders themselves: with the label, and whether others
    /// hold them in turn.
    held: Vec<HashMap<ResourceId, Vec<ResourceId>>>,
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

    /// The statement that gives these columns of the rows `r`, `r.id` among them, and behind them what is around.
    pub(crate) fn text(&self, columns: &str, from: &str) -> String {
        let (joined, reversed) = (&self.joined.columns, &self.reversed.columns);
        if !self.page {
            return format!("SELECT {columns}{joined}{reversed} FROM {from}");
        }
        let mut mark = self.first + self.joined.values();
        let mut next = || {
            mark += 1;
            mark - 1
        };
        let (mut parts, mut shown) = (String::new(), String::new());
        let mut of_all = |rows: &str| {
            // Writing to a string does not fail.
            let _ok = write!(shown, ", CASE WHEN id = (SELECT first FROM own) THEN ARRAY({rows}) END");
        };
        const OWN: &str = "ANY((SELECT ids FROM own)::text[])";
        for _ in &self.single {
            let attr = next();
            of_all(&format!(
                "SELECT unnest(ARRAY[k.holder, k.target, k.target_kind, (SELECT t.label FROM resource t \
                 WHERE t.tenant = $1 AND t.kind = k.target_kind AND t.id = k.target)]) FROM link k \
                 WHERE k.tenant = $1 AND k.holder = {OWN} AND k.attr = ${attr}"
            ));
        }
        for (number, one) in self.gathered.iter().enumerate() {
            let (attr, holder) = (next(), next());
            let _ok = write!(
                parts,
                ", held{number} AS MATERIALIZED (SELECT l.target, l.holder FROM link l WHERE l.tenant = $1 \
                 AND l.target = {OWN} AND l.attr = ${attr} AND l.holder_kind = ${holder} AND l.target_kind = $2)"
            );
            of_all(&format!("SELECT unnest(ARRAY[target, holder]) FROM held{number}"));
            let nested = nested(one, "h.id", attr, holder);
            of_all(&format!(
                "SELECT unnest(ARRAY[h.id, h.label, {nested}]) FROM (SELECT DISTINCT holder FROM held{number}) d \
                 CROSS JOIN LATERAL (SELECT id, label FROM resource h WHERE h.tenant = $1 AND h.kind = ${holder} \
                 AND h.id = d.holder LIMIT 1) h"
            ));
        }
        format!(
            "WITH page AS MATERIALIZED (SELECT {columns}{joined} FROM {from}), \
             own AS MATERIALIZED (SELECT array_agg(id) AS ids, min(id) AS first FROM page){parts} \
             SELECT page.*{shown} FROM page"
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

    /// Reads a row, from this column on, into its record.
    pub(crate) fn fill(&mut self, line: &Line, from: usize, record: &mut Record) -> Inner<()> {
        self.joined.fill(line, from, record)?;
        let from = from + self.joined.width();
        for number in self.reversed.fill(line, from, record)? {
            self.found.upwards.push((number, record.key.id.clone()));
        }
        if !self.page || line.is_null(from)? {
            return Ok(());
        }
        let mut columns = from..;
        let mut texts = || line.texts(columns.next().unwrap_or(from));
        for select in &self.single {
            let (mut links, mut parts) = (HashMap::new(), texts()?.into_iter());
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
            let mut held: HashMap<ResourceId, Vec<ResourceId>> = HashMap::new();
            let mut parts = texts()?.into_iter();
            while let (Some(Some(of)), Some(Some(holder))) = (parts.next(), parts.next()) {
                held.entry(ResourceId::new(&of)).or_default().push(ResourceId::new(&holder));
            }
            let (mut holders, mut parts) = (HashMap::new(), texts()?.into_iter());
            while let (Some(Some(holder)), Some(label), Some(above)) = (parts.next(), parts.next(), parts.next()) {
                holders.insert(ResourceId::new(&holder), (label.map(Label::from), above.is_some()));
            }
            self.found.held.push(held);
            self.found.holders.push(holders);
        }
        Ok(())
    }

    /// Puts what was told of all rows where it belongs. Gives the resources that go on upwards, with the number of the attribute.
    pub(crate) fn end<'r>(self, records: impl Iterator<Item = &'r mut Record>) -> Vec<(usize, ResourceId)> {
        let Around { single, gathered, found: Found { single: links, held, holders, mut upwards }, .. } = self;
        let (mut links, mut held) = (links, held);
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
                let Some(mut own) = held.remove(&id) else { continue };
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
