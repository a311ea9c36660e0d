//! Reading known resources with their links, in one statement, and links from their far end.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use async_trait::async_trait;
use scim_core::clock::Timestamp;
use scim_core::document::Document;
use scim_core::query::{LinkSelect, Select};
use scim_core::schema::{Kind, ReverseType};
use scim_core::store::{Key, Label, Link as Value, Links, Record, ResourceId, TenantId, Version};

use crate::around::{Around, Ids, Rows};
use crate::connection::Link;
use crate::error::{Inner, corrupt};
use crate::near::Place;
use crate::statement::{Line, Sql};
use crate::together::{Form, Gathered, MOST};

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
            let text: Arc<str> = line.text(4, |text| Arc::from(text))?;
            select.budget.spend(text.len())?;
            Document::from_stored(text)
        } else {
            Document::default()
        },
        links: Vec::new(),
    })
}

pub(crate) fn version(number: i64) -> Version {
    Version::new(&number.to_string())
}

/// The selected link attributes of the resources `r` of one type, each as one array column: target, kind and label of
/// one link after another.
pub(crate) struct Joined<'a> {
    /// The attributes.
    selects: Vec<&'a LinkSelect>,
    /// The columns, each with a comma before.
    pub columns: String,
}

impl<'a> Joined<'a> {
    /// Those of `kind`; `$1` is the tenant, and the marks of values begin at `first`.
    pub(crate) fn new(select: &'a Select, kind: &Kind, first: usize) -> Joined<'a> {
        Joined::of(select.links.iter().filter(|one| one.link.holder == *kind).collect(), first)
    }

    /// These.
    pub(crate) fn of(selects: Vec<&'a LinkSelect>, first: usize) -> Joined<'a> {
        let (mut columns, mut next) = (String::new(), first);
        for select in &selects {
            let shown = "k.target, k.target_kind, (SELECT t.label FROM resource t WHERE t.tenant = $1 \
                         AND t.kind = k.target_kind AND t.id = k.target)";
            let attr = next;
            let column = if select.link.multi_valued() {
                let most = attr + 1;
                format!(
                    "ARRAY(SELECT unnest(ARRAY[{shown}]) FROM (SELECT target, target_kind FROM link WHERE tenant = $1 \
                     AND holder = r.id AND attr = ${attr} ORDER BY target LIMIT ${most}) k)"
                )
            } else {
                // Half the work, where one is all there can be.
                format!(
                    "(SELECT ARRAY[{shown}] FROM link k WHERE k.tenant = $1 AND k.holder = r.id AND k.attr = ${attr} LIMIT 1)"
                )
            };
            // Writing to a string does not fail.
            let _ok = write!(columns, ", {column}");
            next += values(select);
        }
        Joined { selects, columns }
    }

    /// Are there none?
    pub(crate) fn is_empty(&self) -> bool {
        self.selects.is_empty()
    }

    /// How many values it binds.
    pub(crate) fn values(&self) -> usize {
        self.selects.iter().map(|select| values(select)).sum()
    }

    /// How many columns it adds.
    pub(crate) fn width(&self) -> usize {
        self.selects.len()
    }

    /// Binds its values.
    pub(crate) fn bind<'v>(&self, mut sql: Sql<'v>) -> Sql<'v> {
        for select in &self.selects {
            sql = sql.bind(select.link.at.to_string());
            if select.link.multi_valued() {
                // One more than wanted tells whether those were all.
                sql = sql.bind(select.at_most.map_or(i64::MAX, |most| i64::from(most) + 1));
            }
        }
        sql
    }

    /// Reads the arrays, from this column on, into a record.
    pub(crate) fn fill(&self, line: &Line, from: usize, record: &mut Record) -> Inner<()> {
        for (column, select) in (from..).zip(&self.selects) {
            let mut links = Vec::new();
            let mut parts = line.texts(column)?.into_iter();
            while let Some(target) = parts.next() {
                let (Some(target), Some(Some(kind)), Some(label)) = (target, parts.next(), parts.next()) else {
                    return Err(corrupt("a link lacks its target"));
                };
                let target = Key { kind: known(&select.link.kinds, &kind), id: ResourceId::new(&target) };
                links.push(Value { target, display: label.map(Label::from), indirect: false });
            }
            if links.is_empty() {
                continue;
            }
            let most = select.at_most.map_or(usize::MAX, |most| most as usize);
            let whole = links.len() <= most;
            links.truncate(most);
            record.links.push(Links { at: select.link.at.clone(), links: links.into(), whole });
        }
        Ok(())
    }
}

/// How many values a link attribute binds: its name, and how many are wanted where there may be more than one.
fn values(select: &LinkSelect) -> usize {
    if select.link.multi_valued() { 2 } else { 1 }
}

/// The kind of this name, shared with those that are known.
pub(crate) fn known(kinds: &[Kind], name: &str) -> Kind {
    kinds.iter().find(|kind| kind.as_str() == name).cloned().unwrap_or_else(|| Kind::new(name))
}

/// Can the database hold this text at all?
pub(crate) fn is_text(text: &str) -> bool {
    !text.contains('\0')
}

/// Stands between ids that come as one text. No id contains it: see [`is_id`].
pub(crate) const BETWEEN: char = '\u{1f}';

/// Can this be the id of a resource here?
pub(crate) fn is_id(text: &str) -> bool {
    is_text(text) && !text.contains(BETWEEN)
}

/// The condition that `r.id` is one of these, which are `$3`.
fn is_one_of(ids: &[&str]) -> &'static str {
    if ids.len() == 1 { "r.id = $3" } else { "r.id = ANY($3)" }
}

/// Binds them.
fn bind_ids<'v>(sql: Sql<'v>, ids: &[&'v str]) -> Sql<'v> {
    match ids {
        [id] => sql.bind(*id),
        _ => sql.bind(ids.to_vec()),
    }
}

/// The statement for resources with these ids, one or several of them, and what is around them.
pub(crate) fn by_ids<'a, 'v>(
    tenant: &'v str,
    kind: &'v Kind,
    ids: &[&'v str],
    select: &'a Select,
    reverse: &'a [Arc<ReverseType>],
) -> (Sql<'v>, Around<'a>) {
    let around = Around::new(select, reverse, kind, 4, ids.len() > MOST);
    let condition = is_one_of(ids);
    let text = around.text(&Rows {
        columns: columns(select).to_owned(),
        width: width(select),
        once: None,
        from: format!("resource r WHERE r.tenant = $1 AND r.kind = $2 AND {condition}"),
        ids: Ids::Bound("$3"),
    });
    (around.bind(bind_ids(Sql::new(text).bind(tenant).bind(kind.as_str()), ids)), around)
}

/// Those of `ids` that exist, with these reverse attributes.
pub(crate) async fn records(
    link: &Link,
    tenant: &str,
    kind: &Kind,
    ids: &[ResourceId],
    select: &Select,
    reverse: &[Arc<ReverseType>],
) -> Inner<Vec<Record>> {
    let ids: Vec<&str> = ids.iter().map(ResourceId::as_str).filter(|id| is_text(id)).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let (sql, mut around) = by_ids(tenant, kind, &ids, select, reverse);
    let made = link
        .each(sql, |line| {
            if around.head(&line, width(select))? {
                return Ok(None);
            }
            let mut record = record(&line, kind, select)?;
            around.fill(&line, width(select), &mut record)?;
            select.budget.spend_links(&record.links)?;
            Ok(Some(record))
        })
        .await?;
    let mut records: Vec<Record> = made.into_iter().flatten().collect();
    let upwards = around.end(records.iter_mut());
    rise(link, tenant, kind, reverse, &upwards, &mut records).await?;
    Ok(records)
}

/// What reads of one resource by its id have in common.
pub(crate) struct ById {
    pub kind: Kind,
    pub select: Select,
    pub reverse: Vec<Arc<ReverseType>>,
}

#[async_trait]
impl Form for ById {
    type Value = ResourceId;
    type Answer = Option<Record>;

    fn of(place: &Place) -> &Gathered<Self> {
        &place.by_id
    }

    fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && are_same(&self.select, &other.select) && alike(&self.reverse, &other.reverse)
    }

    async fn ask(&self, link: &Link, tenant: &TenantId, ids: &[ResourceId]) -> Inner<Vec<Option<Record>>> {
        let found = records(link, tenant.as_str(), &self.kind, ids, &self.select, &self.reverse).await?;
        // Several may ask for one.
        Ok(ids.iter().map(|id| found.iter().find(|record| record.key.id == *id).cloned()).collect())
    }
}

/// Is the very same selected?
pub(crate) fn are_same(one: &Select, other: &Select) -> bool {
    let same =
        |(one, other): (&LinkSelect, &LinkSelect)| Arc::ptr_eq(&one.link, &other.link) && one.at_most == other.at_most;
    one.document == other.document
        && one.links.len() == other.links.len()
        && one.links.iter().zip(&other.links).all(same)
        && alike(&one.reverse, &other.reverse)
}

fn alike(one: &[Arc<ReverseType>], other: &[Arc<ReverseType>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(one, other)| Arc::ptr_eq(one, other))
}

/// Goes on upwards for the resources that [`Reversed::fill`] told, with the numbers of the attributes.
pub(crate) async fn rise(
    link: &Link,
    tenant: &str,
    kind: &Kind,
    reverse: &[Arc<ReverseType>],
    upwards: &[(usize, ResourceId)],
    records: &mut [Record],
) -> Inner<()> {
    for (number, one) in reverse.iter().enumerate() {
        let own: Vec<_> = upwards.iter().filter(|(of, _)| *of == number).map(|(_, id)| id.clone()).collect();
        if !own.is_empty() {
            Box::pin(climb(link, tenant, kind, &own, one, records)).await?;
        }
    }
    Ok(())
}

/// Reverse attributes of the resources `r`, each as one array column: a direct holder, its label, and whether it has a
/// holder in turn, one after another.
pub(crate) struct Reversed<'a> {
    reverse: &'a [Arc<ReverseType>],
    /// The columns, each with a comma before.
    pub columns: String,
}

/// The links of resources of one type, and reverse attributes of them, as one statement.
pub(crate) struct Linked<'a> {
    joined: Joined<'a>,
    reversed: Reversed<'a>,
}

impl<'a> Linked<'a> {
    pub(crate) fn new(select: &'a Select, kind: &Kind, reverse: &'a [Arc<ReverseType>]) -> Linked<'a> {
        let joined = Joined::new(select, kind, 4);
        let reversed = Reversed::new(reverse, 4 + joined.values());
        Linked { joined, reversed }
    }

    /// Is there nothing to be read?
    pub(crate) fn is_empty(&self) -> bool {
        self.joined.is_empty() && self.reversed.reverse.is_empty()
    }

    /// The statement, which gives a row of these columns of `r` and what is around it for each resource that is there.
    pub(crate) fn sql<'v>(&self, columns: &str, tenant: &'v str, kind: &'v Kind, ids: &[&'v str]) -> Sql<'v> {
        let text = format!(
            "SELECT {columns}{}{} FROM resource r WHERE r.tenant = $1 AND r.kind = $2 AND {}",
            self.joined.columns,
            self.reversed.columns,
            is_one_of(ids)
        );
        let sql = bind_ids(Sql::new(text).bind(tenant).bind(kind.as_str()), ids);
        self.reversed.bind(self.joined.bind(sql))
    }

    /// The links and the reverse attributes of the resources with these ids, from this column of their rows on.
    pub(crate) async fn of(
        &self,
        link: &Link,
        tenant: &str,
        kind: &Kind,
        rows: impl IntoIterator<Item = (ResourceId, &Line)>,
        from: usize,
    ) -> Inner<Vec<(Vec<Links>, Vec<Links>)>> {
        let (mut links, mut records, mut upwards) = (Vec::new(), Vec::new(), Vec::new());
        for (id, line) in rows {
            let mut record = bare(Key { kind: kind.clone(), id });
            self.joined.fill(line, from, &mut record)?;
            links.push(std::mem::take(&mut record.links));
            let above = self.reversed.fill(line, from + self.joined.width(), &mut record)?;
            upwards.extend(above.into_iter().map(|number| (number, record.key.id.clone())));
            records.push(record);
        }
        rise(link, tenant, kind, self.reversed.reverse, &upwards, &mut records).await?;
        Ok(links.into_iter().zip(records.into_iter().map(|record| record.links)).collect())
    }
}

/// A record of which nothing is known yet.
fn bare(key: Key) -> Record {
    Record {
        key,
        version: version(0),
        created: Timestamp::default(),
        modified: Timestamp::default(),
        document: Document::default(),
        links: Vec::new(),
    }
}

/// Not NULL where a holder with this id is held itself: then there is more to be found above it. `attr` and `holder` number
/// the marks of the attribute and of the holders' kind.
pub(crate) fn nested(reverse: &ReverseType, id: &str, attr: usize, holder: usize) -> String {
    let holders_have_holders = reverse.via.kinds.contains(&reverse.via.holder);
    if !holders_have_holders {
        return "NULL".to_owned();
    }
    format!(
        "(SELECT '' FROM link n WHERE n.tenant = $1 AND n.target = {id} AND n.attr = ${attr} \
         AND n.holder_kind = ${holder} AND n.target_kind = ${holder} LIMIT 1)"
    )
}

impl<'a> Reversed<'a> {
    /// Those of `r.id`, of the kind `$2` in the tenant `$1`; the marks of values begin at `first`.
    pub(crate) fn new(reverse: &'a [Arc<ReverseType>], first: usize) -> Reversed<'a> {
        let mut columns = String::new();
        for (number, one) in reverse.iter().enumerate() {
            let (attr, holder) = (first + number * 2, first + number * 2 + 1);
            let nested = nested(one, "d.holder", attr, holder);
            // Writing to a string does not fail.
            let _ok = write!(
                columns,
                ", ARRAY(SELECT unnest(ARRAY[d.holder, (SELECT h.label FROM resource h WHERE h.tenant = $1 \
                 AND h.kind = ${holder} AND h.id = d.holder), {nested}]) FROM (SELECT holder FROM link \
                 WHERE tenant = $1 AND target = r.id AND attr = ${attr} AND holder_kind = ${holder} AND target_kind = $2 \
                 ORDER BY holder) d)"
            );
        }
        Reversed { reverse, columns }
    }

    /// Binds its values.
    pub(crate) fn bind<'v>(&self, mut sql: Sql<'v>) -> Sql<'v> {
        for one in self.reverse {
            sql = sql.bind(one.via.at.to_string()).bind(one.via.holder.as_str().to_owned());
        }
        sql
    }

    /// Reads the columns, from this one on, into a record; gives the number of the attributes that go on upwards.
    pub(crate) fn fill(&self, line: &Line, from: usize, record: &mut Record) -> Inner<Vec<usize>> {
        let mut upwards = Vec::new();
        for (number, one) in self.reverse.iter().enumerate() {
            let (mut links, mut nested) = (Vec::new(), false);
            let mut parts = line.texts(from + number)?.into_iter();
            while let (Some(Some(id)), Some(label), Some(above)) = (parts.next(), parts.next(), parts.next()) {
                nested |= above.is_some();
                let target = Key { kind: one.via.holder.clone(), id: ResourceId::new(&id) };
                links.push(Value { target, display: label.map(Label::from), indirect: false });
            }
            if links.is_empty() {
                continue;
            }
            if nested {
                upwards.push(number);
            }
            record.links.push(Links { at: one.at.clone(), links: links.into(), whole: true });
        }
        Ok(upwards)
    }
}

/// Reverse attributes of resources that were read before: the id of each that has some, with its links.
pub(crate) async fn reversed(
    link: &Link,
    tenant: &str,
    kind: &Kind,
    ids: &[String],
    reverse: &Arc<ReverseType>,
) -> Inner<Vec<Record>> {
    let (own, none) = (std::slice::from_ref(reverse), Select::bare());
    let mut around = Around::new(&none, own, kind, 4, true);
    let sql = Sql::new(around.text(&Rows {
        columns: "r.id".to_owned(),
        width: 1,
        once: None,
        from: "unnest($3) AS r(id)".to_owned(),
        ids: Ids::Bound("$3"),
    }));
    let sql = sql.bind(tenant).bind(kind.as_str()).bind(ids.iter().map(String::as_str).collect::<Vec<_>>());
    let made = link
        .each(around.bind(sql), |line| {
            if around.head(&line, 1)? {
                return Ok(None);
            }
            let mut record = bare(Key { kind: kind.clone(), id: line.text(0, ResourceId::new)? });
            around.fill(&line, 1, &mut record)?;
            Ok(Some(record))
        })
        .await?;
    let mut records: Vec<Record> = made.into_iter().flatten().collect();
    let upwards = around.end(records.iter_mut());
    rise(link, tenant, kind, own, &upwards, &mut records).await?;
    Ok(records)
}

/// Replaces the direct holders of these resources by all above them.
async fn climb(
    link: &Link,
    tenant: &str,
    kind: &Kind,
    ids: &[ResourceId],
    reverse: &ReverseType,
    records: &mut [Record],
) -> Inner<()> {
    // Who holds directly too holds directly.
    let sql = Sql::new(
        "WITH RECURSIVE up (of, id, indirect) AS (
           SELECT d.target, d.holder, false FROM link d WHERE d.tenant = $1 AND d.target = ANY($3) AND d.attr = $4
             AND d.holder_kind = $5 AND d.target_kind = $2
           UNION
           SELECT up.of, n.holder, true FROM up JOIN link n ON n.tenant = $1 AND n.target = up.id AND n.attr = $4
             AND n.holder_kind = $5 AND n.target_kind = $5)
         SELECT u.of, u.id, h.label, u.indirect
         FROM (SELECT of, id, bool_and(indirect) AS indirect FROM up GROUP BY of, id) u
         CROSS JOIN LATERAL (SELECT label FROM resource h WHERE h.tenant = $1 AND h.kind = $5 AND h.id = u.id LIMIT 1) h
         ORDER BY u.of, u.id",
    );
    let sql = sql.bind(tenant).bind(kind.as_str()).bind(ids.iter().map(ResourceId::as_str).collect::<Vec<_>>());
    let sql = sql.bind(reverse.via.at.to_string()).bind(reverse.via.holder.as_str());
    let mut all: HashMap<ResourceId, Vec<Value>> = HashMap::new();
    for line in link.rows(sql).await? {
        let target = Key { kind: reverse.via.holder.clone(), id: line.text(1, ResourceId::new)? };
        let value = Value { target, display: line.opt_text(2)?, indirect: line.truth(3)? };
        all.entry(line.text(0, ResourceId::new)?).or_default().push(value);
    }
    for record in records {
        // One resource may come more than once.
        if let Some(links) = all.get(&record.key.id)
            && let Some(own) = record.links.iter_mut().find(|own| own.at == reverse.at)
        {
            own.links = links.clone().into();
        }
    }
    Ok(())
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
