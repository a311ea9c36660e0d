//! Statements and their rows. Values are bound, never written into the text, so that statements of one form are prepared
//! once for a connection, and nothing a client sends is ever read as SQL.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};

use diesel::deserialize::FromSql;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::row::{Field, Row};
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Nullable, Text, Untyped};
use diesel_async::AsyncConnectionCore;
use scim_core::store::Label;

use crate::error::{Inner, corrupt};

/// A value of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    OptText(Option<Cow<'a, str>>),
    Int(i64),
    OptInt(Option<i64>),
    Bool(bool),
    Bytes(Cow<'a, [u8]>),
    Texts(Vec<Cow<'a, str>>),
    OptTexts(Vec<Option<Cow<'a, str>>>),
    Ints(Vec<i64>),
    OptInts(Option<Vec<i64>>),
}

/// A statement: its text, in which `$1` is the first value, and its values.
#[derive(Debug, Clone)]
pub(crate) struct Sql<'a> {
    text: Cow<'static, str>,
    values: Vec<Value<'a>>,
    /// Is it kept prepared? Only what comes in few forms.
    kept: bool,
}

impl<'a> Sql<'a> {
    /// A statement that is kept prepared.
    pub(crate) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Sql { text: text.into(), values: Vec::new(), kept: true }
    }

    /// The same, prepared for this once: there are too many of its kind.
    pub(crate) fn once(self) -> Self {
        Sql { kept: false, ..self }
    }

    pub(crate) fn text(&self) -> &Cow<'static, str> {
        &self.text
    }

    /// The types of its values.
    #[cfg(test)]
    pub(crate) fn types(&self) -> Vec<&'static str> {
        let name = |value: &Value<'_>| match value {
            Value::Text(_) | Value::OptText(_) => "text",
            Value::Int(_) | Value::OptInt(_) => "bigint",
            Value::Bool(_) => "boolean",
            Value::Bytes(_) => "bytea",
            Value::Texts(_) | Value::OptTexts(_) => "text[]",
            Value::Ints(_) | Value::OptInts(_) => "bigint[]",
        };
        self.values.iter().map(name).collect()
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Binds the next value.
    pub(crate) fn bind(mut self, value: impl Into<Value<'a>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Binds the next values.
    pub(crate) fn with(mut self, values: impl IntoIterator<Item = Value<'a>>) -> Self {
        self.values.extend(values);
        self
    }
}

macro_rules! from {
    ($($type:ty, $value:ident => $made:expr;)*) => {
        $(impl<'a> From<$type> for Value<'a> {
            fn from($value: $type) -> Self {
                $made
            }
        })*
    };
}

from! {
    &'a str, value => Value::Text(Cow::Borrowed(value));
    String, value => Value::Text(Cow::Owned(value));
    &'a String, value => Value::Text(Cow::Borrowed(value));
    Option<&'a str>, value => Value::OptText(value.map(Cow::Borrowed));
    Option<String>, value => Value::OptText(value.map(Cow::Owned));
    i64, value => Value::Int(value);
    Option<i64>, value => Value::OptInt(value);
    bool, value => Value::Bool(value);
    &'a [u8], value => Value::Bytes(Cow::Borrowed(value));
    Vec<u8>, value => Value::Bytes(Cow::Owned(value));
    Vec<&'a str>, value => Value::Texts(value.into_iter().map(Cow::Borrowed).collect());
    Vec<String>, value => Value::Texts(value.into_iter().map(Cow::Owned).collect());
    Vec<Option<&'a str>>, value => Value::OptTexts(value.into_iter().map(|one| one.map(Cow::Borrowed)).collect());
    Vec<i64>, value => Value::Ints(value);
    Option<Vec<i64>>, value => Value::OptInts(value);
}

impl QueryFragment<Pg> for Sql<'_> {
    /// The builder writes the mark of a value where it is bound. All stand in a comment before the statement, which names
    /// its values by number, as often as it likes.
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        if !self.kept {
            out.unsafe_to_cache_prepared();
        }
        out.push_sql("/*");
        for value in &self.values {
            match value {
                Value::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Value::OptText(value) => out.push_bind_param::<Nullable<Text>, _>(value)?,
                Value::Int(value) => out.push_bind_param::<BigInt, _>(value)?,
                Value::OptInt(value) => out.push_bind_param::<Nullable<BigInt>, _>(value)?,
                Value::Bool(value) => out.push_bind_param::<Bool, _>(value)?,
                Value::Bytes(value) => out.push_bind_param::<Bytea, _>(value)?,
                Value::Texts(value) => out.push_bind_param::<Array<Text>, _>(value)?,
                Value::OptTexts(value) => out.push_bind_param::<Array<Nullable<Text>>, _>(value)?,
                Value::Ints(value) => out.push_bind_param::<Array<BigInt>, _>(value)?,
                Value::OptInts(value) => out.push_bind_param::<Nullable<Array<BigInt>>, _>(value)?,
            }
        }
        out.push_sql("*/ ");
        out.push_sql(&self.text);
        Ok(())
    }
}

impl QueryId for Sql<'_> {
    type QueryId = ();
    // The text tells statements apart.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Sql<'_> {
    type SqlType = Untyped;
}

type DriverRow = <diesel_async::AsyncPgConnection as AsyncConnectionCore>::Row<'static, 'static>;

/// A row of an answer, its columns by number from 0.
pub(crate) struct Line(DriverRow);

impl Line {
    pub(crate) fn new(row: DriverRow) -> Self {
        Line(row)
    }

    fn get<T>(&self, column: usize, read: impl FnOnce(Option<PgValue<'_>>) -> Inner<T>) -> Inner<T> {
        let field = self.0.get(column).ok_or_else(|| corrupt(format!("an answer lacks its column {column}")))?;
        read(field.value())
    }

    fn typed<T: FromSql<S, Pg>, S>(&self, column: usize) -> Inner<Option<T>> {
        self.get(column, |value| value.map(|value| T::from_sql(value).map_err(corrupt)).transpose())
    }

    /// Text, handed to whatever is to be made of it.
    pub(crate) fn text<T>(&self, column: usize, make: impl FnOnce(&str) -> T) -> Inner<T> {
        self.get(column, |value| match value {
            Some(value) => Ok(make(std::str::from_utf8(value.as_bytes()).map_err(corrupt)?)),
            None => Err(corrupt(format!("column {column} is null"))),
        })
    }

    /// Is it absent?
    pub(crate) fn is_null(&self, column: usize) -> Inner<bool> {
        self.get(column, |value| Ok(value.is_none()))
    }

    /// Text that may be absent.
    pub(crate) fn opt_text(&self, column: usize) -> Inner<Option<Label>> {
        self.get(column, |value| match value {
            Some(value) => Ok(Some(Label::from(std::str::from_utf8(value.as_bytes()).map_err(corrupt)?))),
            None => Ok(None),
        })
    }

    /// An integer that may be absent.
    pub(crate) fn opt_int(&self, column: usize) -> Inner<Option<i64>> {
        self.typed::<i64, BigInt>(column)
    }

    /// An integer.
    pub(crate) fn int(&self, column: usize) -> Inner<i64> {
        self.opt_int(column)?.ok_or_else(|| corrupt(format!("column {column} is null")))
    }

    /// A truth; false where it is absent.
    pub(crate) fn truth(&self, column: usize) -> Inner<bool> {
        Ok(self.typed::<bool, Bool>(column)?.unwrap_or(false))
    }

    /// Bytes.
    pub(crate) fn bytes(&self, column: usize) -> Inner<Vec<u8>> {
        Ok(self.typed::<Vec<u8>, Bytea>(column)?.unwrap_or_default())
    }

    /// An array of texts; empty where it is absent.
    pub(crate) fn texts(&self, column: usize) -> Inner<Vec<Option<String>>> {
        Ok(self.typed::<Vec<Option<String>>, Array<Nullable<Text>>>(column)?.unwrap_or_default())
    }
}

/// Futures that are begun in their order, all in one go, and awaited together: statements that are sent behind one
/// another without waiting for answers.
pub(crate) struct InOrder<F: Future>(Vec<Step<F>>);

enum Step<F: Future> {
    Open(Pin<Box<F>>),
    Done(F::Output),
    Taken,
}

impl<F: Future> InOrder<F> {
    pub(crate) fn new(futures: impl IntoIterator<Item = F>) -> Self {
        InOrder(futures.into_iter().map(|future| Step::Open(Box::pin(future))).collect())
    }
}

impl<F: Future> Unpin for InOrder<F> {}

impl<F: Future> Future for InOrder<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut open = false;
        for step in &mut self.0 {
            if let Step::Open(future) = step {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *step = Step::Done(output),
                    Poll::Pending => open = true,
                }
            }
        }
        if open {
            return Poll::Pending;
        }
        let steps = self.0.iter_mut().map(|step| std::mem::replace(step, Step::Taken));
        Poll::Ready(
            steps
                .filter_map(|step| match step {
                    Step::Done(output) => Some(output),
                    Step::Open(_) | Step::Taken => None,
                })
                .collect(),
        )
    }
}
