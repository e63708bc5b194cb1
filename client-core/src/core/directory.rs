//! The directory of public rooms, page by page in the server's order.

use std::sync::Arc;

use parlor_protocol::limit::PAGE_ROWS;
use parlor_protocol::room::{ListRooms, RoomListing, Rooms};
use parlor_protocol::{Extensions, RoomId};

use super::inner::Inner;
use super::rooms::same_name;
use crate::api::{AskError, DirectoryCursor, DirectoryView, FindRoomError, ListingView};

/// Pages of one walk through the directory, however small they are: 100,000 rooms at the usual
/// hundred a page, and an end for whoever walks through a server that turns in circles.
const MAX_PAGES: u32 = 1_000;
/// Pages looked through for a name: 10,000 rooms; one beyond is found by its id.
const MAX_PAGES_FOR_A_NAME: usize = 50;

impl Inner {
    pub(super) async fn ask_directory(
        self: &Arc<Self>,
        at: &DirectoryCursor,
        limit: u16,
    ) -> Result<DirectoryView, AskError> {
        let question = ListRooms {
            after: at.after.clone(),
            limit: limit.clamp(1, PAGE_ROWS),
            ext: Extensions::NONE,
        };
        let Rooms {
            rooms,
            more,
            ext: _,
        } = self.ask(&question).await?;
        let last = rooms.last().filter(|_| more);
        let next = last.and_then(|last| behind(at, &last.name));
        Ok(DirectoryView {
            rows: rooms.into_iter().map(listing).collect(),
            next,
        })
    }

    /// The public room of that name.
    pub(super) async fn find_public(self: &Arc<Self>, name: &str) -> Result<RoomId, FindRoomError> {
        let not_found = || FindRoomError::NotFound(name.to_owned());
        let mut at = DirectoryCursor::default();
        for _ in 0..MAX_PAGES_FOR_A_NAME {
            let DirectoryView { rows, next } = match self.ask_directory(&at, PAGE_ROWS).await {
                Ok(page) => page,
                Err(AskError::Offline) => return Err(not_found()),
                Err(error) => return Err(error.into()),
            };
            let mut rows = rows.iter();
            if let Some(found) = rows.find(|listing| same_name(&listing.name, name)) {
                return Ok(found.id);
            }
            at = next.ok_or_else(not_found)?;
        }
        Err(not_found())
    }
}

/// The page behind the one at `at`, whose last room is called `last` as the server writes it: what
/// is shown of a name may be shorter, and would lead elsewhere. `None` where it leads nowhere.
fn behind(at: &DirectoryCursor, last: &str) -> Option<DirectoryCursor> {
    let pages = at.pages + 1;
    (last != at.after && pages < MAX_PAGES).then(|| DirectoryCursor {
        after: last.to_owned(),
        pages,
    })
}

fn listing(listing: RoomListing) -> ListingView {
    let RoomListing {
        room,
        name,
        topic,
        members,
        joined,
    } = listing;
    ListingView {
        id: room,
        name: crate::text::sanitize_line(&name, 64),
        topic: crate::text::sanitize_line(&topic, 512),
        members,
        joined,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_next_page_begins_behind_the_name_as_it_is() {
        let start = DirectoryCursor::default();
        // What a screen would show of it is another name.
        let name = "a\u{200b}b".repeat(40);
        assert_eq!(behind(&start, &name).unwrap().after, name);
    }

    #[test]
    fn a_page_that_leads_to_itself_is_the_last() {
        let at = behind(&DirectoryCursor::default(), "tea").unwrap();
        assert_eq!(behind(&at, "tea"), None);
    }

    #[test]
    fn a_server_that_turns_in_circles_is_left_in_the_end() {
        let (mut at, mut pages) = (DirectoryCursor::default(), 1);
        while let Some(next) = behind(&at, ["one", "other"][pages as usize % 2]) {
            (at, pages) = (next, pages + 1);
        }
        assert_eq!(pages, MAX_PAGES);
    }
}
