//! A resource that is deleted, with all links to it.

use scim_core::change::{ChangeRecord, Effect, Expect, Outcome};
use scim_core::schema::Kind;
use scim_core::store::{Key, ResourceId, StoreErrorKind};

use crate::amend::{Amend, Owner, position};
use crate::error::Inner;
use crate::read::version;
use crate::statement::Sql;
use crate::writing::{HOLDERS, Writing};

impl Writing<'_> {
    pub(crate) async fn delete(
        &mut self,
        kind: &Kind,
        id: &ResourceId,
        expect: &Expect,
        record: &ChangeRecord,
    ) -> Inner<Outcome> {
        // Holders before their targets, as all lock; then nobody can link to the resource any more.
        let holders = Sql::new(
            "SELECT 1 FROM resource r WHERE r.tenant = $1 AND (r.kind, r.id) IN (
               SELECT l.holder_kind, l.holder FROM link l WHERE l.tenant = $1 AND l.target = $2)
             ORDER BY r.id FOR NO KEY UPDATE OF r",
        );
        let lock = Sql::new(
            "SELECT version, document, pg_current_xact_id()::text::bigint + (SELECT lead FROM epoch) FROM resource
             WHERE tenant = $1 AND kind = $2 AND id = $3 FOR UPDATE",
        );
        let statements = vec![
            holders.bind(self.tenant).bind(id.as_str()),
            lock.bind(self.tenant).bind(kind.as_str()).bind(id.as_str()),
        ];
        let answers = self.send(statements, false).await?;
        let line = answers.get(1).and_then(|lines| lines.first()).ok_or(StoreErrorKind::NotFound)?;
        let last = version(line.int(0)?);
        self.number = line.opt_int(2)?;
        if !expect.holds(&last) {
            return Err(StoreErrorKind::Stale.into());
        }
        let indexes = self.catalogue.known(self.link, self.tenant, kind.as_str()).await?;
        let entries = line.text(1, |document| indexes.entries(document))?;
        let owner = Owner { tenant: self.tenant, kind: kind.as_str(), id: id.as_str() };
        let mut amend = Amend::new(owner);
        amend.part("gone", "DELETE FROM resource WHERE tenant = $1 AND kind = $2 AND id = $3");
        amend.part("unclaimed", "DELETE FROM claim WHERE owner = $1 AND holder = $3");
        amend.part("unkept", "DELETE FROM secret WHERE tenant = $1 AND holder = $3");
        amend.part("unlinked", "DELETE FROM link WHERE tenant = $1 AND holder = $3");
        amend.indexes(&indexes, Some(&entries), None, -1, self.link.slot);
        amend.as_known(&indexes);
        let key = Key { kind: kind.clone(), id: id.clone() };
        let number = self.line();
        amend.log(record.line(&key, &last), number);
        if answers.first().is_none_or(Vec::is_empty) {
            amend.refuse("EXISTS (SELECT 1 FROM link WHERE tenant = $1 AND target = $3 AND holder <> $3)", HOLDERS);
            self.send(vec![amend.sql()], true).await?;
            return Ok(Outcome { id: id.clone(), version: last, effect: Effect::Deleted, record: None, filled: false });
        }
        let released = release(owner, self.now);
        let answers = self.send(vec![amend.sql(), released], false).await?;
        let mut lines = Vec::new();
        for line in answers.get(1).into_iter().flatten() {
            let holder = Key { kind: line.text(0, Kind::new)?, id: line.text(1, ResourceId::new)? };
            let attribute = line.text(2, str::to_owned)?;
            lines.push(record.released(&holder, &attribute).line(&holder, &version(line.int(3)?)));
        }
        if lines.is_empty() {
            self.end().await?;
        } else {
            let (first, count) = (self.lines, i64::try_from(lines.len()).unwrap_or_default());
            self.lines += count;
            let log = Sql::new(format!(
                "INSERT INTO change (tenant, position, record)
                 SELECT $1, {} + $2 + u.n, u.record FROM unnest($3) WITH ORDINALITY AS u(record, n)",
                position()
            ));
            self.send(vec![log.bind(self.tenant).bind(first - 1).bind(lines)], true).await?;
        }
        Ok(Outcome { id: id.clone(), version: last, effect: Effect::Deleted, record: None, filled: false })
    }
}

/// Deletes all links to a resource; gives each holder that lost one, with the attribute and its version then.
fn release<'a>(owner: Owner<'a>, now: i64) -> Sql<'a> {
    let sql = Sql::new(
        "WITH lost AS (DELETE FROM link WHERE tenant = $1 AND target = $2 AND holder <> $2
           RETURNING holder_kind, holder, attr),
         numbered AS (SELECT holder_kind, holder, attr, row_number() OVER (PARTITION BY holder ORDER BY attr) AS n,
           count(*) OVER (PARTITION BY holder) AS of FROM lost),
         moved AS (UPDATE resource r SET version = r.version + x.of, modified = greatest($3, r.modified + 1) + x.of - 1
           FROM (SELECT DISTINCT holder_kind, holder, of FROM numbered) x
           WHERE r.tenant = $1 AND r.kind = x.holder_kind AND r.id = x.holder RETURNING r.kind, r.id, r.version)
         SELECT n.holder_kind, n.holder, n.attr, m.version - n.of + n.n FROM numbered n
         JOIN moved m ON m.kind = n.holder_kind AND m.id = n.holder ORDER BY n.holder, n.attr",
    );
    sql.bind(owner.tenant).bind(owner.id).bind(now)
}
