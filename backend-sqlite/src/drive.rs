//! Where a list begins: with the ids that an index gives, rather than with every resource.

use rusqlite::types::Value;
use scim_core::filter::{BoundFilter, Compare, Leaf, Number, Operand};
use scim_core::name::TextRule;
use scim_core::schema::Place;

use crate::binds::Binds;
use crate::compile::{Compiler, link_target};
use crate::index::{Indexed, Indexes, Via};
use crate::pick::{Rule, decimal, hexadecimal};

/// A query for ids in the column `id`, each once.
#[derive(Debug)]
pub(crate) struct Drive {
    pub ids: String,
    /// They are all that the filter accepts; else the filter must be held to each.
    pub exact: bool,
    /// They come in ascending order, from any point on, without sorting.
    pub ordered: bool,
    /// How many they may be: the less the better.
    cost: Cost,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cost {
    /// One, or none.
    One,
    /// Those of one value.
    Value,
    Fragment,
    Prefix,
    Range,
    /// Perhaps half of all.
    Flag,
    /// Every value is looked at, but not every document.
    Values,
}

impl Drive {
    /// Can they be gone through in a moment? If not, the watch of the reader tells.
    pub(crate) fn is_short(&self) -> bool {
        self.cost < Cost::Range
    }
}

/// Fragments of fewer characters than this are not in substring indexes.
const TRIGRAM: usize = 3;

impl Compiler<'_> {
    /// The best beginning for a list with this filter; None where no index helps.
    pub(crate) fn drive(&self, filter: &BoundFilter, indexes: &Indexes, binds: &mut Binds) -> Option<Drive> {
        match filter {
            BoundFilter::Constant(_) | BoundFilter::Not(_) => None,
            BoundFilter::Leaf(leaf) => self.drive_leaf(leaf, indexes, binds),
            BoundFilter::Element(_, inner) => {
                let drive = self.drive(inner, indexes, binds)?;
                Some(Drive { exact: false, ..drive })
            }
            BoundFilter::And(parts) => {
                let drives = parts.iter().filter_map(|part| self.drive(part, indexes, binds));
                let best = drives.min_by_key(|drive| drive.cost)?;
                Some(Drive { exact: false, ..best })
            }
            BoundFilter::Or(parts) => {
                let drives = parts.iter().map(|part| self.drive(part, indexes, binds)).collect::<Option<Vec<_>>>()?;
                let of_one = drives.iter().map(|drive| format!("SELECT id FROM ({})", drive.ids));
                Some(Drive {
                    ids: of_one.collect::<Vec<_>>().join(" UNION "),
                    exact: drives.iter().all(|drive| drive.exact),
                    ordered: false,
                    cost: drives.iter().map(|drive| drive.cost).max()?,
                })
            }
        }
    }

    fn drive_leaf(&self, leaf: &Leaf, indexes: &Indexes, binds: &mut Binds) -> Option<Drive> {
        let Leaf::Compare(at, op, operand) = leaf else { return None };
        match at.place() {
            Place::Id => self.by_id(*op, operand, binds),
            Place::Meta if at.leaf().name == "lastModified" => self.by_time(*op, operand, binds),
            Place::Link => self.by_link(leaf, binds),
            Place::Reverse => {
                let ids = self.members(leaf, binds)?;
                Some(Drive { ids, exact: true, ordered: false, cost: Cost::Value })
            }
            Place::Document => self.by_value(leaf, indexes, binds),
            Place::Meta | Place::Secret => None,
        }
    }

    fn by_id(&self, op: Compare, operand: &Operand, binds: &mut Binds) -> Option<Drive> {
        let (Compare::Eq, Operand::Text { key, .. }) = (op, operand) else { return None };
        let (kind, id) = (self.kind_mark, binds.bind(key.clone()));
        let ids = format!("SELECT i.id FROM resource i WHERE i.tenant = ?1 AND i.kind = {kind} AND i.id = {id}");
        Some(Drive { ids, exact: true, ordered: true, cost: Cost::One })
    }

    /// Times are kept in milliseconds, and asked for in nanoseconds.
    fn by_time(&self, op: Compare, operand: &Operand, binds: &mut Binds) -> Option<Drive> {
        const MILLI: i128 = 1_000_000;
        let Operand::Instant(nanos) = operand else { return None };
        let floor = i64::try_from(nanos.div_euclid(MILLI)).ok()?;
        let whole = nanos.rem_euclid(MILLI) == 0;
        let (sign, millis) = match op {
            // No time that is kept is between two milliseconds.
            Compare::Eq => ("=", if whole { Value::Integer(floor) } else { Value::Null }),
            Compare::Gt => (">", Value::Integer(floor)),
            Compare::Le => ("<=", Value::Integer(floor)),
            Compare::Ge if whole => (">=", Value::Integer(floor)),
            Compare::Ge => (">", Value::Integer(floor)),
            Compare::Lt if whole => ("<", Value::Integer(floor)),
            Compare::Lt => ("<=", Value::Integer(floor)),
            _ => return None,
        };
        let (kind, millis) = (self.kind_mark, binds.bind(millis));
        let ids = format!(
            "SELECT i.id FROM resource i INDEXED BY resource_modified \
             WHERE i.tenant = ?1 AND i.kind = {kind} AND i.modified {sign} {millis}"
        );
        let equal = op == Compare::Eq;
        Some(Drive { ids, exact: true, ordered: equal, cost: if equal { Cost::Value } else { Cost::Range } })
    }

    fn by_link(&self, leaf: &Leaf, binds: &mut Binds) -> Option<Drive> {
        let target = link_target(leaf)?.to_owned();
        let (attr, target) = (binds.bind(leaf.at().attribute().to_string()), binds.bind(target));
        let ids = format!(
            "SELECT l.holder AS id FROM link l INDEXED BY link_target \
             WHERE l.tenant = ?1 AND l.target = {target} AND l.attr = {attr} AND l.holder_kind = {}",
            self.kind_mark
        );
        Some(Drive { ids, exact: true, ordered: true, cost: Cost::Value })
    }

    fn by_value(&self, leaf: &Leaf, indexes: &Indexes, binds: &mut Binds) -> Option<Drive> {
        let Leaf::Compare(at, op, operand) = leaf else { return None };
        let attr = at.to_string();
        let indexed = indexes.built(&attr)?;
        match (indexed.shape.rule, operand) {
            (Rule::Text(rule), Operand::Text { key, .. }) => match op {
                Compare::Eq => Some(self.equal(indexed, key.clone(), binds)),
                Compare::Co | Compare::Sw | Compare::Ew => self.fragment(indexed, indexes, rule, *op, key, binds),
                Compare::Gt | Compare::Ge | Compare::Lt | Compare::Le => {
                    let sign = match op {
                        Compare::Gt => ">",
                        Compare::Ge => ">=",
                        Compare::Lt => "<",
                        _ => "<=",
                    };
                    let bound = binds.bind(key.clone());
                    self.rows(indexed, &format!("token {sign} {bound}"), true, Cost::Range, binds)
                }
                Compare::Ne => None,
            },
            // A `primary` that is not there counts as false: no row says so.
            (Rule::Boolean, Operand::Boolean(value)) if *op == Compare::Eq && at.leaf().name != "primary" => {
                let drive = self.equal(indexed, value.to_string(), binds);
                Some(Drive { cost: Cost::Flag, ..drive })
            }
            (Rule::Integer, Operand::Number(Number::Integer(n))) if *op == Compare::Eq => {
                Some(self.equal(indexed, n.to_string(), binds))
            }
            // Integers that differ can be equal as doubles.
            (Rule::Decimal, Operand::Number(number)) if *op == Compare::Eq => {
                let drive = self.equal(indexed, decimal(*number), binds);
                Some(Drive { exact: false, ..drive })
            }
            (Rule::Instant, Operand::Instant(instant)) if *op == Compare::Eq => {
                Some(self.equal(indexed, instant.to_string(), binds))
            }
            (Rule::Bytes { .. }, Operand::Bytes(bytes)) if *op == Compare::Eq => {
                Some(self.equal(indexed, hexadecimal(bytes), binds))
            }
            _ => None,
        }
    }

    fn equal(&self, indexed: &Indexed, token: String, binds: &mut Binds) -> Drive {
        let (attr, token, kind) = (binds.bind(indexed.attr.clone()), binds.bind(token), self.kind_mark);
        match indexed.via {
            Via::Term => Drive {
                ids: format!(
                    "SELECT t.holder AS id FROM term t WHERE t.tenant = ?1 AND t.kind = {kind} AND t.attr = {attr} \
                     AND t.token = {token}"
                ),
                exact: true,
                ordered: true,
                cost: Cost::Value,
            },
            Via::Claim => Drive {
                ids: format!(
                    "SELECT t.holder AS id FROM claim t WHERE t.tenant = ?1 AND t.kind = {kind} AND t.attr = {attr} \
                     AND t.token = {token}"
                ),
                exact: true,
                ordered: true,
                cost: Cost::One,
            },
            // The holder may be of another type that has the attribute too.
            Via::Global => Drive {
                ids: format!(
                    "SELECT t.holder AS id FROM claim t WHERE t.tenant = '' AND t.kind = '' AND t.attr = {attr} \
                     AND t.token = {token} AND t.owner = ?1"
                ),
                exact: false,
                ordered: true,
                cost: Cost::One,
            },
        }
    }

    /// `co`, `sw`, `ew`. They look at a user name with its outer white space, which its token has not: a fragment at
    /// the edge is looked for without, and found again in the document.
    fn fragment(
        &self,
        indexed: &Indexed,
        indexes: &Indexes,
        rule: TextRule,
        op: Compare,
        key: &str,
        binds: &mut Binds,
    ) -> Option<Drive> {
        let inner = if rule == TextRule::UserName { key.trim() } else { key };
        let exact = rule != TextRule::UserName || (op == Compare::Co && inner == key);
        if inner.is_empty() {
            return None;
        }
        if op == Compare::Sw {
            let low = binds.bind(inner.to_owned());
            let condition = match successor(inner) {
                Some(end) => format!("token >= {low} AND token < {}", binds.bind(end)),
                // Nothing stands above such a prefix but what starts with it.
                None => format!("token >= {low}"),
            };
            return self.rows(indexed, &condition, exact, Cost::Prefix, binds);
        }
        // Values of one resource stand in lines of their own: a fragment with a line end could lie across two.
        let plain = !inner.contains(['\n', '\0']) && inner.chars().count() >= TRIGRAM;
        if let Some((search, column)) = indexes.search(&indexed.attr).filter(|_| plain) {
            let phrase = binds.bind(format!("c{column} : \"{}\"", inner.replace('"', "\"\"")));
            let table = search.table();
            let ids = format!(
                "SELECT i.id FROM {table} g CROSS JOIN resource i ON i.seq = g.rowid WHERE {table} MATCH {phrase}"
            );
            let exact = exact && op == Compare::Co;
            return Some(Drive { ids, exact, ordered: false, cost: Cost::Fragment });
        }
        let fragment = binds.bind(inner.to_owned());
        let condition = match op {
            Compare::Co => format!("instr(token, {fragment}) > 0"),
            _ => format!("substr(token, -length({fragment})) = {fragment}"),
        };
        self.rows(indexed, &condition, exact, Cost::Values, binds)
    }

    /// The holders of the tokens that satisfy a condition.
    fn rows(&self, indexed: &Indexed, condition: &str, exact: bool, cost: Cost, binds: &mut Binds) -> Option<Drive> {
        let table = match indexed.via {
            Via::Term => "term",
            Via::Claim => "claim",
            // Those of other tenants stand between.
            Via::Global => return None,
        };
        let (attr, kind) = (binds.bind(indexed.attr.clone()), self.kind_mark);
        let distinct = if indexed.single { "" } else { "DISTINCT " };
        let ids = format!(
            "SELECT {distinct}holder AS id FROM {table} WHERE tenant = ?1 AND kind = {kind} AND attr = {attr} AND {condition}"
        );
        Some(Drive { ids, exact, ordered: false, cost })
    }
}

/// The least text above all that start with this one; None where there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        let next = match last {
            // Between these two lie no characters.
            '\u{d7ff}' => Some('\u{e000}'),
            last => char::from_u32(u32::from(last) + 1),
        };
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_is_above_all_that_start_with_the_prefix() {
        for (prefix, end) in [("ab", Some("ac")), ("a\u{10ffff}", Some("b")), ("\u{d7ff}", Some("\u{e000}"))] {
            assert_eq!(successor(prefix).as_deref(), end, "{prefix:?}");
        }
        assert_eq!(successor("\u{10ffff}"), None);
    }
}
