//! `[[tokens]]`: credentials that stand in the configuration, for stores that keep none.

use std::fmt;

use anyhow::{Result, bail};
use scim_core::access::{Profile, Right};
use serde::{Deserialize, Serialize};

use super::values;

/// One `[[tokens]]`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// What logs call it.
    pub name: String,
    /// The tenant it opens.
    pub tenant: String,
    /// The token itself; better given as `token_file`.
    pub token: String,
    /// What it may do: `read`, `write`, `users:read` and so on. Empty for `write`.
    #[serde(deserialize_with = "values::list")]
    pub scope: Vec<String>,
    /// The client it is for.
    pub client: Option<Profile>,
    /// The user that `/Me` means.
    pub subject: Option<String>,
}

impl TokenSettings {
    /// What it may do.
    pub fn rights(&self) -> Result<Vec<Right>> {
        if self.scope.is_empty() {
            return Ok(vec![Right { endpoint: None, write: true }]);
        }
        let parse = |text: &String| text.parse().map_err(|why: String| anyhow::anyhow!("tokens.scope: {why}"));
        self.scope.iter().map(parse).collect()
    }

    /// Checks what types alone cannot.
    pub fn check(&self) -> Result<()> {
        for (key, value) in [("name", &self.name), ("tenant", &self.tenant)] {
            if value.is_empty() {
                bail!("[[tokens]] needs {key}");
            }
        }
        crate::tenancy::check_name(&self.tenant)?;
        self.rights()?;
        crate::auth::token::check_given("tokens.token", &self.token)
    }
}

impl fmt::Debug for TokenSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSettings").field("name", &self.name).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}
