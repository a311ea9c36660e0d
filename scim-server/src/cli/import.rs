//! `import FILE`: resources from JSON Lines, or from another format that is made such lines first. Every line is made whole or not at all. What is refused is listed with its
//! reason in `FILE.refused.jsonl`; how far it got stands in `FILE.progress`, so that a second run of the same command
//! goes on: with what was not reached, and with refused lines that were mended in the file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, poll};
use indicatif::ProgressBar;
use scim_core::ScimError;
use scim_core::access::{Principal, Right, Tenant};
use scim_core::document::json;
use scim_core::name::same;
use scim_core::schema::ResourceType;
use scim_core::service::{Caller, Conditions, Imported, ListParams, Over, Prefer, Service, View};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value, json};

use crate::backends::{self, Exchanged, Left};
use crate::say::{bar, complain, say};
use crate::schemas;
use crate::serve::{Stores, service};
use crate::tenancy::holdable;

use super::Context;
use super::links::{Ids, Ready, release, translate};
use super::progress::{Made, Progress};
use super::tenant::find;

/// Resources made at once. The more there are, the more of them share a page of an index, which is written once for all.
const BATCH: usize = 4_000;

#[derive(Debug, Args)]
pub struct Arguments {
    /// One resource a line, as `export` writes them; or LDIF, where the name ends in .ldif.
    file: PathBuf,
    /// The tenant.
    #[arg(long)]
    tenant: String,
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
    ids: Ids,
    progress: Progress,
    refused: BTreeMap<u64, ScimError>,
    bar: ProgressBar,
}

/// Does it.
pub async fn run(context: &Context<'_>, arguments: Arguments) -> Result<()> {
    let Arguments { file, tenant } = arguments;
    let stores = context.stores().await?;
    let service = service(&context.settings, &stores).await?;
    let caller = caller(context, &stores, &tenant, "import").await?;
    let converted = lines_of(context, &stores, &caller, &file).await?;
    let file = converted.clone().unwrap_or(file);
    let (offsets, ids) = survey(&file)?;
    let progress = Progress::open(&file, &tenant)?;
    let bar = bar(Some(offsets.len() as u64));
    let mut import = Import { service: &service, caller, ids, progress, refused: BTreeMap::new(), bar };
    import.remember();
    import.all(&file, &offsets).await?;
    import.close_circles().await?;
    import.report(&file, offsets.len())?;
    Ok(converted.map_or(Ok(()), std::fs::remove_file)?)
}

/// The file of lines that a file in another format is made; None: it holds lines already. One that an earlier run began with stays
/// as it is: it may have been mended.
async fn lines_of(context: &Context<'_>, stores: &Stores, caller: &Caller, file: &Path) -> Result<Option<PathBuf>> {
    let Some((backend, format)) = backends::format(file) else { return Ok(None) };
    let lines = PathBuf::from(format!("{}.jsonl", file.display()));
    if Progress::begun(&lines) {
        return Ok(Some(lines));
    }
    let types = types(context, stores, caller).await?;
    let asked = exchanged(context, backend, caller, &types);
    let left = write_file(&lines, |out| (format.into_lines)(&asked, file, out))?;
    tell_left(&left);
    Ok(Some(lines))
}

/// The types of the tenant as they are configured, whatever its store can hold of them.
pub async fn types(context: &Context<'_>, stores: &Stores, caller: &Caller) -> Result<Vec<Arc<ResourceType>>> {
    let registries = schemas::load(&context.settings.schemas, stores.control.as_ref()).await?;
    Ok(registries.of(&caller.tenant.settings).types().to_vec())
}

/// What a file of another format is exchanged for.
pub fn exchanged<'a>(
    context: &'a Context<'_>,
    backend: &str,
    caller: &'a Caller,
    types: &'a [Arc<ResourceType>],
) -> Exchanged<'a> {
    let section = context.settings.store.section(backend);
    Exchanged { section, tenant: caller.tenant.id.as_str(), types, limits: &context.settings.limits }
}

/// Says what has no place on the other side.
pub fn tell_left(left: &Left) {
    left.out.iter().for_each(|(what, count)| complain(format!("left out, {count} times: {what}")));
}

/// Makes a file that only its owner reads, or none.
pub fn write_file<T>(path: &Path, write: impl FnOnce(&mut dyn Write) -> Result<T>) -> Result<T> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut out = BufWriter::new(file.with_context(|| format!("{} cannot be written", path.display()))?);
    let written = write(&mut out).and_then(|written| {
        out.flush()?;
        out.get_ref().sync_all()?;
        Ok(written)
    });
    if written.is_err() {
        // What was begun is of no use; that it could not be removed would hide why.
        let _ = std::fs::remove_file(path);
    }
    written
}

/// The caller of a command: it may do everything in the tenant, which is prepared for it.
pub async fn caller(context: &Context<'_>, stores: &Stores, tenant: &str, name: &str) -> Result<Caller> {
    let row = find(stores.control.as_ref(), tenant).await?;
    let registries = schemas::load(&context.settings.schemas, stores.control.as_ref()).await?;
    let principal = Principal {
        name: name.into(),
        rights: vec![Right { endpoint: None, write: true }],
        profile: row.settings.profile.unwrap_or_default(),
        subject: None,
    };
    let wanted = registries.of(&row.settings);
    let shortfalls = stores.opened.store.prepare(&row.id, wanted.types()).await?;
    let registry = holdable(wanted, &shortfalls);
    Ok(Caller {
        tenant: Arc::new(Tenant { id: row.id, registry, settings: row.settings }),
        principal: Arc::new(principal),
        request: name.into(),
        base: format!("{}/scim/v2", context.settings.server.public_url(None)).into(),
        deadline: None,
    })
}

/// Where each line begins, and which ids there are.
fn survey(path: &Path) -> Result<(Vec<u64>, Ids)> {
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut reader = BufReader::new(file);
    let (mut offsets, mut ids, mut at, mut line) = (Vec::new(), Ids::default(), 0, Vec::new());
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 {
            return Ok((offsets, ids));
        }
        offsets.push(at);
        at += length as u64;
        if let Ok(OwnId(Some(id))) = serde_json::from_slice(&line) {
            ids.in_file.insert(id);
        }
    }
}

/// The `id` of a line, without making anything of the rest of it.
struct OwnId(Option<String>);

impl<'de> Deserialize<'de> for OwnId {
    fn deserialize<D: Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = OwnId;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a resource")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<OwnId, A::Error> {
                let mut id = None;
                while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                    if id.is_none() && same(&name, "id") {
                        id = Some(members.next_value::<Value>()?);
                    } else {
                        members.next_value::<IgnoredAny>()?;
                    }
                }
                Ok(OwnId(id.and_then(|id| id.as_str().map(str::to_owned))))
            }
        }

        source.deserialize_map(Members)
    }
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

    /// Line by line, then again those that wait for others, as long as that helps.
    async fn all(&mut self, path: &Path, offsets: &[u64]) -> Result<()> {
        let mut reader = BufReader::new(File::open(path)?);
        let numbered = offsets.iter().enumerate().map(|(n, offset)| (n as u64 + 1, *offset));
        let mut left = numbered.filter(|(line, _)| !self.progress.made.contains_key(line)).collect::<Vec<_>>();
        self.bar.set_position((offsets.len() - left.len()) as u64);
        let mut hold = false;
        while !left.is_empty() {
            let before = left.len();
            left = self.pass(&mut reader, left, hold).await?;
            // Nothing moves any more: what is left waits for itself, in a circle.
            hold = left.len() == before;
        }
        Ok(())
    }

    /// Makes what can be made; gives back what has to wait.
    async fn pass(
        &mut self,
        reader: &mut BufReader<File>,
        left: Vec<(u64, u64)>,
        hold: bool,
    ) -> Result<Vec<(u64, u64)>> {
        let mut waiting = Vec::new();
        let mut batch = Vec::new();
        // While the store writes one batch, the next is read and checked.
        let mut under_way: Option<UnderWay> = None;
        let mut text = Vec::new();
        reader.seek(SeekFrom::Start(0))?;
        let mut at = 0;
        for (line, offset) in left {
            // Lines come in their order: what was read ahead stays good.
            reader.seek_relative(offset.saturating_sub(at).cast_signed())?;
            text.clear();
            at = offset + reader.read_until(b'\n', &mut text)? as u64;
            let blank = text.iter().all(u8::is_ascii_whitespace);
            match self.item(line, &text, hold) {
                _ if blank => {}
                Ok(Some(item)) => batch.push(item),
                Ok(None) => waiting.push((line, offset)),
                Err(error) => self.refuse(line, None, error),
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

    /// Reads a line. None: it has to wait.
    fn item(&mut self, line: u64, text: &[u8], hold: bool) -> Result<Option<Item>, ScimError> {
        if text.len() > self.service.limits().body {
            return Err(ScimError::too_large(format!("the line is longer than {} bytes", self.service.limits().body)));
        }
        let Value::Object(mut resource) = json::parse(text, self.service.limits())? else {
            return Err(ScimError::invalid_syntax("the line holds no JSON object"));
        };
        let old = own_id(&resource);
        let kind = self.kind(&resource)?;
        let mut held = Vec::new();
        match translate(&mut resource, &kind, &self.ids, hold.then_some(&mut held)) {
            Ready::Yes => Ok(Some(Item { line, old, kind, body: Value::Object(resource), held })),
            Ready::Waits => Ok(None),
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
        for (item, answer) in items.into_iter().zip(answers) {
            match answer {
                Ok(id) => made.push((item, id.as_str().to_owned())),
                Err(error) => self.refuse(item.line, item.old, error),
            }
        }
        self.note(made)
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
