//! Resources that are made: one, or several of one type as one statement with the rows of all of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use scim_core::change::{Action, ChangeSet, Effect, Mutation, Outcome};
use scim_core::query::Select;
use scim_core::schema::Kind;
use scim_core::store::{Key, ResourceId, StoreErrorKind};

use crate::amend::{Amend, Owner, counted};
use crate::connection::Link;
use crate::error::Inner;
use crate::index::{Catalogue, Indexes};
use crate::links;
use crate::many::Many;
use crate::read::{is_id, version};
use crate::statement::Sql;
use crate::writing::{Standing, WHOLE, Writing, outcome};

/// Creations that are put together before others go on.
const PIECE: i64 = 8;

impl<'a> Writing<'a> {
    pub(crate) async fn create(
        &mut self,
        kind: &Kind,
        id: &ResourceId,
        change: &ChangeSet,
        reply: Option<&Select>,
    ) -> Inner<Outcome> {
        let indexes = self.catalogue.known(self.link, self.tenant, kind.as_str()).await?;
        let line = self.line();
        let (create, standing) = self.creation(&indexes, kind, id, change, line)?;
        let create = create.sql();
        let owner = Owner { tenant: self.tenant, kind: kind.as_str(), id: id.as_str() };
        let mut statements = vec![create];
        statements.extend(change.links.iter().flat_map(|edit| links::statements(owner, edit)));
        let shown = reply.filter(|_| !change.links.is_empty()).cloned().unwrap_or_default();
        self.made(standing, kind, id, statements, &shown, reply, Effect::Created).await
    }

    /// The statement that makes a resource, without its links, and the resource as it then stands.
    fn creation<'c>(
        &self,
        indexes: &Indexes,
        kind: &'c Kind,
        id: &'c ResourceId,
        change: &'c ChangeSet,
        line: i64,
    ) -> Inner<(Amend<'c>, Standing)>
    where
        'a: 'c,
    {
        let tenant = self.tenant;
        let ChangeSet { label, claim, secrets, record, .. } = change;
        let standing = newcomer(change, self.now)?;
        let mut amend = Amend::new(Owner { tenant, kind: kind.as_str(), id: id.as_str() }).careful(self.careful);
        let values = [
            amend.value(standing.version),
            amend.value(standing.created),
            amend.value(standing.modified),
            amend.value(label.as_deref()),
            amend.value(standing.document.as_str().to_owned()),
        ];
        amend.part(
            "made",
            &format!(
                "INSERT INTO resource (tenant, kind, id, version, created, modified, label, document) \
             VALUES ($1, $2, $3, {}) RETURNING 1",
                values.join(", ")
            ),
        );
        // An id may stand once among all types of a tenant. This is told before anything else: parts run as checks ask for them.
        amend.refuse(
        "NOT EXISTS (SELECT 1 FROM made) OR EXISTS (SELECT 1 FROM catalogue c JOIN resource r ON r.tenant = $1 AND r.kind = c.kind AND r.id = $3 \
         WHERE c.tenant = $1 AND c.kind <> $2)",
        "resource_key",
    );
        amend.claims(kind, &[], claim, tenant);
        let entries = indexes.entries(standing.document.as_str());
        amend.indexes(indexes, None, Some(&entries), 1, self.link.slot);
        amend.as_known(indexes);
        amend.secrets(secrets);
        let key = Key { kind: kind.clone(), id: id.clone() };
        amend.log(record.line(&key, &version(standing.version)), line);
        Ok((amend, standing))
    }
}

/// The id of a creation.
pub(crate) fn given(id: Option<&ResourceId>) -> Inner<&ResourceId> {
    let id = id.ok_or(StoreErrorKind::Unsupported("giving out ids"))?;
    if is_id(id.as_str()) { Ok(id) } else { Err(StoreErrorKind::Unsupported("control characters in an id").into()) }
}

/// What a creation leaves.
fn newcomer(change: &ChangeSet, now: i64) -> Inner<Standing> {
    let document = change.document.clone().unwrap_or_default();
    let new =
        Standing { version: 1, created: now, modified: now, label: None, document, links: Vec::new(), reverse: None };
    match &change.history {
        Some(history) => new.with(history),
        None => Ok(new),
    }
}

/// Is every one of these a creation that one statement makes?
pub(crate) fn are_creations(batch: &[Mutation]) -> bool {
    batch.iter().all(is_one_statement)
}

/// Is it made true by one statement, which needs no transaction around it?
pub(crate) fn is_one_statement(mutation: &Mutation) -> bool {
    matches!(&mutation.action, Action::Create { id, change } if change.links.is_empty() && given(id.as_ref()).is_ok())
}

/// Creations in one transaction, each with its time, sent in one go: a statement for those of each type, which is the whole
/// transaction where they are of one. Where one is refused, nothing of them stands.
pub(crate) async fn creations(
    link: &Link,
    catalogue: &Catalogue,
    tenant: &str,
    batch: &[(&Mutation, i64)],
) -> Inner<Vec<Outcome>> {
    let mut types: BTreeMap<&Kind, Many<'_>> = BTreeMap::new();
    let mut outcomes = Vec::with_capacity(batch.len());
    for (number, (mutation, now)) in (0i64..).zip(batch) {
        // Whoever waits in the same thread for little comes between.
        if number % PIECE == PIECE - 1 {
            tokio::task::yield_now().await;
        }
        let Action::Create { id, change } = &mutation.action else {
            return Err(StoreErrorKind::Unsupported("other mutations among creations").into());
        };
        let (kind, id) = (&mutation.kind, given(id.as_ref())?);
        let many = match types.entry(kind) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(Many::new(kind, catalogue.known(link, tenant, kind.as_str()).await?)),
        };
        let (standing, key) = (newcomer(change, *now)?, Key { kind: kind.clone(), id: id.clone() });
        let line = change.record.line(&key, &version(standing.version));
        many.add(id, change, &standing, line, number);
        outcomes.push(outcome(&key, &standing, Effect::Created, mutation.reply.as_ref()));
    }
    if types.len() <= 1 {
        for many in types.into_values() {
            link.rows(many.whole(tenant, link.slot)).await?;
        }
        return Ok(outcomes);
    }
    let (mut statements, mut counts) = (vec![Sql::new(WHOLE.begin)], Vec::new());
    for many in types.into_values() {
        let (kind, by) = (many.kind.as_str().to_owned(), many.counts.clone());
        statements.push(many.part(tenant));
        counts.push((kind, by));
    }
    statements.push(counted(tenant, &counts, link.slot));
    statements.push(Sql::new(WHOLE.end));
    for answer in link.behind_another(statements).await {
        answer?;
    }
    Ok(outcomes)
}
