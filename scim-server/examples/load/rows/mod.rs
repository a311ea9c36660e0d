//! One function a row of the table, or a few rows that belong together.
//!
//! `reads` single users and filters · `lists` pages, walks, jumps, fragments · `writes` one user, many at once ·
//! `groups` members · `million` memory and start.

mod groups;
mod lists;
mod million;
mod reads;
mod writes;

use anyhow::{Result, bail};
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

pub use writes::write_users;

use crate::table::Line;
use crate::world::World;

/// A row.
pub struct Row {
    pub name: &'static str,
    pub measure: for<'a> fn(&'a mut World) -> LocalBoxFuture<'a, Result<Vec<Line>>>,
    /// Of one million users.
    million: bool,
}

const ROWS: &[Row] = &[
    Row { name: "get", measure: |world| reads::by_id(world).boxed_local(), million: false },
    Row { name: "filter", measure: |world| reads::filter(world).boxed_local(), million: false },
    Row { name: "page", measure: |world| lists::page(world).boxed_local(), million: false },
    Row { name: "walk", measure: |world| lists::walk(world).boxed_local(), million: false },
    Row { name: "jump", measure: |world| lists::jump(world).boxed_local(), million: false },
    Row { name: "contains", measure: |world| lists::contains(world).boxed_local(), million: false },
    Row { name: "write", measure: |world| writes::one(world).boxed_local(), million: false },
    Row { name: "member", measure: |world| groups::member(world).boxed_local(), million: false },
    Row { name: "group", measure: |world| groups::read(world).boxed_local(), million: false },
    Row { name: "bulk", measure: |world| writes::bulk(world).boxed_local(), million: false },
    Row { name: "import", measure: |world| writes::import(world).boxed_local(), million: false },
    Row { name: "idle", measure: |world| million::idle(world).boxed_local(), million: false },
    Row { name: "million", measure: |world| million::million(world).boxed_local(), million: true },
];

/// The rows of these names; all (those of a million only `with_million`) where there are none.
pub fn chosen(names: &[String], with_million: bool) -> Result<Vec<&'static Row>> {
    for name in names {
        if !ROWS.iter().any(|row| row.name == name) {
            let known: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            bail!("no row is called {name:?}; there are {}", known.join(", "));
        }
    }
    let wanted = |row: &&Row| match row.million {
        true => with_million || names.iter().any(|name| name == row.name),
        false => names.is_empty() || names.iter().any(|name| name == row.name),
    };
    Ok(ROWS.iter().filter(wanted).collect())
}
