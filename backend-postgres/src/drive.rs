//! Where a list begins: a [`Lead`] of the core's as a query for ids.
//!
//! What a value equals comes from its index in order of ids. Of all other tests the index gives the ids in order of
//! values: a few are sorted; where they are many, a second index gives ids in their own order with the values beside, and
//! a page is read no further than it goes.

use scim_core::filter::{BoundFilter, Compare};
use scim_core::store::index::lead::Known;
use scim_core::store::index::{By, Indexed, Lead, Test, Via};

use crate::binds::Binds;
use crate::compile::{Compiler, text};
use crate::index::{Indexes, LONGEST, key};

/// A query for ids in the column `id`, each once.
#[derive(Debug)]
pub(crate) struct Drive {
    pub ids: String,
    /// The same ids, found by going through the index in their order; None where `ids` does so, or nothing can.
    pub in_order: Option<String>,
    /// The same for the value `v.value`, where `ids` are those of one value, which is the last that is bound.
    pub each: Option<String>,
    /// They are all that the filter accepts; else the filter must be held to each.
    pub exact: bool,
    /// The condition under which they are; empty where they always are.
    pub sound: String,
    /// Do they change with index rows alone? Then how many they are can be remembered.
    pub steady: bool,
    /// Is one plan the best for all values? Not where only the value tells how many they are.
    pub general: bool,
    /// Are the first of them found at once, in order of ids, however many there are?
    pub quick: bool,
}

impl Compiler<'_> {
    /// The best beginning for a list with this filter; None where no index helps.
    pub(crate) fn drive(&self, filter: &BoundFilter, indexes: &Indexes, binds: &mut Binds) -> Option<Drive> {
        let known = Known { kind: self.kind, rt: self.rt, indexed: &indexes.attributes, fragments: &|_| false };
        let best = known.lead(filter)?;
        if let BoundFilter::And(parts) = filter {
            let leads = parts.iter().map(|part| known.lead(part)).collect::<Option<Vec<_>>>();
            let mut own = binds.clone();
            if let Some(leads) = leads.filter(|leads| leads.iter().all(|lead| lead.exact))
                && let Some(drive) = self.all(&best, &leads, &mut own)
            {
                *binds = own;
                return Some(drive);
            }
        }
        self.of(&best, binds)
    }

    /// Ids that all of these give, beginning with the best of them.
    fn all(&self, best: &Lead, leads: &[Lead], binds: &mut Binds) -> Option<Drive> {
        let first = leads.iter().position(|lead| lead.by == best.by)?;
        let mut drive = self.of(leads.get(first)?, binds)?;
        let mut conditions = Vec::new();
        for (_, lead) in leads.iter().enumerate().filter(|(number, _)| *number != first) {
            let held = self.held(lead, "m.id", binds)?;
            drive.steady &= held.steady;
            drive.sound = both(&drive.sound, &held.sound);
            conditions.push(held.condition);
        }
        let narrowed = |ids: &str| format!("SELECT m.id FROM ({ids}) m WHERE {}", conditions.join(" AND "));
        drive.in_order = drive.in_order.as_deref().map(narrowed);
        drive.ids = narrowed(&drive.ids);
        (drive.quick, drive.each) = (false, None);
        Some(drive)
    }

    fn of(&self, lead: &Lead, binds: &mut Binds) -> Option<Drive> {
        let plain = |ids: String, steady: bool| Drive {
            ids,
            in_order: None,
            each: None,
            exact: lead.exact,
            sound: String::new(),
            steady,
            general: true,
            quick: false,
        };
        Some(match &lead.by {
            By::Id(id) => {
                let id = binds.bind(text(id)?);
                let ids = format!("SELECT i.id FROM resource i WHERE i.tenant = $1 AND i.kind = $2 AND i.id = {id}");
                Drive { quick: true, ..plain(ids, true) }
            }
            By::Modified { op, millis } => {
                let millis = binds.bind(*millis);
                let ids = format!(
                    "SELECT i.id FROM resource i WHERE i.tenant = $1 AND i.kind = $2 AND i.modified {} {millis}",
                    sign(*op)?
                );
                Drive { general: false, ..plain(ids, false) }
            }
            By::Holders { attr, target } => {
                let (attr, target) = (binds.bind(attr.clone()), binds.bind(text(target)?));
                let ids = format!(
                    "SELECT l.holder AS id FROM link l WHERE l.tenant = $1 AND l.target = {target} AND l.attr = {attr} \
                     AND l.holder_kind = $2"
                );
                plain(ids, false)
            }
            By::Members { via, group } => plain(self.member_ids(via, &text(group)?, binds), false),
            By::Token { indexed, test } => {
                let tokens = Tokens::of(indexed, test, binds)?;
                let (table, place, owner) = (tokens.table, tokens.place("t"), tokens.owner("t"));
                let Tokens { condition, sound, .. } = tokens;
                if matches!(test, Test::Equals(_)) {
                    let of = |condition: &str| {
                        format!("SELECT t.holder AS id FROM {table} t WHERE {place} AND {condition}{owner}")
                    };
                    let each = Some(of("t.token = v.value"));
                    return Some(Drive { quick: true, each, ..plain(of(&condition), true) });
                }
                // A claim stands once, and the holder of several values comes once.
                let distinct = if indexed.single { "" } else { "DISTINCT " };
                let of = format!("SELECT {distinct}t.holder AS id FROM {table} t WHERE {place}");
                // OFFSET keeps the planner from going through ids in order here, and IS TRUE from going by values there.
                let ids = format!("{of} AND {condition} OFFSET 0");
                let in_order = Some(format!("{of} AND ({condition}) IS TRUE"));
                Drive { in_order, sound, ..plain(ids, true) }
            }
            By::Any(leads) => {
                let each = leads.iter().map(|lead| self.of(lead, binds)).collect::<Option<Vec<_>>>()?;
                let of_one: Vec<_> =
                    each.iter().enumerate().map(|(n, one)| format!("SELECT id FROM ({}) u{n}", one.ids)).collect();
                Drive {
                    sound: each.iter().fold(String::new(), |sound, one| both(&sound, &one.sound)),
                    general: each.iter().all(|one| one.general),
                    ..plain(of_one.join(" UNION "), each.iter().all(|one| one.steady))
                }
            }
        })
    }

    /// A lead as the condition that the resource with the id in this column is in it.
    fn held(&self, lead: &Lead, id: &str, binds: &mut Binds) -> Option<Held> {
        let plain = |condition: String, steady: bool| Held { condition, sound: String::new(), steady };
        // LIMIT makes each a look-up a row, however many rows there are that fulfil it.
        let one = |rows: String| format!("(SELECT true FROM {rows} LIMIT 1) IS TRUE");
        Some(match &lead.by {
            By::Id(own) => plain(format!("{id} = {}", binds.bind(text(own)?)), true),
            By::Modified { op, millis } => {
                let (sign, millis) = (sign(*op)?, binds.bind(*millis));
                let rows = format!(
                    "resource x WHERE x.tenant = $1 AND x.kind = $2 AND x.id = {id} AND x.modified {sign} {millis}"
                );
                plain(one(rows), false)
            }
            By::Holders { attr, target } => {
                let (attr, target) = (binds.bind(attr.clone()), binds.bind(text(target)?));
                let rows = format!(
                    "link x WHERE x.tenant = $1 AND x.holder = {id} AND x.attr = {attr} AND x.target = {target}"
                );
                plain(one(rows), false)
            }
            By::Members { via, group } => {
                plain(format!("{id} IN ({})", self.member_ids(via, &text(group)?, binds)), false)
            }
            By::Token { indexed, test } => {
                let tokens = Tokens::of(indexed, test, binds)?;
                let (table, place, owner) = (tokens.table, tokens.place("x"), tokens.owner("x"));
                let condition = tokens.condition.replace("t.token", "x.token");
                let rows = format!("{table} x WHERE {place} AND x.holder = {id} AND {condition}{owner}");
                Held { condition: one(rows), sound: tokens.sound, steady: true }
            }
            By::Any(leads) => {
                let each = leads.iter().map(|lead| self.held(lead, id, binds)).collect::<Option<Vec<_>>>()?;
                let conditions: Vec<_> = each.iter().map(|one| one.condition.as_str()).collect();
                Held {
                    condition: format!("({})", conditions.join(" OR ")),
                    sound: each.iter().fold(String::new(), |sound, one| both(&sound, &one.sound)),
                    steady: each.iter().all(|one| one.steady),
                }
            }
        })
    }
}

/// A lead as a condition.
struct Held {
    condition: String,
    sound: String,
    steady: bool,
}

fn both(one: &str, other: &str) -> String {
    match (one, other) {
        ("", only) | (only, "") => only.to_owned(),
        (one, other) => format!("{one} AND {other}"),
    }
}

/// Rows with values of an attribute, and what is asked of the values.
struct Tokens {
    table: &'static str,
    global: bool,
    attr: String,
    /// On `t.token`.
    condition: String,
    sound: String,
}

impl Tokens {
    fn of(indexed: &Indexed, test: &Test, binds: &mut Binds) -> Option<Tokens> {
        let (table, global) = match (indexed.via, test) {
            (Via::Term, _) => ("term", false),
            (Via::Claim, _) => ("claim", false),
            (Via::Global, Test::Equals(_)) => ("claim", true),
            (Via::Global, _) => return None,
        };
        let attr = binds.bind(indexed.attr.clone());
        let mut sound = String::new();
        let condition = match test {
            Test::Equals(token) => format!("t.token = {}", binds.bind(key(&text(token)?).into_owned())),
            Test::Range(op, key) => format!("t.token {} {}", sign(*op)?, binds.bind(short(key)?)),
            Test::Prefix { low, end } => {
                let low = binds.bind(short(low)?);
                match end {
                    Some(end) => format!("t.token >= {low} AND t.token < {}", binds.bind(text(end)?)),
                    None => format!("t.token >= {low}"),
                }
            }
            Test::Fragment { text: fragment, at_end, .. } => {
                let fragment = binds.bind(text(fragment)?);
                sound = none_is_long(table, &attr);
                let found = if *at_end {
                    format!("right(t.token, length({fragment})) = {fragment}")
                } else {
                    format!("strpos(t.token, {fragment}) > 0")
                };
                // Of a long one the index has only the beginning.
                format!("({found} OR octet_length(t.token) > {})", LONGEST - 4)
            }
        };
        Some(Tokens { table, global, attr, condition, sound })
    }

    /// Which rows.
    fn place(&self, alias: &str) -> String {
        let (tenant, kind) = if self.global { ("''", "''") } else { ("$1", "$2") };
        format!("{alias}.tenant = {tenant} AND {alias}.kind = {kind} AND {alias}.attr = {}", self.attr)
    }

    /// Whose rows, where those of others stand between.
    fn owner(&self, alias: &str) -> String {
        if self.global { format!(" AND {alias}.owner = $1") } else { String::new() }
    }
}

/// The condition that every token of an attribute stands in the index as it is, and whole in a sort key.
pub(crate) fn none_is_long(table: &str, attr: &str) -> String {
    format!(
        "NOT EXISTS (SELECT 1 FROM {table} WHERE tenant = $1 AND kind = $2 AND attr = {attr} \
         AND octet_length(token) > 256)"
    )
}

/// Text that is compared with beginnings of tokens; None where it is longer than those.
fn short(key: &str) -> Option<String> {
    text(key).filter(|key| key.len() <= LONGEST - 4)
}

fn sign(op: Compare) -> Option<&'static str> {
    Some(match op {
        Compare::Eq => "=",
        Compare::Gt => ">",
        Compare::Ge => ">=",
        Compare::Lt => "<",
        Compare::Le => "<=",
        Compare::Ne | Compare::Co | Compare::Sw | Compare::Ew => return None,
    })
}
