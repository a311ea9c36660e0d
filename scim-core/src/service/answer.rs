//! Records as stored to replies as sent.

use crate::change::Outcome;
use crate::document::project::Projection;
use crate::document::render::{self, Renderer};
use crate::error::{Done, ScimError};
use crate::schema::ResourceType;
use crate::store::{Newcomers, Record, Scope, Versions};

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

    /// The reply to a write that was committed. Nothing that fails from here on takes back what was said by the commit:
    /// a record that the store could not show any more is answered by its tag alone; computed attributes that cannot be
    /// read are left out where a representation is owed, and where none is, nothing is shown.
    pub(super) async fn written(
        &self,
        caller: &Caller,
        scope: &Scope,
        rt: &ResourceType,
        projection: &Projection,
        outcome: Outcome,
        owed: Owed,
    ) -> Reply {
        let without = |outcome: &Outcome| match owed {
            Owed::Created => Reply { done: Done::Created, ..self.no_content(caller, rt, outcome) },
            Owed::Shown | Owed::AtWill => self.no_content(caller, rt, outcome),
        };
        let Some(mut record) = outcome.record else { return without(&outcome) };
        // Where links are only those that were written, nobody can hold a resource that was made just now, but it itself.
        let asks = self.store.capabilities().newcomers == Newcomers::MayBeHeld;
        let held = asks || owed != Owed::Created || projection.reverse().iter().any(|one| one.via.holder == rt.kind);
        let filled = if held && !outcome.filled {
            self.hydrate(scope, projection, std::slice::from_mut(&mut *record)).await
        } else {
            Ok(())
        };
        match (filled, owed) {
            (Err(error), Owed::AtWill) => {
                tracing::warn!(%error, id = %outcome.id, "a change stands, and what it led to could not be read whole");
                without(&Outcome { record: None, ..outcome })
            }
            (filled, _) => {
                if let Err(error) = filled {
                    tracing::warn!(%error, id = %outcome.id, "a change stands, and computed values could not be read");
                }
                let done = if owed == Owed::Created { Done::Created } else { Done::Ok };
                self.shown(caller, rt, projection, &record, done)
            }
        }
    }

    /// 204, with the ETag of the version now.
    pub(super) fn no_content(&self, caller: &Caller, rt: &ResourceType, outcome: &Outcome) -> Reply {
        Reply {
            done: Done::NoContent,
            body: bytes::Bytes::new(),
            etag: Some(render::etag(&outcome.version)),
            location: Some(render::location(&caller.base, &rt.endpoint, outcome.id.as_str())),
        }
    }
}

/// What the client of a write is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    /// What was made.
    Created,
    /// The resource as it has become.
    Shown,
    /// The same, where it can be had; 204 is allowed too (RFC 7644 section 3.5.2).
    AtWill,
}
