//! The BulkResponse (RFC 7644 section 3.7.3): an entry for each operation that was reached.

use serde_json::{Map, Value};

use crate::document::render;
use crate::error::Done;

use super::prepare::Work;
use super::request::Operation;
use super::{Answer, Run};

impl Run<'_> {
    /// The entries of the answer, in request order.
    pub(super) fn entries(&self) -> Vec<Value> {
        let answered = self.operations.iter().enumerate().zip(&self.answers);
        answered.filter_map(|((n, operation), answer)| Some(self.entry(n, operation, answer.as_ref()?))).collect()
    }

    fn entry(&self, n: usize, operation: &Operation, answer: &Answer) -> Value {
        let mut entry = Map::new();
        let creates = operation.method == "POST";
        if let Some(location) = self.location(n, operation).filter(|_| answer.is_ok() || !creates) {
            entry.insert("location".into(), location.into());
        }
        entry.insert("method".into(), operation.method.as_str().into());
        if let Some(bulk_id) = &operation.bulk_id {
            entry.insert("bulkId".into(), bulk_id.as_str().into());
        }
        match answer {
            Ok(outcome) => {
                let done = match operation.method.as_str() {
                    "POST" => Done::Created,
                    "DELETE" => Done::NoContent,
                    _ => Done::Ok,
                };
                if done != Done::NoContent {
                    entry.insert("version".into(), render::etag(&outcome.version).into());
                }
                entry.insert("status".into(), done.status().to_string().into());
            }
            Err(error) => {
                entry.insert("status".into(), error.kind.status().to_string().into());
                entry.insert("response".into(), error.to_value());
            }
        }
        Value::Object(entry)
    }

    fn location(&self, n: usize, operation: &Operation) -> Option<String> {
        match self.prepared.get(n)? {
            Ok(prepared) => {
                let made = matches!(prepared.work, Work::Create(_)).then(|| self.ids.get(n)).flatten();
                let id = made.unwrap_or(&prepared.id);
                Some(render::location(&self.caller.base, &prepared.rt.endpoint, id.as_str()))
            }
            Err(_) if operation.path.is_empty() => None,
            Err(_) => Some(format!("{}/{}", self.caller.base, self.relative(&operation.path))),
        }
    }
}
