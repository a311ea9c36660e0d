//! The query string: `+` and `%20` are blanks, unknown parameters and dangling `&` mean nothing.

use std::borrow::Cow;

use scim_core::ScimError;
use scim_core::service::{ListParams, View};

use super::route::decode;

/// The parameters that mean something, decoded.
#[derive(Debug, Default)]
pub struct Query {
    /// Those of a list.
    pub list: ListParams,
    /// Somebody put a token where logs and proxies see it.
    pub token: bool,
}

impl Query {
    /// Reads a raw query string. 400 where it cannot be decoded, or says one thing twice; lists of attributes may come
    /// in several parts (7644-3.9-04).
    pub fn parse(raw: &str) -> Result<Query, ScimError> {
        let mut query = Query::default();
        if raw.is_empty() {
            return Ok(query);
        }
        for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = plain(name) else { continue };
            let list = &mut query.list;
            let name = name.to_ascii_lowercase();
            let place = match name.as_str() {
                "filter" => &mut list.filter,
                "sortby" => &mut list.sort_by,
                "sortorder" => &mut list.sort_order,
                "startindex" => &mut list.start_index,
                "count" => &mut list.count,
                "cursor" => &mut list.cursor,
                "attributes" => &mut list.view.attributes,
                "excludedattributes" => &mut list.view.excluded,
                "access_token" => {
                    query.token = true;
                    continue;
                }
                _ => continue,
            };
            let Some(value) = plain(value) else {
                return Err(ScimError::invalid_syntax(format!("the parameter {name} is not percent-encoded UTF-8")));
            };
            *place = Some(match place.take() {
                None => value.into_owned(),
                Some(before) if name.ends_with("attributes") => format!("{before},{value}"),
                Some(_) => return Err(ScimError::invalid_syntax(format!("the parameter {name} is given twice"))),
            });
        }
        Ok(query)
    }

    /// What is to be shown of a resource.
    pub fn view(&self) -> &View {
        &self.list.view
    }
}

fn plain(raw: &str) -> Option<Cow<'_, str>> {
    if raw.contains('+') {
        let spaced = raw.replace('+', " ");
        return decode(&spaced).map(|text| Cow::Owned(text.into_owned()));
    }
    decode(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_once() {
        let check = |raw: &str, filter: Option<&str>| {
            assert_eq!(Query::parse(raw).unwrap().list.filter.as_deref(), filter, "{raw}");
        };
        check("", None);
        check("&", None);
        check("filter=userName+eq+%22a%22", Some("userName eq \"a\""));
        check("filter=userName%20eq%20%22a%2Bb%22&", Some("userName eq \"a+b\""));
        check("a=b&filter=x%2525", Some("x%25"));
        check("Filter=x", Some("x"));
        check("filter", Some(""));
        check("aadOptscim062020", None);
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(Query::parse("filter=%ff").is_err());
        assert!(Query::parse("count=1&count=2").is_err());
        let joined = Query::parse("attributes=a&attributes=b,c").unwrap().list.view.attributes;
        assert_eq!(joined.as_deref(), Some("a,b,c"));
        assert!(Query::parse("other=%ff&x=1&x=2").is_ok());
        assert!(Query::parse("access_token=x").unwrap().token);
    }
}
