//! What a PATCH means for a resource type (RFC 7644 section 3.5.2).

use std::sync::Arc;

use secrecy::SecretString;

use crate::access::Rules;
use crate::error::ScimError;
use crate::limits::Limits;
use crate::path::AttrPath;
use crate::query::{LinkSelect, Select};
use crate::schema::ResourceType;
use crate::store::ResourceId;

use super::compile::Compiler;
use super::links::LinkPlan;
use super::request::PatchRequest;
use super::step::{On, Step};

/// What a PATCH means for a resource type: paths resolved, values checked and canonical.
#[derive(Debug)]
pub struct Plan {
    pub(super) resource_type: Arc<ResourceType>,
    pub(super) steps: Vec<Step>,
    pub(super) links: Vec<LinkPlan>,
    pub(super) reads: Select,
    pub(super) only_links: bool,
    /// How many comparisons its filters may take.
    pub(super) budget: u64,
    secrets: Vec<(AttrPath, Option<SecretString>)>,
    requested: Vec<AttrPath>,
}

impl Plan {
    /// Works out what a request means for the resource `id` of this type.
    ///
    /// # Errors
    /// Everything that can be told without the record: `invalidPath`, `invalidFilter`, `invalidValue`, `invalidSyntax`
    /// (strict: unknown attributes), `mutability` for what is read-only or required, `TooLarge` for more links than
    /// `patch_members`.
    pub fn compile(
        request: &PatchRequest,
        resource_type: &Arc<ResourceType>,
        id: &ResourceId,
        rules: &Rules,
        limits: &Limits,
    ) -> Result<Plan, ScimError> {
        let mut compiler = Compiler::new(request, resource_type, id, rules, limits);
        for operation in request.operations() {
            compiler.operation(operation)?;
        }
        let Compiler { steps, links, secrets, requested, bounded, .. } = compiler;
        let only_links = !bounded && !links.is_empty();
        let reads = reads(resource_type, &links, only_links);
        let budget = limits.scan_max;
        Ok(Plan { resource_type: resource_type.clone(), steps, links, reads, only_links, budget, secrets, requested })
    }

    /// Do all operations address attributes with links without bound? Such a PATCH is answered with 204
    /// (7644-3.5.2-25). A single link, such as `manager`, is as bounded as anything in the document.
    pub fn only_links(&self) -> bool {
        self.only_links && self.links.iter().all(|plan| plan.link.multi_valued())
    }

    /// Roughly how much work resolving is, for deciding whether to do it while the record is locked: one for each plain
    /// step and link, more for filters.
    pub fn cost(&self) -> usize {
        let of = |step: &Step| match step {
            Step::Edit { on: On::Matching(..), .. } => 20,
            _ => 1,
        };
        let links = self.links.iter().map(LinkPlan::cost).sum::<usize>();
        links.saturating_add(self.steps.iter().map(of).sum())
    }

    /// The secrets it sets, or (None) clears, in plain. The service prepares them and hands them back in the `Making`.
    pub fn secrets(&self) -> Vec<(AttrPath, Option<SecretString>)> {
        self.secrets.clone()
    }

    /// The attributes that the operations name, for `returned: request` (7643-7-17).
    pub fn requested(&self) -> Vec<AttrPath> {
        self.requested.clone()
    }
}

/// What resolving looks at. With the document go the links on which its `schemas` depend, and required ones: one of
/// each is enough to know that there are any.
fn reads(resource_type: &ResourceType, links: &[LinkPlan], only_links: bool) -> Select {
    let extended = links.iter().any(|plan| plan.link.at.extension().is_some() || plan.link.at.attr().required);
    let mut select = if only_links && !extended { Select::bare() } else { Select::document() };
    for plan in links.iter().filter(|plan| plan.reads()) {
        select.links.push(LinkSelect { link: plan.link.clone(), at_most: None });
    }
    if select.document {
        let touched = |at: &AttrPath| links.iter().any(|plan| plan.link.at == *at);
        let matters = |at: &AttrPath| at.extension().is_some() || at.attr().required;
        for link in resource_type.links.iter().filter(|link| matters(&link.at) && !touched(&link.at)) {
            select.links.push(LinkSelect { link: link.clone(), at_most: Some(1) });
        }
    }
    select
}
