//! GET of one resource (RFC 7644 section 3.4.1).

use crate::document::project::{Projection, View};
use crate::error::{Done, ScimError};
use crate::schema::ResourceType;
use crate::store::{ResourceId, StoreExt};

use super::{Caller, Conditions, Reply, Service};

impl Service {
    /// One resource. 404 for an unknown id, whatever its form; `NotModified` where `If-None-Match` holds its ETag.
    pub async fn read(
        &self,
        caller: &Caller,
        rt: &ResourceType,
        id: &str,
        view: &View,
        conditions: &Conditions,
    ) -> Result<Reply, ScimError> {
        self.allow(caller, rt, false)?;
        let projection = Projection::new(view, rt, caller.rules().short_names)?;
        let scope = self.scope(caller);
        let select = projection.select();
        let record = self.store.get(&scope, &rt.kind, &ResourceId::new(id), &select).await?;
        let record = record.ok_or_else(ScimError::no_resource)?;
        let mut reply = self.show(caller, &scope, rt, &projection, record, Done::Ok).await?;
        if reply.etag.as_deref().is_some_and(|etag| conditions.is_current(etag)) {
            reply.done = Done::NotModified;
            reply.body = bytes::Bytes::new();
        }
        Ok(reply)
    }
}
