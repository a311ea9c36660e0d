//! `[log]`: how much is told, and in which form.

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::values;
use crate::backends::LOG;

/// `[log]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,backend_sqlite=debug`.
    pub level: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// The form of a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl TryFrom<String> for LogFormat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        use LogFormat::{Json, Text};
        values::choice(&text, &[("text", Text), ("json", Json)])
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        LogSettings { level: "info".into(), format: LogFormat::Text }
    }
}

impl LogSettings {
    /// What is told.
    pub fn filter(&self) -> anyhow::Result<EnvFilter> {
        let wrong = || format!("log.level = {:?} is no level; use error, warn, info, debug or trace", self.level);
        // A word alone would be read as the name of a module of which everything is told.
        let known = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
        if !self.level.split(',').map(str::trim).all(known) {
            bail!(wrong());
        }
        // What the HTTP library says of its threads is of no use to an operator, and what it says of heads that are none, as errors,
        // anybody can make it say as often as they like; who wants it can name it.
        EnvFilter::try_new(format!("actix_server=warn,actix_http=off,{LOG},{}", self.level)).with_context(wrong)
    }

    /// Checks the level.
    pub fn check(&self) -> anyhow::Result<()> {
        self.filter().map(drop)
    }
}
