//! What stores that keep indexes of their own have in common: which attributes are indexed, and what of a document
//! stands in an index. How a store keeps and reads the rows is its own affair.
//!
//! - `wanted`: which attributes are indexed
//! - `pick`: the values of a document and their tokens
//! - `lead`: where a list with a filter begins

pub mod lead;
pub mod pick;
pub mod wanted;

pub use lead::{By, Lead, Test};
pub use pick::{Rule, Shape, pick};
pub use wanted::{usable, wanted};

use super::TenantId;

/// One indexed attribute of one type in one tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Indexed {
    /// In path notation.
    pub attr: String,
    /// Where its values are, and what their tokens are.
    pub shape: Shape,
    /// What holds the tokens.
    pub via: Via,
    /// Is the index whole?
    pub state: State,
    /// At most one value a resource.
    pub single: bool,
    /// Fragments of it are looked for too.
    pub search: bool,
}

/// What holds the tokens of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Rows of the index itself.
    Term,
    /// The claims of the core, among the resources of the type in the tenant.
    Claim,
    /// The claims of the core, in the whole server.
    Global,
}

/// Is an index whole?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Resources older than the index are not in it yet.
    Missing,
    /// It is.
    Built,
    /// It is not kept any more.
    Dropped,
}

impl Via {
    /// Its name, for a catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Via::Term => "term",
            Via::Claim => "claim",
            Via::Global => "global",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Via {
        match name {
            "claim" => Via::Claim,
            "global" => Via::Global,
            _ => Via::Term,
        }
    }
}

impl State {
    /// Its number, for a catalogue.
    pub fn number(self) -> i64 {
        match self {
            State::Missing => 0,
            State::Built => 1,
            State::Dropped => 2,
        }
    }

    /// The one of this number.
    pub fn numbered(number: i64) -> State {
        match number {
            0 => State::Missing,
            1 => State::Built,
            _ => State::Dropped,
        }
    }
}

impl Indexed {
    /// Is this kept as it is wanted?
    pub fn keeps(&self, wanted: &Indexed) -> bool {
        self.state != State::Dropped
            && Indexed { state: wanted.state, search: self.search, ..wanted.clone() }
                == Indexed { state: wanted.state, ..self.clone() }
            && (self.search || !wanted.search)
    }
}

/// The tokens of one document, attribute by attribute.
#[derive(Debug, Default, PartialEq)]
pub struct Entries(pub Vec<(String, Vec<String>)>);

impl Entries {
    /// Do the indexes of these attributes certainly hold the same of both documents? Most changes of a resource touch
    /// nothing that is indexed, and are told from others at a fraction of what making tokens costs.
    pub fn are_alike(attributes: &[Indexed], one: &str, other: &str) -> bool {
        let kept = attributes.iter().filter(|indexed| indexed.state != State::Dropped);
        pick::same(one, other, &kept.map(|indexed| indexed.shape.top()).collect::<Vec<_>>())
    }

    /// What the indexes of these attributes hold of a document.
    pub fn new(attributes: &[Indexed], document: &str) -> Entries {
        let kept = attributes.iter().filter(|indexed| indexed.state != State::Dropped);
        let names: Vec<&str> = kept.clone().map(|indexed| indexed.shape.top()).collect();
        if names.is_empty() {
            return Entries::default();
        }
        let members = pick(document, &names);
        Entries(kept.map(|indexed| (indexed.attr.clone(), indexed.shape.tokens(&members))).collect())
    }

    /// Those of one attribute.
    pub fn of(&self, attr: &str) -> &[String] {
        self.0.iter().find(|(own, _)| own == attr).map_or(&[], |(_, tokens)| tokens)
    }
}

/// How far the building of the indexes of one type in one tenant is, for whoever waits for it.
#[derive(Debug, Clone)]
pub struct Progress {
    /// Whose.
    pub tenant: TenantId,
    /// Which type's.
    pub kind: String,
    /// Resources done.
    pub done: u64,
    /// Resources in all.
    pub of: u64,
}
