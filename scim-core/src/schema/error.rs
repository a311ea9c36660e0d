//! What is wrong with a schema file.

use std::fmt;

/// Why a schema file cannot be used: which file, which attribute, what is wrong and how to mend it. Prints as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    /// The file, as it was named.
    pub source: String,
    /// The schema, resource type or attribute in path notation; empty where the file as a whole is meant.
    pub attribute: String,
    /// What is wrong, and the mend.
    pub problem: String,
}

impl SchemaError {
    /// An error at this place of this file.
    pub fn new(source: &str, attribute: impl Into<String>, problem: impl Into<String>) -> Self {
        SchemaError { source: source.to_owned(), attribute: attribute.into(), problem: problem.into() }
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        if !self.attribute.is_empty() {
            write!(f, "{}: ", self.attribute)?;
        }
        f.write_str(&self.problem)
    }
}

impl std::error::Error for SchemaError {}
