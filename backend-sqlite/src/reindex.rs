//! Building indexes over resources that were there before them, in pieces, while others read and write.

use std::sync::{Arc, PoisonError};

use rusqlite::{OptionalExtension, params};
use scim_core::document::{Document, claims};
use scim_core::path::AttrPath;
use scim_core::schema::ResourceType;
use scim_core::store::index::{Progress, State, Via, wanted};
use scim_core::store::{Result, StoreErrorKind, TenantId};

use crate::SqliteStore;
use crate::commit::take;
use crate::error::Inner;
use crate::index::Search;
use crate::writing::Writing;

/// Resources in one transaction: others wait for some milliseconds.
const PIECE: i64 = 500;

impl SqliteStore {
    /// Builds what is missing of the indexes of every tenant that was prepared, and gives up those that are not
    /// configured any more. Others may read and write meanwhile.
    ///
    /// # Errors
    /// `Invalid` where an attribute is to be unique and two resources have one value; it names both.
    pub async fn reindex(&self, progress: &mut (dyn FnMut(&Progress) + Send)) -> Result<()> {
        let prepared: Vec<_> = {
            let types = self.types.read().unwrap_or_else(PoisonError::into_inner);
            types.iter().map(|(tenant, types)| (tenant.clone(), types.clone())).collect()
        };
        for (tenant, types) in prepared {
            for rt in types.iter() {
                self.give_up(&tenant, rt).await?;
                self.rebuild(&tenant, rt, progress).await?;
            }
        }
        Ok(())
    }

    /// Ends the indexes that are not configured any more.
    async fn give_up(&self, tenant: &TenantId, rt: &Arc<ResourceType>) -> Result<()> {
        let (own, kind, kept) =
            (tenant.clone(), rt.kind.clone(), wanted(rt, &self.options.indexed, &self.options.substring));
        let dropped = self
            .writer
            .ask("reindex", move |writing| {
                let known = writing.indexes(own.as_str(), kind.as_str())?;
                let known = known.attributes.iter().filter(|known| known.via == Via::Term);
                let gone: Vec<_> = known
                    .filter(|known| !kept.iter().any(|kept| kept.attr == known.attr))
                    .map(|known| known.attr.clone())
                    .collect();
                for attr in &gone {
                    writing.run(
                        "UPDATE indexed SET state = 2 WHERE tenant = ?1 AND kind = ?2 AND attr = ?3",
                        params![own.as_str(), kind.as_str(), attr],
                    )?;
                }
                if !gone.is_empty() {
                    writing.moved(own.as_str(), kind.as_str())?;
                }
                Ok(gone)
            })
            .await?;
        for attr in dropped {
            self.clear(tenant, rt, &attr).await?;
            let (own, kind) = (tenant.clone(), rt.kind.clone());
            self.writer
                .ask("reindex", move |writing| {
                    writing.run(
                        "DELETE FROM indexed WHERE tenant = ?1 AND kind = ?2 AND attr = ?3 AND state = 2",
                        params![own.as_str(), kind.as_str(), attr],
                    )?;
                    writing.moved(own.as_str(), kind.as_str())
                })
                .await?;
        }
        Ok(())
    }

    /// Deletes the terms of an attribute, in pieces.
    async fn clear(&self, tenant: &TenantId, rt: &Arc<ResourceType>, attr: &str) -> Result<()> {
        loop {
            let (own, kind, attr) = (tenant.clone(), rt.kind.clone(), attr.to_owned());
            let deleted = self
                .writer
                .ask("reindex", move |writing| {
                    let shelf = writing.shelf(own.as_str(), kind.as_str(), &attr, false)?;
                    writing.run(
                        "DELETE FROM term WHERE shelf = ?1 AND (token, seq) IN (
                           SELECT token, seq FROM term WHERE shelf = ?1 LIMIT ?2)",
                        params![shelf, PIECE * 10],
                    )
                })
                .await?;
            if deleted == 0 {
                return Ok(());
            }
        }
    }

    /// Builds what is missing of one type.
    pub(crate) async fn rebuild(
        &self,
        tenant: &TenantId,
        rt: &Arc<ResourceType>,
        progress: &mut (dyn FnMut(&Progress) + Send),
    ) -> Result<()> {
        let indexes = self
            .readers
            .here(|reader| self.catalogue.extent(&reader.db, tenant.as_str(), rt.kind.as_str()))
            .map_err(|fault| fault.during("reindex"))?;
        let Some(extent) = indexes else { return Ok(()) };
        let missing: Vec<_> =
            extent.indexes.attributes.iter().filter(|indexed| indexed.state == State::Missing).cloned().collect();
        for indexed in missing.iter().filter(|indexed| indexed.via == Via::Term) {
            // What another rule made of the values, once, must not stay.
            self.clear(tenant, rt, &indexed.attr).await?;
        }
        let search = self.start_search(tenant, rt).await?;
        if missing.is_empty() && search.is_none() {
            return Ok(());
        }
        let building = Arc::new(Building {
            tenant: tenant.clone(),
            rt: rt.clone(),
            attrs: missing.iter().map(|indexed| indexed.attr.clone()).collect(),
            search,
        });
        let of = u64::try_from(extent.n).unwrap_or_default();
        let (mut after, mut done) = (0, 0);
        loop {
            let own = building.clone();
            let piece = self.writer.ask("reindex", move |writing| own.piece(writing, after)).await?;
            let Some((last, rows)) = piece else { break };
            after = last;
            done += rows;
            let kind = rt.kind.as_str().to_owned();
            progress(&Progress { tenant: tenant.clone(), kind, done, of: of.max(done) });
        }
        self.writer.ask("reindex", move |writing| building.finish(writing)).await
    }

    /// The substring index that is to be filled, where one is missing and the type is large enough for it.
    async fn start_search(&self, tenant: &TenantId, rt: &Arc<ResourceType>) -> Result<Option<Search>> {
        let (own, kind) = (tenant.clone(), rt.kind.clone());
        self.writer
            .ask("reindex", move |writing| {
                let (tenant, kind) = (own.as_str(), kind.as_str());
                let indexes = writing.indexes(tenant, kind)?;
                let resources = writing.count(tenant, kind)?;
                if !indexes.lacks_search() || !writing.is_large(resources) {
                    return Ok(None);
                }
                // One that was begun and not finished is begun again.
                for search in indexes.searches.iter().filter(|search| search.state == State::Missing) {
                    drop_search(writing, search)?;
                }
                let wanted = indexes.attributes.iter().filter(|indexed| indexed.search);
                let attrs = wanted.map(|indexed| indexed.attr.clone()).collect();
                let search = writing.create_search(tenant, kind, attrs, State::Missing)?;
                writing.moved(tenant, kind)?;
                Ok(Some(search))
            })
            .await
    }
}

fn drop_search(writing: &mut Writing<'_>, search: &Search) -> Inner<()> {
    writing.drop_search(&search.table())?;
    writing.run("DELETE FROM search WHERE number = ?1", [search.number])?;
    Ok(())
}

/// The indexes of one type that are being built.
struct Building {
    tenant: TenantId,
    rt: Arc<ResourceType>,
    attrs: Vec<String>,
    search: Option<Search>,
}

impl Building {
    /// Indexes the next resources behind this row; gives the last row and how many they were, None at the end.
    fn piece(&self, writing: &mut Writing<'_>, after: i64) -> Inner<Option<(i64, u64)>> {
        let (tenant, kind) = (self.tenant.as_str(), self.rt.kind.as_str());
        let indexes = writing.indexes(tenant, kind)?;
        let rows: Vec<(i64, String, String)> = {
            // By row number: one range of the table, whatever else is in it.
            let mut statement = writing.db.prepare_cached(
                "SELECT seq, id, document FROM resource NOT INDEXED
                 WHERE seq > ?2 AND shelf = ?1 ORDER BY seq LIMIT ?3",
            )?;
            let rows = statement
                .query_map(params![indexes.own, after, PIECE], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
            rows.collect::<std::result::Result<_, _>>()?
        };
        for (seq, id, document) in &rows {
            let entries = indexes.entries(document);
            for indexed in indexes.attributes.iter().filter(|indexed| self.attrs.contains(&indexed.attr)) {
                if indexed.via == Via::Term {
                    let shelf = writing.shelf(tenant, kind, &indexed.attr, false)?;
                    for token in entries.of(&indexed.attr) {
                        writing.run(
                            "INSERT OR IGNORE INTO term (shelf, token, seq) VALUES (?1, ?2, ?3)",
                            params![shelf, token, seq],
                        )?;
                    }
                } else {
                    self.claim(writing, &indexed.attr, (*seq, id), document)?;
                }
            }
            if let Some(search) = &self.search {
                // A row that was written meanwhile is there already.
                writing.write_search(search, *seq, Some(&Default::default()), Some(&entries));
            }
        }
        Ok(rows.last().map(|(seq, _, _)| (*seq, rows.len() as u64)))
    }

    /// Takes the unique values that a resource had before they were unique.
    fn claim(&self, writing: &mut Writing<'_>, attr: &str, (seq, id): (i64, &str), document: &str) -> Inner<()> {
        let members = Document::from_stored(document).parse();
        for claim in claims(&members, &self.rt, false).iter().filter(|claim| claim.at.to_string() == attr) {
            let shelf = writing.shelf(self.tenant.as_str(), self.rt.kind.as_str(), attr, claim.global)?;
            if !take(writing, shelf, &claim.token, seq)? {
                return Err(self.duplicate(writing, &claim.at, (shelf, &claim.token), id)?.into());
            }
        }
        Ok(())
    }

    fn duplicate(
        &self,
        writing: &Writing<'_>,
        at: &AttrPath,
        (shelf, token): (i64, &str),
        id: &str,
    ) -> Inner<StoreErrorKind> {
        let other: Option<String> = writing
            .db
            .prepare_cached(
                "SELECT r.id FROM claim c CROSS JOIN resource r ON r.seq = c.seq WHERE c.shelf = ?1 AND c.token = ?2",
            )?
            .query_row(params![shelf, token], |row| row.get(0))
            .optional()?;
        let other = other.unwrap_or_default();
        Ok(StoreErrorKind::Invalid {
            at: at.clone(),
            why: format!(
                "is to be unique, but the {} resources {other} and {id} of tenant {} have one value; change one of them",
                self.rt.kind, self.tenant
            ),
        })
    }

    /// All is in: from now on lists are answered from it.
    fn finish(&self, writing: &mut Writing<'_>) -> Inner<()> {
        let (tenant, kind) = (self.tenant.as_str(), self.rt.kind.as_str());
        let indexes = writing.indexes(tenant, kind)?;
        for indexed in indexes.attributes.iter().filter(|indexed| self.attrs.contains(&indexed.attr)) {
            let Some((table, shelf)) = indexes.place(indexed) else { continue };
            writing.run(
                &format!(
                    "UPDATE indexed SET state = 1, n = (SELECT count(*) FROM {table} t WHERE t.shelf = ?4)
                     WHERE tenant = ?1 AND kind = ?2 AND attr = ?3 AND state = 0"
                ),
                params![tenant, kind, indexed.attr, shelf],
            )?;
        }
        if let Some(search) = &self.search {
            for old in indexes.searches.iter().filter(|old| old.number != search.number) {
                drop_search(writing, old)?;
            }
            writing.run("UPDATE search SET state = 1 WHERE number = ?1", [search.number])?;
        }
        writing.moved(tenant, kind)
    }
}
