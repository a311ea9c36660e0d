//! Lists of what an index finds by numbers that are in list order (see [`crate::order`]): the finds are counted by their
//! numbers alone, and only the resources of the page are read.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::HashMap;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use scim_core::query::{Query, SortKey, Total, Window, sort};

use crate::drive::{Name, Phrase};
use crate::error::Inner;
use crate::query::{Found, Plan};
use crate::read::{self, Stored};

/// Finds of one phrase that are remembered; longer lists are gone through each time.
const LONGEST: usize = 1 << 15;

/// Finds that are remembered in all: two megabytes.
const MOST: usize = 1 << 18;

/// What is remembered of finds by all connections of a store, as long as no resource changes: the pages of one list are
/// cut from one pass over the index, and so is a list that is asked for again, whichever connection reads it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Remembered(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    lists: Mutex<Lists>,
    /// An index of fragments was gone through, since that was asked last.
    searched: AtomicBool,
}

#[derive(Debug, Default)]
struct Lists {
    state: State,
    numbers: HashMap<Phrase, Arc<[i64]>>,
    /// How many numbers those are.
    kept: usize,
}

/// What finds depend on. Both numbers only ever rise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// The last change of a resource: none comes about without its line in the log.
    change: i64,
    /// The last change of what is indexed.
    generation: i64,
}

impl State {
    /// As the connection sees the database.
    fn of(db: &Connection) -> Inner<State> {
        let sql = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'change'), 0),
                     coalesce((SELECT generation FROM extent WHERE tenant = '' AND kind = ''), 0)";
        let row = |row: &rusqlite::Row<'_>| Ok(State { change: row.get(0)?, generation: row.get(1)? });
        Ok(db.prepare_cached(sql)?.query_row([], row)?)
    }
}

impl Remembered {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.0.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, state: State, phrase: &Phrase) -> Option<Arc<[i64]>> {
        let lists = self.lists();
        lists.numbers.get(phrase).filter(|_| lists.state == state).cloned()
    }

    /// Was an index of fragments gone through since this was asked last?
    pub(crate) fn take_searched(&self) -> bool {
        self.0.searched.load(Ordering::Relaxed) && self.0.searched.swap(false, Ordering::Relaxed)
    }

    fn keep(&self, state: State, phrase: Phrase, numbers: Vec<i64>) {
        if phrase.indexed {
            self.0.searched.store(true, Ordering::Relaxed);
        }
        // What is found nowhere takes a place too.
        let takes = numbers.len() + 1;
        let mut lists = self.lists();
        // Who still reads an older state of the database leaves what is known of the newer one.
        if takes > LONGEST || state < lists.state {
            return;
        }
        if state != lists.state || lists.kept + takes > MOST {
            *lists = Lists { state, ..Lists::default() };
        }
        lists.kept += takes;
        lists.numbers.insert(phrase, numbers.into());
    }
}

/// How the finds are counted, and which of them stand on the page.
pub(crate) struct Finds {
    /// Gives their numbers.
    pub sql: String,
    /// Where they are those of a fragment, which are worth remembering.
    phrase: Option<Phrase>,
    /// The number of the first resource behind a position (or of the last before it); None where there is none.
    from: Option<i64>,
}

/// The finds of a list; None where it is no list of finds in their own order.
pub(crate) fn of(db: &Connection, plan: &Plan<'_>, query: &Query) -> Inner<Option<Finds>> {
    let drive = plan.drive.as_ref().filter(|drive| drive.exact && drive.given.by == Name::Number);
    let Some(drive) = drive.filter(|_| plan.extent.ordered && plan.source.sort.is_none()) else {
        return Ok(None);
    };
    let finds =
        Finds { sql: format!("SELECT seq FROM ({})", drive.given.sql), phrase: drive.phrase.clone(), from: None };
    let (sql, position) = match &query.window {
        Window::Offset { .. } => return Ok(Some(finds)),
        Window::After { position, .. } => {
            ("SELECT seq FROM resource WHERE shelf = ?1 AND id > ?2 ORDER BY id LIMIT 1", position)
        }
        Window::Before { position, .. } => {
            ("SELECT seq FROM resource WHERE shelf = ?1 AND id < ?2 ORDER BY id DESC LIMIT 1", position)
        }
    };
    let from = db
        .prepare_cached(sql)?
        .query_row(params![plan.extent.indexes.own, position.id.as_str()], |row| row.get(0))
        .optional()?;
    Ok(Some(Finds { from, ..finds }))
}

impl Finds {
    /// Goes through the finds once; reads those of the page.
    pub(crate) fn records(
        self,
        db: &Connection,
        remembered: &Remembered,
        plan: &Plan<'_>,
        query: &Query,
    ) -> Inner<Found> {
        let count = query.window.count() as usize;
        let mut total = 0u64;
        // So many stood in the window, of which these are kept.
        let (mut inside, mut kept) = (0u64, VecDeque::new());
        let offer = |number: i64| {
            total += 1;
            let fits = match &query.window {
                Window::Offset { skip, .. } => total > *skip,
                Window::After { .. } => self.from.is_some_and(|from| number >= from),
                Window::Before { .. } => self.from.is_some_and(|from| number <= from),
            };
            if fits {
                inside += 1;
                if kept.len() < count {
                    kept.push_back(number);
                } else if count > 0 && matches!(query.window, Window::Before { .. }) {
                    // The last ones before the position.
                    kept.pop_front();
                    kept.push_back(number);
                }
            }
        };
        let find = || {
            let mut numbers: Vec<i64> = plan.binds.all(db, &self.sql, |row| row.get(0))?;
            // SQLite would take several times as long for it.
            numbers.sort_unstable();
            Inner::Ok(numbers)
        };
        match self.phrase {
            None => find()?.into_iter().for_each(offer),
            Some(phrase) => {
                let state = State::of(db)?;
                if let Some(numbers) = remembered.get(state, &phrase) {
                    numbers.iter().copied().for_each(offer);
                } else {
                    let numbers = find()?;
                    numbers.iter().copied().for_each(offer);
                    remembered.keep(state, phrase, numbers);
                }
            }
        }
        let mut rows = Vec::with_capacity(kept.len());
        let numbers: Rc<Vec<Value>> = Rc::new(kept.into_iter().map(Value::Integer).collect());
        let sql = format!(
            "SELECT {} FROM rarray(?1) numbers CROSS JOIN resource r ON r.seq = numbers.value",
            read::columns(&query.select)
        );
        let mut statement = db.prepare_cached(&sql)?;
        let mut found = statement.query([numbers])?;
        while let Some(row) = found.next()? {
            let stored = Stored::read(row, &plan.source.kind, &query.select)?;
            let position = sort::position(&stored.record, SortKey::Absent);
            rows.push((stored, position));
        }
        Ok(Found {
            rows,
            total: if query.total { Total::Exact(total) } else { Total::Unknown },
            more: inside > count as u64,
        })
    }
}
