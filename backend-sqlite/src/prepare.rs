//! Before a tenant's traffic: which attributes of its types are to be indexed, and that they are.
//!
//! Indexes of few resources are built at once. Those of many are left to [`SqliteStore::reindex`]; until then lists are
//! filtered without them, which takes longer and answers the same. Indexes that are not wanted any more stay until then.

use std::sync::{Arc, PoisonError};

use rusqlite::params;
use scim_core::schema::{Kind, ResourceType};
use scim_core::store::index::{Indexed, State, Via, usable, wanted};
use scim_core::store::{Result, TenantId};

use crate::SqliteStore;
use crate::error::Inner;
use crate::index::Indexes;
use crate::writing::{AT_ONCE, Writing};

impl SqliteStore {
    /// Takes over the types of a tenant.
    pub(crate) async fn make_ready(&self, tenant: &TenantId, types: &[Arc<ResourceType>]) -> Result<()> {
        self.types.write().unwrap_or_else(PoisonError::into_inner).insert(tenant.clone(), types.into());
        for name in self.options.indexed.iter().chain(&self.options.substring) {
            if !types.iter().any(|rt| usable(name, rt).is_some()) {
                tracing::warn!(%tenant, "no type has an attribute {name} that can be indexed; see store.sqlite.index");
            }
        }
        if self.options.look {
            return Ok(());
        }
        for rt in types {
            let wanted = wanted(rt, &self.options.indexed, &self.options.substring);
            let known = self.readers.here(|reader| {
                let extent = self.catalogue.extent(&reader.db, tenant.as_str(), rt.kind.as_str())?;
                Ok(extent.map(|extent| extent.indexes).unwrap_or_default())
            });
            let known = known.map_err(|fault| fault.during("prepare"))?;
            let (own, kind) = (tenant.clone(), rt.kind.clone());
            if !is_settled(&known, &wanted) {
                let add = move |writing: &mut Writing<'_>| add(writing, &own, &kind, &wanted);
                self.writer.ask("prepare", add).await?;
            }
            self.build_missing(tenant, rt).await?;
        }
        Ok(())
    }

    /// Builds at once what is small, and says what is left.
    async fn build_missing(&self, tenant: &TenantId, rt: &Arc<ResourceType>) -> Result<()> {
        let extent = self
            .readers
            .here(|reader| self.catalogue.extent(&reader.db, tenant.as_str(), rt.kind.as_str()))
            .map_err(|fault| fault.during("prepare"))?;
        let Some(extent) = extent else { return Ok(()) };
        let missing = extent.indexes.attributes.iter().filter(|indexed| indexed.state == State::Missing);
        let missing: Vec<_> = missing.map(|indexed| indexed.attr.clone()).collect();
        let search = extent.indexes.lacks_search() && extent.n > AT_ONCE;
        if missing.is_empty() && !search {
            return Ok(());
        }
        if extent.n <= AT_ONCE {
            return self.rebuild(tenant, rt, &mut |_| {}).await;
        }
        tracing::warn!(
            %tenant, kind = %rt.kind, resources = extent.n, attributes = missing.join(" "),
            "not indexed yet, so filters on these take longer; run scim-server reindex",
        );
        Ok(())
    }
}

/// Does the database keep all that is wanted already?
fn is_settled(known: &Indexes, wanted: &[Indexed]) -> bool {
    wanted.iter().all(|wanted| known.attributes.iter().any(|known| known.keeps(wanted)))
}

impl Indexes {
    /// Is there a fragment index to be made?
    pub(crate) fn lacks_search(&self) -> bool {
        self.attributes.iter().any(|indexed| indexed.search && self.search(&indexed.attr).is_none())
    }
}

/// Puts what is wanted into the catalogue. What there are no resources for is built.
fn add(writing: &mut Writing<'_>, tenant: &TenantId, kind: &Kind, wanted: &[Indexed]) -> Inner<()> {
    let (tenant, kind) = (tenant.as_str(), kind.as_str());
    let known = writing.indexes(tenant, kind)?;
    let empty = writing.count(tenant, kind)? == 0;
    for indexed in wanted.iter().filter(|wanted| !known.attributes.iter().any(|known| known.keeps(wanted))) {
        writing.shelf(tenant, kind, &indexed.attr, indexed.via == Via::Global)?;
        let was = known.attributes.iter().find(|known| known.attr == indexed.attr);
        // Only the wish to find fragments is new: the values are as they were.
        let same = was.filter(|was| was.keeps(&Indexed { search: false, ..indexed.clone() }));
        let state = match same {
            Some(was) => was.state,
            None if empty && was.is_none() => State::Built,
            None => State::Missing,
        };
        let path = serde_json::to_string(&indexed.shape.path).unwrap_or_default();
        writing.run(
            "INSERT INTO indexed (tenant, kind, attr, via, path, rule, single, search, state, n)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)
             ON CONFLICT DO UPDATE SET via = excluded.via, path = excluded.path, rule = excluded.rule,
               single = excluded.single, search = excluded.search, state = excluded.state",
            params![
                tenant,
                kind,
                indexed.attr,
                indexed.via.name(),
                path,
                indexed.shape.rule.name(),
                indexed.single,
                indexed.search,
                state.number()
            ],
        )?;
    }
    writing.moved(tenant, kind)
}
