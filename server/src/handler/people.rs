//! Profiles.

use parlor_protocol::Extensions;
use parlor_protocol::account::{FindPeople, People};

use super::{Answered, failed};
use crate::guard::name;
use crate::shard::{Core, Who};

pub async fn find(core: &Core, _: &Who, request: FindPeople) -> Answered<People> {
    let names: Vec<String> = request
        .names
        .iter()
        .map(|written| name::fold(written))
        .collect();
    let people = core
        .store
        .people(&request.ids, &names)
        .await
        .map_err(failed)?;
    Ok(People {
        people,
        ext: Extensions::NONE,
    }
    .into())
}
