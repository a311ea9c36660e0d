//! GET of a list and `POST …/.search` (RFC 7644 sections 3.4.2 and 3.4.3), by index and by cursor (RFC 9865).

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::document::json;
use crate::document::project::{Projection, View};
use crate::error::{ErrorKind, ScimError, excerpt};
use crate::filter::{self, BoundFilter, ast, bind};
use crate::name::same;
use crate::path::{self, AttrPath};
use crate::query::budget::weight;
use crate::query::explain::{self, Explanation};
use crate::query::{Budget, Order, Page, Query, Select, Source, Total, Window, walk};
use crate::schema::{Place, ResourceType, Returned};
use crate::store::{Record, Scope, StoreError, StoreErrorKind};

use super::{Caller, Reply, Service};

const LIST_URN: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";
const SEARCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

/// Bytes of a message up to its resources, where it has no cursors.
const HEAD: usize = 192;

/// Bytes of resources that any request may take in at once; of those that take more, one of each tenant at a time.
const LIGHT: usize = 8 << 20;

/// The parameters of a list as they were sent.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are the RFC's")]
pub struct ListParams {
    pub filter: Option<String>,
    pub sort_by: Option<String>,
    pub sort_order: Option<String>,
    pub start_index: Option<String>,
    pub count: Option<String>,
    /// Empty to start a walk by cursor.
    pub cursor: Option<String>,
    pub view: View,
}

/// What a list is over.
#[derive(Debug, Clone, Copy)]
pub enum Over<'a> {
    /// All types that the caller may read.
    Root,
    /// One type.
    Type(&'a Arc<ResourceType>),
}

/// Which part of the list, as asked.
enum Asked {
    Index { start: u64, count: u32 },
    Cursor { cursor: String, count: Option<u32> },
}

/// A list request, understood.
struct List<'a> {
    types: Vec<&'a Arc<ResourceType>>,
    projections: Vec<Projection>,
    query: Query,
    caller: &'a Caller,
    view: &'a View,
}

impl List<'_> {
    /// Same caller, same query: for walks by index.
    fn walk(&self) -> String {
        let mut walk = String::new();
        // Writing to a string cannot fail.
        for Source { kind, filter, sort } in &self.query.from {
            let _ = write!(walk, "{kind}\u{1f}");
            let _ = filter.as_ref().map(|filter| write!(walk, "{filter}"));
            let _ = sort.as_ref().map(|sort| write!(walk, "\u{1f}{sort}"));
            walk.push('\u{1e}');
        }
        let (caller, order) = (self.caller, self.query.order);
        let _ = write!(walk, "{}\u{1e}{}\u{1e}{order:?}", caller.tenant.id, caller.principal.name);
        walk
    }

    /// The same with the view: for cursors.
    fn fingerprint(&self) -> String {
        format!("{}\u{1e}{}", self.walk(), canonical_view(self.view))
    }
}

impl Service {
    /// A list by GET. A filter on a secret attribute is 403 sensitive: it would stand in logs.
    pub async fn list(&self, caller: &Caller, over: Over<'_>, params: &ListParams) -> Result<Reply, ScimError> {
        let filter = self.parse_filter(params.filter.as_deref())?;
        if filter.as_ref().is_some_and(|filter| bind::names_secret(filter, caller.tenant.registry.types())) {
            return Err(ScimError::new(
                ErrorKind::Sensitive,
                "this filter names an attribute that must not stand in a URL, and cannot be filtered by at all",
            ));
        }
        self.answer_list(caller, over, params, filter).await
    }

    /// A list by POST: the parameters stand in a SearchRequest message.
    pub async fn search(&self, caller: &Caller, over: Over<'_>, body: &[u8]) -> Result<Reply, ScimError> {
        let params = search_request(&json::parse(body, &self.env.limits)?)?;
        let filter = self.parse_filter(params.filter.as_deref())?;
        self.answer_list(caller, over, &params, filter).await
    }

    /// How a filter over one type is answered, and what it costs. For administrators: nothing of the resources is told.
    ///
    /// # Errors
    /// A filter that is none, or that the store cannot be asked.
    pub async fn explain(
        &self,
        caller: &Caller,
        rt: &Arc<ResourceType>,
        filter: &str,
    ) -> Result<Explanation, ScimError> {
        let filter = filter::parse(filter, &self.env.limits)?;
        let filter = bind::bind(&filter, rt, &caller.principal.profile.rules())?;
        let scope = self.scope(caller);
        let registry = &caller.tenant.registry;
        Ok(explain::explain(&*self.store, &scope, registry, &self.env.limits, &rt.kind, filter).await?)
    }

    fn parse_filter(&self, text: Option<&str>) -> Result<Option<ast::Filter>, ScimError> {
        text.map(|text| filter::parse(text, &self.env.limits)).transpose()
    }

    async fn answer_list(
        &self,
        caller: &Caller,
        over: Over<'_>,
        params: &ListParams,
        filter: Option<ast::Filter>,
    ) -> Result<Reply, ScimError> {
        let asked = self.asked(params)?;
        let mut list = self.understand(caller, over, params, filter)?;
        let scope = self.scope(caller);
        let limits = &self.env.limits;
        let skip = match &asked {
            Asked::Index { start, count } => {
                let skip = start - 1;
                let known = if skip > 0 { self.memo.recall(&list.walk(), *start, scope.now) } else { None };
                list.query.window = match known {
                    Some(position) => Window::After { position, count: *count },
                    None => Window::Offset { skip, count: *count },
                };
                Some(skip)
            }
            Asked::Cursor { cursor, count } => {
                list.query.window = if cursor.is_empty() {
                    Window::Offset { skip: 0, count: count.unwrap_or(limits.page) }
                } else {
                    self.cursors.read(cursor, &list.fingerprint(), *count, scope.now)?
                };
                None
            }
        };
        let (mut page, _turn) = if list.query.from.is_empty() {
            (Page { records: Vec::new(), total: Total::Exact(0), more: false, ends: None, filled: true }, None)
        } else {
            match self.light(&scope, &mut list).await? {
                Some(page) => (page, None),
                None => {
                    let turn = caller.tenant.large.take().await;
                    (self.shortened(&scope, &mut list).await?, Some(turn))
                }
            }
        };
        if matches!(over, Over::Root) && matches!(page.total, Total::Exact(n) if n > limits.scan_max) {
            return Err(StoreError::new(StoreErrorKind::TooMany).into());
        }
        if !page.filled {
            self.fill_in(&scope, &list, &mut page.records).await?;
        }
        let mut body = self.head(&list, &page, skip, &scope);
        self.write(caller, &list, &page.records, &mut body);
        body.extend_from_slice(b"]}");
        Ok(Reply::body(body))
    }

    /// The page; None where it takes more than any request may take in at the same time as all others.
    async fn light(&self, scope: &Scope, list: &mut List<'_>) -> Result<Option<Page>, ScimError> {
        self.page_within(scope, list, LIGHT.min(self.env.limits.page_bytes)).await
    }

    /// The page, or as much of it as `limits.page_bytes` allows; one resource at least.
    async fn shortened(&self, scope: &Scope, list: &mut List<'_>) -> Result<Page, ScimError> {
        let asked = list.query.window.clone();
        let mut count = asked.count();
        loop {
            let bytes = if count > 1 { self.env.limits.page_bytes } else { usize::MAX };
            list.query.window = asked.clone().with_count(count);
            let page = self.page_within(scope, list, bytes).await;
            if let Ok(None) = page {
                count -= count / 2;
                continue;
            }
            // Cursors go on with as many as were asked for.
            list.query.window = asked;
            return page?.ok_or_else(|| StoreError::new(StoreErrorKind::Heavy).into());
        }
    }

    /// The page; None where its resources take more than so many bytes.
    async fn page_within(&self, scope: &Scope, list: &mut List<'_>, bytes: usize) -> Result<Option<Page>, ScimError> {
        list.query.select.budget = Budget::of(bytes);
        let registry = &list.caller.tenant.registry;
        match walk::page(&*self.store, scope, registry, &self.env.limits, &list.query).await {
            Ok(page) => Ok((weight(&page.records) <= bytes).then_some(page)),
            Err(error) if matches!(error.kind, StoreErrorKind::Heavy) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Fills in the computed attributes of a page.
    async fn fill_in(&self, scope: &Scope, list: &List<'_>, records: &mut [Record]) -> Result<(), ScimError> {
        for (rt, projection) in list.types.iter().zip(&list.projections) {
            if list.types.len() == 1 {
                self.hydrate(scope, projection, records).await?;
            } else if !projection.reverse().is_empty() {
                // Records of a root query stand mixed; those of one type are taken out, filled in and put back.
                let places: Vec<usize> =
                    (0..records.len()).filter(|&n| records.get(n).is_some_and(|r| r.key.kind == rt.kind)).collect();
                let mut own: Vec<Record> = places.iter().filter_map(|&n| records.get(n).cloned()).collect();
                self.hydrate(scope, projection, &mut own).await?;
                for (place, filled) in places.into_iter().zip(own) {
                    if let Some(slot) = records.get_mut(place) {
                        *slot = filled;
                    }
                }
            }
        }
        Ok(())
    }

    /// Appends the texts of the resources, between commas.
    fn write(&self, caller: &Caller, list: &List<'_>, records: &[Record], out: &mut Vec<u8>) {
        let pairs = list.types.iter().zip(&list.projections);
        let renderers: Vec<_> =
            pairs.map(|(rt, projection)| (&rt.kind, self.renderer(caller, rt, projection))).collect();
        let renderer_of = |record: &Record| renderers.iter().find(|(kind, _)| **kind == record.key.kind);
        out.reserve(records.iter().filter_map(|one| Some(renderer_of(one)?.1.length(one))).sum());
        let start = out.len();
        for record in records {
            if let Some((_, renderer)) = renderer_of(record) {
                if out.len() > start {
                    out.push(b',');
                }
                renderer.write(record, out);
            }
        }
    }

    /// The message up to its resources.
    fn head(&self, list: &List<'_>, page: &Page, skip: Option<u64>, scope: &Scope) -> Vec<u8> {
        let returned = page.records.len();
        let mut head = String::with_capacity(HEAD);
        for part in ["{\"schemas\":[\"", LIST_URN, "\"]"] {
            head.push_str(part);
        }
        let shown = skip.unwrap_or_default().saturating_add(returned as u64);
        match page.total {
            // While a walk goes on, the total never says that it is over: others may have been deleted behind it.
            Total::Exact(n) | Total::Estimate(n) => {
                let least = if skip.is_some() && page.more { shown.saturating_add(1) } else { 0 };
                put(&mut head, "totalResults", n.max(least));
            }
            Total::Unknown => {}
        }
        put(&mut head, "itemsPerPage", returned as u64);
        let count = list.query.window.count();
        match (skip, &page.ends) {
            (Some(skip), ends) => {
                put(&mut head, "startIndex", skip.saturating_add(1));
                // Who has all on one page does not go on.
                if let Some((_, last)) = ends.as_ref().filter(|_| page.more || skip > 0) {
                    self.memo.remember(&list.walk(), shown.saturating_add(1), last.clone(), scope.now);
                }
            }
            (None, Some((first, last))) if count > 0 => {
                let backwards = matches!(list.query.window, Window::Before { .. });
                let is_first = matches!(list.query.window, Window::Offset { .. });
                let fingerprint = list.fingerprint();
                let make = |position, back| self.cursors.make(&fingerprint, position, back, count, scope.now);
                if backwards || page.more {
                    put_text(&mut head, "nextCursor", &make(last, false));
                }
                if !is_first && (!backwards || page.more) {
                    put_text(&mut head, "previousCursor", &make(first, true));
                }
            }
            (None, _) => {}
        }
        head.push_str(",\"Resources\":[");
        head.into_bytes()
    }

    fn asked(&self, params: &ListParams) -> Result<Asked, ScimError> {
        let limits = &self.env.limits;
        let (paging, kind) = match &params.cursor {
            Some(_) => ("cursor", ErrorKind::InvalidCount),
            None => ("startIndex", ErrorKind::InvalidValue),
        };
        let count = integer("count", params.count.as_deref(), kind)?;
        // A negative count is 0; one above the limit is cut to it (7644-3.4.2.4-04, -06).
        let count = count.map(|n| u32::try_from(n.max(0)).unwrap_or(u32::MAX).min(limits.page_max));
        let start = integer("startIndex", params.start_index.as_deref(), ErrorKind::InvalidValue)?;
        match (&params.cursor, start) {
            (Some(_), Some(_)) => Err(ScimError::invalid_value(format!(
                "startIndex and cursor exclude each other; leave startIndex out to go on by {paging}"
            ))),
            (Some(cursor), None) => Ok(Asked::Cursor { cursor: cursor.clone(), count }),
            (None, start) => Ok(Asked::Index {
                start: u64::try_from(start.unwrap_or(1).max(1)).unwrap_or(1),
                count: count.unwrap_or(limits.page).min(limits.page_max),
            }),
        }
    }

    fn understand<'a>(
        &self,
        caller: &'a Caller,
        over: Over<'a>,
        params: &'a ListParams,
        filter: Option<ast::Filter>,
    ) -> Result<List<'a>, ScimError> {
        let rules = caller.rules();
        let types = self.readable(caller, over)?;
        let order = sort_order(params.sort_order.as_deref())?;
        let sort_by = params.sort_by.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let mut list = List {
            types: Vec::new(),
            projections: Vec::new(),
            query: Query {
                from: Vec::new(),
                order: sort_by.map(|_| order),
                window: Window::Offset { skip: 0, count: 0 },
                select: Select::document(),
                total: true,
            },
            caller,
            view: &params.view,
        };
        let mut sortable = sort_by.is_none();
        for rt in types {
            let bound = match (&filter, over) {
                (None, _) => None,
                (Some(filter), Over::Type(_)) => Some(bind::bind(filter, rt, &rules)?),
                (Some(filter), Over::Root) => Some(bind::bind_root(filter, rt, &rules)?),
            };
            let sort = match sort_by {
                None => None,
                Some(name) => sort_attribute(name, rt, rules.short_names, matches!(over, Over::Root))?,
            };
            sortable |= sort.is_some();
            let bound = match bound {
                Some(BoundFilter::Constant(false)) => continue,
                Some(BoundFilter::Constant(true)) => None,
                bound => bound,
            };
            let projection = Projection::new(&params.view, rt, rules.short_names)?;
            list.query.select.links.extend(projection.select().links.iter().cloned());
            // A hint for stores that find groups by what they read of members.
            list.query.select.reverse.extend(projection.reverse().iter().cloned());
            list.projections.push(projection);
            list.types.push(rt);
            list.query.from.push(Source { kind: rt.kind.clone(), filter: bound, sort });
        }
        if let (Some(name), false) = (sort_by, sortable) {
            return Err(no_sort(name, "is no attribute that resources here can be sorted by"));
        }
        Ok(list)
    }

    fn readable<'a>(&self, caller: &'a Caller, over: Over<'a>) -> Result<Vec<&'a Arc<ResourceType>>, ScimError> {
        match over {
            Over::Type(rt) => {
                self.allow(caller, rt, false)?;
                Ok(vec![rt])
            }
            Over::Root => {
                let types = caller.tenant.registry.types().iter();
                let types: Vec<_> = types.filter(|rt| caller.principal.may(&rt.endpoint, false)).collect();
                if types.is_empty() {
                    return Err(ScimError::forbidden("this credential may not read resources of any type"));
                }
                Ok(types)
            }
        }
    }
}

fn sort_order(text: Option<&str>) -> Result<Order, ScimError> {
    match text {
        None => Ok(Order::Ascending),
        Some(text) if same(text, "ascending") => Ok(Order::Ascending),
        Some(text) if same(text, "descending") => Ok(Order::Descending),
        Some(text) => {
            Err(ScimError::invalid_value(format!("sortOrder is {}; use ascending or descending", excerpt(text))))
        }
    }
}

/// The attribute a type is sorted by. At the root a type may lack it.
fn sort_attribute(
    name: &str,
    rt: &ResourceType,
    short_names: bool,
    may_lack: bool,
) -> Result<Option<AttrPath>, ScimError> {
    let Some(at) = path::attribute(name, rt, short_names) else {
        return if may_lack { Ok(None) } else { Err(no_sort(name, &format!("is no attribute of {}", rt.kind))) };
    };
    if at.place() == Place::Secret || at.leaf().returned == Returned::Never {
        return Err(no_sort(name, "cannot be sorted by"));
    }
    if !at.leaf().is_complex() {
        return Ok(Some(at));
    }
    match at.attr().sub("value") {
        Some(value) if at.attr().multi_valued => Ok(Some(at.with_sub(value.clone()))),
        _ => Err(no_sort(name, "is complex; name one of its sub-attributes")),
    }
}

fn no_sort(name: &str, why: &str) -> ScimError {
    ScimError::invalid_path(format!("sortBy: {} {why}", excerpt(name)))
}

fn integer(name: &str, text: Option<&str>, kind: ErrorKind) -> Result<Option<i64>, ScimError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(None) };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ScimError::new(kind, format!("{name} is {}; send an integer", excerpt(text))));
    }
    // Digits that overflow are a very large number, which is cut like any other.
    Ok(Some(text.parse().unwrap_or(if text.starts_with('-') { i64::MIN } else { i64::MAX })))
}

fn canonical_view(view: &View) -> String {
    let names = |list: &Option<String>| {
        let mut names: Vec<_> = list.iter().flat_map(|list| list.split(',')).map(str::trim).collect();
        names.retain(|name| !name.is_empty());
        let mut names: Vec<_> = names.into_iter().map(str::to_ascii_lowercase).collect();
        names.sort();
        names.join(",")
    };
    format!("{}\u{1f}{}", names(&view.attributes), names(&view.excluded))
}

fn put(head: &mut String, name: &str, value: u64) {
    for part in [",\"", name, "\":", &value.to_string()] {
        head.push_str(part);
    }
}

/// For values without characters that JSON escapes.
fn put_text(head: &mut String, name: &str, value: &str) {
    let _ = write!(head, ",\"{name}\":\"{value}\"");
}

fn search_request(body: &Value) -> Result<ListParams, ScimError> {
    let Value::Object(body) = body else {
        return Err(ScimError::invalid_syntax("a SearchRequest is a JSON object"));
    };
    require_schema(body, SEARCH_URN)?;
    let mut params = ListParams::default();
    for (name, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        match name.to_ascii_lowercase().as_str() {
            "filter" => params.filter = Some(string(name, value)?),
            "sortby" => params.sort_by = Some(string(name, value)?),
            "sortorder" => params.sort_order = Some(string(name, value)?),
            "cursor" => params.cursor = Some(string(name, value)?),
            "startindex" => params.start_index = Some(number(name, value)?),
            "count" => params.count = Some(number(name, value)?),
            "attributes" => params.view.attributes = Some(name_list(name, value)?),
            "excludedattributes" => params.view.excluded = Some(name_list(name, value)?),
            _ => {}
        }
    }
    Ok(params)
}

/// The message must say what it is.
pub(super) fn require_schema(body: &Map<String, Value>, urn: &str) -> Result<(), ScimError> {
    let schemas = body.iter().find(|(name, _)| same(name, "schemas")).map(|(_, value)| value);
    let named = schemas.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    if named.into_iter().any(|one| same(one, urn)) {
        return Ok(());
    }
    Err(ScimError::invalid_syntax(format!("schemas must hold {urn}")))
}

fn string(name: &str, value: &Value) -> Result<String, ScimError> {
    value.as_str().map(str::to_owned).ok_or_else(|| ScimError::invalid_value(format!("{name} must be a string")))
}

fn number(name: &str, value: &Value) -> Result<String, ScimError> {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        _ => Err(ScimError::invalid_value(format!("{name} must be an integer"))),
    }
}

fn name_list(name: &str, value: &Value) -> Result<String, ScimError> {
    match value {
        Value::String(list) => Ok(list.clone()),
        Value::Array(names) => {
            let names: Result<Vec<_>, _> = names.iter().map(|one| string(name, one)).collect();
            Ok(names?.join(","))
        }
        _ => Err(ScimError::invalid_value(format!("{name} must be an array of attribute names"))),
    }
}
