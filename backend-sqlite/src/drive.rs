//! Where a list begins: a [`Lead`] of the core's as a query for ids.

use rusqlite::types::Value;
use scim_core::filter::{BoundFilter, Compare};
use scim_core::store::index::lead::Known;
use scim_core::store::index::{By, Indexed, Lead, Test, Via};

use crate::binds::Binds;
use crate::compile::Compiler;
use crate::index::Indexes;

/// A query for ids in the column `id`, each once.
#[derive(Debug)]
pub(crate) struct Drive {
    pub ids: String,
    /// They are all that the filter accepts; else the filter must be held to each.
    pub exact: bool,
    /// They come in ascending order, from any point on, without sorting.
    pub ordered: bool,
    /// What an index of fragments finds the same resources by, where it is that alone.
    pub phrase: Option<Phrase>,
    short: bool,
}

/// Something to be found in an index of fragments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Phrase {
    /// The table of the index: one of one type in one tenant.
    pub table: String,
    /// In the language of that table.
    pub text: String,
}

impl Drive {
    /// Can they be gone through in a moment? If not, the watch of the reader tells.
    pub(crate) fn is_short(&self) -> bool {
        self.short
    }
}

impl Compiler<'_> {
    /// The best beginning for a list with this filter; None where no index helps.
    pub(crate) fn drive(&self, filter: &BoundFilter, indexes: &Indexes, binds: &mut Binds) -> Option<Drive> {
        let fragments = |attr: &str| indexes.search(attr).is_some();
        let known = Known { kind: self.kind, rt: self.rt, indexed: &indexes.attributes, fragments: &fragments };
        let lead = known.lead(filter)?;
        let ids = self.ids(&lead, indexes, binds)?;
        let phrase = match &lead.by {
            By::Token { indexed, test: Test::Fragment { text, by_fragments: true, .. } } => {
                Phrase::new(indexed, text, indexes)
            }
            _ => None,
        };
        Some(Drive { ids, exact: lead.exact, ordered: lead.is_ordered(), phrase, short: lead.is_short() })
    }

    fn ids(&self, lead: &Lead, indexes: &Indexes, binds: &mut Binds) -> Option<String> {
        let kind = self.kind_mark;
        Some(match &lead.by {
            By::Id(id) => {
                let id = binds.bind(id.clone());
                format!("SELECT i.id FROM resource i WHERE i.tenant = ?1 AND i.kind = {kind} AND i.id = {id}")
            }
            By::Modified { op, millis } => {
                let millis = binds.bind(millis.map_or(Value::Null, Value::Integer));
                format!(
                    "SELECT i.id FROM resource i INDEXED BY resource_modified \
                     WHERE i.tenant = ?1 AND i.kind = {kind} AND i.modified {} {millis}",
                    sign(*op)?
                )
            }
            By::Holders { attr, target } => {
                let (attr, target) = (binds.bind(attr.clone()), binds.bind(target.clone()));
                format!(
                    "SELECT l.holder AS id FROM link l \
                     WHERE l.tenant = ?1 AND l.target = {target} AND l.attr = {attr} AND l.holder_kind = {kind}"
                )
            }
            By::Members { via, group } => self.member_ids(via, group, binds),
            By::Token { indexed, test } => self.tokens(indexed, test, indexes, binds)?,
            By::Any(leads) => {
                let each = leads.iter().map(|lead| self.ids(lead, indexes, binds)).collect::<Option<Vec<_>>>()?;
                let of_one: Vec<_> = each.iter().map(|ids| format!("SELECT id FROM ({ids})")).collect();
                of_one.join(" UNION ")
            }
        })
    }

    fn tokens(&self, indexed: &Indexed, test: &Test, indexes: &Indexes, binds: &mut Binds) -> Option<String> {
        let kind = self.kind_mark;
        match test {
            Test::Equals(token) => {
                let (attr, token) = (binds.bind(indexed.attr.clone()), binds.bind(token.clone()));
                let (table, tenant, kind, owner) = match indexed.via {
                    Via::Term => ("term", "?1", kind, ""),
                    Via::Claim => ("claim", "?1", kind, ""),
                    Via::Global => ("claim", "''", "''", " AND t.owner = ?1"),
                };
                Some(format!(
                    "SELECT t.holder AS id FROM {table} t WHERE t.tenant = {tenant} AND t.kind = {kind} \
                     AND t.attr = {attr} AND t.token = {token}{owner}"
                ))
            }
            Test::Range(op, key) => {
                let condition = format!("token {} {}", sign(*op)?, binds.bind(key.clone()));
                self.rows(indexed, &condition, binds)
            }
            Test::Prefix { low, end } => {
                let low = binds.bind(low.clone());
                let condition = match end {
                    Some(end) => format!("token >= {low} AND token < {}", binds.bind(end.clone())),
                    None => format!("token >= {low}"),
                };
                self.rows(indexed, &condition, binds)
            }
            Test::Fragment { text, by_fragments: true, .. } => {
                let Phrase { table, text } = Phrase::new(indexed, text, indexes)?;
                let phrase = binds.bind(text);
                Some(format!(
                    "SELECT i.id FROM {table} g CROSS JOIN resource i ON i.seq = g.rowid WHERE {table} MATCH {phrase}"
                ))
            }
            Test::Fragment { text, at_end, .. } => {
                let fragment = binds.bind(text.clone());
                let condition = if *at_end {
                    format!("substr(token, -length({fragment})) = {fragment}")
                } else {
                    format!("instr(token, {fragment}) > 0")
                };
                self.rows(indexed, &condition, binds)
            }
        }
    }

    /// The holders of the tokens that satisfy a condition.
    fn rows(&self, indexed: &Indexed, condition: &str, binds: &mut Binds) -> Option<String> {
        let table = match indexed.via {
            Via::Term => "term",
            Via::Claim => "claim",
            Via::Global => return None,
        };
        let (attr, kind) = (binds.bind(indexed.attr.clone()), self.kind_mark);
        let distinct = if indexed.single { "" } else { "DISTINCT " };
        Some(format!(
            "SELECT {distinct}holder AS id FROM {table} WHERE tenant = ?1 AND kind = {kind} AND attr = {attr} AND {condition}"
        ))
    }
}

impl Phrase {
    /// What finds this fragment of an attribute; None where no index does.
    fn new(indexed: &Indexed, text: &str, indexes: &Indexes) -> Option<Phrase> {
        let (search, column) = indexes.search(&indexed.attr)?;
        Some(Phrase { table: search.table(), text: format!("c{column} : \"{}\"", text.replace('"', "\"\"")) })
    }
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
