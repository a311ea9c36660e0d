//! What single values of an attribute find, for several values in one statement.

use std::sync::Arc;

use async_trait::async_trait;
use scim_core::filter::{BoundFilter, Compare, Leaf, Operand};
use scim_core::path::AttrPath;
use scim_core::query::{Page, SortKey, Total, Window, sort};
use scim_core::schema::Place as Where;
use scim_core::store::{Record, TenantId};

use crate::around::{Around, Ids, Rows};
use crate::connection::Link;
use crate::error::Inner;
use crate::near::Place;
use crate::query::{Ask, Plan};
use crate::read;
use crate::statement::Sql;
use crate::together::{Form, Gathered};

/// First pages of filters with `eq`, which differ in the value: the first that was asked for stands for all.
pub(crate) struct Hits(Arc<Ask>);

impl Hits {
    /// The form of this list; None where it is none of those.
    pub(crate) fn of(ask: &Arc<Ask>) -> Option<Hits> {
        let query = &ask.query;
        let first = matches!(query.window, Window::Offset { skip: 0, count } if count > 0);
        (first && query.order.is_none() && attribute(ask).is_some()).then(|| Hits(ask.clone()))
    }
}

/// The attribute that is to be equal to a text.
fn attribute(ask: &Ask) -> Option<&AttrPath> {
    let [source] = ask.query.from.as_slice() else { return None };
    match &source.filter {
        Some(BoundFilter::Leaf(Leaf::Compare(at, Compare::Eq, Operand::Text { .. })))
            if at.place() == Where::Document =>
        {
            Some(at)
        }
        _ => None,
    }
}

#[async_trait]
impl Form for Hits {
    type Value = Arc<Ask>;
    /// As [`Ask::short`] gives it.
    type Answer = Option<Page>;

    fn of(place: &Place) -> &Gathered<Self> {
        &place.hits
    }

    fn is_same(&self, other: &Self) -> bool {
        let (one, two) = (&self.0.query, &other.0.query);
        let kind = |ask: &Ask| ask.query.from.first().map(|source| source.kind.clone());
        attribute(&self.0) == attribute(&other.0)
            && kind(&self.0) == kind(&other.0)
            && one.window == two.window
            && one.total == two.total
            && read::are_same(&one.select, &two.select)
    }

    async fn ask(&self, link: &Link, _: &TenantId, asks: &[Arc<Ask>]) -> Inner<Vec<Option<Page>>> {
        if let [ask] = asks {
            return Ok(vec![ask.short(link).await?]);
        }
        let mut plans = Vec::with_capacity(asks.len());
        for ask in asks {
            let Some(source) = ask.query.from.first() else { return Ok(none(asks)) };
            match ask.plan(link, source).await? {
                Some(plan) => plans.push(plan),
                None => return Ok(none(asks)),
            }
        }
        let Some(together) = Together::new(&self.0, &plans) else { return Ok(none(asks)) };
        together.run(link, asks.len()).await
    }
}

/// To be found in another way.
fn none(asks: &[Arc<Ask>]) -> Vec<Option<Page>> {
    asks.iter().map(|_| None).collect()
}

/// The one statement.
pub(crate) struct Together<'a> {
    ask: &'a Ask,
    around: Around<'a>,
    sql: Sql<'static>,
}

impl<'a> Together<'a> {
    /// Where each of these begins at one value of the same index.
    pub(crate) fn new(ask: &'a Ask, plans: &[Plan<'_>]) -> Option<Together<'a>> {
        let (query, source) = (&ask.query, ask.query.from.first()?);
        let (mut each, mut binds, mut values) = (None, None, Vec::with_capacity(plans.len()));
        for plan in plans {
            let drive = plan.drive.as_ref().filter(|drive| drive.quick && drive.exact && drive.sound.is_empty())?;
            let own = drive.each.as_deref()?;
            if *each.get_or_insert(own) != own {
                return None;
            }
            let mut all = plan.binds.clone();
            values.push(all.pop_text()?);
            binds.get_or_insert(all);
        }
        let (each, mut binds) = (each?, binds?);
        let (values, limit) = (binds.bind(values), binds.bind(i64::from(query.window.count()) + 1));
        let around = Around::new(&query.select, &query.select.reverse, &source.kind, binds.next(), false);
        let ids = format!(
            "SELECT v.n, d.id AS holder FROM unnest({values}::text[]) WITH ORDINALITY v (value, n) \
             CROSS JOIN LATERAL (SELECT e.id FROM ({each}) e ORDER BY e.id LIMIT {limit}) d"
        );
        let text = around.text(&Rows {
            columns: format!("{}, w.n", read::columns(&query.select)),
            width: read::width(&query.select) + 1,
            once: None,
            from: "(SELECT * FROM resource r WHERE r.tenant = $1 AND r.kind = $2 AND r.id = w.holder LIMIT 1) r".into(),
            ids: Ids::Window { query: ids, most: false },
        });
        let sql = around.bind(binds.sql(text));
        Some(Together { ask, around, sql })
    }

    #[cfg(test)]
    pub(crate) fn sql(&self) -> &Sql<'static> {
        &self.sql
    }

    /// The pages of so many values.
    async fn run(self, link: &Link, values: usize) -> Inner<Vec<Option<Page>>> {
        let Together { ask, mut around, sql } = self;
        let (query, tenant) = (&ask.query, ask.tenant.as_str());
        let Some(source) = query.from.first() else { return Ok(Vec::new()) };
        let width = read::width(&query.select);
        let found = link
            .each(sql, |line| {
                let number = line.int(width)?;
                let mut record = read::record(&line, &source.kind, &query.select)?;
                around.fill(&line, width + 1, &mut record)?;
                query.select.budget.spend_links(&record.links)?;
                Ok((number, record))
            })
            .await?;
        let (numbers, mut records): (Vec<i64>, Vec<Record>) = found.into_iter().unzip();
        let upwards = around.end(records.iter_mut());
        read::rise(link, tenant, &source.kind, &query.select.reverse, &upwards, &mut records).await?;
        let mut lists: Vec<Vec<Record>> = (0..values).map(|_| Vec::new()).collect();
        for (number, record) in numbers.into_iter().zip(records) {
            let at = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            if let Some(list) = at.and_then(|at| lists.get_mut(at)) {
                list.push(record);
            }
        }
        Ok(lists.into_iter().map(|list| page(ask, list)).collect())
    }
}

/// The page of one value; None where there are more that are to be counted.
fn page(ask: &Ask, mut records: Vec<Record>) -> Option<Page> {
    records.sort_by(|a, b| a.key.id.cmp(&b.key.id));
    let count = ask.query.window.count() as usize;
    let more = records.len() > count;
    if more && ask.query.total {
        return None;
    }
    records.truncate(count);
    let total = if ask.query.total { Total::Exact(records.len() as u64) } else { Total::Unknown };
    let place = |record| sort::position(record, SortKey::Absent);
    let ends = records.first().map(place).zip(records.last().map(place));
    Some(Page { records, total, more, ends, filled: true })
}
