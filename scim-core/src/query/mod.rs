//! What is asked of a store: which resources, in which order, which part of the list, how much of each.
//!
//! - `walk`: lists that a store does not answer by itself; `collect`: a window out of resources in any order
//! - `budget`: how much a read may take in
//! - `sort`: the key a record is sorted by
//! - `cursor`: pages by cursor; `memo`: where walks by `startIndex` are
//! - `explain`: what a filter costs

pub mod budget;
pub mod collect;
pub mod cursor;
pub mod explain;
pub mod memo;
pub mod sort;
pub mod walk;

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use budget::{Budget, Pace};

use crate::filter::{BoundFilter, Number};
use crate::path::AttrPath;
use crate::schema::{Kind, LinkType, ReverseType};
use crate::store::{Record, ResourceId};

/// How much of a record is wanted. A hint: returning more is allowed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Select {
    /// The document. Without it `Record::document` may be empty.
    pub document: bool,
    /// These link attributes.
    pub links: Vec<LinkSelect>,
    /// In the reply to a mutation and on a page, these reverse attributes; [`Outcome::filled`](crate::change::Outcome::filled)
    /// and [`Page::filled`] tell whether they are there. Elsewhere [`Store::fill`](crate::store::Store::fill) is asked for
    /// them, perhaps of what is read now.
    pub reverse: Vec<Arc<ReverseType>>,
    /// How much the read may take in.
    pub budget: Budget,
}

/// One link attribute, and how many of its values.
#[derive(Debug, Clone, PartialEq)]
pub struct LinkSelect {
    /// The attribute.
    pub link: Arc<LinkType>,
    /// No more than this many, where a number is given. `Links::whole` then tells whether that was all.
    pub at_most: Option<u32>,
}

impl Select {
    /// Ids, versions and times only.
    pub fn bare() -> Self {
        Select::default()
    }

    /// The document without links.
    pub fn document() -> Self {
        Select { document: true, ..Select::default() }
    }

    /// The same, with this link attribute, all of it.
    pub fn with_link(mut self, link: &Arc<LinkType>) -> Self {
        if !self.links.iter().any(|select| select.link == *link) {
            self.links.push(LinkSelect { link: link.clone(), at_most: None });
        }
        self
    }
}

/// A list, over one type or several.
#[derive(Debug, Clone)]
pub struct Query {
    /// The types, each with the filter and the sort attribute as it understands them.
    pub from: Vec<Source>,
    /// The order of the sort attribute, where there is one; else resources stand in order of their ids.
    pub order: Option<Order>,
    /// Which part of the list.
    pub window: Window,
    /// How much of each resource.
    pub select: Select,
    /// Is the total wanted?
    pub total: bool,
}

/// One type of a [`Query`].
#[derive(Debug, Clone)]
pub struct Source {
    /// The type.
    pub kind: Kind,
    /// None for all.
    pub filter: Option<BoundFilter>,
    /// None where the type lacks the attribute: its resources then have no value.
    pub sort: Option<AttrPath>,
}

/// Ascending puts resources without value last, descending first (RFC 7644 section 3.4.2.3). Equal keys stand in
/// ascending order of their ids, both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Order {
    Ascending,
    Descending,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// Skips so many, then takes so many.
    #[expect(missing_docs, reason = "said above")]
    Offset { skip: u64, count: u32 },
    /// The first ones behind a position.
    #[expect(missing_docs, reason = "said above")]
    After { position: Position, count: u32 },
    /// The last ones before a position, in list order.
    #[expect(missing_docs, reason = "said above")]
    Before { position: Position, count: u32 },
}

impl Window {
    /// How many at most.
    pub fn count(&self) -> u32 {
        match self {
            Window::Offset { count, .. } | Window::After { count, .. } | Window::Before { count, .. } => *count,
        }
    }

    /// The same part of the list, with so many at most.
    #[must_use]
    pub fn with_count(mut self, most: u32) -> Self {
        match &mut self {
            Window::Offset { count, .. } | Window::After { count, .. } | Window::Before { count, .. } => *count = most,
        }
        self
    }
}

/// Where a resource stands in a list: its sort key, then its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// [`SortKey::Absent`] in lists without sort.
    pub key: SortKey,
    /// Decides among equal keys.
    pub id: ResourceId,
}

/// The value a resource is sorted by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SortKey {
    /// No value.
    Absent,
    /// Text under its rule, cut at [`SortKey::LONGEST`] characters.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A decimal.
    Decimal(f64),
    /// A dateTime in nanoseconds since the Unix epoch, as decimal text (JSON has no such integers).
    Instant(String),
    /// False before true.
    Boolean(bool),
}

impl SortKey {
    /// Characters of a text that count in sorting: a position must fit in a cursor.
    pub const LONGEST: usize = 256;

    /// Ascending order, absent last.
    pub fn compare(&self, other: &SortKey) -> Ordering {
        use SortKey::{Absent, Boolean, Decimal, Instant, Integer, Text};
        fn rank(key: &SortKey) -> u8 {
            match key {
                Boolean(_) => 0,
                Integer(_) | Decimal(_) => 1,
                Instant(_) => 2,
                Text(_) => 3,
                Absent => 4,
            }
        }
        match (self, other) {
            (Text(a), Text(b)) => a.cmp(b),
            (Boolean(a), Boolean(b)) => a.cmp(b),
            (Instant(a), Instant(b)) => a.parse::<i128>().unwrap_or(0).cmp(&b.parse::<i128>().unwrap_or(0)),
            (Integer(_) | Decimal(_), Integer(_) | Decimal(_)) => self.number().compare(other.number()),
            _ => rank(self).cmp(&rank(other)),
        }
    }

    fn number(&self) -> Number {
        match self {
            SortKey::Integer(n) => Number::Integer(*n),
            SortKey::Decimal(n) => Number::Decimal(*n),
            _ => Number::Integer(0),
        }
    }
}

impl Position {
    /// Order in a list sorted so.
    pub fn compare(&self, other: &Position, order: Option<Order>) -> Ordering {
        let by_key = match order {
            None => Ordering::Equal,
            Some(Order::Ascending) => self.key.compare(&other.key),
            Some(Order::Descending) => other.key.compare(&self.key),
        };
        by_key.then_with(|| self.id.cmp(&other.id))
    }
}

/// How many resources a query matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Exactly so many.
    Exact(u64),
    /// About so many.
    Estimate(u64),
    /// The store cannot say.
    Unknown,
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// In list order.
    pub records: Vec<Record>,
    /// [`Total::Unknown`] where it was not asked for.
    pub total: Total,
    /// Are there more in the direction of the window (behind for `Offset` and `After`, before for `Before`)?
    pub more: bool,
    /// Where the first and the last record stand; None on an empty page.
    pub ends: Option<(Position, Position)>,
    /// Are the reverse attributes of [`Select::reverse`] in the records? A store that reads them in the same go says so.
    pub filled: bool,
}
