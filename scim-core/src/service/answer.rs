//! Records as stored to replies as sent.

use crate::document::project::Projection;
use crate::document::render::Renderer;
use crate::error::{Done, ScimError};
use crate::schema::ResourceType;
use crate::store::{Record, Scope, Versions, reverse};

use super::{Caller, Reply, Service};

impl Service {
    /// The renderer of a caller's answers.
    pub(super) fn renderer<'a>(
        &self,
        caller: &'a Caller,
        rt: &'a ResourceType,
        projection: &'a Projection,
    ) -> Renderer<'a> {
        let loose = self.store.capabilities().versions == Versions::Loose;
        Renderer::new(rt, &caller.tenant.registry, &caller.base, projection, loose)
    }

    /// Fills in the computed attributes that are shown.
    pub(super) async fn hydrate(
        &self,
        scope: &Scope,
        projection: &Projection,
        records: &mut [Record],
    ) -> Result<(), ScimError> {
        for one in projection.reverse() {
            reverse::fill(&*self.store, scope, records, one).await?;
        }
        Ok(())
    }

    /// The reply that shows one resource.
    pub(super) async fn show(
        &self,
        caller: &Caller,
        scope: &Scope,
        rt: &ResourceType,
        projection: &Projection,
        mut record: Record,
        done: Done,
    ) -> Result<Reply, ScimError> {
        self.hydrate(scope, projection, std::slice::from_mut(&mut record)).await?;
        let renderer = self.renderer(caller, rt, projection);
        let mut body = Vec::with_capacity(renderer.length(&record));
        let etag = renderer.etag(&record);
        renderer.write_with(&record, &etag, &mut body);
        Ok(Reply { done, body: body.into(), etag: Some(etag), location: Some(renderer.location(&record)) })
    }
}
