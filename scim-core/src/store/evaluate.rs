//! What the core does where a store offers nothing better: look at everything, and keep what fits.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::StreamExt;

use crate::query::Select;
use crate::schema::{Kind, LinkType};

use super::{Label, Link, ResourceId, Result, Scan, Scope, Store};

/// [`Store::holders`] by a scan over all holders.
pub async fn holders<S: Store + ?Sized>(
    store: &S,
    scope: &Scope,
    of: &Kind,
    targets: &[ResourceId],
    via: &Arc<LinkType>,
) -> Result<Vec<(ResourceId, Link)>> {
    let wanted: HashSet<&ResourceId> = targets.iter().collect();
    let scan = Scan { kind: via.holder.clone(), filter: None, select: Select::document().with_link(via) };
    let mut found = Vec::new();
    let mut records = store.scan(scope, scan);
    while let Some(record) = records.next().await {
        let record = record?;
        for link in record.links(&via.at) {
            if link.target.kind == *of && wanted.contains(&link.target.id) {
                let display = record.document.label();
                found.push((
                    link.target.id.clone(),
                    Link { target: record.key.clone(), display: display.map(Label::from), indirect: false },
                ));
            }
        }
    }
    Ok(found)
}
