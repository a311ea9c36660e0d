//! Entries of a type that do not name the class by which the type is told: that of a class below it, or by another of its names. Where there
//! are such, the directory is asked for the type with each search, rather than once more for what was found.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Were such entries seen? Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Unnamed(Arc<AtomicBool>);

impl Unnamed {
    /// There are some.
    pub fn are_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// One was seen.
    pub fn note(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
