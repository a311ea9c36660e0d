//! What the fake directory answers to a message.

use super::ber;
use super::world::{Entry, World};

/// What it gives at once, and what it gives of one attribute.
pub const PAGE: usize = 1000;
/// See [`PAGE`].
pub const VALUES: usize = 1500;

const PAGED: &[u8] = b"1.2.840.113556.1.4.319";
const EXTENDED_DN: &[u8] = b"1.2.840.113556.1.4.529";

/// A message taken apart.
pub struct Asked<'a> {
    /// Its number.
    pub id: &'a [u8],
    /// The tag of its operation.
    pub operation: u8,
    /// What stands in that.
    pub content: &'a [u8],
    controls: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Asked<'a> {
    /// Takes a message apart.
    pub fn read(message: &'a [u8]) -> Option<Self> {
        let (_, inside) = ber::take(&mut &*message)?;
        let mut rest = inside;
        let (_, id) = ber::take(&mut rest)?;
        let (operation, content) = ber::take(&mut rest)?;
        let list = ber::take(&mut rest).map_or(&[][..], |(_, list)| list);
        let control = |(_, one): ber::Element<'a>| {
            let parts = ber::all(one);
            let value = parts.iter().skip(1).find(|(tag, _)| *tag == 4).map_or(&[][..], |(_, value)| *value);
            (parts.first().map_or(&[][..], |(_, oid)| *oid), value)
        };
        Some(Asked { id, operation, content, controls: ber::all(list).into_iter().map(control).collect() })
    }

    /// A message that answers this one.
    pub fn answer(&self, operation: Vec<u8>, controls: Option<Vec<u8>>) -> Vec<u8> {
        let controls = controls.map(|list| ber::nested(0xa0, &[list])).unwrap_or_default();
        ber::nested(0x30, &[ber::element(2, self.id), operation, controls])
    }

    /// The end of this operation with a code.
    pub fn end(&self, code: u32, message: &str) -> Vec<u8> {
        self.end_with(code, message, &[], None)
    }

    /// The same, leading elsewhere.
    pub fn refer(&self, url: &str) -> Vec<u8> {
        self.end_with(10, "elsewhere", &[ber::nested(0xa3, &[ber::octets(url)])], None)
    }

    fn end_with(&self, code: u32, message: &str, more: &[Vec<u8>], controls: Option<Vec<u8>>) -> Vec<u8> {
        // Each answer's tag is one above its request's; a Delete is written in short.
        let tag = if self.operation == 0x4a {
            0x6b
        } else if self.operation == 0x77 {
            0x78
        } else {
            (self.operation & 0x7f) + if self.operation == 0x63 { 2 } else { 1 }
        };
        let result = [ber::integer(0x0a, code), ber::octets(""), ber::octets(message)].concat();
        self.answer(ber::element(tag, &[result, more.concat()].concat()), controls)
    }

    fn control(&self, oid: &[u8]) -> Option<&'a [u8]> {
        self.controls.iter().find(|(own, _)| *own == oid).map(|(_, value)| *value)
    }
}

/// A search: its entries and its end.
pub fn search(asked: &Asked<'_>, world: &World) -> Vec<Vec<u8>> {
    let parts = ber::all(asked.content);
    let [(_, base), (_, reach), _, (_, limit), _, _, (tag, filter), (_, list)] = parts.as_slice() else {
        return vec![asked.end(2, "no search")];
    };
    let wanted =
        ber::all(list).into_iter().map(|(_, name)| String::from_utf8_lossy(name).into_owned()).collect::<Vec<_>>();
    let (base, filter) = (String::from_utf8_lossy(base).into_owned(), ber::element(*tag, filter));
    let Some(number) = world.by_name(&base) else { return vec![asked.end(32, "no such object")] };
    let base = world.entry(number).map_or(base, |entry| entry.dn.clone());
    let page = asked.control(PAGED).and_then(|value| {
        let (_, inside) = ber::take(&mut &*value)?;
        let [(_, size), (_, cookie)] = ber::all(inside)[..] else { return None };
        Some((usize::try_from(ber::number(size)).ok()?, u64::try_from(ber::number(cookie)).ok()?))
    });
    let limit = usize::try_from(ber::number(limit)).unwrap_or(0);
    let (most, after) = page.map_or((PAGE, 0), |(size, after)| (size.min(PAGE), after));
    let most = if limit > 0 { most.min(limit) } else { most };
    let mut found = world.find(after, &base, ber::number(reach), &filter);
    let extended = asked.control(EXTENDED_DN).is_some();
    let mut messages = Vec::new();
    let mut last = after;
    for (number, entry) in found.by_ref().take(most) {
        last = number;
        messages.push(asked.answer(shown(entry, &wanted, extended, world), None));
    }
    let more = found.next().is_some();
    let cookie = if more { last.to_be_bytes().to_vec() } else { Vec::new() };
    messages.push(match page {
        Some(_) => {
            let value = ber::nested(0x30, &[ber::integer(2, 0), ber::octets(cookie)]);
            let control = ber::nested(0x30, &[ber::octets(PAGED), ber::octets(value)]);
            asked.end_with(0, "", &[], Some(control))
        }
        None => asked.end(if more { 4 } else { 0 }, ""),
    });
    messages
}

/// An entry with what of it is wanted.
fn shown(entry: &Entry, wanted: &[String], extended: bool, world: &World) -> Vec<u8> {
    let everything = wanted.is_empty() || wanted.iter().any(|name| name == "*");
    let mut attributes = Vec::new();
    for (key, (name, values)) in &entry.attributes {
        let asked = wanted.iter().find(|asked| asked.split(';').next().unwrap_or_default().eq_ignore_ascii_case(key));
        // Passwords are written and never read.
        if (asked.is_none() && !everything) || key == "unicodepwd" {
            continue;
        }
        let value = |value: &Vec<u8>| ber::octets(if extended { with_guid(value, world) } else { value.clone() });
        let from = asked.and_then(|asked| asked.split_once(";range="));
        let from = from.and_then(|(_, range)| range.split('-').next()?.parse::<usize>().ok()).unwrap_or(0);
        let part = values.iter().skip(from).take(VALUES).map(value).collect::<Vec<_>>();
        let set = |name: &str, part: &[Vec<u8>]| ber::nested(0x30, &[ber::octets(name), ber::nested(0x31, part)]);
        if values.len() <= VALUES && from == 0 {
            attributes.push(set(name, &part));
            continue;
        }
        // The attribute itself comes empty, and beside it the part that was asked for.
        let whole = from + part.len() >= values.len();
        let to = if whole { "*".to_owned() } else { (from + part.len()).saturating_sub(1).to_string() };
        attributes.push(set(name, &[]));
        attributes.push(set(&format!("{name};range={from}-{to}"), &part));
    }
    ber::nested(0x64, &[ber::octets(&entry.dn), ber::nested(0x30, &attributes)])
}

/// A name with the GUID of its entry before it.
fn with_guid(value: &[u8], world: &World) -> Vec<u8> {
    let name = String::from_utf8_lossy(value).into_owned();
    let guid = world.by_name(&name).and_then(|number| world.entry(number)?.values("objectGUID").first().cloned());
    match guid {
        Some(guid) if name.contains('=') => {
            let hex = guid.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            format!("<GUID={hex}>;{name}").into_bytes()
        }
        _ => value.to_vec(),
    }
}

/// A Modify, as Active Directory refuses it: adding what is there is 68, deleting what is not is 53.
pub fn modify(asked: &Asked<'_>, world: &mut World) -> Vec<u8> {
    let parts = ber::all(asked.content);
    let [(_, dn), (_, changes)] = parts.as_slice() else { return asked.end(2, "no modify") };
    let Some(number) = world.by_name(&String::from_utf8_lossy(dn)) else { return asked.end(32, "no such object") };
    let mut code = 0;
    let mut changed = world.entry(number).cloned().unwrap_or_default();
    for (_, change) in ber::all(changes) {
        let parts = ber::all(change);
        let [(_, kind), (_, attribute)] = parts.as_slice() else { return asked.end(2, "no change") };
        let attribute = ber::all(attribute);
        let [(_, name), (_, values)] = attribute.as_slice() else { return asked.end(2, "no attribute") };
        let name = String::from_utf8_lossy(name).into_owned();
        let values = ber::all(values).into_iter().map(|(_, value)| value.to_vec()).collect::<Vec<_>>();
        let own = &mut changed.attributes.entry(name.to_ascii_lowercase()).or_insert_with(|| (name, Vec::new())).1;
        match ber::number(kind) {
            0 if values.iter().any(|value| own.contains(value)) => code = 68,
            0 => own.extend(values),
            1 if values.is_empty() => own.clear(),
            1 if values.iter().any(|value| !own.contains(value)) => code = 53,
            1 => own.retain(|value| !values.contains(value)),
            _ => *own = values,
        }
    }
    if code == 0 && is_let_in_without_password(&changed) {
        return asked.end(53, NO_PASSWORD);
    }
    if code == 0 {
        changed.attributes.retain(|_, (_, values)| !values.is_empty());
        world.change(number, |entry| *entry = changed);
    }
    asked.end(code, "")
}

/// What it says of users who would be let in without a password.
const NO_PASSWORD: &str = "0000052D: SvcErr: DSID-031A126C, problem 5003 (WILL_NOT_PERFORM), data 0";

fn is_let_in_without_password(entry: &Entry) -> bool {
    let control = entry.values("userAccountControl").first();
    let control = control.and_then(|value| std::str::from_utf8(value).ok()?.parse::<i64>().ok());
    entry.values("unicodePwd").is_empty() && control.is_some_and(|control| control & 2 == 0)
}

/// A Compare.
pub fn compare(asked: &Asked<'_>, world: &World) -> Vec<u8> {
    let parts = ber::all(asked.content);
    let [(_, dn), (_, assertion)] = parts.as_slice() else { return asked.end(2, "no compare") };
    let assertion = ber::all(assertion);
    let [(_, name), (_, value)] = assertion.as_slice() else { return asked.end(2, "no assertion") };
    let number = world.by_name(&String::from_utf8_lossy(dn));
    let Some(entry) = number.and_then(|number| world.entry(number)) else { return asked.end(32, "no such object") };
    let own = entry.values(&String::from_utf8_lossy(name));
    asked.end(if own.iter().any(|own| own.eq_ignore_ascii_case(value)) { 6 } else { 5 }, "")
}

/// An Add. Users of Active Directory get their kind of account from it.
pub fn add(asked: &Asked<'_>, world: &mut World) -> Vec<u8> {
    let parts = ber::all(asked.content);
    let [(_, dn), (_, list)] = parts.as_slice() else { return asked.end(2, "no add") };
    let attribute = |(_, one): ber::Element<'_>| {
        let parts = ber::all(one);
        let name = parts.first().map(|(_, name)| String::from_utf8_lossy(name).into_owned()).unwrap_or_default();
        let values = parts.get(1).map(|(_, set)| ber::all(set)).unwrap_or_default();
        (name, values.into_iter().map(|(_, value)| value.to_vec()).collect::<Vec<_>>())
    };
    let attributes = ber::all(list).into_iter().map(attribute).collect::<Vec<_>>();
    let mut attributes = attributes.iter().map(|(name, values)| (name.as_str(), values.clone())).collect::<Vec<_>>();
    if attributes.iter().any(|(name, values)| *name == "objectClass" && values.contains(&b"user".to_vec())) {
        attributes.push(("sAMAccountType", vec![b"805306368".to_vec()]));
    }
    let mut entry = Entry::default();
    attributes.iter().for_each(|(name, values)| entry.set(name, values.clone()));
    if is_let_in_without_password(&entry) {
        return asked.end(53, NO_PASSWORD);
    }
    asked.end(if world.add(&String::from_utf8_lossy(dn), &attributes) { 0 } else { 68 }, "")
}

/// A Delete.
pub fn delete(asked: &Asked<'_>, world: &mut World) -> Vec<u8> {
    asked.end(if world.remove(&String::from_utf8_lossy(asked.content)) { 0 } else { 32 }, "")
}
