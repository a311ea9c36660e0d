//! Where a list begins: a [`Lead`] of the core's as a query for the resources that an index gives.

use rusqlite::types::Value;
use scim_core::filter::{BoundFilter, Compare};
use scim_core::store::index::lead::Known;
use scim_core::store::index::{By, Indexed, Lead, Test, Via};

use crate::binds::Binds;
use crate::compile::{Compiler, number, shelf};
use crate::index::{Extent, Indexes};

/// What an index gives.
#[derive(Debug)]
pub(crate) struct Drive {
    pub given: Given,
    /// They are all that the filter accepts; else the filter must be held to each.
    pub exact: bool,
    /// They come in ascending order, from any point on, without sorting.
    pub ordered: bool,
    /// The fragment that finds the same resources, where it is that alone.
    pub phrase: Option<Phrase>,
    short: bool,
}

/// A query for resources, each once.
#[derive(Debug)]
pub(crate) struct Given {
    pub sql: String,
    pub by: Name,
}

/// How a query names resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// By their ids, in the column `id`.
    Id,
    /// By their numbers, in the column `seq`.
    Number,
}

impl Name {
    /// The column.
    pub(crate) fn column(self) -> &'static str {
        match self {
            Name::Id => "id",
            Name::Number => "seq",
        }
    }
}

impl Given {
    fn ids(sql: String) -> Self {
        Given { sql, by: Name::Id }
    }

    fn numbers(sql: String) -> Self {
        Given { sql, by: Name::Number }
    }

    /// The same as a query for ids.
    pub(crate) fn as_ids(&self) -> String {
        match self.by {
            Name::Id => self.sql.clone(),
            Name::Number => format!("SELECT i.id FROM ({}) d CROSS JOIN resource i ON i.seq = d.seq", self.sql),
        }
    }
}

/// A fragment to be found.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Phrase {
    /// The table of an index of fragments, one of one type in one tenant; or that of all values.
    pub table: String,
    /// In the language of that table: a condition of it, or what says which values are looked at.
    pub text: String,
    /// Is it an index of fragments?
    pub indexed: bool,
}

impl Drive {
    /// Can they be gone through in a moment? If not, the watch of the reader tells.
    pub(crate) fn is_short(&self) -> bool {
        self.short
    }
}

impl Compiler<'_> {
    /// The best beginning for a list with this filter; None where no index helps.
    pub(crate) fn drive(&self, filter: &BoundFilter, extent: &Extent, binds: &mut Binds) -> Option<Drive> {
        let indexes = &*extent.indexes;
        let fragments = |attr: &str| indexes.search(attr).is_some();
        let known = Known { kind: self.kind, rt: self.rt, indexed: &indexes.attributes, fragments: &fragments };
        let lead = known.lead(filter)?;
        let given = self.given(&lead, indexes, binds)?;
        let phrase = match &lead.by {
            By::Token { indexed, test: Test::Fragment { text, by_fragments: true, .. } } => {
                Phrase::new(indexed, text, indexes)
            }
            By::Token { indexed, test: Test::Fragment { text, at_end, .. } } => {
                Phrase::of_values(indexed, text, *at_end, indexes)
            }
            _ => None,
        };
        let ordered = lead.is_ordered() && (given.by == Name::Id || extent.ordered);
        Some(Drive { given, exact: lead.exact, ordered, phrase, short: lead.is_short() })
    }

    fn given(&self, lead: &Lead, indexes: &Indexes, binds: &mut Binds) -> Option<Given> {
        let (kind, own) = (self.kind_mark, self.shelf_mark);
        Some(Given::ids(match &lead.by {
            By::Id(id) => {
                let id = binds.bind(id.clone());
                format!("SELECT i.id FROM resource i WHERE i.shelf = {own} AND i.id = {id}")
            }
            By::Modified { op, millis } => {
                let millis = binds.bind(millis.map_or(Value::Null, Value::Integer));
                format!(
                    "SELECT i.id FROM resource i INDEXED BY resource_modified \
                     WHERE i.shelf = {own} AND i.modified {} {millis}",
                    sign(*op)?
                )
            }
            By::Holders { attr, target } => {
                let (attr, target) = (binds.bind(attr.clone()), binds.bind(target.clone()));
                let shelf = shelf(kind, &attr);
                return Some(Given::numbers(format!(
                    "SELECT l.holder AS seq FROM link l WHERE l.shelf = {shelf} AND l.target = {}",
                    number(&target)
                )));
            }
            By::Members { via, group } => self.member_ids(via, group, binds),
            By::Token { indexed, test } => return self.tokens(indexed, test, indexes, binds).map(Given::numbers),
            By::Any(leads) => {
                let each = leads.iter().map(|lead| self.given(lead, indexes, binds)).collect::<Option<Vec<_>>>()?;
                let joined = |of_one: Vec<String>| of_one.join(" UNION ");
                if each.iter().all(|given| given.by == Name::Number) {
                    let numbers = each.iter().map(|given| format!("SELECT seq FROM ({})", given.sql));
                    return Some(Given::numbers(joined(numbers.collect())));
                }
                joined(each.iter().map(|given| format!("SELECT id FROM ({})", given.as_ids())).collect())
            }
        }))
    }

    /// The numbers of those with such a token.
    fn tokens(&self, indexed: &Indexed, test: &Test, indexes: &Indexes, binds: &mut Binds) -> Option<String> {
        match test {
            Test::Equals(token) => {
                let (table, shelf) = indexes.place(indexed)?;
                let (shelf, token) = (binds.bind(shelf), binds.bind(token.clone()));
                let own = match indexed.via {
                    Via::Term | Via::Claim => String::new(),
                    // It may be of another tenant.
                    Via::Global => format!(" CROSS JOIN resource i ON i.seq = t.seq AND i.shelf = {}", self.shelf_mark),
                };
                Some(format!("SELECT t.seq FROM {table} t{own} WHERE t.shelf = {shelf} AND t.token = {token}"))
            }
            Test::Range(op, key) => {
                let condition = format!("token {} {}", sign(*op)?, binds.bind(key.clone()));
                rows(indexed, &condition, indexes, binds)
            }
            Test::Prefix { low, end } => {
                let low = binds.bind(low.clone());
                let condition = match end {
                    Some(end) => format!("token >= {low} AND token < {}", binds.bind(end.clone())),
                    None => format!("token >= {low}"),
                };
                rows(indexed, &condition, indexes, binds)
            }
            Test::Fragment { text, by_fragments: true, .. } => {
                let Phrase { table, text, .. } = Phrase::new(indexed, text, indexes)?;
                let phrase = binds.bind(text);
                Some(format!("SELECT g.rowid AS seq FROM {table} g WHERE {table} MATCH {phrase}"))
            }
            Test::Fragment { text, at_end, .. } => {
                let fragment = binds.bind(text.clone());
                let condition = if *at_end {
                    format!("substr(token, -length({fragment})) = {fragment}")
                } else {
                    format!("instr(token, {fragment}) > 0")
                };
                rows(indexed, &condition, indexes, binds)
            }
        }
    }
}

/// The numbers of those with tokens that satisfy a condition.
fn rows(indexed: &Indexed, condition: &str, indexes: &Indexes, binds: &mut Binds) -> Option<String> {
    let (table, shelf) = indexes.place(indexed).filter(|_| indexed.via != Via::Global)?;
    let (shelf, distinct) = (binds.bind(shelf), if indexed.single { "" } else { "DISTINCT " });
    Some(format!("SELECT {distinct}seq FROM {table} WHERE shelf = {shelf} AND {condition}"))
}

impl Phrase {
    /// What finds this fragment of an attribute; None where no index does.
    fn new(indexed: &Indexed, text: &str, indexes: &Indexes) -> Option<Phrase> {
        let (search, column) = indexes.search(&indexed.attr)?;
        let text = format!("c{column} : \"{}\"", text.replace('"', "\"\""));
        Some(Phrase { table: search.table(), text, indexed: true })
    }

    /// What finds it by looking at all values of the attribute.
    fn of_values(indexed: &Indexed, text: &str, at_end: bool, indexes: &Indexes) -> Option<Phrase> {
        let (table, shelf) = indexes.place(indexed)?;
        let text = format!("{shelf} {} {text}", if at_end { "ew" } else { "co" });
        Some(Phrase { table: table.to_owned(), text, indexed: false })
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
