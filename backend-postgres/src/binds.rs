//! The values of one statement that is put together from pieces. They are bound, never written into its text.

use crate::statement::{Sql, Value};

/// Values by number: `$1` is the tenant, `$2` the kind.
#[derive(Debug, Clone)]
pub(crate) struct Binds(Vec<Value<'static>>);

impl Binds {
    pub(crate) fn new(tenant: &str, kind: &str) -> Self {
        Binds(vec![tenant.to_owned().into(), kind.to_owned().into()])
    }

    /// The mark of a value.
    pub(crate) fn bind(&mut self, value: impl Into<Value<'static>>) -> String {
        self.0.push(value.into());
        format!("${}", self.0.len())
    }

    /// Without the last value, which is given; None where that is no text.
    pub(crate) fn pop_text(&mut self) -> Option<String> {
        match self.0.pop() {
            Some(Value::Text(text)) => Some(text.into_owned()),
            _ => None,
        }
    }

    /// The number of the next mark.
    pub(crate) fn next(&self) -> usize {
        self.0.len() + 1
    }

    /// The statement with these values.
    pub(crate) fn sql(&self, text: impl Into<std::borrow::Cow<'static, str>>) -> Sql<'static> {
        Sql::new(text).with(self.0.iter().cloned())
    }
}
