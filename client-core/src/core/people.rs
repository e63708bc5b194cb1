//! Names: learned from entries and lists, asked for where a screen shows somebody unknown.

use std::sync::Arc;

use parlor_protocol::account::{FindPeople, People, Person};
use parlor_protocol::limit::PAGE_ROWS;
use parlor_protocol::{Extensions, UserId};

use super::inner::Inner;
use super::render;
use super::screen::lock;
use super::state::{MAX_PEOPLE, now_ms};
use crate::api::{AskError, Change, PersonView};
use crate::store::PersonRow;

impl From<Person> for PersonRow {
    fn from(person: Person) -> Self {
        let Person {
            id,
            name,
            display_name,
        } = person;
        Self {
            user: id,
            name,
            display_name,
        }
    }
}

impl Inner {
    /// Keeps people and shows their names wherever they stand.
    pub(crate) async fn learn(&self, people: Vec<PersonRow>) {
        let new: Vec<PersonRow> = {
            let mut state = self.state();
            people
                .into_iter()
                .filter(|person| state.learn(person.clone()))
                .collect()
        };
        if new.is_empty() {
            return;
        }
        // A name that is not kept is asked for again after the next start.
        let _ = self.content.put_people(&new, now_ms()).await;
        self.show_names().await;
    }

    async fn show_names(&self) {
        let mut state = self.state();
        let screens = state.all_screens();
        for screen in screens {
            let mut screen = lock(&screen);
            let room = screen.room();
            screen.refresh(|row| {
                // A long text that is whole on screen stays so: only its preview is known here.
                row.long
                    .is_none()
                    .then(|| render::message(&mut state, room, row, None))
            });
            state.tell(Change::Timeline(room));
        }
        state.tell(Change::Rooms);
    }

    /// Asks for the names that screens lack.
    pub(super) async fn ask_unknown(self: Arc<Self>) {
        let wanted: Vec<UserId> = {
            let mut state = self.state();
            let wanted: Vec<UserId> = state
                .wishes
                .unknown
                .iter()
                .take(PAGE_ROWS.into())
                .copied()
                .collect();
            for user in &wanted {
                state.wishes.unknown.remove(user);
            }
            wanted
        };
        let asked = FindPeople {
            ids: wanted.clone(),
            names: Vec::new(),
            ext: Extensions::NONE,
        };
        // Not answered, they are wanted again by the next screen that shows them.
        let Ok(People { people, ext: _ }) = self.ask(&asked).await else {
            return;
        };
        let found: Vec<PersonRow> = people.into_iter().map(PersonRow::from).collect();
        self.note_nobody(&wanted, &found);
        self.learn(found).await;
    }

    /// Who the server does not know either is not asked for again.
    fn note_nobody(&self, wanted: &[UserId], found: &[PersonRow]) {
        let nobody = &mut self.state().wishes.nobody;
        if nobody.len() >= MAX_PEOPLE {
            nobody.clear();
        }
        nobody.extend(
            wanted
                .iter()
                .filter(|user| !found.iter().any(|row| row.user == **user)),
        );
    }

    pub(crate) async fn find_people(
        self: &Arc<Self>,
        names: &[String],
    ) -> Result<Vec<PersonView>, AskError> {
        let asked = FindPeople {
            ids: Vec::new(),
            names: names.to_vec(),
            ext: Extensions::NONE,
        };
        let People { people, ext: _ } = self.ask(&asked).await?;
        let rows: Vec<PersonRow> = people.into_iter().map(PersonRow::from).collect();
        let views = rows.iter().map(render::person).collect();
        self.learn(rows).await;
        Ok(views)
    }
}
