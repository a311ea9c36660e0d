//! A bound filter as a filter of the directory that finds all it should, and perhaps more: the core looks at what comes.
//!
//! Values of LDAP are compared by rules of its own (RFC 4517, RFC 4518), which differ from SCIM's: what is asked is widened
//! until it finds at least what SCIM would. Where nothing better is known, all that have the attribute are asked for.

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use scim_core::filter::{BoundFilter, Compare, Leaf, Number, Operand, eval};
use scim_core::name::TextRule;
use scim_core::path::AttrPath;
use scim_core::schema::Place as Lives;
use scim_core::store::{Fit, ResourceId};
use serde_json::{Map, Value};

use crate::ldap::{AttributeName, Dn, Filter, Substrings};

use super::schema::Equality;
use super::syntax::{Syntax, to_generalized};
use super::{Column, Mapping};

/// What a filter became.
#[derive(Debug, Clone, PartialEq)]
pub enum Pushed {
    /// Every entry may be meant.
    All,
    /// These, and perhaps more than are meant.
    Some(Filter),
    /// None can be meant.
    Nothing,
}

/// An entry that others refer to.
#[derive(Debug, Clone, PartialEq)]
pub struct Referred {
    /// How they do.
    pub dn: Dn,
    /// What its primary group is known by (`objectSid`), which does not refer to it.
    pub primary: Option<Bytes>,
}

/// The entry of an id, as another one refers to it; None: there is none.
pub type Names<'a> = &'a dyn Fn(&AttrPath, &ResourceId) -> Option<Referred>;

impl Pushed {
    /// All of these hold.
    fn all(parts: impl IntoIterator<Item = Pushed>) -> Pushed {
        let mut some = Vec::new();
        for part in parts {
            match part {
                Pushed::All => {}
                Pushed::Some(filter) => some.push(filter),
                Pushed::Nothing => return Pushed::Nothing,
            }
        }
        if some.is_empty() { Pushed::All } else { Pushed::Some(Filter::all(some)) }
    }

    /// One of these holds.
    fn any(parts: impl IntoIterator<Item = Pushed>) -> Pushed {
        let mut some = Vec::new();
        for part in parts {
            match part {
                Pushed::All => return Pushed::All,
                Pushed::Some(filter) => some.push(filter),
                Pushed::Nothing => {}
            }
        }
        if some.is_empty() { Pushed::Nothing } else { Pushed::Some(Filter::any(some)) }
    }

    fn constant(holds: bool) -> Pushed {
        if holds { Pushed::All } else { Pushed::Nothing }
    }
}

impl Mapping {
    /// How well the directory can answer a comparison.
    pub fn fit(&self, leaf: &Leaf) -> Fit {
        let at = leaf.at();
        let ne = matches!(leaf, Leaf::Compare(_, Compare::Ne, _));
        match at.place() {
            Lives::Id => match leaf {
                Leaf::Present(_) | Leaf::Compare(_, Compare::Eq | Compare::Ne, _) => Fit::Exact,
                Leaf::Compare(..) => Fit::No,
            },
            _ if ne => Fit::No,
            Lives::Meta => match (at.sub().map(|sub| sub.name.as_str()), leaf) {
                (Some("created" | "lastModified"), Leaf::Compare(..)) => Fit::Superset,
                _ => Fit::No,
            },
            Lives::Link if self.link(at).is_some() => Fit::Superset,
            Lives::Document => {
                if let Some((_, active)) = self.active.as_ref().filter(|(own, _)| own.same_attribute(at)) {
                    return match leaf {
                        Leaf::Present(_) => Fit::Exact,
                        Leaf::Compare(_, Compare::Eq, Operand::Boolean(value)) if active.filter(*value).is_some() => {
                            Fit::Superset
                        }
                        Leaf::Compare(..) => Fit::No,
                    };
                }
                if self.columns_of(at).any(|column| column.syntax == Syntax::Json) {
                    return Fit::Superset;
                }
                let mut columns = self.columns_of(at);
                match (columns.next(), columns.next(), leaf) {
                    (None, ..) => Fit::No,
                    // Each value there is one of SCIM, and all should have one. What may be missing can also stand there under an
                    // option (`title;lang-de`), or be hidden from the account: then neither the directory's yes nor its no is ours.
                    (Some(only), None, Leaf::Present(_))
                        if only.shows_all() && at.leaf().required && self.placeholder(&only.name).is_none() =>
                    {
                        Fit::Exact
                    }
                    _ => Fit::Superset,
                }
            }
            Lives::Link | Lives::Reverse | Lives::Secret => Fit::No,
        }
    }

    /// A filter that finds all that `filter` accepts, which is a part that [`Mapping::fit`] let through.
    pub fn push(&self, filter: &BoundFilter, names: Names<'_>) -> Pushed {
        match filter {
            BoundFilter::Constant(holds) => Pushed::constant(*holds),
            BoundFilter::Leaf(leaf) => self.push_leaf(leaf, names),
            BoundFilter::Element(at, inner) => self.push_element(at, inner, names),
            BoundFilter::And(parts) => Pushed::all(parts.iter().map(|part| self.push(part, names))),
            BoundFilter::Or(parts) => Pushed::any(parts.iter().map(|part| self.push(part, names))),
            BoundFilter::Not(inner) => self.push_not(inner, names),
        }
    }

    /// Only what is exact can be turned round.
    fn push_not(&self, inner: &BoundFilter, names: Names<'_>) -> Pushed {
        match inner {
            BoundFilter::Constant(holds) => Pushed::constant(!holds),
            BoundFilter::Leaf(leaf) if self.fit(leaf) == Fit::Exact => match self.push_leaf(leaf, names) {
                Pushed::All => Pushed::Nothing,
                Pushed::Nothing => Pushed::All,
                Pushed::Some(filter) => Pushed::Some(Filter::negate(filter)),
            },
            BoundFilter::And(parts) => Pushed::any(parts.iter().map(|part| self.push_not(part, names))),
            BoundFilter::Or(parts) => Pushed::all(parts.iter().map(|part| self.push_not(part, names))),
            BoundFilter::Not(inner) => self.push(inner, names),
            BoundFilter::Leaf(_) | BoundFilter::Element(..) => Pushed::All,
        }
    }

    fn push_leaf(&self, leaf: &Leaf, names: Names<'_>) -> Pushed {
        let at = leaf.at();
        match at.place() {
            Lives::Id => self.push_id(leaf),
            Lives::Meta => self.push_time(leaf),
            Lives::Link => self.push_link(leaf, names),
            Lives::Document => {
                if let Some((_, active)) = self.active.as_ref().filter(|(own, _)| own.same_attribute(at)) {
                    return match leaf {
                        Leaf::Compare(_, Compare::Eq, Operand::Boolean(value)) => match active.filter(*value) {
                            Some(Filter::Or(none)) if none.is_empty() => Pushed::Nothing,
                            Some(filter) => Pushed::Some(filter),
                            None => Pushed::All,
                        },
                        _ => Pushed::All,
                    };
                }
                if let Some(whole) = self.columns_of(at).find(|column| column.syntax == Syntax::Json) {
                    let present = Pushed::Some(Filter::present(whole.name.clone()));
                    return if leaf.of_nothing() { Pushed::All } else { present };
                }
                if at.attr().is_complex() && at.attr().multi_valued {
                    return self.push_element(&at.attribute(), &BoundFilter::Leaf(leaf.clone()), names);
                }
                if leaf.of_nothing() {
                    return Pushed::All;
                }
                let own = self.columns_of(at).filter(|column| at.sub().is_none() || column.at == *at);
                Pushed::any(own.map(|column| push_column(column, leaf)))
            }
            Lives::Reverse | Lives::Secret => Pushed::All,
        }
    }

    fn push_id(&self, leaf: &Leaf) -> Pushed {
        let Leaf::Compare(_, op @ (Compare::Eq | Compare::Ne), Operand::Text { raw, .. }) = leaf else {
            return Pushed::All;
        };
        let equal = self.id_value(&ResourceId::new(raw)).map(|value| Filter::equal(self.id.name.clone(), value));
        match (op, equal) {
            (Compare::Eq, Some(filter)) => Pushed::Some(filter),
            (Compare::Eq, None) => Pushed::Nothing,
            (_, Some(filter)) => Pushed::Some(Filter::negate(filter)),
            (_, None) => Pushed::All,
        }
    }

    fn push_time(&self, leaf: &Leaf) -> Pushed {
        let name = match leaf.at().sub().map(|sub| sub.name.as_str()) {
            Some("created") => &self.created,
            Some("lastModified") => &self.modified,
            _ => return Pushed::All,
        };
        match leaf {
            Leaf::Compare(_, op, Operand::Instant(instant)) => push_instant(name, *op, *instant),
            _ => Pushed::All,
        }
    }

    fn push_link(&self, leaf: &Leaf, names: Names<'_>) -> Pushed {
        let Some(column) = self.link(leaf.at()) else { return Pushed::Nothing };
        match leaf {
            Leaf::Compare(at, Compare::Eq, Operand::Text { raw, .. })
                if at.sub().is_none_or(|sub| sub.name == "value") && !column.by_name =>
            {
                match names(at, &ResourceId::new(raw)) {
                    Some(Referred { dn, primary }) => {
                        let named = Filter::equal(column.name.clone(), dn.as_str().to_owned());
                        let primary = primary.filter(|_| column.by_primary);
                        let primary = primary.map(|sid| Filter::equal(AttributeName::known("objectSid"), sid));
                        Pushed::Some(primary.into_iter().fold(named, |named, primary| Filter::any([named, primary])))
                    }
                    None => Pushed::Nothing,
                }
            }
            _ if leaf.of_nothing() => Pushed::All,
            _ => some_member(column),
        }
    }

    /// One element satisfies `inner`: each type of element stands in columns of its own.
    fn push_element(&self, at: &AttrPath, inner: &BoundFilter, names: Names<'_>) -> Pushed {
        if at.place() == Lives::Link {
            return self.push_link_element(at, inner, names);
        }
        let columns: Vec<&Column> = self.columns_of(at).collect();
        if let Some(whole) = columns.iter().find(|column| column.syntax == Syntax::Json) {
            return Pushed::Some(Filter::present(whole.name.clone()));
        }
        let mut kinds: Vec<Option<&str>> = Vec::new();
        for column in &columns {
            if !kinds.contains(&column.kind.as_deref()) {
                kinds.push(column.kind.as_deref());
            }
        }
        Pushed::any(kinds.into_iter().map(|kind| {
            let own: Vec<&Column> = columns.iter().copied().filter(|column| column.kind.as_deref() == kind).collect();
            match push_of_kind(at, inner, kind, &own) {
                // Whatever it must be, there must be one.
                Pushed::All => Pushed::any(own.iter().map(|column| Pushed::Some(Filter::present(column.name.clone())))),
                other => other,
            }
        }))
    }

    fn push_link_element(&self, at: &AttrPath, inner: &BoundFilter, names: Names<'_>) -> Pushed {
        let Some(column) = self.link(at) else { return Pushed::Nothing };
        let present = some_member(column);
        match inner {
            BoundFilter::Constant(false) => Pushed::Nothing,
            BoundFilter::Leaf(leaf) => match self.push_link(leaf, names) {
                Pushed::All => present,
                other => other,
            },
            BoundFilter::And(parts) => Pushed::all(parts.iter().map(|part| self.push_link_element(at, part, names))),
            BoundFilter::Or(parts) => Pushed::any(parts.iter().map(|part| self.push_link_element(at, part, names))),
            _ => present,
        }
    }
}

/// It refers to somebody.
fn some_member(column: &super::LinkColumn) -> Pushed {
    // Who has it as the primary group is not named by it.
    if column.by_primary { Pushed::All } else { Pushed::Some(Filter::present(column.name.clone())) }
}

/// What an element of this type must be: its type is known, each other part stands in a column.
fn push_of_kind(at: &AttrPath, inner: &BoundFilter, kind: Option<&str>, columns: &[&Column]) -> Pushed {
    match inner {
        BoundFilter::Constant(holds) => Pushed::constant(*holds),
        BoundFilter::Leaf(leaf) => {
            let sub = leaf.at().sub().map(|sub| sub.name.as_str());
            match sub {
                Some("type") => {
                    let known = kind.map(|kind| ("type".to_owned(), Value::from(kind)));
                    let element = Value::Object(Map::from_iter(known));
                    Pushed::constant(eval::element(inner, at, &element))
                }
                None | Some("primary") => Pushed::All,
                Some(_) if leaf.of_nothing() => Pushed::All,
                Some(_) => {
                    let own = columns.iter().filter(|column| column.at == *leaf.at());
                    Pushed::any(own.map(|column| push_column(column, leaf)))
                }
            }
        }
        BoundFilter::And(parts) => Pushed::all(parts.iter().map(|part| push_of_kind(at, part, kind, columns))),
        BoundFilter::Or(parts) => Pushed::any(parts.iter().map(|part| push_of_kind(at, part, kind, columns))),
        BoundFilter::Element(..) | BoundFilter::Not(_) => Pushed::All,
    }
}

/// Some value of this column compares so, or perhaps.
fn push_column(column: &Column, leaf: &Leaf) -> Pushed {
    let name = &column.name;
    let present = || Pushed::Some(Filter::present(name.clone()));
    let Leaf::Compare(_, op, operand) = leaf else { return present() };
    match operand {
        Operand::Text { raw, key } if column.is_searched_as_shown() => {
            let rule = column.at.leaf().text;
            let filter = match (rule, column.rules.equality) {
                (_, Equality::None | Equality::Typed) => None,
                (TextRule::Exact, _) => push_text(column, *op, raw, rule),
                (_, Equality::Folded) => push_text(column, *op, key, rule),
                // The directory tells apart what SCIM does not.
                (_, Equality::Exact) => None,
            };
            filter.map_or_else(present, Pushed::Some)
        }
        Operand::Boolean(value) if *op == Compare::Eq && column.rules.equality != Equality::None => {
            Pushed::Some(Filter::equal(name.clone(), if *value { "TRUE" } else { "FALSE" }))
        }
        Operand::Number(Number::Integer(number))
            if column.syntax == Syntax::Integer && column.rules.equality == Equality::Typed =>
        {
            let value = Bytes::from(number.to_string());
            match op {
                Compare::Eq => Pushed::Some(Filter::equal(name.clone(), value)),
                Compare::Gt | Compare::Ge if column.rules.ordering => {
                    Pushed::Some(Filter::at_least(name.clone(), value))
                }
                Compare::Lt | Compare::Le if column.rules.ordering => {
                    Pushed::Some(Filter::at_most(name.clone(), value))
                }
                _ => present(),
            }
        }
        Operand::Instant(instant) if column.syntax == Syntax::GeneralizedTime && column.rules.ordering => {
            match push_instant(name, *op, *instant) {
                Pushed::All => present(),
                other => other,
            }
        }
        _ => present(),
    }
}

/// Times are kept to the second or finer: a second more on each side.
fn push_instant(name: &AttributeName, op: Compare, instant: i128) -> Pushed {
    let Ok(at) = Timestamp::from_nanosecond(instant) else { return Pushed::All };
    let around = |seconds: i64| {
        let at = at.checked_add(SignedDuration::from_secs(seconds)).ok()?;
        let whole = Timestamp::from_second(at.as_second()).ok()?;
        to_generalized(whole).ok()
    };
    let least = || Some(Filter::at_least(name.clone(), around(-1)?));
    let most = || Some(Filter::at_most(name.clone(), around(2)?));
    let filter = match op {
        Compare::Eq => least().zip(most()).map(|(least, most)| Filter::all([least, most])),
        Compare::Gt | Compare::Ge => least(),
        Compare::Lt | Compare::Le => most(),
        Compare::Ne | Compare::Co | Compare::Sw | Compare::Ew => None,
    };
    filter.map_or(Pushed::All, Pushed::Some)
}

fn push_text(column: &Column, op: Compare, text: &str, rule: TextRule) -> Option<Filter> {
    let name = &column.name;
    let pieces = Pieces::of(text, op, rule);
    let substrings = || {
        if !column.rules.substrings {
            return None;
        }
        let mut runs = pieces.runs.clone();
        let fixed_start = matches!(op, Compare::Eq | Compare::Sw) && pieces.from_start;
        let fixed_end =
            matches!(op, Compare::Eq | Compare::Ew) && pieces.to_end && runs.len() > usize::from(fixed_start);
        let initial = (fixed_start && !runs.is_empty()).then(|| Bytes::from(runs.remove(0)));
        let last = if fixed_end { runs.pop().map(Bytes::from) } else { None };
        let any: Vec<Bytes> = runs.into_iter().map(Bytes::from).collect();
        let some = initial.is_some() || last.is_some() || !any.is_empty();
        some.then(|| Filter::Substrings(name.clone(), Substrings { initial, any, last }))
    };
    match op {
        Compare::Eq if pieces.whole => Some(Filter::equal(name.clone(), text.trim().to_owned())),
        Compare::Eq | Compare::Co | Compare::Sw | Compare::Ew => substrings(),
        // Text is ordered in no way that two systems agree upon.
        Compare::Ne | Compare::Gt | Compare::Ge | Compare::Lt | Compare::Le => None,
    }
}

/// The runs of a text of which directories are known to think as SCIM does.
struct Pieces {
    runs: Vec<String>,
    /// Does the first begin where the text does?
    from_start: bool,
    /// Does the last end where the text does?
    to_end: bool,
    /// Is it all of the text?
    whole: bool,
}

impl Pieces {
    fn of(text: &str, op: Compare, rule: TextRule) -> Pieces {
        let chars: Vec<char> = text.chars().collect();
        let plain = |n: usize, c: char| is_plain(c, n, &chars, rule) && !is_half(c, n, &chars, op, rule);
        let plain: Vec<bool> = chars.iter().enumerate().map(|(n, c)| plain(n, *c)).collect();
        let mut runs = Vec::new();
        let mut run = String::new();
        let (mut from_start, mut to_end) = (false, false);
        for (n, (c, is_plain)) in chars.iter().zip(&plain).enumerate() {
            let next_is_plain = plain.get(n + 1).copied().unwrap_or(true);
            // What follows could join with it: then it is no longer the same.
            if *is_plain && next_is_plain {
                if run.is_empty() && n == 0 {
                    from_start = true;
                }
                run.push(*c);
                if n + 1 == chars.len() {
                    to_end = true;
                }
            } else {
                keep(&mut run, &mut runs);
            }
        }
        keep(&mut run, &mut runs);
        let whole = !chars.is_empty() && plain.iter().all(|is_plain| *is_plain) && !text.trim().is_empty();
        let trimmed = |at: Option<&char>| at.is_some_and(|c| c.is_whitespace());
        Pieces {
            from_start: from_start && !trimmed(chars.first()),
            to_end: to_end && !trimmed(chars.last()),
            runs,
            whole,
        }
    }
}

/// Blanks at the ends of a piece mean different things to different servers: they are left off.
fn keep(run: &mut String, runs: &mut Vec<String>) {
    let trimmed = run.trim();
    if !trimmed.is_empty() {
        runs.push(trimmed.to_owned());
    }
    run.clear();
}

/// Does every directory compare this character as SCIM does?
fn is_plain(c: char, at: usize, text: &[char], rule: TextRule) -> bool {
    let beside = |other: usize| text.get(other).is_some_and(|c| c.eq_ignore_ascii_case(&'s'));
    match c {
        // Two of them are also the folding of ß.
        's' | 'S' if rule == TextRule::UserName => !(beside(at + 1) || at.checked_sub(1).is_some_and(beside)),
        ' ' => text.get(at + 1) != Some(&' ') && at.checked_sub(1).is_none_or(|before| text.get(before) != Some(&' ')),
        c if c.is_ascii() => !c.is_ascii_control(),
        'ß' | 'İ' | 'ı' | 'Ĳ' | 'ĳ' | 'Ŀ' | 'ŀ' | 'ŉ' | 'ſ' | '×' | '÷' => false,
        '\u{c0}'..='\u{17f}' | '\u{410}'..='\u{44f}' | '\u{4e00}'..='\u{9fa5}' => true,
        _ => false,
    }
}

/// Could this be a half of what the folding of one character is? `ß` becomes `ss`, of which a fragment may begin with
/// the second and end with the first, while the directory sees neither.
fn is_half(c: char, at: usize, text: &[char], op: Compare, rule: TextRule) -> bool {
    let first = at == 0 && matches!(op, Compare::Co | Compare::Ew);
    let last = at + 1 == text.len() && matches!(op, Compare::Co | Compare::Sw);
    rule == TextRule::UserName && matches!(c, 's' | 'S') && (first || last)
}
