//! GET of one resource (RFC 7644 section 3.4.1).

use crate::document::project::{Projection, View};
use crate::document::render;
use crate::error::{Done, ScimError};
use crate::schema::ResourceType;
use crate::store::ResourceId;

use super::{Caller, Conditions, Reply, Service};

impl Service {
    /// One resource. 404 for an unknown id, whatever its form; 412 where `If-Match` names other versions, or it
    /// has changed since `If-Unmodified-Since`; `NotModified` where `If-None-Match` holds its ETag, or
    /// `If-Modified-Since` its last change. Values that others compute move no time: where some are shown, only tags count.
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
        let ids = [ResourceId::new(id)];
        let record =
            self.store.read_filled(&scope, &rt.kind, &ids, projection.select(), projection.reverse()).await?.pop();
        let record = record.ok_or_else(ScimError::no_resource)?;
        conditions.hold(&record.version, record.modified)?;
        let mut reply = self.shown(caller, rt, &projection, &record, Done::Ok);
        let unmodified =
            |etag: &str| conditions.is_unmodified(record.modified) && etag == render::etag(&record.version);
        if reply.etag.as_deref().is_some_and(|etag| conditions.is_current(etag) || unmodified(etag)) {
            reply.done = Done::NotModified;
            reply.body = bytes::Bytes::new();
        }
        Ok(reply)
    }
}
