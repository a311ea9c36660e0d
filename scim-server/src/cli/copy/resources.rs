//! What a copy writes: first every resource of a tenant, then the links between them, as their targets are there then.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use scim_core::change::{
    Action, Change, ChangeSet, Claim, Expect, History, LinkEdit, Making, Mutation, SecretEdit, Verb,
};
use scim_core::document;
use scim_core::path::AttrPath;
use scim_core::query::Select;
use scim_core::schema::{Place, ResourceType};
use scim_core::store::{Record, ResourceId, Store, StoreErrorKind};
use secrecy::SecretString;

use super::{Tenant, everything};

/// Links that are written together: a batch of large groups is cut.
const LINKS: usize = 20_000;
/// Secrets that are asked for at once.
const AT_ONCE: usize = 16;

impl Tenant<'_> {
    /// Brings the target to where the source is.
    pub(super) async fn copy(&self) -> Result<()> {
        for kind in self.types {
            self.walk(kind, &Select::document(), async |records| self.create(kind, records).await).await?;
        }
        for kind in self.types.iter().filter(|kind| !kind.links.is_empty()) {
            self.walk(kind, &everything(kind), async |records| self.link(kind, records).await).await?;
        }
        Ok(())
    }

    /// Makes those that are not there.
    async fn create(&self, kind: &ResourceType, records: Vec<Record>) -> Result<()> {
        let there = self.there(kind, &records, &Select::document()).await?;
        let mut new = Vec::new();
        for record in records {
            match there.get(&record.key.id) {
                None => new.push(record),
                Some(found) if same_but_links(found, &record) => {}
                Some(_) => bail!(
                    "{} {} stands otherwise in the target: it was changed since an earlier copy; delete the tenant there \
                     and copy it again",
                    kind.kind,
                    record.key.id
                ),
            }
        }
        let secrets = secrets(self, self.from, kind, &new).await?;
        let batch = new.iter().zip(&secrets).map(|(record, secrets)| self.creation(kind, record, secrets, true));
        let answers = self.to.commit(&self.scope, batch.collect()).await;
        for ((record, secrets), answer) in new.iter().zip(&secrets).zip(answers) {
            match answer {
                Ok(_) => continue,
                // Two groups of one name, made by a client that may: one of them has the name to itself.
                Err(error) if matches!(error.kind, StoreErrorKind::Taken { .. }) && self.unique_group_names => {
                    let again = self.creation(kind, record, secrets, false);
                    self.commit(record, vec![again]).await?;
                }
                Err(error) => return Err(error).with_context(|| told(record)),
            }
        }
        Ok(())
    }

    fn creation(&self, kind: &ResourceType, record: &Record, secrets: &[SecretEdit], names: bool) -> Mutation {
        let attributes = record.document.parse();
        let claim = document::claims(&attributes, kind, names && self.unique_group_names);
        let change = ChangeSet {
            document: Some(record.document.clone()),
            label: record.document.label(),
            ..self.change(record, claim, secrets.to_vec(), Vec::new(), Verb::Create)
        };
        let action = Action::Create { id: Some(record.key.id.clone()), change };
        Mutation { kind: kind.kind.clone(), action, reply: None }
    }

    /// Gives those that have links theirs.
    async fn link(&self, kind: &ResourceType, records: Vec<Record>) -> Result<()> {
        let records = records.into_iter().filter(|record| !record.links.is_empty()).collect::<Vec<_>>();
        let there = self.there(kind, &records, &everything(kind)).await?;
        let (mut batch, mut links) = (Vec::new(), 0);
        for record in &records {
            if there.get(&record.key.id).is_some_and(|found| found.links == record.links) {
                continue;
            }
            links += record.links.iter().map(|links| links.links.len()).sum::<usize>();
            batch.push(self.linking(kind, record));
            if links >= LINKS {
                self.commit(record, std::mem::take(&mut batch)).await?;
                links = 0;
            }
        }
        match records.last() {
            Some(record) => self.commit(record, batch).await,
            None => Ok(()),
        }
    }

    fn linking(&self, kind: &ResourceType, record: &Record) -> Mutation {
        let edits = kind.links.iter().filter_map(|link| {
            let targets = record.links(&link.at).iter();
            let targets = targets.map(|to| (to.target.id.clone(), [to.target.kind.clone()].into())).collect::<Vec<_>>();
            (!targets.is_empty()).then(|| LinkEdit::Replace { at: link.clone(), targets })
        });
        let change = self.change(record, Vec::new(), Vec::new(), edits.collect(), Verb::Patch);
        let (id, change) = (record.key.id.clone(), Change::Known(Box::new(change)));
        Mutation { kind: kind.kind.clone(), action: Action::Modify { id, change, expect: Expect::Exists }, reply: None }
    }

    /// A change that leaves version and times as they are in the source.
    fn change(
        &self,
        record: &Record,
        claim: Vec<Claim>,
        secrets: Vec<SecretEdit>,
        links: Vec<LinkEdit>,
        verb: Verb,
    ) -> ChangeSet {
        let id = format!("copy-{verb:?}-{}-{}", self.scope.tenant, record.key.id);
        let Record { version, created, modified, .. } = record.clone();
        ChangeSet {
            document: None,
            label: None,
            links,
            claim,
            release: Vec::new(),
            secrets,
            history: Some(History { version, created, modified }),
            record: Making::new(&self.scope, id, verb).record(Vec::new()),
        }
    }

    async fn commit(&self, last: &Record, batch: Vec<Mutation>) -> Result<()> {
        for answer in self.to.commit(&self.scope, batch).await {
            answer.with_context(|| told(last))?;
        }
        Ok(())
    }

    /// Those of these records that the target has, by id.
    pub(super) async fn there(
        &self,
        kind: &ResourceType,
        records: &[Record],
        select: &Select,
    ) -> Result<HashMap<ResourceId, Record>> {
        let ids = records.iter().map(|record| record.key.id.clone()).collect::<Vec<_>>();
        let found = self.to.read(&self.scope, &kind.kind, &ids, select).await?;
        Ok(found.into_iter().map(|record| (record.key.id.clone(), record)).collect())
    }
}

/// The secrets of these records in one of the stores, in the order of the records.
pub(super) async fn secrets(
    tenant: &Tenant<'_>,
    store: &dyn Store,
    kind: &ResourceType,
    records: &[Record],
) -> Result<Vec<Vec<SecretEdit>>> {
    let paths = if tenant.secrets { secret_paths(kind) } else { Vec::new() };
    let mut all = Vec::with_capacity(records.len());
    for some in records.chunks(AT_ONCE) {
        let asked = some.iter().map(|record| async {
            let mut own = Vec::new();
            for at in &paths {
                let value: Option<SecretString> = store.secret(&tenant.scope, &record.key, at).await?;
                own.extend(value.map(|value| SecretEdit { at: at.clone(), value: Some(value) }));
            }
            anyhow::Ok(own)
        });
        all.extend(futures_util::future::try_join_all(asked).await?);
    }
    Ok(all)
}

fn secret_paths(kind: &ResourceType) -> Vec<AttrPath> {
    let own = kind.schema.attributes.iter().map(|attribute| AttrPath::new(None, attribute.clone(), None));
    let extended = kind.extensions.iter().flat_map(|extension| {
        let urn = &extension.schema.id;
        extension.schema.attributes.iter().map(|attribute| AttrPath::new(Some(urn.clone()), attribute.clone(), None))
    });
    own.chain(extended).filter(|at| at.place() == Place::Secret).collect()
}

fn same_but_links(one: &Record, other: &Record) -> bool {
    let told = |record: &Record| (record.version.clone(), record.created, record.modified, record.document.clone());
    told(one) == told(other)
}

fn told(record: &Record) -> String {
    format!("{} {}, or one before it", record.key.kind, record.key.id)
}
