//! What a change does to the rows around a resource, as one statement: unique values, index rows, counts, secrets and the
//! change record, each part only where there is something to do. The database does all of it or nothing.

use scim_core::change::{Claim, SecretEdit};
use scim_core::schema::Kind;
use scim_core::store::index::{Entries, Via};
use secrecy::ExposeSecret;

use crate::index::{Indexes, key};
use crate::statement::{Sql, Value};
use crate::tally::MOVES;

/// A unique value is taken.
pub(crate) const TAKEN: &str = "claim_taken";
/// Somebody changed a resource that was not locked.
pub(crate) const CHANGED: &str = "resource_changed";
/// The indexes are not as they were known to be.
pub(crate) const MOVED: &str = "indexes_moved";

/// Lines of the change log that one transaction may write, as a power of two.
pub(crate) const LINES: u32 = 20;

/// Whose rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Owner<'a> {
    pub tenant: &'a str,
    pub kind: &'a str,
    pub id: &'a str,
}

/// A statement in the making. `$1`, `$2` and `$3` are tenant, kind and id.
pub(crate) struct Amend<'a> {
    parts: Vec<String>,
    checks: Vec<String>,
    values: Vec<Value<'a>>,
    /// What is to be counted, and in which rows.
    counts: Counts,
    slot: i64,
    /// May rows of an index that are to come be there already?
    careful: bool,
}

/// By how many the resources of a type (attribute ``) become more, and those that lack a value of an attribute.
pub(crate) type Counts = Vec<(String, i64)>;

impl<'a> Amend<'a> {
    pub(crate) fn new(owner: Owner<'a>) -> Self {
        let values = vec![owner.tenant.into(), owner.kind.into(), owner.id.into()];
        Amend { parts: Vec::new(), checks: Vec::new(), values, counts: Vec::new(), slot: 0, careful: false }
    }

    /// Leaves rows of an index that are there already, which costs a look at each. Unless told to, the statement is refused then.
    pub(crate) fn careful(mut self, careful: bool) -> Self {
        self.careful = careful;
        self
    }

    /// The mark of a value.
    pub(crate) fn value(&mut self, value: impl Into<Value<'a>>) -> String {
        self.values.push(value.into());
        format!("${}", self.values.len())
    }

    /// A part that writes, under a name.
    pub(crate) fn part(&mut self, name: &str, text: &str) {
        self.parts.push(format!("{name} AS ({text})"));
    }

    /// The statement may not stand where this holds.
    pub(crate) fn refuse(&mut self, condition: &str, reason: &str) {
        self.checks.push(format!("CASE WHEN {condition} THEN scim_refuse('{reason}') END"));
    }

    /// The statement.
    pub(crate) fn sql(mut self) -> Sql<'a> {
        self.count();
        let checks = if self.checks.is_empty() { "true".to_owned() } else { self.checks.join(", ") };
        let with = if self.parts.is_empty() { String::new() } else { format!("WITH {} ", self.parts.join(", ")) };
        Sql::new(format!("{with}SELECT {checks}")).with(self.values)
    }

    /// Gives unique values back and takes others, in an order that all writers keep.
    pub(crate) fn claims(&mut self, kind: &'a Kind, release: &[Claim], claim: &[Claim], tenant: &'a str) {
        // What is given back and taken again stays.
        let release: Vec<&Claim> = release.iter().filter(|one| !claim.contains(one)).collect();
        if !release.is_empty() {
            let marks = self.rooms(kind, tenant, &release);
            self.part(
                "released",
                &format!(
                    "DELETE FROM claim c USING unnest({marks}) AS u(tenant, kind, attr, token) \
                     WHERE c.tenant = u.tenant AND c.kind = u.kind AND c.attr = u.attr AND c.token = u.token \
                     AND c.owner = $1 AND c.holder = $3"
                ),
            );
        }
        let mut claim: Vec<&Claim> = claim.iter().collect();
        claim.sort_by_cached_key(|one| (one.global, one.at.to_string(), one.token.clone()));
        claim.dedup();
        if !claim.is_empty() {
            let marks = self.rooms(kind, tenant, &claim);
            // Taking what one holds already is fine.
            self.part(
                "taken",
                &format!(
                    "INSERT INTO claim AS c (tenant, kind, attr, token, owner, holder) \
                     SELECT u.tenant, u.kind, u.attr, u.token, $1, $3 FROM unnest({marks}) AS u(tenant, kind, attr, token) \
                     ON CONFLICT ON CONSTRAINT claim_key DO UPDATE SET holder = c.holder \
                     WHERE c.owner = $1 AND c.holder = $3 RETURNING 1"
                ),
            );
            let count = self.value(i64::try_from(claim.len()).unwrap_or(i64::MAX));
            self.refuse(&format!("(SELECT count(*) FROM taken) < {count}"), TAKEN);
        }
    }

    fn rooms(&mut self, kind: &'a Kind, tenant: &'a str, claims: &[&Claim]) -> String {
        let room = |global: &bool| if *global { ("", "") } else { (tenant, kind.as_str()) };
        let tenants: Vec<&str> = claims.iter().map(|claim| room(&claim.global).0).collect();
        let kinds: Vec<&str> = claims.iter().map(|claim| room(&claim.global).1).collect();
        let attrs: Vec<String> = claims.iter().map(|claim| claim.at.to_string()).collect();
        let tokens: Vec<String> = claims.iter().map(|claim| key(&claim.token).into_owned()).collect();
        let marks = [self.value(tenants), self.value(kinds), self.value(attrs), self.value(tokens)];
        marks.join(", ")
    }

    /// Brings the index rows from what one document says to what another says (None: nothing), and the counts of
    /// resources (`by`) and of those that lack a value.
    pub(crate) fn indexes(
        &mut self,
        indexes: &Indexes,
        old: Option<&Entries>,
        new: Option<&Entries>,
        by: i64,
        slot: i64,
    ) {
        let mut gone: Vec<(String, String)> = Vec::new();
        let mut come: Vec<(String, String)> = Vec::new();
        let none: &[String] = &[];
        for indexed in indexes.attributes.iter().filter(|indexed| indexed.via == Via::Term) {
            let of = |entries: Option<&'_ Entries>| entries.map_or(none, |entries| entries.of(&indexed.attr)).to_vec();
            let (old, new) = (of(old), of(new));
            let row = |token: &String| (indexed.attr.clone(), key(token).into_owned());
            gone.extend(old.iter().filter(|token| !new.contains(token)).map(row));
            come.extend(new.iter().filter(|token| !old.contains(token)).map(row));
        }
        if !gone.is_empty() {
            let (attrs, tokens) = self.pairs(gone);
            self.part(
                "ungone",
                &format!(
                    "DELETE FROM term t USING unnest({attrs}, {tokens}) AS u(attr, token) WHERE t.tenant = $1 \
                     AND t.kind = $2 AND t.attr = u.attr AND t.token = u.token AND t.holder = $3"
                ),
            );
        }
        if !come.is_empty() {
            let (attrs, tokens) = self.pairs(come);
            let there = if self.careful { " ON CONFLICT DO NOTHING" } else { "" };
            self.part(
                "named",
                &format!(
                    "INSERT INTO term (tenant, kind, attr, token, holder) SELECT $1, $2, u.attr, u.token, $3 \
                     FROM unnest({attrs}, {tokens}) AS u(attr, token){there}"
                ),
            );
        }
        self.slot = slot;
        self.counts.push((MOVES.to_owned(), 1));
        if by != 0 {
            self.counts.push((String::new(), by));
        }
        for indexed in indexes.counted() {
            let lacks = |entries: Option<&Entries>| {
                i64::from(entries.is_some_and(|entries| entries.of(&indexed.attr).is_empty()))
            };
            let by = lacks(new) - lacks(old);
            if by != 0 {
                self.counts.push((indexed.attr.clone(), by));
            }
        }
    }

    fn pairs(&mut self, rows: Vec<(String, String)>) -> (String, String) {
        let (attrs, tokens): (Vec<String>, Vec<String>) = rows.into_iter().unzip();
        (self.value(attrs), self.value(tokens))
    }

    fn count(&mut self) {
        let (mut counts, slot) = (std::mem::take(&mut self.counts), self.slot);
        if counts.is_empty() {
            return;
        }
        counts.sort();
        let (attrs, by): (Vec<String>, Vec<i64>) = counts.into_iter().unzip();
        let (attrs, by, slot) = (self.value(attrs), self.value(by), self.value(slot));
        self.part(
            "counted",
            &format!(
                "INSERT INTO tally AS c (tenant, kind, attr, slot, n) SELECT $1, $2, u.attr, {slot}, u.n \
                 FROM unnest({attrs}, {by}) AS u(attr, n) \
                 ON CONFLICT ON CONSTRAINT tally_key DO UPDATE SET n = c.n + excluded.n"
            ),
        );
    }

    /// The indexes must be as they are known to be: else rows would be missing in them.
    pub(crate) fn as_known(&mut self, indexes: &Indexes) {
        let generation = self.value(indexes.generation);
        self.refuse(
            &format!(
                "(SELECT generation FROM catalogue WHERE tenant = $1 AND kind = $2) IS DISTINCT FROM {generation}"
            ),
            MOVED,
        );
    }

    /// Keeps secrets, or clears them.
    pub(crate) fn secrets(&mut self, edits: &[SecretEdit]) {
        let (mut attrs, mut hashes, mut cleared) = (Vec::new(), Vec::new(), Vec::new());
        for edit in edits {
            match &edit.value {
                Some(hash) => {
                    attrs.push(edit.at.to_string());
                    hashes.push(hash.expose_secret().to_owned());
                }
                None => cleared.push(edit.at.to_string()),
            }
        }
        if !attrs.is_empty() {
            let (attrs, hashes) = (self.value(attrs), self.value(hashes));
            self.part(
                "kept",
                &format!(
                    "INSERT INTO secret (tenant, holder, attr, hash) SELECT $1, $3, u.attr, u.hash \
                     FROM unnest({attrs}, {hashes}) AS u(attr, hash) \
                     ON CONFLICT ON CONSTRAINT secret_key DO UPDATE SET hash = excluded.hash"
                ),
            );
        }
        if !cleared.is_empty() {
            let cleared = self.value(cleared);
            self.part(
                "cleared",
                &format!("DELETE FROM secret WHERE tenant = $1 AND holder = $3 AND attr = ANY({cleared})"),
            );
        }
    }

    /// Appends a line to the change log, as the one of this number in its transaction.
    pub(crate) fn log(&mut self, line: String, number: i64) {
        let (line, number) = (self.value(line), self.value(number));
        self.part(
            "logged",
            &format!("INSERT INTO change (tenant, position, record) SELECT $1, {} + {number}, {line}", position()),
        );
    }
}

/// Counts for several types of a tenant, at the end of a transaction.
pub(crate) fn counted<'a>(tenant: &'a str, counts: &[(String, Counts)], slot: i64) -> Sql<'a> {
    let mut sums: std::collections::BTreeMap<(&str, &str), i64> = std::collections::BTreeMap::new();
    for (kind, counts) in counts {
        for (attr, by) in counts {
            *sums.entry((kind, attr)).or_default() += by;
        }
    }
    let kinds: Vec<String> = sums.keys().map(|(kind, _)| (*kind).to_owned()).collect();
    let attrs: Vec<String> = sums.keys().map(|(_, attr)| (*attr).to_owned()).collect();
    let sql = Sql::new(
        "INSERT INTO tally AS c (tenant, kind, attr, slot, n) SELECT $1, u.kind, u.attr, $2, u.n
         FROM unnest($3, $4, $5) AS u(kind, attr, n)
         ON CONFLICT ON CONSTRAINT tally_key DO UPDATE SET n = c.n + excluded.n",
    );
    sql.bind(tenant).bind(slot).bind(kinds).bind(attrs).bind(sums.into_values().collect::<Vec<i64>>())
}

/// The position of the first line of the transaction under way.
pub(crate) fn position() -> String {
    format!("((pg_current_xact_id()::text::bigint + (SELECT lead FROM epoch)) << {LINES})")
}
