//! A plan on a record.

use std::sync::Arc;

use foldhash::HashSet;

use crate::change::{Change, ChangeSet, Making, Resolve};
use crate::error::ScimError;
use crate::query::Select;
use crate::store::Record;

use super::apply::Working;
use super::finish::{self, Budget};
use super::plan::Plan;
use super::step::Step;

impl Plan {
    /// The change: known where nothing of the record must be read, else to be resolved where the record cannot move.
    /// Its secrets are those of `making`.
    pub fn into_change(self: Arc<Self>, making: Making) -> Change {
        if self.reads == Select::bare() && self.only_links {
            let edits = self.links.iter().flat_map(|plan| plan.known(&making.without)).collect();
            return Change::Known(Box::new(finish::bare(edits, &making)));
        }
        Change::Of(Arc::new(Resolving { plan: self, making }))
    }
}

#[derive(Debug)]
struct Resolving {
    plan: Arc<Plan>,
    making: Making,
}

impl Resolve for Resolving {
    fn reads(&self) -> &Select {
        &self.plan.reads
    }

    fn resolve(&self, now: &Record) -> Result<Option<ChangeSet>, ScimError> {
        let Resolving { plan, making } = self;
        let mut budget = Budget::new(plan.budget);
        let (mut edits, mut linked) = (Vec::new(), Vec::new());
        for link in plan.links.iter() {
            let stored = now.links(&link.link.at);
            let outcome = link.resolve(stored, &making.without, &mut budget)?;
            if outcome.any {
                linked.push(link.link.clone());
            }
            edits.extend(outcome.edits);
        }
        if !plan.reads.document {
            let nothing = edits.is_empty() && making.secrets.is_empty();
            return Ok((!nothing).then(|| finish::bare(edits, making)));
        }
        let untouched =
            plan.resource_type.links.iter().filter(|link| !plan.links.iter().any(|own| own.link.at == link.at));
        linked.extend(untouched.filter(|link| !now.links(&link.at).is_empty()).cloned());

        let touched = plan.steps.iter().filter_map(Step::member).collect::<HashSet<_>>();
        let before = now.document.excerpt(|name, _| touched.contains(name));
        let mut working = Working::new(before.read.clone(), &plan.resource_type, now, budget);
        for step in &plan.steps {
            working.apply(step)?;
        }
        finish::change(&plan.resource_type, &before, &working.attributes, &linked, edits, making)
    }
}
