//! Records as stored to replies as sent.

use crate::document::project::Projection;
use crate::document::render::Renderer;
use crate::error::{Done, ScimError};
use crate::schema::ResourceType;
use crate::store::{Record, Scope, Versions};

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
            self.store.fill(scope, records, one).await?;
        }
        Ok(())
    }

    /// The reply that shows one resource as it was read, computed attributes included.
    pub(super) fn shown(
        &self,
        caller: &Caller,
        rt: &ResourceType,
        projection: &Projection,
        record: &Record,
        done: Done,
    ) -> Reply {
        let renderer = self.renderer(caller, rt, projection);
        let mut body = Vec::with_capacity(renderer.length(record));
        let etag = renderer.etag(record);
        renderer.write_with(record, &etag, &mut body);
        Reply { done, body: body.into(), etag: Some(etag), location: Some(renderer.location(record)) }
    }

    /// The reply that shows one resource, once computed attributes are filled in.
    pub(super) async fn show(
        &self,
        caller: &Caller,
        scope: &Scope,
        rt: &ResourceType,
        projection: &Projection,
        mut record: Record,
        done: Done,
    ) -> Result<Reply, ScimError> {
        // Nobody can hold a resource yet that was made just now, but it itself.
        if done != Done::Created || projection.reverse().iter().any(|one| one.via.holder == rt.kind) {
            self.hydrate(scope, projection, std::slice::from_mut(&mut record)).await?;
        }
        Ok(self.shown(caller, rt, projection, &record, done))
    }
}
