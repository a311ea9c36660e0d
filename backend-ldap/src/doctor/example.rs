//! A configuration for the directory that was found, ready to run: `doctor --print-config`.

use std::fmt::Write;

use crate::directory::{Call, Credentials, Directory};
use crate::ldap::LdapError;
use crate::mapping::settings::{Cell, TypeSettings};
use crate::open::features;
use crate::profile::Profile;
use crate::settings::Settings;

use super::places::{self, Found};

impl Found {
    /// The settings of a type that stands here.
    pub fn settings(&self, into: &mut TypeSettings) {
        into.base = Some(self.base.to_string());
        if self.members.is_some_and(|members| members != "member") {
            into.filter = Some(self.filter.to_owned());
            into.object_classes = Some(vec![self.class.to_owned()]);
            let members = self.members.unwrap_or_default();
            into.attributes.insert("members".to_owned(), Cell::Name(members.to_owned()));
        }
    }
}

/// The whole file. `connection` is what of `[store.ldap]` says how it is reached, as it is to stand there.
///
/// # Errors
/// The directory cannot be reached, or shows no people.
pub async fn config(directory: &Directory, settings: &Settings, connection: &str) -> Result<String, LdapError> {
    let call = Call::default();
    let profile = Profile::probe(directory, &call).await?;
    let product = features(&profile, settings.product, true).product;
    let mut settings = settings.clone();
    if settings.users.base.is_none() {
        let found = places::people(directory, &call, &profile, product).await?;
        let found = found.ok_or_else(|| {
            let who = match &directory.options().credentials {
                Credentials::Simple { dn, .. } => dn.to_string(),
                Credentials::External => "the client certificate's account".into(),
                Credentials::Anonymous => "nobody: give --user and --password-file".into(),
            };
            LdapError::Request(format!("{} shows no people to {who}", profile.vendor))
        })?;
        found.settings(&mut settings.users);
    }
    if settings.groups.base.is_none()
        && let Some(found) = places::groups(directory, &call, &profile, product).await?
    {
        found.settings(&mut settings.groups);
    }
    let mut text =
        format!("# For {}, written by scim-server doctor.\n\n[store]\nbackend = \"ldap\"\n\n", profile.vendor);
    let _ = writeln!(text, "[store.ldap]\n{connection}mode = \"read_only\"   # then shadow, then write");
    for (part, settings) in [("users", &settings.users), ("groups", &settings.groups)] {
        if let Some(base) = &settings.base {
            let _ = write!(text, "\n[store.ldap.{part}]\nbase = {}\n", quoted(base));
            section(&mut text, part, settings);
        }
    }
    text.push_str("\n# Tenants and tokens, which a directory does not keep.\n[control]\nbackend = \"sqlite\"\n\n[control.sqlite]\npath = \"scim-control.db\"\n");
    Ok(text)
}

fn section(text: &mut String, part: &str, settings: &TypeSettings) {
    if let Some(filter) = &settings.filter {
        let _ = writeln!(text, "filter = {}", quoted(filter));
    }
    if let Some(classes) = &settings.object_classes {
        let classes = classes.iter().map(|class| quoted(class)).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "object_classes = [{classes}]");
    }
    if let Some(Cell::Name(members)) = settings.attributes.get("members") {
        let _ = write!(text, "\n[store.ldap.{part}.attributes]\nmembers = {}\n", quoted(members));
    }
}

/// Text as TOML has it.
pub fn quoted(text: &str) -> String {
    // JSON's strings are basic strings of TOML.
    serde_json::to_string(text).unwrap_or_default()
}
