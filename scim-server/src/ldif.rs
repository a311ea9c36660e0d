//! LDIF files, the row of the format table: entries as lines of SCIM JSON, and such lines as entries.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use anyhow::{Context, Result};
use backend_ldap::ldap::Entry;
use backend_ldap::ldif::exchange::Exchange;
use backend_ldap::ldif::{self, read::Reader};
use serde_json::{Map, Value};

use crate::backends::{Exchanged, Format, Left};
use crate::config::ldap::LdapSettings;

/// `FILE.ldif`.
pub const FORMAT: Format = Format { ending: "ldif", into_lines, out_of_lines };

/// The tables of `[store.ldap]`, which say what stands where also for a store that is no directory.
fn exchange(asked: &Exchanged, stands: Option<&str>) -> Result<Exchange> {
    let own = asked.section.read::<LdapSettings>()?;
    let mut settings = own.settings(asked.limits.retry_max)?;
    if let Some(base) = stands {
        for place in [&mut settings.users, &mut settings.groups] {
            place.base.get_or_insert_with(|| base.to_owned());
        }
    }
    Ok(Exchange::new(asked.tenant, asked.types, &settings)?)
}

/// Every entry of a type that is mapped, as a line whose `id` is the entry's name.
fn into_lines(asked: &Exchanged, from: &Path, to: &mut dyn Write) -> Result<Left> {
    let exchange = exchange(asked, Some("dc=anywhere"))?.anywhere();
    let mut names = HashSet::new();
    let mut by_user_name = HashMap::new();
    let mut left = Left::default();
    each_entry(asked, from, |entry| {
        match exchange.names(&entry) {
            Some((name, user_name)) => {
                by_user_name.extend(user_name.map(|user_name| (user_name, name.clone())));
                names.insert(name);
            }
            None => left.note("entries that are neither people nor groups".into()),
        }
        Ok(())
    })?;
    let known = |key: &str| names.get(key).or_else(|| by_user_name.get(key)).cloned();
    each_entry(asked, from, |entry| {
        let Some((resource, astray)) = exchange.resource(&entry, known) else { return Ok(()) };
        astray.iter().for_each(|_| left.note("references to entries that are not in the file".into()));
        serde_json::to_writer(&mut *to, &resource)?;
        Ok(to.write_all(b"\n")?)
    })?;
    Ok(left)
}

fn each_entry(asked: &Exchanged, from: &Path, mut with: impl FnMut(Entry) -> Result<()>) -> Result<()> {
    let file = File::open(from).with_context(|| format!("{} cannot be read", from.display()))?;
    // Base64 and names of attributes make an entry longer than its resource.
    let mut reader = Reader::new(BufReader::new(file), asked.limits.body.saturating_mul(2));
    while let Some(entry) = reader.next_entry().with_context(|| from.display().to_string())? {
        with(entry)?;
    }
    Ok(())
}

/// Every line as an entry, below the bases of the tenant.
fn out_of_lines(asked: &Exchanged, from: &Path, to: &mut dyn Write) -> Result<Left> {
    let exchange =
        exchange(asked, None).context("entries of LDIF stand below store.ldap.users.base and groups.base")?;
    let mut names = HashMap::new();
    each_line(from, |resource| {
        if let (Some(Value::String(id)), Ok(name)) = (resource.get("id"), exchange.name(&resource)) {
            names.insert(id.clone(), name);
        }
        Ok(())
    })?;
    let (mut to, mut left) = (BufWriter::new(to), Left::default());
    to.write_all(b"version: 1\n\n")?;
    each_line(from, |resource| match exchange.entry(&resource, &names) {
        Ok(held) => {
            held.left_out.into_iter().for_each(|what| left.note(what));
            Ok(to.write_all(ldif::entry(&held.entry).as_bytes())?)
        }
        Err(why) => {
            left.note(format!("resources: {why}"));
            Ok(())
        }
    })?;
    to.flush()?;
    Ok(left)
}

fn each_line(from: &Path, mut with: impl FnMut(Map<String, Value>) -> Result<()>) -> Result<()> {
    for line in BufReader::new(File::open(from)?).lines() {
        with(serde_json::from_str(&line?)?)?;
    }
    Ok(())
}

impl Left {
    fn note(&mut self, what: String) {
        let of: &mut BTreeMap<String, u64> = &mut self.out;
        *of.entry(what).or_default() += 1;
    }
}
