//! What a filter costs: the part that the store takes, what is looked at here, how much comes and how much of it is meant.

use serde::Serialize;

use crate::filter::BoundFilter;
use crate::limits::Limits;
use crate::schema::{Kind, Registry};
use crate::store::{Pushdown, Result, Scan, Scope, Store, StoreErrorKind};

use super::{Query, Select, Source, Window, walk};

/// How a filter is answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The part that the store takes; None: it gives all of the type.
    pub pushed: Option<String>,
    /// Is that the whole answer? If not, every candidate is compared with the whole filter.
    pub exact: bool,
    /// What the store asks of the system below it, in that system's words.
    pub asked: Option<String>,
    /// What came; None: more than `limits.scan_max`, and the filter is refused.
    pub candidates: Option<u64>,
    /// What of it was meant.
    pub results: Option<u64>,
}

/// Answers a filter over one type and tells how.
///
/// # Errors
/// What the store fails with. Too many candidates are no error here.
pub async fn explain(
    store: &dyn Store,
    scope: &Scope,
    registry: &Registry,
    limits: &Limits,
    kind: &Kind,
    filter: BoundFilter,
) -> Result<Explanation> {
    let (pushed, exact) = match store.pushdown(kind, &filter) {
        Pushdown::None => (None, false),
        Pushdown::Superset(pushed) => (Some(pushed), false),
        Pushdown::Exact(pushed) => (Some(pushed), true),
    };
    let scan = Scan { kind: kind.clone(), filter: pushed.clone(), select: Select::bare() };
    let asked = store.explain(scope, &scan).await?;
    let query = Query {
        from: vec![Source { kind: kind.clone(), filter: Some(filter), sort: None }],
        order: None,
        window: Window::Offset { skip: 0, count: 0 },
        select: Select::bare(),
        total: true,
    };
    let counted = match walk::count(store, scope, registry, limits, &query).await {
        Ok(counted) => Some(counted),
        Err(error) if matches!(error.kind, StoreErrorKind::TooMany) => None,
        Err(error) => return Err(error),
    };
    Ok(Explanation {
        pushed: pushed.map(|pushed| pushed.to_string()),
        exact,
        asked,
        candidates: counted.map(|(candidates, _)| candidates),
        results: counted.map(|(_, results)| results),
    })
}
