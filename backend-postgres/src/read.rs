//! Reading known resources with their links, in one statement, and links from their far end.

use std::fmt::Write as _;
use std::sync::Arc;

use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::query::{LinkSelect, Select};
use scim_core::schema::Kind;
use scim_core::store::{Key, Link as Value, Links, Record, ResourceId, Version};

use crate::connection::Link;
use crate::error::{Inner, corrupt};
use crate::statement::{Line, Sql};

/// Columns of a record, in the order in which [`record`] reads them.
pub(crate) fn columns(select: &Select) -> &'static str {
    if select.document {
        "r.id, r.version, r.created, r.modified, r.document"
    } else {
        "r.id, r.version, r.created, r.modified"
    }
}

/// How many columns these are.
pub(crate) fn width(select: &Select) -> usize {
    if select.document { 5 } else { 4 }
}

/// A record from a row that starts with [`columns`], still without links.
pub(crate) fn record(line: &Line, kind: &Kind, select: &Select) -> Inner<Record> {
    Ok(Record {
        key: Key { kind: kind.clone(), id: line.text(0, ResourceId::new)? },
        version: version(line.int(1)?),
        created: Timestamp::from_millis(line.int(2)?),
        modified: Timestamp::from_millis(line.int(3)?),
        document: if select.document {
            Document::from_stored(line.text(4, |text| Arc::from(text))?)
        } else {
            Document::default()
        },
        links: Vec::new(),
    })
}

pub(crate) fn version(number: i64) -> Version {
    Version::new(&number.to_string())
}

/// The selected link attributes of the resources `r` of one type, as one lateral join that gives four arrays.
pub(crate) struct Joined<'a> {
    /// The attributes.
    selects: Vec<&'a LinkSelect>,
    /// ` LEFT JOIN LATERAL …`, to stand behind `resource r`; empty where no links are wanted.
    pub join: String,
    /// The columns, with a comma before.
    pub columns: &'static str,
}

impl<'a> Joined<'a> {
    /// Those of `kind`; `$1` is the tenant, and the marks of values begin at `first`.
    pub(crate) fn new(select: &'a Select, kind: &Kind, first: usize) -> Joined<'a> {
        let selects: Vec<_> = select.links.iter().filter(|one| one.link.holder == *kind).collect();
        if selects.is_empty() {
            return Joined { selects, join: String::new(), columns: "" };
        }
        let mut parts = String::new();
        for number in 0..selects.len() {
            let (attr, most) = (first + number * 2, first + number * 2 + 1);
            let union = if number > 0 { " UNION ALL " } else { "" };
            // Writing to a string does not fail.
            let _ok = write!(
                parts,
                "{union}(SELECT {number}::bigint AS n, k.target, k.target_kind FROM link k \
                 WHERE k.tenant = $1 AND k.holder = r.id AND k.attr = ${attr} ORDER BY k.target LIMIT ${most})"
            );
        }
        let join = format!(
            " LEFT JOIN LATERAL (SELECT array_agg(x.n ORDER BY x.n, x.target) AS n, \
             array_agg(x.target ORDER BY x.n, x.target) AS targets, \
             array_agg(x.target_kind ORDER BY x.n, x.target) AS kinds, \
             array_agg(t.label ORDER BY x.n, x.target) AS labels \
             FROM ({parts}) x LEFT JOIN resource t ON t.tenant = $1 AND t.kind = x.target_kind AND t.id = x.target) l ON true"
        );
        Joined { selects, join, columns: ", l.n, l.targets, l.kinds, l.labels" }
    }

    /// Binds its values.
    pub(crate) fn bind<'v>(&self, mut sql: Sql<'v>) -> Sql<'v> {
        for select in &self.selects {
            // One more than wanted tells whether those were all.
            let most = select.at_most.map_or(i64::MAX, |most| i64::from(most) + 1);
            sql = sql.bind(select.link.at.to_string()).bind(most);
        }
        sql
    }

    /// Reads the arrays, from this column on, into a record.
    pub(crate) fn fill(&self, line: &Line, from: usize, record: &mut Record) -> Inner<()> {
        if self.selects.is_empty() {
            return Ok(());
        }
        let numbers = line.ints(from)?;
        if numbers.is_empty() {
            return Ok(());
        }
        let (targets, kinds, labels) = (line.texts(from + 1)?, line.texts(from + 2)?, line.texts(from + 3)?);
        let mut values = targets.into_iter().zip(kinds).zip(labels);
        let mut numbers = numbers.into_iter().peekable();
        for (own, select) in self.selects.iter().enumerate() {
            let mut links = Vec::new();
            while numbers.peek().is_some_and(|number| usize::try_from(*number).is_ok_and(|number| number == own)) {
                numbers.next();
                let Some(((Some(target), Some(kind)), label)) = values.next() else {
                    return Err(corrupt("a link lacks its target"));
                };
                let kind = known(&select.link.kinds, &kind);
                let target = Key { kind, id: ResourceId::new(&target) };
                links.push(Value { target, display: label.map(Arc::from), indirect: false });
            }
            if links.is_empty() {
                continue;
            }
            let most = select.at_most.map_or(usize::MAX, |most| most as usize);
            let whole = links.len() <= most;
            links.truncate(most);
            record.links.push(Links { at: select.link.at.clone(), links, whole });
        }
        Ok(())
    }
}

/// The kind of this name, shared with those that are known.
fn known(kinds: &[Kind], name: &str) -> Kind {
    kinds.iter().find(|kind| kind.as_str() == name).cloned().unwrap_or_else(|| Kind::new(name))
}

/// Can the database hold this text at all?
pub(crate) fn is_text(text: &str) -> bool {
    !text.contains('\0')
}

/// Those of `ids` that exist.
pub(crate) async fn records(
    link: &Link,
    tenant: &str,
    kind: &Kind,
    ids: &[ResourceId],
    select: &Select,
) -> Inner<Vec<Record>> {
    let ids: Vec<&str> = ids.iter().map(ResourceId::as_str).filter(|id| is_text(id)).collect();
    let joined = Joined::new(select, kind, 4);
    let condition = match ids.as_slice() {
        [] => return Ok(Vec::new()),
        [_] => "r.id = $3",
        _ => "r.id = ANY($3)",
    };
    let text = format!(
        "SELECT {}{} FROM resource r{} WHERE r.tenant = $1 AND r.kind = $2 AND {condition}",
        columns(select),
        joined.columns,
        joined.join
    );
    let sql = Sql::new(text).bind(tenant).bind(kind.as_str());
    let sql = match ids.as_slice() {
        [id] => sql.bind(*id),
        _ => sql.bind(ids),
    };
    let width = width(select);
    link.each(joined.bind(sql), |line| {
        let mut record = record(&line, kind, select)?;
        joined.fill(&line, width, &mut record)?;
        Ok(record)
    })
    .await
}

/// Links read from their far end: (target, its holder) for targets of one kind. A holder that is gone is not shown.
pub(crate) async fn holders(
    link: &Link,
    tenant: &str,
    of: &Kind,
    targets: &[ResourceId],
    holder: &Kind,
    attr: &str,
) -> Inner<Vec<(ResourceId, Value)>> {
    let targets: Vec<&str> = targets.iter().map(ResourceId::as_str).filter(|id| is_text(id)).collect();
    let sql = Sql::new(
        "SELECT l.target, l.holder, r.label FROM link l CROSS JOIN LATERAL (SELECT h.label FROM resource h \
           WHERE h.tenant = $1 AND h.kind = $4 AND h.id = l.holder LIMIT 1) r \
         WHERE l.tenant = $1 AND l.target = ANY($2) AND l.attr = $3 AND l.holder_kind = $4 AND l.target_kind = $5",
    );
    let sql = sql.bind(tenant).bind(targets).bind(attr).bind(holder.as_str()).bind(of.as_str());
    link.each(sql, |line| {
        let target = Key { kind: holder.clone(), id: line.text(1, ResourceId::new)? };
        Ok((line.text(0, ResourceId::new)?, Value { target, display: line.opt_text(2)?, indirect: false }))
    })
    .await
}
