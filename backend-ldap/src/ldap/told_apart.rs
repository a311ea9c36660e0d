//! Attributes that tell names apart by case alone (`caseExactMatch`). Names are compared in many places, by what they are and nothing
//! else; so what a directory says of an attribute, which by its OID means the same everywhere, is known to the whole process.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, RwLock};

/// Is there any? Nearly nowhere.
static ANY: AtomicBool = AtomicBool::new(false);
/// Their names and OIDs, in small letters.
static ALL: LazyLock<RwLock<HashSet<String>>> = LazyLock::new(RwLock::default);

/// Says so of attributes of these names and OIDs. Names that were read before fold case: it is said before the first that matters is read.
pub(crate) fn tell(names: impl IntoIterator<Item = String>) {
    if let Ok(mut all) = ALL.write() {
        all.extend(names.into_iter().map(|name| name.to_ascii_lowercase()));
        ANY.store(!all.is_empty(), Ordering::Release);
    }
}

/// Is this one of them?
pub(super) fn by_case(name: &str) -> bool {
    ANY.load(Ordering::Acquire) && ALL.read().is_ok_and(|all| all.contains(&name.to_ascii_lowercase()))
}
