//! Does what is stored still fit, after a schema has changed?

use futures_util::StreamExt;

use crate::error::ScimError;
use crate::query::Select;
use crate::schema::{Kind, Registry, check};
use crate::store::{ResourceId, Scan, Scope};

use super::Service;

/// The resources of one type that do not fit.
#[derive(Debug, Clone, PartialEq)]
pub struct MisfitOf {
    /// The type.
    pub kind: Kind,
    /// How many resources were looked at.
    pub looked_at: u64,
    /// How many do not fit.
    pub misfits: u64,
    /// The first of them, each with what is wrong.
    pub first: Vec<(ResourceId, String)>,
}

/// What [`Service::fit`] found, type by type.
pub type FitReport = Vec<MisfitOf>;

impl Service {
    /// Looks at every resource of a tenant: one walk for each type, `show` examples for each.
    pub async fn fit(&self, scope: &Scope, registry: &Registry, show: usize) -> Result<FitReport, ScimError> {
        let mut report = Vec::new();
        for rt in registry.types() {
            let mut of = MisfitOf { kind: rt.kind.clone(), looked_at: 0, misfits: 0, first: Vec::new() };
            let scan = Scan { kind: rt.kind.clone(), filter: None, select: Select::document() };
            let mut records = self.store.scan(scope, scan);
            while let Some(record) = records.next().await {
                let record = record?;
                of.looked_at += 1;
                let misfits = check::fits(&record.document, rt);
                if let Some(misfit) = misfits.first() {
                    of.misfits += 1;
                    if of.first.len() < show {
                        of.first.push((record.key.id, misfit.to_string()));
                    }
                }
            }
            report.push(of);
        }
        Ok(report)
    }
}
