//! Which attributes of a type are indexed, as the database itself records it: every process that writes keeps the same
//! indexes, and none answers from one that is not whole.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Inner;
use crate::pick::{Rule, Shape, pick};

/// The indexes of one type in one tenant.
#[derive(Debug, Default)]
pub(crate) struct Indexes {
    pub generation: i64,
    pub attributes: Vec<Indexed>,
    pub searches: Vec<Search>,
}

/// One indexed attribute.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Indexed {
    /// In path notation.
    pub attr: String,
    pub shape: Shape,
    pub via: Via,
    pub state: State,
    /// At most one value a resource.
    pub single: bool,
    /// Fragments of it are looked for too.
    pub search: bool,
}

/// Which table holds the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Via {
    /// `term`.
    Term,
    /// `claim`, where the core's claims put them.
    Claim,
    /// `claim`, under no tenant.
    Global,
}

/// Is an index whole?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Resources older than the index are not in it yet.
    Missing,
    /// It is.
    Built,
    /// It is not kept any more.
    Dropped,
}

/// A substring index.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    pub number: i64,
    pub attrs: Vec<String>,
    pub state: State,
}

impl Via {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Via::Term => "term",
            Via::Claim => "claim",
            Via::Global => "global",
        }
    }

    fn named(name: &str) -> Via {
        match name {
            "claim" => Via::Claim,
            "global" => Via::Global,
            _ => Via::Term,
        }
    }
}

impl State {
    pub(crate) fn number(self) -> i64 {
        match self {
            State::Missing => 0,
            State::Built => 1,
            State::Dropped => 2,
        }
    }

    pub(crate) fn numbered(number: i64) -> State {
        match number {
            0 => State::Missing,
            1 => State::Built,
            _ => State::Dropped,
        }
    }
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

    /// The substring index that holds this attribute, where it is whole, with the column.
    pub(crate) fn search(&self, attr: &str) -> Option<(&Search, usize)> {
        self.searches
            .iter()
            .filter(|search| search.state == State::Built)
            .find_map(|search| Some((search, search.column(attr)?)))
    }

    /// What the indexes hold of a document.
    pub(crate) fn entries(&self, document: &str) -> Entries {
        let kept = self.attributes.iter().filter(|indexed| indexed.state != State::Dropped);
        let names: Vec<&str> = kept.clone().map(|indexed| indexed.shape.top()).collect();
        if names.is_empty() {
            return Entries::default();
        }
        let members = pick(document, &names);
        Entries(kept.map(|indexed| (indexed.attr.clone(), indexed.shape.tokens(&members))).collect())
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
        Ok(Indexes { generation, attributes, searches: rows.collect::<Result<_, _>>()? })
    }
}

fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

/// The tokens of one document, attribute by attribute.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Entries(pub Vec<(String, Vec<String>)>);

impl Entries {
    pub(crate) fn of(&self, attr: &str) -> &[String] {
        self.0.iter().find(|(own, _)| own == attr).map_or(&[], |(_, tokens)| tokens)
    }
}

/// The indexes of all types, read when they are needed and again when the database says that they moved.
#[derive(Debug)]
pub(crate) struct Catalogue {
    known: RwLock<HashMap<(String, String), Arc<Indexes>>>,
    /// From so many resources on, a type has an index of fragments.
    pub search_from: i64,
}

/// One type in one tenant: how many resources there are, and how they are indexed.
#[derive(Debug, Clone)]
pub(crate) struct Extent {
    pub n: i64,
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
            .prepare_cached("SELECT n, generation FROM extent WHERE tenant = ?1 AND kind = ?2")?
            .query_row(params![tenant, kind], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))
            .optional()?;
        let Some((n, generation)) = row else { return Ok(None) };
        let key = (tenant.to_owned(), kind.to_owned());
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(indexes) = known.filter(|indexes| indexes.generation == generation) {
            return Ok(Some(Extent { n, indexes }));
        }
        let indexes = Arc::new(Indexes::load(db, tenant, kind, generation)?);
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(key, indexes.clone());
        Ok(Some(Extent { n, indexes }))
    }
}
