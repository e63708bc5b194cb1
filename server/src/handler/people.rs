//! Profiles.

use parlor_protocol::account::{FindPeople, People};

use super::{Answered, conditional, failed};
use crate::guard::name;
use crate::shard::{Core, Who};

pub async fn find(core: &Core, _: &Who, request: FindPeople) -> Answered<People> {
    let names: Vec<String> = request
        .names
        .iter()
        .map(|written| name::fold(written))
        .collect();
    let mut people = core
        .store
        .people(&request.ids, &names)
        .await
        .map_err(failed)?;
    // The same people are the same answer, in whatever order they were found.
    people.sort_by_key(|person| person.id);
    let ext = conditional::spare(&request.ext, &mut people, &[]);
    Ok(People { people, ext }.into())
}
