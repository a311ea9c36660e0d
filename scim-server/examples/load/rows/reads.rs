//! Single users: by id, and by what a filter finds.

use std::sync::Arc;

use anyhow::Result;

use crate::client::escaped;
use crate::seed;
use crate::table::Line;
use crate::world::{World, any, get};

/// GET by id.
pub async fn by_id(world: &mut World) -> Result<Vec<Line>> {
    let people = world.people.clone();
    let make = Arc::new(move |connection, number| {
        let id = any(&people, connection, number).map_or("", |person| &person.id);
        get(&format!("/scim/v2/Users/{id}"))
    });
    let turns = world.against_hello(8, make).await?;
    Ok(vec![Line::share("GET /Users/{id}", "hello", &turns, 0.50)])
}

/// A filter that finds one.
pub async fn filter(world: &mut World) -> Result<Vec<Line>> {
    type Value = fn(u64) -> String;
    let filters: [(&str, Value, f64); 3] = [
        ("userName", seed::user_name, 0.45),
        ("emails.value", seed::email, 0.40),
        ("externalId", seed::external_id, 0.45),
    ];
    let mut lines = Vec::new();
    for (attribute, value, least) in filters {
        let people = world.people.clone();
        let make = Arc::new(move |connection, number| {
            let person = any(&people, connection, number).map_or(0, |person| person.number);
            let filter = format!("{attribute} eq \"{}\"", value(person));
            get(&format!("/scim/v2/Users?filter={}", escaped(&filter)))
        });
        let turns = world.against_hello(8, make).await?;
        lines.push(Line::share(&format!("filter {attribute} eq, a hit"), "hello", &turns, least));
    }
    Ok(lines)
}
