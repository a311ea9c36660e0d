//! Creations of one type as one statement, with the rows of all of them: what each would cost by itself is paid once.

use std::collections::BTreeMap;
use std::sync::Arc;

use scim_core::change::{ChangeSet, Claim};
use scim_core::schema::Kind;
use scim_core::store::ResourceId;
use scim_core::store::index::Via;
use secrecy::ExposeSecret;

use crate::amend::{Counts, MOVED, TAKEN, position};
use crate::index::{Indexes, key};
use crate::statement::Sql;
use crate::tally::MOVES;
use crate::writing::Standing;

/// Resources that are made, and the rows around them, column by column.
pub(crate) struct Many<'a> {
    pub kind: &'a Kind,
    indexes: Arc<Indexes>,
    ids: Vec<&'a str>,
    versions: Vec<i64>,
    created: Vec<i64>,
    modified: Vec<i64>,
    labels: Vec<Option<&'a str>>,
    documents: Vec<String>,
    /// Unique values, each with the id of its holder.
    claims: Vec<(&'a Claim, &'a str)>,
    /// Values of indexes: attribute, token, holder.
    terms: (Vec<String>, Vec<String>, Vec<&'a str>),
    /// Secrets: holder, attribute, hash.
    secrets: (Vec<&'a str>, Vec<String>, Vec<String>),
    /// Lines of the change log with their numbers.
    lines: (Vec<i64>, Vec<String>),
    /// What is to be counted.
    pub counts: Counts,
}

impl<'a> Many<'a> {
    pub(crate) fn new(kind: &'a Kind, indexes: Arc<Indexes>) -> Many<'a> {
        Many {
            kind,
            indexes,
            ids: Vec::new(),
            versions: Vec::new(),
            created: Vec::new(),
            modified: Vec::new(),
            labels: Vec::new(),
            documents: Vec::new(),
            claims: Vec::new(),
            terms: Default::default(),
            secrets: Default::default(),
            lines: Default::default(),
            counts: vec![(MOVES.to_owned(), 1)],
        }
    }

    /// One more, as it will stand, with its line of the change log and the line's number.
    pub(crate) fn add(
        &mut self,
        id: &'a ResourceId,
        change: &'a ChangeSet,
        standing: &Standing,
        line: String,
        number: i64,
    ) {
        let id = id.as_str();
        self.ids.push(id);
        self.versions.push(standing.version);
        self.created.push(standing.created);
        self.modified.push(standing.modified);
        self.labels.push(change.label.as_deref());
        self.documents.push(standing.document.as_str().to_owned());
        let mut claims: Vec<&Claim> = change.claim.iter().collect();
        claims.sort_by_cached_key(|one| (one.global, one.at.to_string(), one.token.clone()));
        claims.dedup();
        self.claims.extend(claims.into_iter().map(|claim| (claim, id)));
        let entries = self.indexes.entries(standing.document.as_str());
        for indexed in self.indexes.attributes.iter().filter(|indexed| indexed.via == Via::Term) {
            for token in entries.of(&indexed.attr) {
                self.terms.0.push(indexed.attr.clone());
                self.terms.1.push(key(token).into_owned());
                self.terms.2.push(id);
            }
        }
        self.counts.push((String::new(), 1));
        let lacking = self.indexes.counted().filter(|indexed| entries.of(&indexed.attr).is_empty());
        self.counts.extend(lacking.map(|indexed| (indexed.attr.clone(), 1)));
        for edit in &change.secrets {
            if let Some(hash) = &edit.value {
                self.secrets.0.push(id);
                self.secrets.1.push(edit.at.to_string());
                self.secrets.2.push(hash.expose_secret().to_owned());
            }
        }
        self.lines.0.push(number);
        self.lines.1.push(line);
    }

    /// The statement as a part of a transaction, without what is to be counted: that is written once for all types.
    pub(crate) fn part(self, tenant: &'a str) -> Sql<'a> {
        self.sql(tenant, "")
    }

    /// The statement as a transaction of its own, which counts in the rows of this slot.
    pub(crate) fn whole(mut self, tenant: &'a str, slot: i64) -> Sql<'a> {
        let mut sums = BTreeMap::new();
        for (attr, by) in std::mem::take(&mut self.counts) {
            *sums.entry(attr).or_insert(0) += by;
        }
        let (attrs, by): (Vec<String>, Vec<i64>) = sums.into_iter().unzip();
        let counted = ", counted AS (INSERT INTO tally AS c (tenant, kind, attr, slot, n)
               SELECT $1, $2, u.attr, $25, u.n FROM unnest($26, $27) AS u(attr, n)
               ON CONFLICT ON CONSTRAINT tally_key DO UPDATE SET n = c.n + excluded.n)";
        self.sql(tenant, counted).bind(slot).bind(attrs).bind(by)
    }

    fn sql(mut self, tenant: &'a str, counted: &str) -> Sql<'a> {
        let count = |many: usize| i64::try_from(many).unwrap_or(i64::MAX);
        // In an order that all writers keep.
        self.claims.sort_by_cached_key(|(one, _)| (one.global, one.at.to_string(), one.token.clone()));
        let (resources, claims) = (count(self.ids.len()), count(self.claims.len()));
        let rooms =
            || self.claims.iter().map(|(claim, _)| if claim.global { ("", "") } else { (tenant, self.kind.as_str()) });
        let tenants: Vec<&str> = rooms().map(|(tenant, _)| tenant).collect();
        let kinds: Vec<&str> = rooms().map(|(_, kind)| kind).collect();
        let attrs: Vec<String> = self.claims.iter().map(|(claim, _)| claim.at.to_string()).collect();
        let tokens: Vec<String> = self.claims.iter().map(|(claim, _)| key(&claim.token).into_owned()).collect();
        let holders: Vec<&str> = self.claims.iter().map(|(_, holder)| *holder).collect();
        let text = format!(
            "WITH made AS (INSERT INTO resource (tenant, kind, id, version, created, modified, label, document)
               SELECT $1, $2, u.* FROM unnest($3, $4, $5, $6, $7, $8) AS u RETURNING 1),
             taken AS (INSERT INTO claim (tenant, kind, attr, token, owner, holder)
               SELECT u.tenant, u.kind, u.attr, u.token, $1, u.holder
               FROM unnest($9, $10, $11, $12, $13) AS u(tenant, kind, attr, token, holder)
               ON CONFLICT DO NOTHING RETURNING 1),
             named AS (INSERT INTO term (tenant, kind, attr, token, holder)
               SELECT $1, $2, u.* FROM unnest($14, $15, $16) AS u),
             kept AS (INSERT INTO secret (tenant, holder, attr, hash)
               SELECT $1, u.* FROM unnest($17, $18, $19) AS u),
             logged AS (INSERT INTO change (tenant, position, record)
               SELECT $1, {} + u.n, u.record FROM unnest($20, $21) AS u(n, record)){counted}
             SELECT CASE WHEN (SELECT count(*) FROM made) < $22 OR EXISTS (
                 SELECT 1 FROM catalogue c JOIN resource r ON r.tenant = $1 AND r.kind = c.kind AND r.id = ANY($3)
                 WHERE c.tenant = $1 AND c.kind <> $2) THEN scim_refuse('resource_key') END,
               CASE WHEN (SELECT count(*) FROM taken) < $23 THEN scim_refuse('{TAKEN}') END,
               CASE WHEN (SELECT generation FROM catalogue WHERE tenant = $1 AND kind = $2) IS DISTINCT FROM $24
                 THEN scim_refuse('{MOVED}') END",
            position()
        );
        let sql = Sql::new(text).bind(tenant).bind(self.kind.as_str()).bind(self.ids).bind(self.versions);
        let sql = sql.bind(self.created).bind(self.modified).bind(self.labels).bind(self.documents);
        let sql = sql.bind(tenants).bind(kinds).bind(attrs).bind(tokens).bind(holders);
        let sql = sql.bind(self.terms.0).bind(self.terms.1).bind(self.terms.2);
        let sql = sql.bind(self.secrets.0).bind(self.secrets.1).bind(self.secrets.2);
        let sql = sql.bind(self.lines.0).bind(self.lines.1);
        sql.bind(resources).bind(claims).bind(self.indexes.generation)
    }
}
