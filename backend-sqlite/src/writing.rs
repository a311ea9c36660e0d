//! A transaction under way: savepoints, what it has counted, and the rows that indexes keep of a document.

use std::sync::Arc;

use rusqlite::{Connection, params};
use scim_core::store::index::{Entries, State, Via};

use crate::error::{Fault, Inner};
use crate::holders;
use crate::index::{Catalogue, Extent, Indexes, Search};

/// The most resources for which the writer makes an index on its own, in one go; more are left to `reindex`.
pub(crate) const AT_ONCE: i64 = 20_000;

/// Types that are remembered from one transaction to the next.
const EXTENTS: usize = 16;

pub(crate) struct Writing<'a> {
    pub db: &'a Connection,
    catalogue: &'a Catalogue,
    /// The types written to, in this transaction or before.
    pub extents: Vec<Touched>,
    /// What was added and taken away.
    counted: Vec<Counted>,
    /// The same of the mutation under way, which may fail yet.
    counting: Vec<Counted>,
    /// Rows of substring indexes, written at the end: such an index goes to disk at every savepoint.
    fragments: Vec<Fragments>,
    /// Did indexes move in this transaction?
    moved: bool,
    /// What comes next has the transaction for itself: it needs no savepoint of its own.
    pub alone: bool,
    /// What had the transaction for itself failed: nothing of the transaction may stay.
    pub failed: bool,
    /// Holders of links, as they stand now.
    pub holders: holders::Remembered,
    /// Did something fail because there is no room?
    pub full: bool,
}

/// Resources that came or went, or rows of an index.
struct Counted {
    /// The type, as a place in `extents`.
    of: usize,
    /// None: resources.
    attr: Option<String>,
    by: i64,
}

/// What becomes of one row of a substring index.
struct Fragments {
    table: String,
    seq: i64,
    /// Is there a row?
    was: bool,
    /// The row as it shall be.
    columns: Option<Vec<String>>,
}

/// A type that is written to. It is remembered from one transaction to the next, as long as nobody else writes.
pub(crate) struct Touched {
    tenant: String,
    kind: String,
    /// As the database has it, without what was counted since; outer None: to be read.
    extent: Option<Option<Extent>>,
}

impl<'a> Writing<'a> {
    pub(crate) fn new(db: &'a Connection, catalogue: &'a Catalogue) -> Self {
        let (counted, counting) = (Vec::new(), Vec::new());
        let holders = holders::Remembered::default();
        Writing {
            db,
            catalogue,
            extents: Vec::new(),
            counted,
            counting,
            fragments: Vec::new(),
            moved: false,
            alone: false,
            failed: false,
            holders,
            full: false,
        }
    }

    /// Is a type of so many resources large enough for an index of fragments?
    pub(crate) fn is_large(&self, resources: i64) -> bool {
        resources >= self.catalogue.search_from
    }

    /// Runs a statement that is kept prepared; gives how many rows it touched.
    pub(crate) fn run(&self, sql: &str, values: impl rusqlite::Params) -> Inner<usize> {
        Ok(self.db.prepare_cached(sql)?.execute(values)?)
    }

    /// Whole or not at all: what fails leaves no trace, at the latest when the transaction ends.
    pub(crate) fn whole<T>(&mut self, work: impl FnOnce(&mut Self) -> Inner<T>) -> Inner<T> {
        let fragments = self.fragments.len();
        // In a savepoint SQLite copies each page before it is written.
        let alone = std::mem::take(&mut self.alone);
        if !alone {
            self.run("SAVEPOINT mutation", [])?;
        }
        let done = work(self);
        if done.is_ok() {
            if !alone {
                self.run("RELEASE mutation", [])?;
            }
            self.add_up();
        } else {
            self.full |= done.as_ref().is_err_and(Fault::is_full);
            self.counting.clear();
            self.fragments.truncate(fragments);
            self.holders.clear();
            if self.moved {
                self.forget();
            }
            self.failed |= alone;
            if !alone && !self.db.is_autocommit() {
                self.run("ROLLBACK TO mutation", [])?;
                self.run("RELEASE mutation", [])?;
            }
        }
        done
    }

    /// Adds what was counted last to what was counted before.
    fn add_up(&mut self) {
        for new in self.counting.drain(..) {
            match self.counted.iter_mut().find(|own| own.of == new.of && own.attr == new.attr) {
                Some(own) => own.by += new.by,
                None => self.counted.push(new),
            }
        }
    }

    /// What was counted of a type: of one of its indexes, or of its resources.
    fn counted(&self, of: usize, attr: Option<&str>) -> i64 {
        let all = self.counted.iter().chain(&self.counting);
        all.filter(|own| own.of == of && own.attr.as_deref() == attr).map(|own| own.by).sum()
    }

    /// What was read of indexes may not stand any more.
    fn forget(&mut self) {
        self.catalogue.forget();
        self.extents.iter_mut().for_each(|touched| touched.extent = None);
    }

    /// The indexes of a whole tenant are gone: everything is read anew.
    pub(crate) fn reset(&mut self) {
        self.moved = true;
        self.holders.clear();
        self.forget();
    }

    /// The place of a type in `extents`, and what the database says of it.
    fn place(&mut self, tenant: &str, kind: &str) -> Inner<(usize, Option<Extent>)> {
        let known = self.extents.iter().position(|touched| touched.tenant == tenant && touched.kind == kind);
        let place = known.unwrap_or_else(|| {
            self.extents.push(Touched { tenant: tenant.to_owned(), kind: kind.to_owned(), extent: None });
            self.extents.len() - 1
        });
        let Some(touched) = self.extents.get_mut(place) else { return Ok((place, None)) };
        let extent = match &touched.extent {
            Some(extent) => extent.clone(),
            None => touched.extent.insert(self.catalogue.extent(self.db, tenant, kind)?).clone(),
        };
        Ok((place, extent))
    }

    /// How a type is indexed.
    pub(crate) fn indexes(&mut self, tenant: &str, kind: &str) -> Inner<Arc<Indexes>> {
        let (_, extent) = self.place(tenant, kind)?;
        Ok(extent.map(|extent| extent.indexes).unwrap_or_default())
    }

    /// The number under which the resources of a type stand; None where there never were any.
    pub(crate) fn own_shelf(&mut self, tenant: &str, kind: &str) -> Inner<Option<i64>> {
        Ok(self.indexes(tenant, kind)?.own)
    }

    /// The number under which the values of an attribute stand; a new one where there were none yet.
    pub(crate) fn shelf(&mut self, tenant: &str, kind: &str, attr: &str, global: bool) -> Inner<i64> {
        if let Some(shelf) = self.indexes(tenant, kind)?.shelf(attr, global) {
            return Ok(shelf);
        }
        let among = if global { ("", "") } else { (tenant, kind) };
        self.run(
            "INSERT INTO shelf (tenant, kind, attr) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![among.0, among.1, attr],
        )?;
        self.moved(tenant, kind)?;
        Ok(self
            .db
            .prepare_cached("SELECT number FROM shelf WHERE tenant = ?1 AND kind = ?2 AND attr = ?3")?
            .query_row([among.0, among.1, attr], |row| row.get(0))?)
    }

    /// How many resources there are of a type, those of this transaction included.
    pub(crate) fn count(&mut self, tenant: &str, kind: &str) -> Inner<i64> {
        let (place, extent) = self.place(tenant, kind)?;
        Ok(extent.map_or(0, |extent| extent.n) + self.counted(place, None))
    }

    /// Counts resources that came (or went).
    pub(crate) fn add(&mut self, tenant: &str, kind: &str, by: i64) -> Inner<()> {
        let (place, _) = self.place(tenant, kind)?;
        self.counting.push(Counted { of: place, attr: None, by });
        Ok(())
    }

    /// The indexes of the type have changed: everybody reads them anew.
    pub(crate) fn moved(&mut self, tenant: &str, kind: &str) -> Inner<()> {
        // One number for all, which only rises: an old one can never mean something new.
        let generation: i64 = self
            .db
            .prepare_cached(
                "INSERT INTO extent (tenant, kind, n, generation) VALUES ('', '', 0, 1)
                 ON CONFLICT DO UPDATE SET generation = generation + 1 RETURNING generation",
            )?
            .query_row([], |row| row.get(0))?;
        self.run(
            "INSERT INTO extent (tenant, kind, n, generation) VALUES (?1, ?2, 0, ?3)
             ON CONFLICT DO UPDATE SET generation = excluded.generation",
            params![tenant, kind, generation],
        )?;
        self.moved = true;
        self.forget();
        Ok(())
    }

    /// Writes down what was counted, before the commit. Gives the types that now want a substring index.
    pub(crate) fn settle(&mut self) -> Inner<Vec<(String, String)>> {
        self.write_fragments()?;
        let mut grown = Vec::new();
        for (place, touched) in std::mem::take(&mut self.extents).into_iter().enumerate() {
            let Touched { tenant, kind, extent } = touched;
            let extent = match extent {
                Some(extent) => extent,
                None => self.catalogue.extent(self.db, &tenant, &kind)?,
            };
            let by = self.counted(place, None);
            if by != 0 {
                self.run(
                    "INSERT INTO extent (tenant, kind, n, generation) VALUES (?1, ?2, ?3, 0)
                     ON CONFLICT DO UPDATE SET n = n + excluded.n",
                    params![tenant, kind, by],
                )?;
            }
            // Where there was none there may be one now.
            let Some(mut extent) = extent else { continue };
            extent.n += by;
            for indexed in &extent.indexes.attributes {
                let by = self.counted(place, Some(&indexed.attr));
                if by != 0 {
                    self.run(
                        "UPDATE indexed SET n = n + ?4 WHERE tenant = ?1 AND kind = ?2 AND attr = ?3",
                        params![tenant, kind, indexed.attr, by],
                    )?;
                }
            }
            let wanted = extent.indexes.attributes.iter().any(|indexed| indexed.search);
            let in_reach = (self.catalogue.search_from..=AT_ONCE).contains(&extent.n);
            if wanted && extent.indexes.searches.is_empty() && in_reach {
                grown.push((tenant.clone(), kind.clone()));
            }
            self.extents.push(Touched { tenant, kind, extent: Some(Some(extent)) });
        }
        if self.extents.len() > EXTENTS {
            self.extents.clear();
        }
        Ok(grown)
    }

    /// Brings the index rows of one resource from what one document says to what another says (None: nothing).
    pub(crate) fn reindex_row(&mut self, row: &Row<'_>, before: Option<&str>, after: Option<&str>) -> Inner<()> {
        let indexes = self.indexes(row.tenant, row.kind)?;
        if let (Some(before), Some(after)) = (before, after)
            && indexes.are_alike(before, after)
        {
            return Ok(());
        }
        let (old, new) = (
            before.map(|document| indexes.entries(document)).unwrap_or_default(),
            after.map(|document| indexes.entries(document)).unwrap_or_default(),
        );
        if old == new && before.is_some() == after.is_some() {
            return Ok(());
        }
        let (place, _) = self.place(row.tenant, row.kind)?;
        for indexed in indexes.attributes.iter().filter(|indexed| indexed.state != State::Dropped) {
            let (old, new) = (old.of(&indexed.attr), new.of(&indexed.attr));
            if indexed.via == Via::Term && old != new {
                let shelf = self.shelf(row.tenant, row.kind, &indexed.attr, false)?;
                for token in old.iter().filter(|token| !new.contains(token)) {
                    self.run(
                        "DELETE FROM term WHERE shelf = ?1 AND token = ?2 AND seq = ?3",
                        params![shelf, token, row.seq],
                    )?;
                }
                for token in new.iter().filter(|token| !old.contains(token)) {
                    self.run(
                        "INSERT OR IGNORE INTO term (shelf, token, seq) VALUES (?1, ?2, ?3)",
                        params![shelf, token, row.seq],
                    )?;
                }
            }
            let by = i64::try_from(new.len()).unwrap_or(0) - i64::try_from(old.len()).unwrap_or(0);
            if by != 0 {
                self.counting.push(Counted { of: place, attr: Some(indexed.attr.clone()), by });
            }
        }
        for search in indexes.searches.iter().filter(|search| search.state != State::Dropped) {
            self.write_search(search, row.seq, before.is_some().then_some(&old), after.is_some().then_some(&new));
        }
        Ok(())
    }

    /// One row of a substring index, from what was in it to what shall be.
    pub(crate) fn write_search(&mut self, search: &Search, seq: i64, old: Option<&Entries>, new: Option<&Entries>) {
        let text = |entries: &Entries| -> Vec<String> {
            search.attrs.iter().map(|attr| entries.of(attr).join("\n")).collect()
        };
        let (old, new) = (old.map(text), new.map(text));
        if old != new {
            self.fragments.push(Fragments { table: search.table(), seq, was: old.is_some(), columns: new });
        }
    }

    /// Ends a substring index.
    pub(crate) fn drop_search(&mut self, table: &str) -> Inner<()> {
        self.fragments.retain(|fragments| fragments.table != table);
        Ok(self.db.execute_batch(&format!("DROP TABLE {table}"))?)
    }

    /// Writes the rows of substring indexes.
    fn write_fragments(&mut self) -> Inner<()> {
        for Fragments { table, seq, was, columns } in std::mem::take(&mut self.fragments) {
            if was {
                self.run(&format!("DELETE FROM {table} WHERE rowid = ?1"), [seq])?;
            }
            let Some(columns) = columns else { continue };
            let names: String = (0..columns.len()).map(|number| format!(", c{number}")).collect();
            let marks: String = (0..columns.len()).map(|number| format!(", ?{}", number + 2)).collect();
            let mut statement =
                self.db.prepare_cached(&format!("INSERT INTO {table} (rowid{names}) VALUES (?1{marks})"))?;
            statement.raw_bind_parameter(1, seq)?;
            for (number, column) in columns.iter().enumerate() {
                statement.raw_bind_parameter(number + 2, column)?;
            }
            statement.raw_execute()?;
        }
        Ok(())
    }

    /// Makes the substring index of a type, over all that is there.
    pub(crate) fn make_search(&mut self, tenant: &str, kind: &str) -> Inner<()> {
        let indexes = self.indexes(tenant, kind)?;
        let attrs: Vec<String> =
            indexes.attributes.iter().filter(|indexed| indexed.search).map(|indexed| indexed.attr.clone()).collect();
        if attrs.is_empty() || !indexes.searches.is_empty() {
            return Ok(());
        }
        let search = self.create_search(tenant, kind, attrs, State::Built)?;
        let db = self.db;
        let mut rows = db.prepare_cached("SELECT seq, document FROM resource WHERE shelf = ?1")?;
        let mut rows = rows.query([indexes.own])?;
        while let Some(row) = rows.next()? {
            let entries = indexes.entries(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
            self.write_search(&search, row.get(0)?, None, Some(&entries));
        }
        drop(rows);
        self.moved(tenant, kind)
    }

    /// The empty table of a substring index, and its line in the catalogue.
    pub(crate) fn create_search(&self, tenant: &str, kind: &str, attrs: Vec<String>, state: State) -> Inner<Search> {
        let list = serde_json::to_string(&attrs).unwrap_or_default();
        self.run(
            "INSERT INTO search (tenant, kind, attrs, state) VALUES (?1, ?2, ?3, ?4)",
            params![tenant, kind, list, state.number()],
        )?;
        let search = Search { number: self.db.last_insert_rowid(), attrs, state };
        let columns: String = (0..search.attrs.len()).map(|number| format!("c{number}, ")).collect();
        // Values come folded by their attributes' rules; only ids are kept, the documents hold the text.
        self.db.execute_batch(&format!(
            "CREATE VIRTUAL TABLE {} USING fts5({columns}content = '', contentless_delete = 1, \
             tokenize = 'trigram case_sensitive 1')",
            search.table()
        ))?;
        Ok(search)
    }
}

/// The resource whose index rows are written.
pub(crate) struct Row<'a> {
    pub tenant: &'a str,
    pub kind: &'a str,
    pub seq: i64,
}
