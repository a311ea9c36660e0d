//! `path = attrPath / valuePath [ "." ATTRNAME ] / extensionUri` (RFC 7644 section 3.5.2), as text.

use std::fmt;

use crate::error::{ErrorKind, ScimError, excerpt};
use crate::filter::ast::Filter;
use crate::filter::lex::{Scanner, is_attr_name, is_attr_path, string_length};
use crate::filter::parse::Parser;
use crate::limits::Limits;

/// The path of a PATCH operation as it was written. Prints back.
#[derive(Debug, Clone, PartialEq)]
pub enum Path {
    /// `attrPath`, or the URN of an extension: they look the same.
    Attribute(String),
    /// `attrPath[filter]`, perhaps with a sub-attribute behind it.
    Element {
        /// The attribute before the bracket.
        at: String,
        /// What is between the brackets.
        filter: Box<Filter>,
        /// What is behind the dot.
        sub: Option<String>,
    },
}

/// Reads a path.
///
/// # Errors
/// `invalidPath` for what stands outside brackets and for a bracket that is not closed; `invalidFilter` for what stands
/// inside.
pub fn parse(text: &str, limits: &Limits) -> Result<Path, ScimError> {
    if text.len() > limits.path {
        return Err(ScimError::invalid_path(format!("the path is longer than {} bytes", limits.path)));
    }
    let Some((at, behind)) = text.split_once('[') else {
        return attr_path(text).map(Path::Attribute);
    };
    let at = attr_path(at)?;
    let open = at.len();
    let fail = |place, why: &str| Scanner::new(text, 0).fail_as(ErrorKind::InvalidPath, place, why);
    let Some(inside) = closing_bracket(behind) else {
        return Err(fail(open, "this bracket is not closed"));
    };
    let close = open + 1 + inside;
    let filter = Box::new(Parser::brackets(text.get(..close).unwrap_or_default(), open + 1, limits)?);
    let sub = match text.get(close + 1..).unwrap_or_default() {
        "" => None,
        rest => match rest.strip_prefix('.') {
            Some(sub) if is_attr_name(sub) => Some(sub.to_owned()),
            _ => {
                let why =
                    format!("after the bracket comes nothing, or a dot and a sub-attribute, not {}", excerpt(rest));
                return Err(fail(close + 1, &why));
            }
        },
    };
    Ok(Path::Element { at, filter, sub })
}

fn attr_path(text: &str) -> Result<String, ScimError> {
    if is_attr_path(text) {
        return Ok(text.to_owned());
    }
    Err(ScimError::invalid_path(match text {
        "" => "the path is empty; leave it out, or name an attribute".to_owned(),
        text if text.starts_with('/') => {
            format!("{} is a JSON Pointer; write the attribute, as in name.givenName", excerpt(text))
        }
        text => format!("{} is no attribute; a path is like name.givenName or emails[type eq \"work\"]", excerpt(text)),
    }))
}

/// Where the first closing bracket outside strings stands.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let next = rest.find([']', '"'])?;
        at += next;
        let rest = text.get(at..)?;
        if rest.starts_with(']') {
            return Some(at);
        }
        at += string_length(rest)?;
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Attribute(name) => f.write_str(name),
            Path::Element { at, filter, sub: None } => write!(f, "{at}[{filter}]"),
            Path::Element { at, filter, sub: Some(sub) } => write!(f, "{at}[{filter}].{sub}"),
        }
    }
}
