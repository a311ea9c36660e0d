//! DELETE of a resource (RFC 7644 section 3.6).

use crate::change::{Action, Mutation, Verb};
use crate::error::{Done, ScimError};
use crate::schema::ResourceType;
use crate::store::{ResourceId, StoreExt};

use super::{Caller, Conditions, Reply, Service};

impl Service {
    /// Deletes a resource and every link to it. 204.
    pub async fn delete(
        &self,
        caller: &Caller,
        rt: &ResourceType,
        id: &str,
        conditions: &Conditions,
    ) -> Result<Reply, ScimError> {
        self.allow(caller, rt, true)?;
        let expect = conditions.expect(&caller.tenant.settings)?;
        let (scope, id) = (self.scope(caller), ResourceId::new(id));
        self.unprotected(caller, &scope, rt, &id).await?;
        let expect = self.expected(&scope, &rt.kind, &id, conditions, expect).await?;
        let record = self.making(caller, &scope, Verb::Delete, Vec::new()).record(Vec::new());
        let action = Action::Delete { id, expect, record };
        self.store.commit_one(&scope, Mutation { kind: rt.kind.clone(), action, reply: None }).await?;
        Ok(Reply { done: Done::NoContent, body: bytes::Bytes::new(), etag: None, location: None })
    }
}
