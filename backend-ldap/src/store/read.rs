//! Records: by id, and by walks.

use std::hash::Hasher;
use std::sync::Arc;
use std::time::Instant;

use foldhash::{HashMap, HashMapExt};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use scim_core::document::Document;
use scim_core::error::ScimError;
use scim_core::filter::{BoundFilter, Compare, Leaf, Operand, eval};
use scim_core::path::AttrPath;
use scim_core::query::{LinkSelect, Select};
use scim_core::schema::{Kind, Place as Lives};
use scim_core::store::{BoxStream, Key, Record, ResourceId, Result, Scan, Scope, StoreError, Version};
use siphasher::sip::SipHasher13;

use crate::directory::{Call, Walk};
use crate::ldap::{AttributeName, Dn, Entry, Filter, Search};
use crate::mapping::push::{Pushed, Referred};
use crate::mapping::{LinkColumn, Mapping, VersionSource};
use crate::tenant::Tenant;

use super::recent::Seen;
use super::result::rejected;
use super::{Inner, mapped, primary, with_names};
use crate::member_of::MEMBER_OF;

/// Results that one search gathers, with all that is shown of them; more are walked.
const FEW: u32 = 16;

impl Inner {
    /// Those of `ids` that exist.
    pub(super) async fn read(
        &self,
        tenant: &Tenant,
        call: &Call,
        kind: &Kind,
        ids: &[ResourceId],
        select: &Select,
    ) -> Result<Vec<Record>> {
        // Of a type that stands nowhere there is nothing.
        let Some(mapping) = tenant.mapping(kind) else { return Ok(Vec::new()) };
        let columns = link_columns(mapping, select);
        let entries = match ids {
            [id] => self.one(call, mapping, id, select, &columns).await,
            _ => {
                let with = |search| self.with_links(&columns, search);
                self.entries(call, mapping, ids, self.attributes(mapping, select), with).await
            }
        };
        let entries = entries.map_err(|error| error.during("read entries by id"))?;
        self.note(call, mapping, select, &entries);
        self.records(tenant, call, mapping, select, entries).await
    }

    /// What a search must ask for, with what tells of groups where they are asked for next.
    pub(super) fn attributes(&self, mapping: &Mapping, select: &Select) -> Vec<AttributeName> {
        let mut names = attributes(mapping, select);
        if self.features.member_of && !select.reverse.is_empty() {
            names.push(MEMBER_OF);
        }
        if self.features.primary_groups && !select.reverse.is_empty() {
            names = with_names(names, primary::TOLD_BY);
        }
        names
    }

    /// Remembers entries of which groups are asked for next.
    fn note(&self, call: &Call, mapping: &Mapping, select: &Select, entries: &[Entry]) {
        if !select.reverse.is_empty() {
            self.recent.note(
                call,
                Instant::now(),
                entries.iter().filter_map(|entry| Some((mapping.id_of(entry)?, seen(mapping, entry)))),
            );
        }
    }

    /// The records that `filter` accepts, in order of their ids, where `pushed`, which finds no less, finds few: None otherwise, and
    /// where more would have to be read to tell.
    pub(super) async fn few(
        &self,
        tenant: &Tenant,
        call: &Call,
        kind: &Kind,
        pushed: &BoundFilter,
        filter: &BoundFilter,
        select: &Select,
    ) -> Result<Option<Vec<Record>>> {
        let Some(mapping) = tenant.mapping(kind) else { return Ok(Some(Vec::new())) };
        let (reads, reverse) = filter.reads(&mapping.rt);
        if !reads.links.is_empty() || !reverse.is_empty() {
            return Ok(None);
        }
        let select = &Select { document: true, ..select.clone() };
        let pushed = match self.asked(tenant, call, mapping, pushed).await? {
            Pushed::Some(pushed) => pushed,
            // Whatever is of the type may be meant.
            Pushed::All => Filter::And(Vec::new()),
            Pushed::Nothing => return Ok(Some(Vec::new())),
        };
        let (place, columns) = (&mapping.place, link_columns(mapping, select));
        let mut names = self.attributes(mapping, select);
        let lean = self.lean(mapping, pushed, &mut names);
        let search = Search::new(place.base.clone(), place.reach, lean.filter.clone(), names).at_most(FEW);
        let search = self.with_links(&columns, search);
        let mut entries = self.search(call, &search).await.map_err(|error| error.during("find entries"))?;
        if entries.len() >= FEW as usize {
            return Ok(None);
        }
        entries.retain(|entry| place.has_name(&entry.dn));
        let entries = self.of_type(call, mapping, &lean, entries).await;
        let mut entries = entries.map_err(|error| error.during("find entries"))?;
        self.mark(call, mapping, &mut entries).await.map_err(|error| error.during("find entries"))?;
        self.note(call, mapping, select, &entries);
        let links = self.links_of(call, tenant, &columns, &entries).await?;
        let candidates = entries.len();
        let mut asked = Vec::new();
        filter.visit(&mut |at| asked.push(at.clone()));
        let fits = |(entry, links)| {
            let record = Record { links, ..record(mapping, entry, true)? };
            let attributes = mapping.attributes_at(entry, &asked);
            eval::matches_parsed(filter, &record, &attributes).then_some(record)
        };
        let mut records: Vec<Record> = entries.iter().zip(links).filter_map(fits).collect();
        self.counts.looked_up(candidates, records.len());
        records.sort_by(|a, b| a.key.id.cmp(&b.key.id));
        Ok(Some(records))
    }

    /// Entries as records, with the links that are selected.
    pub(super) async fn records(
        &self,
        tenant: &Tenant,
        call: &Call,
        mapping: &Mapping,
        select: &Select,
        entries: Vec<Entry>,
    ) -> Result<Vec<Record>> {
        let columns = link_columns(mapping, select);
        let links = self.links_of(call, tenant, &columns, &entries).await?;
        let entries = entries.iter().zip(links);
        Ok(entries
            .filter_map(|(entry, links)| Some(Record { links, ..record(mapping, entry, select.document)? }))
            .collect())
    }

    /// The names of what a filter refers to by id.
    async fn referred(
        &self,
        tenant: &Tenant,
        call: &Call,
        mapping: &Mapping,
        filter: &BoundFilter,
    ) -> Result<HashMap<ResourceId, Referred>> {
        let mut ids: Vec<ResourceId> = Vec::new();
        each_leaf(filter, &mut |leaf| {
            if let (Lives::Link, Leaf::Compare(_, Compare::Eq, Operand::Text { raw, .. })) = (leaf.at().place(), leaf) {
                ids.push(ResourceId::new(raw));
            }
        });
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let kinds: Vec<Kind> = mapping.links.iter().flat_map(|column| column.link.kinds.iter().cloned()).collect();
        let names = Box::pin(self.names(call, tenant, &kinds, &ids)).await?;
        let mut primary = match mapping.links.iter().any(|column| column.by_primary) {
            true => Box::pin(self.primaries_of(call, tenant, &kinds, &ids)).await?,
            false => HashMap::new(),
        };
        let referred = |(id, (dn, _))| {
            let primary = primary.remove(&id);
            (id, Referred { dn, primary })
        };
        Ok(names.into_iter().map(referred).collect())
    }

    /// What of the type a filter asks the directory for; None: nothing can be meant.
    pub(super) async fn pushed(
        &self,
        tenant: &Tenant,
        call: &Call,
        mapping: &Mapping,
        filter: Option<&BoundFilter>,
    ) -> Result<Option<Filter>> {
        let own = &mapping.place.filter;
        let Some(filter) = filter else { return Ok(Some(own.clone())) };
        Ok(match self.asked(tenant, call, mapping, filter).await? {
            Pushed::All => Some(own.clone()),
            Pushed::Some(pushed) => Some(Filter::all([own.clone(), pushed])),
            Pushed::Nothing => None,
        })
    }

    /// What a filter asks the directory for, besides that it is of the type.
    async fn asked(&self, tenant: &Tenant, call: &Call, mapping: &Mapping, filter: &BoundFilter) -> Result<Pushed> {
        let referred = self.referred(tenant, call, mapping, filter).await?;
        let names = |_: &AttrPath, id: &ResourceId| referred.get(id).cloned();
        let least = self.settings.fragment_min;
        match mapping.push(filter, &names) {
            Pushed::Some(pushed) if pushed.wants_short_fragment(least as usize) => {
                Err(rejected(ScimError::too_many(format!(
                    "the filter looks for a fragment of fewer than {least} letters, for which the directory has to look at every entry: \
                     give more of it, or where the value begins (sw)"
                ))))
            }
            pushed => Ok(pushed),
        }
    }
}

/// Where a scan stands.
enum Scanning {
    Start,
    Walking(Box<Walk>, Arc<Tenant>),
}

/// All records of a type that a pushed filter accepts. Dropped, the walk's connection is closed.
pub(super) fn scan<'a>(inner: Arc<Inner>, scope: Scope, scan: Scan) -> BoxStream<'a, Result<Record>> {
    let call = inner.call(&scope);
    let context = Arc::new((inner, scope, scan, call));
    let pages = stream::try_unfold(Scanning::Start, move |at| {
        let context = context.clone();
        async move {
            let (inner, scope, scan, call) = &*context;
            let (mut walk, tenant) = match at {
                Scanning::Walking(walk, tenant) => (walk, tenant),
                Scanning::Start => {
                    let tenant = inner.tenant(scope).await?;
                    match start(inner, &tenant, call, scan).await? {
                        Some(walk) => (Box::new(walk), tenant),
                        None => return Ok::<_, StoreError>(None),
                    }
                }
            };
            let mapping = mapped(&tenant, &scan.kind)?.clone();
            match walk.next().await.map_err(|error| error.below(&mapping.place.base).during("walk a list"))? {
                None => Ok(None),
                Some(mut page) => {
                    page.retain(|entry| mapping.place.has_name(&entry.dn));
                    inner.mark(call, &mapping, &mut page).await.map_err(|error| error.during("walk a list"))?;
                    let records = inner.records(&tenant, call, &mapping, &scan.select, page).await?;
                    let records = stream::iter(records.into_iter().map(Ok));
                    Ok(Some((records, Scanning::Walking(walk, tenant))))
                }
            }
        }
    });
    pages.try_flatten().boxed()
}

async fn start(inner: &Inner, tenant: &Tenant, call: &Call, scan: &Scan) -> Result<Option<Walk>> {
    let Some(mapping) = tenant.mapping(&scan.kind) else { return Ok(None) };
    let Some(filter) = inner.pushed(tenant, call, mapping, scan.filter.as_ref()).await? else { return Ok(None) };
    let attributes = attributes(mapping, &scan.select);
    let search = Search::new(mapping.place.base.clone(), mapping.place.reach, filter, attributes);
    let columns = link_columns(mapping, &scan.select);
    let search = inner.with_links(&columns, search);
    tracing::debug!(kind = %scan.kind, filter = %search.filter, "walking the directory");
    Ok(Some(inner.directory.walk(call, search, inner.settings.page)))
}

/// What a search must ask for.
pub(super) fn attributes(mapping: &Mapping, select: &Select) -> Vec<AttributeName> {
    if select.document { mapping.plan.document.clone() } else { mapping.plan.bare.clone() }
}

/// The columns of the links that are selected.
pub(super) fn link_columns<'a>(mapping: &'a Mapping, select: &'a Select) -> Vec<(&'a LinkSelect, &'a LinkColumn)> {
    select.links.iter().filter_map(|select| Some((select, mapping.link(&select.link.at)?))).collect()
}

/// An entry as a record without links; None where it has no id.
pub(crate) fn record(mapping: &Mapping, entry: &Entry, document: bool) -> Option<Record> {
    let (created, modified) = mapping.times_of(entry);
    Some(Record {
        key: Key { kind: mapping.rt.kind.clone(), id: mapping.id_of(entry)? },
        version: version(mapping, entry),
        created,
        modified,
        document: if document { mapping.document_of(entry) } else { Document::default() },
        links: Vec::new(),
    })
}

/// The version of an entry: it moves with the entry, and with the mapping.
pub(super) fn version(mapping: &Mapping, entry: &Entry) -> Version {
    if let VersionSource::Attribute(name) = &mapping.version
        && let Some(text) = entry.text(name)
    {
        return Version::new(&format!("{text}.{:08x}", mapping.revision));
    }
    let mut hasher = SipHasher13::new();
    let mut names: Vec<&AttributeName> = mapping.plan.document.iter().collect();
    names.sort_by_key(|name| name.as_str().to_ascii_lowercase());
    for name in names {
        let mut values: Vec<_> = entry.values(name).to_vec();
        values.sort_unstable();
        hasher.write(name.as_str().to_ascii_lowercase().as_bytes());
        for value in values {
            hasher.write_usize(value.len());
            hasher.write(&value);
        }
    }
    hasher.write_u32(mapping.revision);
    Version::new(&format!("h{:016x}", hasher.finish()))
}

/// What a version says must still be so, where the directory can compare it.
pub(crate) fn asserted<'v>(mapping: &Mapping, version: &'v Version) -> Option<(AttributeName, &'v str)> {
    let VersionSource::Attribute(name) = &mapping.version else { return None };
    let (text, revision) = version.as_str().rsplit_once('.')?;
    (revision == format!("{:08x}", mapping.revision)).then(|| (name.clone(), text))
}

/// What others refer to an entry by.
pub(crate) fn seen(mapping: &Mapping, entry: &Entry) -> Seen {
    let user_name = mapping.columns.iter().find(|own| own.at.attr().name == "userName");
    Seen {
        dn: entry.dn.clone(),
        user_name: user_name.and_then(|own| entry.text(&own.name)).map(str::to_owned),
        groups: groups(entry),
        primary: primary::primary_of(entry),
    }
}

/// The groups that an entry says it is in; None where the server sent only a part of them.
fn groups(entry: &Entry) -> Option<Vec<Dn>> {
    let whole = entry.part(MEMBER_OF.base()).is_none();
    whole.then(|| entry.texts(&MEMBER_OF).filter_map(|text| Dn::parse(text).ok()).collect())
}

fn each_leaf(filter: &BoundFilter, with: &mut dyn FnMut(&Leaf)) {
    match filter {
        BoundFilter::Constant(_) => {}
        BoundFilter::Leaf(leaf) => with(leaf),
        BoundFilter::Element(_, inner) | BoundFilter::Not(inner) => each_leaf(inner, with),
        BoundFilter::And(parts) | BoundFilter::Or(parts) => parts.iter().for_each(|part| each_leaf(part, with)),
    }
}
