//! Edits of link attributes: one row a value, and one statement an edit, whatever the size of the group.
//!
//! Rows are locked holder first, then targets, and these in order of their ids, by every statement there is. A target is
//! locked against being deleted, not against being changed.

use std::sync::Arc;

use scim_core::change::LinkEdit;
use scim_core::path::AttrPath;
use scim_core::schema::Kind;
use scim_core::store::{ResourceId, StoreErrorKind};

use crate::amend::Owner;
use crate::connection::Link;
use crate::error::{Fault, Inner};
use crate::statement::Sql;

/// A target of a link does not exist.
pub(crate) const MISSING: &str = "link_missing";

/// The targets among `$targets` that exist in one of `$kinds`.
macro_rules! found {
    () => {
        "found AS MATERIALIZED (SELECT r.id, r.kind FROM resource r WHERE r.tenant = $1 AND r.kind = ANY($5) \
         AND r.id = ANY($6) ORDER BY r.id FOR KEY SHARE OF r)"
    };
}

/// Removes the links of `$3` whose targets are among `$targets`, each looked up by its key: from `target = ANY` the planner, which
/// plans for all values at once, may go through all links of the holder.
macro_rules! gone {
    ($targets:literal, $where:literal) => {
        concat!(
            "DELETE FROM link l USING unnest(",
            $targets,
            ") wanted (target) CROSS JOIN LATERAL (SELECT k.ctid AS place FROM link k
               WHERE k.tenant = $1 AND k.holder = $3 AND k.attr = $4 AND k.target = wanted.target OFFSET 0) k
             WHERE l.ctid = k.place AND ",
            $where,
            " RETURNING 1"
        )
    };
}

/// Adds links inside a transaction whose holder is locked; gives how many are new.
fn add<'a>(owner: Owner<'a>, attr: String, kinds: &'a [Kind], targets: &[&'a str]) -> Sql<'a> {
    let sql = Sql::new(concat!(
        "WITH ",
        found!(),
        ", added AS (INSERT INTO link (tenant, holder, attr, target, holder_kind, target_kind)
           SELECT $1, $3, $4, f.id, $2, f.kind FROM found f ON CONFLICT DO NOTHING RETURNING 1)
         SELECT (SELECT count(*) FROM added),
           CASE WHEN (SELECT count(*) FROM found) < cardinality($6) THEN scim_refuse('link_missing') END"
    ));
    bind(sql, owner, attr).bind(names(kinds)).bind(targets.to_vec())
}

/// Removes links inside a transaction; gives how many there were.
fn remove<'a>(owner: Owner<'a>, attr: String, targets: &[&'a str]) -> Sql<'a> {
    let sql = Sql::new(concat!("WITH gone AS (", gone!("$5::text[]", "$2 <> ''"), ") SELECT count(*) FROM gone"));
    bind(sql, owner, attr).bind(targets.to_vec())
}

/// Removes all links but these.
fn keep<'a>(owner: Owner<'a>, attr: String, targets: &[&'a str]) -> Sql<'a> {
    let sql = Sql::new(
        "WITH gone AS (DELETE FROM link l WHERE l.tenant = $1 AND l.holder = $3 AND l.attr = $4 AND $2 <> ''
           AND l.target NOT IN (SELECT unnest($5)) RETURNING 1)
         SELECT count(*) FROM gone",
    );
    bind(sql, owner, attr).bind(targets.to_vec())
}

fn bind<'a>(sql: Sql<'a>, owner: Owner<'a>, attr: String) -> Sql<'a> {
    sql.bind(owner.tenant).bind(owner.kind).bind(owner.id).bind(attr)
}

fn names(kinds: &[Kind]) -> Vec<&str> {
    kinds.iter().map(Kind::as_str).collect()
}

/// The statements of an edit. Each gives the number of links it changed in its first column.
pub(crate) fn statements<'a>(owner: Owner<'a>, edit: &'a LinkEdit) -> Vec<Sql<'a>> {
    let texts = |ids: &'a [ResourceId]| ids.iter().map(ResourceId::as_str).collect::<Vec<_>>();
    match edit {
        LinkEdit::Add { targets, .. } if targets.is_empty() => Vec::new(),
        LinkEdit::Add { at, targets, kinds } => vec![add(owner, at.at.to_string(), kinds, &texts(targets))],
        LinkEdit::Remove { at, targets } => vec![remove(owner, at.at.to_string(), &texts(targets))],
        LinkEdit::Replace { at, targets } => {
            let all: Vec<&str> = targets.iter().map(|(target, _)| target.as_str()).collect();
            let mut statements: Vec<Sql<'a>> = by_kinds(targets)
                .into_iter()
                .map(|(kinds, targets)| add(owner, at.at.to_string(), kinds, &targets))
                .collect();
            statements.push(keep(owner, at.at.to_string(), &all));
            statements
        }
    }
}

/// Targets that may be found in the same kinds, together.
fn by_kinds(targets: &[(ResourceId, Arc<[Kind]>)]) -> Vec<(&[Kind], Vec<&str>)> {
    let mut groups: Vec<(&[Kind], Vec<&str>)> = Vec::new();
    for (target, kinds) in targets {
        match groups.iter_mut().find(|(own, _)| **own == **kinds) {
            Some((_, own)) => own.push(target.as_str()),
            None => groups.push((kinds, vec![target.as_str()])),
        }
    }
    groups
}

/// The targets of edits that do not exist, as the error that names them; None where all do by now.
pub(crate) async fn missing(link: &Link, tenant: &str, edits: &[LinkEdit]) -> Inner<Option<StoreErrorKind>> {
    for edit in edits {
        let (at, wanted): (&AttrPath, Vec<(&ResourceId, &[Kind])>) = match edit {
            LinkEdit::Add { at, targets, kinds } => (&at.at, targets.iter().map(|one| (one, &**kinds)).collect()),
            LinkEdit::Replace { at, targets } => (&at.at, targets.iter().map(|(one, kinds)| (one, &**kinds)).collect()),
            LinkEdit::Remove { .. } => continue,
        };
        let ids: Vec<&str> = wanted.iter().map(|(id, _)| id.as_str()).collect();
        let sql = Sql::new("SELECT id, kind FROM resource WHERE tenant = $1 AND kind = ANY($2) AND id = ANY($3)");
        let mut kinds: Vec<&str> = wanted.iter().flat_map(|(_, kinds)| names(kinds)).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let there: std::collections::HashSet<(String, String)> = link
            .each(sql.bind(tenant).bind(kinds).bind(ids), |line| {
                Ok((line.text(0, str::to_owned)?, line.text(1, str::to_owned)?))
            })
            .await?
            .into_iter()
            .collect();
        let is_there = |id: &ResourceId, kinds: &[Kind]| {
            kinds.iter().any(|kind| there.contains(&(id.as_str().to_owned(), kind.as_str().to_owned())))
        };
        let targets: Vec<_> =
            wanted.iter().filter(|(id, kinds)| !is_there(id, kinds)).map(|(id, _)| (*id).clone()).collect();
        if !targets.is_empty() {
            return Ok(Some(StoreErrorKind::Missing { at: at.clone(), targets }));
        }
    }
    Ok(None)
}

/// One edit of a resource as the whole of a mutation: one statement, which is its own transaction.
pub(crate) struct Alone<'a> {
    pub owner: Owner<'a>,
    pub edit: &'a LinkEdit,
    /// Versions that are expected, where some are.
    pub versions: Option<Vec<i64>>,
    pub now: i64,
    /// The change record up to the version, which the database knows.
    pub record: &'a str,
}

/// What became of it.
pub(crate) struct Done {
    pub version: i64,
    pub changed: bool,
}

impl Alone<'_> {
    /// Gives what was, whether its version fits, what is now where something changed, and whether all targets are there.
    pub(crate) fn statement(&self) -> Inner<Sql<'_>> {
        let (attr, kinds, targets, edit) = match self.edit {
            LinkEdit::Add { at, targets, kinds } => (
                at,
                names(kinds),
                targets,
                concat!(
                    found!(),
                    ", edited AS (INSERT INTO link (tenant, holder, attr, target, holder_kind, target_kind)
                       SELECT $1, $3, $4, f.id, $2, f.kind FROM found f
                       WHERE (SELECT fits FROM held) AND (SELECT count(*) FROM found) = cardinality($6)
                       ON CONFLICT DO NOTHING RETURNING 1)"
                ),
            ),
            LinkEdit::Remove { at, targets } => (
                at,
                Vec::new(),
                targets,
                concat!(
                    "found AS (SELECT unnest($6) AS id, $5 AS kind), edited AS (",
                    gone!("$6::text[]", "(SELECT fits FROM held)"),
                    ")"
                ),
            ),
            LinkEdit::Replace { .. } => return Err(StoreErrorKind::Unsupported("replacing links by themselves").into()),
        };
        let position = crate::amend::position();
        let sql = Sql::new(format!(
            "WITH held AS MATERIALIZED (SELECT version, $7::bigint[] IS NULL OR version = ANY($7) AS fits FROM resource
               WHERE tenant = $1 AND kind = $2 AND id = $3 FOR NO KEY UPDATE), {edit},
             moved AS (UPDATE resource SET version = version + 1, modified = greatest($8, modified + 1)
               WHERE tenant = $1 AND kind = $2 AND id = $3 AND EXISTS (SELECT 1 FROM edited) RETURNING version),
             logged AS (INSERT INTO change (tenant, position, record)
               SELECT $1, {position}, $9 || moved.version || '\"}}' FROM moved)
             SELECT held.version, held.fits, (SELECT version FROM moved), (SELECT count(*) FROM found) = cardinality($6)
             FROM held"
        ));
        let targets: Vec<&str> = targets.iter().map(ResourceId::as_str).collect();
        let sql = bind(sql, self.owner, attr.at.to_string());
        Ok(sql.bind(kinds).bind(targets).bind(self.versions.clone()).bind(self.now).bind(self.record))
    }

    pub(crate) async fn run(&self, link: &Link) -> Inner<Done> {
        let Some(line) = link.first(self.statement()?).await? else { return Err(StoreErrorKind::NotFound.into()) };
        if !line.truth(1)? {
            return Err(StoreErrorKind::Stale.into());
        }
        if !line.truth(3)? {
            let missing = missing(link, self.owner.tenant, std::slice::from_ref(self.edit)).await?;
            // They have come since: nothing stands in the way any more.
            return Err(missing.map_or(Fault::Store(StoreErrorKind::Unavailable.into()), Fault::from));
        }
        let (was, now) = (line.int(0)?, line.opt_int(2)?);
        Ok(Done { version: now.unwrap_or(was), changed: now.is_some() })
    }
}
