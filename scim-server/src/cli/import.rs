//! `import FILE`: resources from JSON Lines or CSV, or from another format that is turned into lines first.
//!
//! Every record is made whole or not at all. What is refused is listed with its reason in `FILE.refused.jsonl`. How far the
//! import got stands in `FILE.progress`, so that a second run of the same command goes on: with what was not reached, and with
//! refused lines that were mended in the file. A store that fails ends the run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, poll};
use indicatif::ProgressBar;
use scim_core::name::same;
use scim_core::schema::ResourceType;
use scim_core::service::{Caller, Conditions, Imported, ListParams, Over, Prefer, Service, View};
use scim_core::{ErrorKind, ScimError};
use serde_json::{Map, Value, json};

use crate::say::{bar, complain, say};

use super::Context;
use super::caller::caller;
use super::foreign::lines_of;
use super::links::{Ids, Ready, release, translate};
use super::progress::{Made, Progress};
use super::records::{Form, InOrder, Place};

/// Resources made at once. The more there are, the more of them share a page of an index, which is written once for all.
const BATCH: usize = 4_000;

#[derive(Debug, Args)]
pub struct Arguments {
    /// One resource a line, as `export` writes them; LDIF, where the name ends in .ldif; or a table with an attribute for each
    /// column, where it ends in .csv.
    file: PathBuf,
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// Whose `externalId`s they become, where they are kept for each client by itself (beside a directory).
    #[arg(long, value_name = "NAME")]
    client: Option<String>,
}

/// A line that can be made now.
struct Item {
    line: u64,
    old: Option<String>,
    kind: Arc<ResourceType>,
    body: Value,
    held: Vec<(String, Value)>,
}

/// A batch that the store has been given.
struct UnderWay<'a> {
    items: Vec<Item>,
    /// The answers, where they came at once.
    early: Option<Vec<Imported>>,
    answers: LocalBoxFuture<'a, Vec<Imported>>,
}

struct Import<'a> {
    service: &'a Service,
    caller: Caller,
    form: Form,
    ids: Ids,
    progress: Progress,
    refused: BTreeMap<u64, ScimError>,
    bar: ProgressBar,
}

/// Does it.
pub async fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    let Arguments { file, tenant, client } = arguments;
    let stores = context.stores().await?;
    let service = stores.service(&context.settings).await?;
    let caller = caller(context, &stores, &tenant, client.as_deref().unwrap_or("import")).await?;
    let converted = lines_of(context, &stores, &caller, &file).await?;
    let file = converted.clone().unwrap_or(file);
    let form = Form::of(&file, caller.tenant.registry.types(), service.limits())?;
    let (places, in_file) = form.survey(&file)?;
    let ids = Ids { in_file, ..Ids::default() };
    let progress = Progress::open(&file, &tenant)?;
    let bar = bar(Some(places.len() as u64));
    let mut import = Import { service: &service, caller, form, ids, progress, refused: BTreeMap::new(), bar };
    import.remember();
    import.all(&file, &places).await?;
    import.close_circles().await?;
    import.report(&file, places.len())?;
    Ok(converted.map_or(Ok(()), std::fs::remove_file)?)
}

/// Has the store failed? Then nothing is said about the resource.
fn is_outage(error: &ScimError) -> bool {
    matches!(error.kind, ErrorKind::Unavailable | ErrorKind::InsufficientStorage)
}

fn own_id(resource: &Map<String, Value>) -> Option<String> {
    resource.iter().find(|(key, _)| same(key, "id")).and_then(|(_, id)| id.as_str()).map(str::to_owned)
}

impl<'a> Import<'a> {
    /// Takes over what an earlier run made.
    fn remember(&mut self) {
        for made in self.progress.made.values() {
            if let Some(old) = &made.old {
                self.ids.made.insert(old.clone(), made.id.clone());
            }
        }
    }

    /// Record by record, then again those that wait for others, as long as that helps.
    async fn all(&mut self, path: &Path, places: &[Place]) -> Result<()> {
        let mut records = InOrder::open(path)?;
        let mut left = places.to_vec();
        left.retain(|place| !self.progress.made.contains_key(&place.line));
        self.bar.set_position((places.len() - left.len()) as u64);
        let mut hold = false;
        while !left.is_empty() {
            let before = left.len();
            left = self.pass(&mut records, left, hold).await?;
            // Nothing moves any more: what is left waits for itself, in a circle.
            hold = left.len() == before;
        }
        Ok(())
    }

    /// Makes what can be made; gives back what has to wait.
    async fn pass(&mut self, records: &mut InOrder, left: Vec<Place>, hold: bool) -> Result<Vec<Place>> {
        let mut waiting = Vec::new();
        let mut batch = Vec::new();
        // While the store writes one batch, the next is read and checked.
        let mut under_way: Option<UnderWay> = None;
        let mut text = Vec::new();
        records.rewind()?;
        for place in left {
            records.read(place, &mut text)?;
            match self.form.resource(&text, self.service.limits()) {
                Ok(None) => {}
                Ok(Some(resource)) => match self.item(place.line, resource, hold) {
                    Ok(Some(item)) => batch.push(item),
                    Ok(None) => waiting.push(place),
                    Err(error) => self.refuse(place.line, None, error),
                },
                Err(error) => self.refuse(place.line, None, error),
            }
            if batch.len() == BATCH {
                let next = self.begin(std::mem::take(&mut batch)).await?;
                self.finish(std::mem::replace(&mut under_way, next)).await?;
            }
        }
        let last = self.begin(batch).await?;
        self.finish(under_way).await?;
        self.finish(last).await?;
        Ok(waiting)
    }

    /// Makes a resource ready. None: it has to wait.
    fn item(&mut self, line: u64, mut resource: Map<String, Value>, hold: bool) -> Result<Option<Item>, ScimError> {
        let old = own_id(&resource);
        let kind = self.kind(&resource)?;
        let mut held = Vec::new();
        match translate(&mut resource, &kind, &self.ids, hold.then_some(&mut held)) {
            Ready::Yes => Ok(Some(Item { line, old, kind, body: Value::Object(resource), held })),
            Ready::Waits => Ok(None),
            Ready::Unclear(target) => {
                self.ids.refused.extend(old);
                let target = scim_core::error::excerpt(&target);
                Err(ScimError::conflict(format!(
                    "it links to {target}, which is the id of several lines; give each its own"
                )))
            }
            Ready::Never(target) => {
                self.ids.refused.extend(old);
                let target = scim_core::error::excerpt(&target);
                Err(ScimError::conflict(format!("it links to {target}, whose line was refused")))
            }
        }
    }

    /// The type that `schemas` or `meta.resourceType` names.
    fn kind(&self, resource: &Map<String, Value>) -> Result<Arc<ResourceType>, ScimError> {
        let get = |name: &str| resource.iter().find(|(key, _)| same(key, name)).map(|(_, value)| value);
        let urns = get("schemas").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let named = get("meta").and_then(|meta| meta.get("resourceType")).and_then(Value::as_str);
        let urns = urns.collect::<Vec<_>>();
        let types = self.caller.tenant.registry.types();
        let found = types.iter().find(|kind| {
            named.is_some_and(|named| named == kind.kind.as_str())
                || (named.is_none() && urns.iter().any(|urn| same(urn, &kind.schema.id)))
        });
        found.cloned().ok_or_else(|| {
            ScimError::invalid_syntax("neither schemas nor meta.resourceType names a resource type of this server")
        })
    }

    /// Begins to make a batch: when this returns, it is checked and on its way to the store.
    async fn begin(&mut self, batch: Vec<Item>) -> Result<Option<UnderWay<'a>>> {
        let mut items = Vec::new();
        for item in batch {
            let doubtful = self.progress.doubtful.contains(&item.line);
            match if doubtful { self.look_up(&item).await? } else { None } {
                Some(id) => self.note(vec![(item, id)])?,
                None => items.push(item),
            }
        }
        if items.is_empty() {
            return Ok(None);
        }
        self.progress.begin(items.iter().map(|item| item.line).collect())?;
        let bodies = items.iter_mut().map(|item| (item.kind.clone(), item.body.take())).collect::<Vec<_>>();
        let (service, caller) = (self.service, self.caller.clone());
        let mut answers = async move { service.import(&caller, &bodies).await }.boxed_local();
        let early = match poll!(&mut answers) {
            Poll::Ready(early) => Some(early),
            Poll::Pending => None,
        };
        Ok(Some(UnderWay { items, early, answers }))
    }

    /// Waits for a batch, and notes what became of it.
    async fn finish(&mut self, batch: Option<UnderWay<'_>>) -> Result<()> {
        let Some(UnderWay { items, early, answers }) = batch else { return Ok(()) };
        let answers = match early {
            Some(answers) => answers,
            None => answers.await,
        };
        let mut made = Vec::new();
        let mut outage = None;
        for (item, answer) in items.into_iter().zip(answers) {
            match answer {
                Ok(id) => made.push((item, id.as_str().to_owned())),
                Err(error) if is_outage(&error) => outage = Some(error),
                Err(error) => self.refuse(item.line, item.old, error),
            }
        }
        self.note(made)?;
        outage.map_or(Ok(()), |error| self.stop(&error))
    }

    /// Goes no further: not the line is wrong, and those behind it would fare no better.
    fn stop(&self, error: &ScimError) -> Result<()> {
        self.bar.finish_and_clear();
        bail!(
            "{} resources were imported, then the store failed: {error}; see to it and run the same command again: {} knows \
             what is done",
            self.progress.made.len(),
            self.progress.path().display()
        )
    }

    fn note(&mut self, made: Vec<(Item, String)>) -> Result<()> {
        let mut notes = Vec::new();
        for (item, id) in made {
            if let Some(old) = &item.old {
                self.ids.made.insert(old.clone(), id.clone());
            }
            self.bar.inc(1);
            let Item { line, old, kind, held, .. } = item;
            notes.push((line, Made { old, id, kind: kind.kind.as_str().to_owned(), held }));
        }
        self.progress.made(notes)
    }

    fn refuse(&mut self, line: u64, old: Option<String>, error: ScimError) {
        self.ids.refused.extend(old);
        self.refused.insert(line, error);
        self.bar.inc(1);
    }

    /// An earlier run broke off while it made this line: is it there? Found by its first unique value, else by its
    /// name, and `externalId` where it has one.
    async fn look_up(&self, item: &Item) -> Result<Option<String>> {
        let get = |name: &str| item.body.as_object()?.iter().find(|(key, _)| same(key, name))?.1.as_str();
        let unique = item.kind.unique.iter().find(|at| at.extension().is_none() && at.sub().is_none());
        let name = unique.map_or("displayName", |at| &*at.attr().name);
        let terms = [name, "externalId"].into_iter().filter_map(|name| Some((name, get(name)?)));
        let terms = terms.map(|(name, value)| format!("{name} eq {}", Value::from(value))).collect::<Vec<_>>();
        if terms.is_empty() {
            return Ok(None);
        }
        let view = View { attributes: Some("id".into()), ..View::default() };
        let params = ListParams { filter: Some(terms.join(" and ")), view, ..ListParams::default() };
        let reply = self.service.list(&self.caller, Over::Type(&item.kind), &params).await?;
        let list: Value = serde_json::from_slice(&reply.body)?;
        let found = list.get("Resources").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        match found {
            [one] => Ok(one.get("id").and_then(Value::as_str).map(str::to_owned)),
            _ => Ok(None),
        }
    }

    /// Adds the links that were held back.
    async fn close_circles(&mut self) -> Result<()> {
        let open = self.progress.made.iter().filter(|(_, made)| !made.held.is_empty());
        for (line, mut made) in open.map(|(line, made)| (*line, made.clone())).collect::<Vec<_>>() {
            if release(&mut made.held, &self.ids) != Ready::Yes {
                let error = ScimError::conflict("it was made without its links to lines that were refused");
                self.refuse(line, None, error);
                continue;
            }
            match self.add_links(&made).await {
                Ok(()) => self.progress.linked(line)?,
                Err(error) if is_outage(&error) => return self.stop(&error),
                Err(error) => self.refuse(line, None, error),
            }
        }
        Ok(())
    }

    async fn add_links(&self, made: &Made) -> Result<(), ScimError> {
        let types = self.caller.tenant.registry.types();
        let kind = types.iter().find(|kind| kind.kind.as_str() == made.kind).ok_or_else(ScimError::no_resource)?;
        let link = |at: &str| kind.links.iter().find(|link| link.at.to_string() == at);
        let operation = |(at, value): &(String, Value)| {
            let many = link(at).is_some_and(|link| link.multi_valued());
            json!({ "op": "add", "path": at, "value": if many { json!([value]) } else { value.clone() } })
        };
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": made.held.iter().map(operation).collect::<Vec<_>>(),
        });
        let (view, conditions, prefer) =
            (View::default(), Conditions::default(), Prefer { representation: Some(false) });
        let body = body.to_string();
        self.service.patch(&self.caller, kind, &made.id, body.as_bytes(), &view, &conditions, &prefer).await.map(drop)
    }

    fn report(self, path: &Path, lines: usize) -> Result<()> {
        self.bar.finish_and_clear();
        let made = self.progress.made.len();
        let list = PathBuf::from(format!("{}.refused.jsonl", path.display()));
        if self.refused.is_empty() {
            if list.exists() {
                std::fs::remove_file(&list)?;
            }
            self.progress.remove()?;
            return Ok(say(format!("{made} resources of {lines} lines were imported"))?);
        }
        let mut out = File::create(&list).with_context(|| format!("{} cannot be written", list.display()))?;
        for (line, error) in &self.refused {
            let entry = json!({
                "line": line, "status": error.kind.status(), "scimType": error.kind.scim_type(), "detail": error.detail,
            });
            writeln!(out, "{entry}")?;
        }
        complain(format!(
            "{} tells why; mend these lines in {} and run the same command again: {} knows what is done",
            list.display(),
            path.display(),
            self.progress.path().display()
        ));
        bail!("{made} resources were imported, {} lines were refused", self.refused.len())
    }
}
