//! Conveniences for callers of a store. Implemented for every store, never by one.

use async_trait::async_trait;

use crate::change::{Mutation, Outcome};
use crate::query::Select;
use crate::schema::Kind;

use super::{Record, ResourceId, Result, Scope, Store, StoreError, StoreErrorKind};

/// One resource at a time.
#[async_trait]
pub trait StoreExt: Store {
    /// One record, if it exists.
    async fn get(&self, scope: &Scope, kind: &Kind, id: &ResourceId, select: &Select) -> Result<Option<Record>> {
        Ok(self.read(scope, kind, std::slice::from_ref(id), select).await?.pop())
    }

    /// One mutation.
    async fn commit_one(&self, scope: &Scope, mutation: Mutation) -> Result<Outcome> {
        self.commit(scope, vec![mutation]).await.pop().unwrap_or_else(|| {
            Err(StoreError::new(StoreErrorKind::Corrupt).because("the store gave no answer to a mutation"))
        })
    }
}

impl<S: Store + ?Sized> StoreExt for S {}
