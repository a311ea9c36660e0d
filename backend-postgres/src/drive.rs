//! Where a list begins: a [`Lead`] of the core's as a query for ids.

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
    /// They are all that the filter accepts; else the filter must be held to each.
    pub exact: bool,
}

impl Compiler<'_> {
    /// The best beginning for a list with this filter; None where no index helps.
    pub(crate) fn drive(&self, filter: &BoundFilter, indexes: &Indexes, binds: &mut Binds) -> Option<Drive> {
        let known = Known { kind: self.kind, rt: self.rt, indexed: &indexes.attributes, fragments: &|_| false };
        let lead = known.lead(filter)?;
        let ids = self.ids(&lead, binds)?;
        Some(Drive { ids, exact: lead.exact && !widened(&lead) })
    }

    fn ids(&self, lead: &Lead, binds: &mut Binds) -> Option<String> {
        Some(match &lead.by {
            By::Id(id) => {
                let id = binds.bind(text(id)?);
                format!("SELECT i.id FROM resource i WHERE i.tenant = $1 AND i.kind = $2 AND i.id = {id}")
            }
            By::Modified { op, millis } => {
                let millis = binds.bind(*millis);
                format!(
                    "SELECT i.id FROM resource i WHERE i.tenant = $1 AND i.kind = $2 AND i.modified {} {millis}",
                    sign(*op)?
                )
            }
            By::Holders { attr, target } => {
                let (attr, target) = (binds.bind(attr.clone()), binds.bind(text(target)?));
                format!(
                    "SELECT l.holder AS id FROM link l WHERE l.tenant = $1 AND l.target = {target} AND l.attr = {attr} \
                     AND l.holder_kind = $2"
                )
            }
            By::Members { via, group } => self.member_ids(via, &text(group)?, binds),
            By::Token { indexed, test } => tokens(indexed, test, binds)?,
            By::Any(leads) => {
                let each = leads.iter().map(|lead| self.ids(lead, binds)).collect::<Option<Vec<_>>>()?;
                let of_one: Vec<_> =
                    each.iter().enumerate().map(|(n, ids)| format!("SELECT id FROM ({ids}) u{n}")).collect();
                of_one.join(" UNION ")
            }
        })
    }
}

/// Do long tokens, of which only the beginning is in the index, make it a beginning only?
fn widened(lead: &Lead) -> bool {
    match &lead.by {
        By::Token { test: Test::Fragment { .. }, .. } => true,
        By::Any(leads) => leads.iter().any(widened),
        _ => false,
    }
}

fn tokens(indexed: &Indexed, test: &Test, binds: &mut Binds) -> Option<String> {
    let condition = match test {
        Test::Equals(token) => {
            let (attr, token) = (binds.bind(indexed.attr.clone()), binds.bind(key(&text(token)?).into_owned()));
            let (table, tenant, kind, owner) = match indexed.via {
                Via::Term => ("term", "$1", "$2", ""),
                Via::Claim => ("claim", "$1", "$2", ""),
                Via::Global => ("claim", "''", "''", " AND t.owner = $1"),
            };
            return Some(format!(
                "SELECT t.holder AS id FROM {table} t WHERE t.tenant = {tenant} AND t.kind = {kind} \
                 AND t.attr = {attr} AND t.token = {token}{owner}"
            ));
        }
        Test::Range(op, key) => format!("token {} {}", sign(*op)?, binds.bind(short(key)?)),
        Test::Prefix { low, end } => {
            let low = binds.bind(short(low)?);
            match end {
                Some(end) => format!("token >= {low} AND token < {}", binds.bind(text(end)?)),
                None => format!("token >= {low}"),
            }
        }
        Test::Fragment { text: fragment, at_end, .. } => {
            let fragment = binds.bind(text(fragment)?);
            let found = if *at_end {
                format!("right(token, length({fragment})) = {fragment}")
            } else {
                format!("strpos(token, {fragment}) > 0")
            };
            format!("({found} OR octet_length(token) > {})", LONGEST - 4)
        }
    };
    let table = match indexed.via {
        Via::Term => "term",
        Via::Claim => "claim",
        Via::Global => return None,
    };
    let attr = binds.bind(indexed.attr.clone());
    let distinct = if indexed.single { "" } else { "DISTINCT " };
    Some(format!(
        "SELECT {distinct}holder AS id FROM {table} WHERE tenant = $1 AND kind = $2 AND attr = {attr} AND {condition}"
    ))
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
