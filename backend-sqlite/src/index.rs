//! Which attributes of a type are indexed, as the database itself records it: every process that writes keeps the same
//! indexes, and none answers from one that is not whole.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension, params};
use scim_core::store::index::{Entries, Indexed, Rule, Shape, State, Via};

use crate::error::Inner;

/// The indexes of one type in one tenant.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    pub generation: i64,
    pub attributes: Vec<Indexed>,
    pub searches: Vec<Search>,
    /// The number under which the type's resources stand, in `resource`; None where there never were any.
    pub own: Option<i64>,
    shelves: Vec<Shelf>,
}

/// The attribute under whose number the resources of a type stand. No schema can define another of this name, and none is
/// indexed under it.
pub(crate) const ID: &str = "id";

/// An attribute, by the number under which its values stand in `claim` and `term`.
#[derive(Debug)]
struct Shelf {
    attr: String,
    /// Its values are unique in the whole server.
    global: bool,
    number: i64,
}

/// A substring index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    pub number: i64,
    pub attrs: Vec<String>,
    pub state: State,
}

impl Search {
    /// Its table.
    pub(crate) fn table(&self) -> String {
        format!("gram_{}", self.number)
    }

    /// The column of an attribute.
    pub(crate) fn column(&self, attr: &str) -> Option<usize> {
        self.attrs.iter().position(|own| own == attr)
    }
}

impl Indexes {
    /// The indexed attribute of this name, where its index is whole.
    pub(crate) fn built(&self, attr: &str) -> Option<&Indexed> {
        self.attributes.iter().find(|indexed| indexed.attr == attr && indexed.state == State::Built)
    }

    /// The number under which the values of an attribute stand (those that are unique in the whole server, or the type's
    /// own); None where there were none yet.
    pub(crate) fn shelf(&self, attr: &str, global: bool) -> Option<i64> {
        self.shelves.iter().find(|shelf| shelf.attr == attr && shelf.global == global).map(|shelf| shelf.number)
    }

    /// The table of an attribute's values, and their number in it.
    pub(crate) fn place(&self, indexed: &Indexed) -> Option<(&'static str, i64)> {
        let table = if indexed.via == Via::Term { "term" } else { "claim" };
        Some((table, self.shelf(&indexed.attr, indexed.via == Via::Global)?))
    }

    /// The substring index that holds this attribute, where it is whole, with the column.
    pub(crate) fn search(&self, attr: &str) -> Option<(&Search, usize)> {
        self.searches
            .iter()
            .filter(|search| search.state == State::Built)
            .find_map(|search| Some((search, search.column(attr)?)))
    }

    /// Would the indexes hold the same of both documents, as far as can be told without making tokens?
    pub(crate) fn are_alike(&self, one: &str, other: &str) -> bool {
        Entries::are_alike(&self.attributes, one, other)
    }

    /// What the indexes hold of a document.
    pub(crate) fn entries(&self, document: &str) -> Entries {
        Entries::new(&self.attributes, document)
    }

    /// Reads them from the database. What a newer program may have put there and this one does not know is left alone.
    fn load(db: &Connection, tenant: &str, kind: &str, generation: i64) -> Inner<Indexes> {
        let mut statement = db.prepare_cached(
            "SELECT attr, via, path, rule, single, search, state FROM indexed WHERE tenant = ?1 AND kind = ?2",
        )?;
        let rows = statement.query_map([tenant, kind], |row| {
            let (path, rule) = (row.get::<_, String>(2)?, row.get::<_, String>(3)?);
            let Some(rule) = Rule::named(&rule) else { return Ok(None) };
            Ok(Some(Indexed {
                attr: row.get(0)?,
                via: Via::named(&row.get::<_, String>(1)?),
                shape: Shape { path: list(&path), rule },
                single: row.get(4)?,
                search: row.get(5)?,
                state: State::numbered(row.get(6)?),
            }))
        })?;
        let attributes = rows.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let mut statement =
            db.prepare_cached("SELECT number, attrs, state FROM search WHERE tenant = ?1 AND kind = ?2")?;
        let rows = statement.query_map([tenant, kind], |row| {
            let attrs: String = row.get(1)?;
            Ok(Search { number: row.get(0)?, attrs: list(&attrs), state: State::numbered(row.get(2)?) })
        })?;
        let searches = rows.collect::<Result<_, _>>()?;
        let mut statement = db.prepare_cached(
            "SELECT attr, tenant = '', number FROM shelf WHERE (tenant = ?1 AND kind = ?2) OR (tenant = '' AND kind = '')",
        )?;
        let rows = statement.query_map([tenant, kind], |row| {
            Ok(Shelf { attr: row.get(0)?, global: row.get(1)?, number: row.get(2)? })
        })?;
        let mut indexes =
            Indexes { generation, attributes, searches, own: None, shelves: rows.collect::<Result<_, _>>()? };
        indexes.own = indexes.shelf(ID, false);
        Ok(indexes)
    }
}

/// The number under which the resources of a type stand; None where there never were any.
pub(crate) fn own_shelf(db: &Connection, tenant: &str, kind: &str) -> Inner<Option<i64>> {
    let mut statement =
        db.prepare_cached("SELECT number FROM shelf WHERE tenant = ?1 AND kind = ?2 AND attr = 'id'")?;
    Ok(statement.query_row([tenant, kind], |row| row.get(0)).optional()?)
}

fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// The indexes of all types, read when they are needed and again when the database says that they moved.
#[derive(Debug)]
pub(crate) struct Catalogue {
    known: RwLock<HashMap<(String, String), Arc<Indexes>>>,
    /// From so many resources on, a type has an index of fragments.
    pub search_from: i64,
}

/// One type in one tenant: how many resources there are, and how they are indexed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Extent {
    pub n: i64,
    /// Do their numbers rise with their ids?
    pub ordered: bool,
    pub indexes: Arc<Indexes>,
}

impl Catalogue {
    pub(crate) fn new(search_from: u32) -> Self {
        Catalogue { known: RwLock::default(), search_from: search_from.into() }
    }

    /// Reads everything anew: what was read in a transaction that was lost may never have been.
    pub(crate) fn forget(&self) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// As the transaction under way sees it; None where nothing was ever put there.
    pub(crate) fn extent(&self, db: &Connection, tenant: &str, kind: &str) -> Inner<Option<Extent>> {
        let row = db
            .prepare_cached("SELECT n, generation, ordered FROM extent WHERE tenant = ?1 AND kind = ?2")?
            .query_row(params![tenant, kind], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, bool>(2)?))
            })
            .optional()?;
        let Some((n, generation, ordered)) = row else { return Ok(None) };
        let key = (tenant.to_owned(), kind.to_owned());
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(indexes) = known.filter(|indexes| indexes.generation == generation) {
            return Ok(Some(Extent { n, ordered, indexes }));
        }
        let indexes = Arc::new(Indexes::load(db, tenant, kind, generation)?);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, indexes.clone());
        Ok(Some(Extent { n, ordered, indexes }))
    }
}
