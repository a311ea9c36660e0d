//! The grammar of filters: one function for each rule.
//!
//! ```text
//! filter    = OWS orExp OWS
//! orExp     = andExp *( WS "or" WS andExp )
//! andExp    = term   *( WS "and" WS term )
//! term      = [ "not" OWS ] "(" OWS orExp OWS ")" / valuePath / attrExp
//! attrExp   = attrPath WS "pr" / attrPath WS compareOp ( WS compValue / OWS string )
//! valuePath = attrPath "[" OWS vOrExp OWS "]" [ "." subExp ]
//! ```
//!
//! Between brackets the same rules hold, save that a term is no valuePath and a name no more than a sub-attribute's.
//! The tail after a bracket is no part of RFC 7644; binding decides who may use it.

use crate::error::{ScimError, excerpt};
use crate::limits::Limits;

use super::Compare;
use super::ast::{Filter, Literal};
use super::lex::{Scanner, is_attr_name, is_attr_path};

/// However the limits are set, the stack must hold what is nested.
const DEEPEST: usize = 128;

/// Reads a filter. Every error is `invalidFilter` and begins with `at N:`, N being the number of the character, from 1.
/// Length, nesting and the number of comparisons are bounded by `limits`, while reading.
pub fn parse(text: &str, limits: &Limits) -> Result<Filter, ScimError> {
    if text.len() > limits.filter {
        return Err(ScimError::invalid_filter(format!(
            "at {}: the filter is longer than {} bytes; ask for less at once",
            text.len(),
            limits.filter,
        )));
    }
    let mut parser = Parser::new(text, 0, limits);
    parser.filter()
}

/// Where a term stands.
#[derive(Clone, Copy, PartialEq)]
enum Within {
    Filter,
    Brackets,
}

pub(crate) struct Parser<'a> {
    scan: Scanner<'a>,
    depth: usize,
    deepest: usize,
    terms: usize,
    most: usize,
}

type Parsed = Result<Filter, ScimError>;

impl<'a> Parser<'a> {
    fn new(text: &'a str, from: usize, limits: &Limits) -> Self {
        Parser {
            scan: Scanner::new(text, from),
            depth: 0,
            deepest: limits.filter_depth.min(DEEPEST),
            terms: 0,
            most: limits.filter_terms,
        }
    }

    /// What stands between the brackets of a path; `text` ends before the closing one.
    pub(crate) fn brackets(text: &'a str, from: usize, limits: &Limits) -> Parsed {
        Parser::new(text, from, limits).whole(Within::Brackets)
    }

    /// filter = OWS orExp OWS
    fn filter(&mut self) -> Parsed {
        self.whole(Within::Filter)
    }

    fn whole(&mut self, within: Within) -> Parsed {
        self.scan.space();
        let filter = self.or_exp(within)?;
        self.scan.space();
        if self.scan.done() {
            return Ok(filter);
        }
        let place = self.scan.place();
        let found = self.scan.word();
        Err(self.scan.fail(
            place,
            &match found {
                "" => "expected a space and \"and\" or \"or\", or the end".to_owned(),
                word => format!("expected \"and\", \"or\" or the end, not {}", excerpt(word)),
            },
        ))
    }

    /// orExp = andExp *( WS "or" WS andExp )
    fn or_exp(&mut self, within: Within) -> Parsed {
        let mut parts = vec![self.and_exp(within)?];
        while self.joined("or")? {
            parts.push(self.and_exp(within)?);
        }
        Ok(Filter::any(parts))
    }

    /// andExp = term *( WS "and" WS term )
    fn and_exp(&mut self, within: Within) -> Parsed {
        let mut parts = vec![self.term(within)?];
        while self.joined("and")? {
            parts.push(self.term(within)?);
        }
        Ok(Filter::all(parts))
    }

    /// WS keyword WS
    fn joined(&mut self, keyword: &str) -> Result<bool, ScimError> {
        let before = self.scan.place();
        if !(self.scan.space() && self.scan.word().eq_ignore_ascii_case(keyword)) {
            self.scan.back(before);
            return Ok(false);
        }
        if self.scan.space() {
            return Ok(true);
        }
        let place = self.scan.place();
        Err(self.scan.fail(place, &format!("expected a space and an expression after \"{keyword}\"")))
    }

    /// term = [ "not" OWS ] "(" OWS orExp OWS ")" / valuePath / attrExp
    fn term(&mut self, within: Within) -> Parsed {
        if self.negated() {
            return Ok(Filter::Not(Box::new(self.group(within)?)));
        }
        match within {
            _ if self.scan.sees(b'(') => self.group(within),
            Within::Filter => self.value_path_or_attr_exp(),
            Within::Brackets => self.v_attr_exp(),
        }
    }

    /// "not" OWS, where a parenthesis follows
    fn negated(&mut self) -> bool {
        let before = self.scan.place();
        if self.scan.word().eq_ignore_ascii_case("not") {
            self.scan.space();
            if self.scan.sees(b'(') {
                return true;
            }
        }
        self.scan.back(before);
        false
    }

    /// "(" OWS orExp OWS ")"
    fn group(&mut self, within: Within) -> Parsed {
        let open = self.scan.place();
        self.deeper(open)?;
        self.scan.eat(b'(');
        self.scan.space();
        let filter = self.or_exp(within)?;
        self.close(b')', open)?;
        Ok(filter)
    }

    /// valuePath / attrExp
    fn value_path_or_attr_exp(&mut self) -> Parsed {
        let name = self.attr_path()?;
        if self.scan.sees(b'[') { self.value_path(name) } else { self.attr_exp(name) }
    }

    /// valuePath = attrPath "[" OWS vOrExp OWS "]" [ "." subExp ]
    fn value_path(&mut self, at: String) -> Parsed {
        let open = self.scan.place();
        self.deeper(open)?;
        self.scan.eat(b'[');
        self.scan.space();
        let filter = Box::new(self.or_exp(Within::Brackets)?);
        self.close(b']', open)?;
        let then = if self.scan.eat(b'.') { Some(Box::new(self.v_attr_exp()?)) } else { None };
        Ok(Filter::Element { at, filter, then })
    }

    /// vAttrExp: an attrExp whose name is a sub-attribute's
    fn v_attr_exp(&mut self) -> Parsed {
        let place = self.scan.place();
        let name = self.attr_path()?;
        if !is_attr_name(&name) {
            return Err(self
                .scan
                .fail(place, &format!("expected the name of a sub-attribute, not {}", excerpt(&name))));
        }
        if self.scan.sees(b'[') {
            return Err(self.scan.fail(self.scan.place(), "there are no brackets inside brackets"));
        }
        self.attr_exp(name)
    }

    /// attrPath, not resolved yet
    fn attr_path(&mut self) -> Result<String, ScimError> {
        let place = self.scan.place();
        match self.scan.word() {
            name if is_attr_path(name) => Ok(name.to_owned()),
            "" => Err(self.scan.fail(place, "expected an attribute, \"not (\" or \"(\"")),
            other => Err(self.scan.fail(place, &format!("expected an attribute, not {}", excerpt(other)))),
        }
    }

    /// attrExp = attrPath WS "pr" / attrPath WS compareOp ( WS compValue / OWS string )
    fn attr_exp(&mut self, name: String) -> Parsed {
        const OPERATORS: &str = "eq, ne, co, sw, ew, gt, ge, lt, le or pr";
        self.terms += 1;
        if self.terms > self.most {
            let why = format!("more than {} comparisons; split the filter", self.most);
            return Err(self.scan.fail(self.scan.place(), &why));
        }
        let spaced = self.scan.space();
        let place = self.scan.place();
        let word = if spaced { self.scan.word() } else { "" };
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(name));
        }
        if let Some(op) = Compare::ALL.iter().find(|op| word.eq_ignore_ascii_case(op.name())) {
            return Ok(Filter::Compare(name, *op, self.comp_value()?));
        }
        let why = match word {
            "" => format!("expected an operator after {}: {OPERATORS}", excerpt(&name)),
            _ if name.eq_ignore_ascii_case("not") => "\"not\" needs parentheses: not (…)".to_owned(),
            word => format!("unknown operator {}; use {OPERATORS}", excerpt(word)),
        };
        Err(self.scan.fail(place, &why))
    }

    /// WS compValue / OWS string
    fn comp_value(&mut self) -> Result<Literal, ScimError> {
        let spaced = self.scan.space();
        if self.scan.sees(b'"') {
            return self.scan.string().map(Literal::Text);
        }
        if spaced {
            return self.scan.bare_literal();
        }
        Err(self.scan.fail(self.scan.place(), "expected a space and a value"))
    }

    /// One step down: counted here, so that nothing which walks the filter later can exhaust the stack.
    fn deeper(&mut self, place: usize) -> Result<(), ScimError> {
        self.depth += 1;
        if self.depth > self.deepest {
            return Err(self.scan.fail(place, &format!("nested deeper than {}", self.deepest)));
        }
        Ok(())
    }

    /// OWS and the closing bracket, one step up
    fn close(&mut self, bracket: u8, open: usize) -> Result<(), ScimError> {
        self.depth = self.depth.saturating_sub(1);
        self.scan.space();
        let place = self.scan.place();
        if self.scan.eat(bracket) {
            return Ok(());
        }
        let (opening, open) = (if bracket == b')' { '(' } else { '[' }, self.scan.number(open));
        let why = format!("expected \"and\", \"or\" or the end of the \"{opening}\" at {open}");
        Err(self.scan.fail(place, &why))
    }
}
