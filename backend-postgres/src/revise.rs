//! Changes of documents of one type as one statement, which stands only where every resource still has the version that was read: what
//! one would cost by itself is paid once for all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use scim_core::change::{ChangeSet, Claim};
use scim_core::document::Document;
use scim_core::schema::Kind;
use scim_core::store::Key;
use scim_core::store::index::Via;
use secrecy::ExposeSecret;

use crate::amend::{CHANGED, MOVED, TAKEN, position};
use crate::error::Inner;
use crate::index::{Indexes, key};
use crate::read::version;
use crate::statement::{Sql, Value};
use crate::tally::MOVES;
use crate::writing::Standing;

/// A change that is resolved.
pub(crate) struct Revision {
    pub key: Key,
    pub change: Arc<ChangeSet>,
    /// The version that was read, and the document.
    pub was: (i64, Document),
    /// The resource as it then stands.
    pub stands: Standing,
}

impl Revision {
    /// A change of a resource that stands like this, at this time.
    pub(crate) fn new(key: Key, change: Arc<ChangeSet>, now: i64, standing: Standing) -> Inner<Revision> {
        let was = (standing.version, standing.document.clone());
        let mut stands = match &change.history {
            Some(history) => standing.with(history)?,
            None => Standing {
                version: standing.version + 1,
                modified: now.max(standing.modified.saturating_add(1)),
                ..standing
            },
        };
        if let Some(document) = &change.document {
            stands.document = document.clone();
        }
        if let Some(label) = change.label.as_deref().filter(|label| stands.label.as_deref() != Some(label)) {
            stands.labelled(&key, label);
        }
        Ok(Revision { key, change, was, stands })
    }

    fn id(&self) -> &str {
        self.key.id.as_str()
    }
}

/// A statement in the making. `$1` and `$2` are tenant and kind.
struct Statement<'a> {
    parts: Vec<String>,
    checks: Vec<String>,
    values: Vec<Value<'a>>,
}

impl<'a> Statement<'a> {
    fn value(&mut self, value: impl Into<Value<'a>>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    fn part(&mut self, name: &str, text: &str) {
        self.parts.push(format!("{name} AS ({text})"));
    }

    fn refuse(&mut self, condition: &str, reason: &str) {
        self.checks.push(format!("CASE WHEN {condition} THEN scim_refuse('{reason}') END"));
    }

    fn sql(self) -> Sql<'a> {
        Sql::new(format!("WITH {} SELECT {}", self.parts.join(", "), self.checks.join(", "))).with(self.values)
    }
}

/// Values beside one another, column by column.
type Rows<'a> = Vec<(String, String, &'a str)>;

/// The statement for these, of different resources, in the order of their ids. What is counted stands in the rows of `slot`.
pub(crate) fn statement<'a>(
    tenant: &'a str,
    kind: &'a Kind,
    indexes: &Indexes,
    slot: i64,
    all: &'a [Revision],
) -> Sql<'a> {
    let mut statement =
        Statement { parts: Vec::new(), checks: Vec::new(), values: vec![tenant.into(), kind.as_str().into()] };
    written(&mut statement, all);
    // The resource before its unique values, as all who change one.
    claims(&mut statement, tenant, kind, all);
    values(&mut statement, indexes, slot, all);
    secrets(&mut statement, all);
    let line = |one: &Revision| one.change.record.line(&one.key, &version(one.stands.version));
    let lines = statement.value(all.iter().map(line).collect::<Vec<String>>());
    let logged = format!(
        "INSERT INTO change (tenant, position, record) SELECT $1, {} + w.n, ({lines})[w.n] FROM written w",
        position()
    );
    statement.part("logged", &logged);
    let generation = statement.value(indexes.generation);
    statement.refuse(
        &format!("(SELECT generation FROM catalogue WHERE tenant = $1 AND kind = $2) IS DISTINCT FROM {generation}"),
        MOVED,
    );
    statement.sql()
}

/// The resources themselves.
fn written<'a>(statement: &mut Statement<'a>, all: &'a [Revision]) {
    let ids: Vec<&str> = all.iter().map(|one| one.id()).collect();
    let numbers = |of: fn(&Revision) -> i64| all.iter().map(of).collect::<Vec<i64>>();
    let documents: Vec<&str> = all.iter().map(|one| one.stands.document.as_str()).collect();
    let labels: Vec<Option<&str>> = all.iter().map(|one| one.stands.label.as_deref()).collect();
    let ids = statement.value(ids);
    let was = statement.value(numbers(|one| one.was.0));
    let version = statement.value(numbers(|one| one.stands.version));
    let created = statement.value(numbers(|one| one.stands.created));
    let modified = statement.value(numbers(|one| one.stands.modified));
    let (label, document) = (statement.value(labels), statement.value(documents));
    // Each by its number: PostgreSQL keeps the rows of every array that is unnested, which takes longer than to write one.
    let text = format!(
        "UPDATE resource r SET version = ({version})[u.n], created = ({created})[u.n], modified = ({modified})[u.n], \
         label = ({label})[u.n], document = ({document})[u.n] FROM unnest({ids}) WITH ORDINALITY AS u(id, n) \
         WHERE r.tenant = $1 AND r.kind = $2 AND r.id = u.id AND r.version = ({was})[u.n] RETURNING u.n"
    );
    statement.part("written", &text);
    let count = statement.value(i64::try_from(all.len()).unwrap_or(i64::MAX));
    statement.refuse(&format!("(SELECT count(*) FROM written) < {count}"), CHANGED);
}

/// Gives unique values back and takes others, in an order that all writers keep.
fn claims<'a>(statement: &mut Statement<'a>, tenant: &'a str, kind: &'a Kind, all: &'a [Revision]) {
    let of = |wanted: fn(&'a ChangeSet) -> Vec<&'a Claim>| {
        let each = all.iter().flat_map(|one| wanted(&one.change).into_iter().map(|claim| (claim, one.id())));
        let mut claims: Vec<(&Claim, &str)> = each.collect();
        claims.sort_by_cached_key(|(one, _)| (one.global, one.at.to_string(), one.token.clone()));
        claims.dedup();
        claims
    };
    let rooms = |claims: &[(&'a Claim, &'a str)], statement: &mut Statement<'a>| {
        let room = |claim: &Claim| if claim.global { ("", "") } else { (tenant, kind.as_str()) };
        let marks = [
            statement.value(claims.iter().map(|(claim, _)| room(claim).0).collect::<Vec<_>>()),
            statement.value(claims.iter().map(|(claim, _)| room(claim).1).collect::<Vec<_>>()),
            statement.value(claims.iter().map(|(claim, _)| claim.at.to_string()).collect::<Vec<_>>()),
            statement.value(claims.iter().map(|(claim, _)| key(&claim.token).into_owned()).collect::<Vec<_>>()),
            statement.value(claims.iter().map(|(_, holder)| *holder).collect::<Vec<_>>()),
        ];
        format!("unnest({}) AS u(tenant, kind, attr, token, holder)", marks.join(", "))
    };
    // What is given back and taken again stays.
    let released = of(|change| change.release.iter().filter(|one| !change.claim.contains(one)).collect());
    if !released.is_empty() {
        let rows = rooms(&released, statement);
        let text = format!(
            "DELETE FROM claim c USING {rows} WHERE c.tenant = u.tenant AND c.kind = u.kind AND c.attr = u.attr \
             AND c.token = u.token AND c.owner = $1 AND c.holder = u.holder"
        );
        statement.part("released", &text);
    }
    let taken = of(|change| change.claim.iter().collect());
    if !taken.is_empty() {
        let rows = rooms(&taken, statement);
        // Taking what one holds already is fine.
        let text = format!(
            "INSERT INTO claim AS c (tenant, kind, attr, token, owner, holder) \
             SELECT u.tenant, u.kind, u.attr, u.token, $1, u.holder FROM {rows} \
             ON CONFLICT ON CONSTRAINT claim_key DO UPDATE SET holder = c.holder \
             WHERE c.owner = $1 AND c.holder = excluded.holder RETURNING 1"
        );
        statement.part("taken", &text);
        let count = statement.value(i64::try_from(taken.len()).unwrap_or(i64::MAX));
        statement.refuse(&format!("(SELECT count(*) FROM taken) < {count}"), TAKEN);
    }
}

/// Brings the rows of the indexes from what the documents said to what they say, and the counts.
fn values<'a>(statement: &mut Statement<'a>, indexes: &Indexes, slot: i64, all: &'a [Revision]) {
    let (mut gone, mut come): (Rows<'a>, Rows<'a>) = (Vec::new(), Vec::new());
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for one in all {
        let (before, after) = (one.was.1.as_str(), one.stands.document.as_str());
        if indexes.are_alike(before, after) {
            continue;
        }
        let (old, new) = (indexes.entries(before), indexes.entries(after));
        if old == new {
            continue;
        }
        for indexed in indexes.attributes.iter().filter(|indexed| indexed.via == Via::Term) {
            let (old, new) = (old.of(&indexed.attr), new.of(&indexed.attr));
            let row = |token: &String| (indexed.attr.clone(), key(token).into_owned(), one.id());
            gone.extend(old.iter().filter(|token| !new.contains(token)).map(row));
            come.extend(new.iter().filter(|token| !old.contains(token)).map(row));
        }
        counts.insert(MOVES.to_owned(), 1);
        for indexed in indexes.counted() {
            let by = i64::from(new.of(&indexed.attr).is_empty()) - i64::from(old.of(&indexed.attr).is_empty());
            if by != 0 {
                *counts.entry(indexed.attr.clone()).or_default() += by;
            }
        }
    }
    let columns = |rows: Rows<'a>, statement: &mut Statement<'a>| {
        let (mut attrs, mut tokens, mut holders) = (Vec::new(), Vec::new(), Vec::new());
        for (attr, token, holder) in rows {
            attrs.push(attr);
            tokens.push(token);
            holders.push(holder);
        }
        let marks = [statement.value(attrs), statement.value(tokens), statement.value(holders)];
        format!("unnest({}) AS u(attr, token, holder)", marks.join(", "))
    };
    if !gone.is_empty() {
        let rows = columns(gone, statement);
        let text = format!(
            "DELETE FROM term t USING {rows} WHERE t.tenant = $1 AND t.kind = $2 AND t.attr = u.attr \
             AND t.token = u.token AND t.holder = u.holder"
        );
        statement.part("ungone", &text);
    }
    if !come.is_empty() {
        let rows = columns(come, statement);
        let text = format!(
            "INSERT INTO term (tenant, kind, attr, token, holder) SELECT $1, $2, u.attr, u.token, u.holder FROM {rows}"
        );
        statement.part("named", &text);
    }
    if !counts.is_empty() {
        let (attrs, by): (Vec<String>, Vec<i64>) = counts.into_iter().unzip();
        let (attrs, by, slot) = (statement.value(attrs), statement.value(by), statement.value(slot));
        let text = format!(
            "INSERT INTO tally AS c (tenant, kind, attr, slot, n) SELECT $1, $2, u.attr, {slot}, u.n \
             FROM unnest({attrs}, {by}) AS u(attr, n) \
             ON CONFLICT ON CONSTRAINT tally_key DO UPDATE SET n = c.n + excluded.n"
        );
        statement.part("counted", &text);
    }
}

/// Keeps secrets, or clears them.
fn secrets<'a>(statement: &mut Statement<'a>, all: &'a [Revision]) {
    let (mut kept, mut cleared) = ((Vec::new(), Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for one in all {
        for edit in &one.change.secrets {
            match &edit.value {
                Some(hash) => {
                    kept.0.push(one.id());
                    kept.1.push(edit.at.to_string());
                    kept.2.push(hash.expose_secret().to_owned());
                }
                None => {
                    cleared.0.push(one.id());
                    cleared.1.push(edit.at.to_string());
                }
            }
        }
    }
    if !kept.0.is_empty() {
        let marks = [statement.value(kept.0), statement.value(kept.1), statement.value(kept.2)];
        let text = format!(
            "INSERT INTO secret (tenant, holder, attr, hash) SELECT $1, u.* FROM unnest({}) AS u(holder, attr, hash) \
             ON CONFLICT ON CONSTRAINT secret_key DO UPDATE SET hash = excluded.hash",
            marks.join(", ")
        );
        statement.part("kept", &text);
    }
    if !cleared.0.is_empty() {
        let marks = [statement.value(cleared.0), statement.value(cleared.1)];
        let text = format!(
            "DELETE FROM secret s USING unnest({}) AS u(holder, attr) \
             WHERE s.tenant = $1 AND s.holder = u.holder AND s.attr = u.attr",
            marks.join(", ")
        );
        statement.part("cleared", &text);
    }
}
