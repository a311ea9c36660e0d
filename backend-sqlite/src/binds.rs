//! The values of one statement. They are bound, never written into its text: statements of one form are prepared once,
//! and nothing a client sends is ever read as SQL.

use std::sync::Arc;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, Statement};

use crate::error::Inner;
use crate::functions::Part;

/// The values of a statement and the parts of its filter, both by number. `?1` is the tenant.
#[derive(Debug, Default)]
pub(crate) struct Binds {
    pub values: Vec<Value>,
    pub parts: Vec<Arc<Part>>,
}

impl Binds {
    pub(crate) fn new(tenant: &str) -> Self {
        Binds { values: vec![Value::Text(tenant.to_owned())], parts: Vec::new() }
    }

    /// The parameter that stands for this value.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    pub(crate) fn part(&mut self, part: Part) -> String {
        self.parts.push(Arc::new(part));
        self.bind(i64::try_from(self.parts.len()).unwrap_or(i64::MAX) - 1)
    }

    /// Binds the values that the statement names: those of parts that were weighed and not taken have no place in it.
    pub(crate) fn apply(&self, statement: &mut Statement<'_>) -> rusqlite::Result<()> {
        for (value, number) in self.values.iter().zip(1..=statement.parameter_count()) {
            statement.raw_bind_parameter(number, value)?;
        }
        Ok(())
    }

    /// Runs a statement, row by row.
    pub(crate) fn each(
        &self,
        db: &Connection,
        sql: &str,
        mut with: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
    ) -> Inner<()> {
        let mut statement = db.prepare_cached(sql)?;
        self.apply(&mut statement)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            with(row)?;
        }
        Ok(())
    }

    /// Runs a statement; gives its rows.
    pub(crate) fn all<T>(
        &self,
        db: &Connection,
        sql: &str,
        read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Inner<Vec<T>> {
        let mut found = Vec::new();
        self.each(db, sql, |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found)
    }
}
