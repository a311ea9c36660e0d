//! People and groups as they are in companies: the same ones in every run.

use serde_json::{Value, json};

use crate::measure::spread;

/// The one who is not there: for new people beyond those of the start.
pub const FRESH: u64 = 1 << 40;

const GIVEN: &[&str] = &[
    "Amelia",
    "Anders",
    "Beatriz",
    "Bronwyn",
    "Callum",
    "Chidi",
    "Daniela",
    "Dmitri",
    "Elif",
    "Esther",
    "Farid",
    "Fiona",
    "Gustav",
    "Hana",
    "Henrik",
    "Imani",
    "Ingrid",
    "Jamal",
    "Joanna",
    "Kenji",
    "Lakshmi",
    "Leila",
    "Magnus",
    "Mariam",
    "Nadia",
    "Niamh",
    "Oksana",
    "Omar",
    "Priya",
    "Quentin",
    "Rafael",
    "Rosalind",
    "Sanjay",
    "Siobhan",
    "Tomasz",
    "Ursula",
    "Valentina",
    "Wanjiru",
    "Xavier",
    "Yusuf",
    "Zofia",
];
const STEMS: &[&str] = &[
    "Abern", "Bartl", "Castell", "Donov", "Eriks", "Fitzger", "Gallagh", "Hawth", "Iversl", "Jankow", "Kowal",
    "Lindqv", "Montgom", "Nakam", "Okonkw", "Petrov", "Quigl", "Rosenb", "Szymansk", "Thornt", "Underw", "Vasquen",
    "Whitak", "Yamash", "Zimmerm",
];
const ENDINGS: &[&str] = &[
    "an", "ara", "ath", "berg", "dale", "der", "ell", "ene", "ers", "field", "gard", "hart", "ic", "ik", "ima", "ine",
    "ius", "land", "ley", "mann", "mere", "ova", "rup", "sen", "ski", "son", "stad", "thal", "ton", "uki", "vall",
    "ward", "wick", "wood", "worth", "yev", "yn", "zak", "zen", "ziak",
];
const CITIES: &[(&str, &str, &str)] = &[
    ("Springfield", "IL", "US"),
    ("Gothenburg", "Västra Götaland", "SE"),
    ("Leeds", "West Yorkshire", "GB"),
    ("Nagoya", "Aichi", "JP"),
    ("Porto", "Porto", "PT"),
    ("Kraków", "Lesser Poland", "PL"),
];
const TITLES: &[&str] = &["Engineer", "Senior Engineer", "Accountant", "Team Lead", "Analyst", "Recruiter", "Counsel"];
const DEPARTMENTS: &[&str] = &["Research", "Finance", "Operations", "Sales", "Legal", "Customer Care"];

fn one<T: Copy + Default>(list: &[T], number: u64) -> T {
    let at = usize::try_from(number % list.len().max(1) as u64).unwrap_or_default();
    list.get(at).copied().unwrap_or_default()
}

/// A name like many others: thousands of different ones.
pub fn family(number: u64) -> String {
    format!("{}{}", one(STEMS, spread(number ^ 2)), one(ENDINGS, spread(number ^ 3)))
}

pub fn user_name(number: u64) -> String {
    format!("user{number}@example.com")
}

/// The number of the person with this user name.
pub fn number(user_name: &str) -> Option<u64> {
    user_name.strip_prefix("user")?.strip_suffix("@example.com")?.parse().ok()
}

pub fn email(number: u64) -> String {
    format!("first.last.{number}@mail.example.com")
}

pub fn external_id(number: u64) -> String {
    format!("{:016x}-{number}", spread(number))
}

/// A person, as a client sends one: some 1.3 kB.
pub fn user(number: u64) -> Value {
    let (given, family) = (one(GIVEN, spread(number ^ 1)), family(number));
    let (city, region, country) = one(CITIES, number);
    let street = format!("{} {} Street", number % 900 + 1, family);
    json!({
        "schemas": [
            "urn:ietf:params:scim:schemas:core:2.0:User",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
        ],
        "externalId": external_id(number),
        "userName": user_name(number),
        "name": {
            "formatted": format!("{given} {family}"),
            "familyName": family,
            "givenName": given,
        },
        "displayName": format!("{given} {family}"),
        "nickName": given,
        "title": one(TITLES, number),
        "userType": "Employee",
        "preferredLanguage": "en-US",
        "locale": "en-US",
        "timezone": "Europe/Stockholm",
        "active": true,
        "emails": [
            { "value": email(number), "type": "work", "primary": true },
            { "value": format!("{}.{number}@home.example.org", given.to_lowercase()), "type": "home" }
        ],
        "phoneNumbers": [
            { "value": format!("+46 70 {:07}", number % 10_000_000), "type": "mobile" },
            { "value": format!("+46 31 {:06}", number % 1_000_000), "type": "work" }
        ],
        "addresses": [{
            "formatted": format!("{street}\n{city}, {region}\n{country}"),
            "streetAddress": street,
            "locality": city,
            "region": region,
            "postalCode": format!("{:05}", number % 100_000),
            "country": country,
            "type": "work",
            "primary": true
        }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {
            "employeeNumber": format!("{:08}", number % 100_000_000),
            "costCenter": format!("CC-{}", number % 300),
            "organization": "Example Industries",
            "division": "Northern Europe",
            "department": one(DEPARTMENTS, spread(number ^ 4))
        }
    })
}

/// The bytes of [`user`].
pub fn user_text(number: u64) -> String {
    user(number).to_string()
}

/// A bulk request that creates these people.
pub fn bulk(numbers: impl Iterator<Item = u64>) -> Vec<u8> {
    let operations: Vec<Value> = numbers
        .map(|number| json!({ "method": "POST", "path": "/Users", "bulkId": format!("b{number}"), "data": user(number) }))
        .collect();
    let message = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"], "Operations": operations });
    message.to_string().into_bytes()
}

/// A PATCH with these operations.
pub fn patch(operations: Value) -> Vec<u8> {
    let message = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations });
    message.to_string().into_bytes()
}

/// A PATCH that adds these members.
pub fn add_members<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let members: Vec<Value> = ids.map(|id| json!({ "value": id })).collect();
    patch(json!([{ "op": "add", "path": "members", "value": members }]))
}

/// A PATCH that removes one member.
pub fn remove_member(id: &str) -> Vec<u8> {
    patch(json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }]))
}

/// A group without members.
pub fn group(name: &str) -> Vec<u8> {
    let group = json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": name });
    group.to_string().into_bytes()
}
