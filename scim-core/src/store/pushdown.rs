//! Which part of a filter a store can take, from what it says of single comparisons.

use crate::filter::{BoundFilter, Leaf};

use super::Pushdown;

/// How well a store can answer one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// Not at all.
    No,
    /// It finds all that it should, and perhaps more.
    Superset,
    /// It finds just what it should.
    Exact,
}

impl Pushdown {
    /// The strongest filter expressible in the comparisons a store knows, by polarity: above an even number of NOTs a
    /// superset, below an odd one a subset, where a comparison that is only a superset counts for nothing.
    ///
    /// A comparison inside [`BoundFilter::Element`] is asked for like any other; whoever takes it must hold the whole of
    /// the brackets to one element.
    pub fn split(filter: &BoundFilter, fit: &dyn Fn(&Leaf) -> Fit) -> Pushdown {
        match above(filter, fit) {
            None => Pushdown::None,
            Some(Part { filter, exact: true }) => Pushdown::Exact(filter),
            Some(Part { filter: BoundFilter::Constant(true), exact: false }) => Pushdown::None,
            Some(Part { filter, exact: false }) => Pushdown::Superset(filter),
        }
    }
}

/// What a part of a filter became, and whether it still says the same.
struct Part {
    filter: BoundFilter,
    exact: bool,
}

impl Part {
    fn exact(filter: &BoundFilter) -> Option<Part> {
        Some(Part { filter: filter.clone(), exact: true })
    }
}

type Fits<'a> = &'a dyn Fn(&Leaf) -> Fit;

/// A superset; None where nothing better is known than all.
fn above(filter: &BoundFilter, fit: Fits<'_>) -> Option<Part> {
    match filter {
        BoundFilter::Constant(_) => Part::exact(filter),
        BoundFilter::Leaf(leaf) => match fit(leaf) {
            Fit::No => None,
            Fit::Superset => Some(Part { filter: filter.clone(), exact: false }),
            Fit::Exact => Part::exact(filter),
        },
        BoundFilter::Element(at, inner) => match above(inner, fit) {
            Some(part) => Some(Part { filter: BoundFilter::element(at.clone(), part.filter), exact: part.exact }),
            // Whatever the element must be, there must be one.
            None => {
                let some = Leaf::Present(at.clone());
                (fit(&some) != Fit::No).then_some(Part { filter: BoundFilter::Leaf(some), exact: false })
            }
        },
        BoundFilter::And(parts) => some_of(parts, |part| above(part, fit), BoundFilter::all),
        BoundFilter::Or(parts) => all_of(parts, |part| above(part, fit), BoundFilter::any),
        BoundFilter::Not(inner) => contrary(below(inner, fit)),
    }
}

/// A subset; None where nothing better is known than none.
fn below(filter: &BoundFilter, fit: Fits<'_>) -> Option<Part> {
    match filter {
        BoundFilter::Constant(_) => Part::exact(filter),
        BoundFilter::Leaf(leaf) => {
            if fit(leaf) == Fit::Exact {
                Part::exact(filter)
            } else {
                None
            }
        }
        BoundFilter::Element(at, inner) => {
            let part = below(inner, fit)?;
            Some(Part { filter: BoundFilter::element(at.clone(), part.filter), exact: part.exact })
        }
        BoundFilter::And(parts) => all_of(parts, |part| below(part, fit), BoundFilter::all),
        BoundFilter::Or(parts) => some_of(parts, |part| below(part, fit), BoundFilter::any),
        BoundFilter::Not(inner) => contrary(above(inner, fit)),
    }
}

/// Those parts of which something is known.
fn some_of(
    parts: &[BoundFilter],
    split: impl Fn(&BoundFilter) -> Option<Part>,
    join: fn(Vec<BoundFilter>) -> BoundFilter,
) -> Option<Part> {
    let known: Vec<Part> = parts.iter().filter_map(split).collect();
    let exact = known.len() == parts.len() && known.iter().all(|part| part.exact);
    (!known.is_empty()).then(|| Part { filter: join(known.into_iter().map(|part| part.filter).collect()), exact })
}

/// All parts, provided that something is known of each.
fn all_of(
    parts: &[BoundFilter],
    split: impl Fn(&BoundFilter) -> Option<Part>,
    join: fn(Vec<BoundFilter>) -> BoundFilter,
) -> Option<Part> {
    let known: Vec<Part> = parts.iter().map(split).collect::<Option<_>>()?;
    let exact = known.iter().all(|part| part.exact);
    Some(Part { filter: join(known.into_iter().map(|part| part.filter).collect()), exact })
}

fn contrary(part: Option<Part>) -> Option<Part> {
    part.map(|Part { filter, exact }| Part { filter: filter.not(), exact })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::testing;

    /// Splits with what each comparison fits said by its attribute: `title` exact, `userName` a superset, others not.
    fn check(filter: &str, expected: &str) {
        let filter = testing::user_filter(filter);
        let split = Pushdown::split(&filter, &|leaf| match leaf.at().attr().name.as_str() {
            "title" | "emails" => Fit::Exact,
            "userName" => Fit::Superset,
            _ => Fit::No,
        });
        let shown = match split {
            Pushdown::None => "none".to_owned(),
            Pushdown::Superset(part) => format!("superset {part}"),
            Pushdown::Exact(part) => format!("exact {part}"),
        };
        assert_eq!(shown, expected, "{filter}");
    }

    #[test]
    fn a_split_goes_by_polarity() {
        check("title pr", "exact title pr");
        check("userName pr", "superset userName pr");
        check("nickName pr", "none");
        check("title pr and nickName pr", "superset title pr");
        check("title pr or nickName pr", "none");
        check("title pr or userName pr", "superset title pr or userName pr");
        check("not (title pr)", "exact not (title pr)");
        check("not (userName pr)", "none");
        check("not (title pr or nickName pr)", "superset not (title pr)");
        check("not (title pr and nickName pr)", "none");
        check("not (title pr and not (userName pr and nickName pr))", "superset not (title pr and not (userName pr))");
        check("emails[type eq \"a\" and not (value pr)]", "exact emails[type eq \"a\" and not (value pr)]");
        check("ims[type eq \"a\"] and title pr", "superset title pr");
    }

    proptest! {
        /// Whatever the fits, the pushed part accepts all that the filter accepts, and an exact part nothing else.
        #[test]
        fn a_split_loses_nothing(filter in testing::bound(), seed in any::<u64>()) {
            let fit = |leaf: &Leaf| {
                let text = leaf.to_string();
                match text.bytes().fold(seed, |sum, byte| sum.rotate_left(7) ^ u64::from(byte)) % 4 {
                    0 => Fit::No,
                    1 => Fit::Superset,
                    _ => Fit::Exact,
                }
            };
            let split = Pushdown::split(&filter, &fit);
            // A store that answers a superset comparison by everything.
            let widest = |part: &BoundFilter| testing::widened(part, &|leaf| fit(leaf) == Fit::Superset);
            for record in testing::users() {
                let wanted = testing::matches(&filter, record);
                match &split {
                    Pushdown::None => {}
                    Pushdown::Superset(part) => prop_assert!(!wanted || testing::matches(&widest(part), record)),
                    Pushdown::Exact(part) => {
                        prop_assert_eq!(wanted, testing::matches(part, record));
                        prop_assert_eq!(&widest(part), part);
                    }
                }
            }
        }
    }
}
