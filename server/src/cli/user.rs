//! `user`: accounts.

use clap::{Args, Subcommand};

use super::password::PasswordFrom;
use super::reached::{Reached, ask, unexpected};
use super::{Failure, block_on, say};
use crate::config::Loaded;
use crate::ops::admin::{Answer, Command, UserView};

#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Make an account; asks for its password, or takes it with --password-stdin
    Add(Add),
    /// All accounts
    List(List),
    /// End a person's sessions and let them in no more
    Disable(Named),
    /// Let a disabled person in again
    Enable(Named),
    /// Make a person an administrator
    Promote(Named),
    /// Make an administrator an ordinary person
    Demote(Named),
    /// Set a new password; ends the person's sessions
    ResetPassword(ResetPassword),
}

#[derive(Debug, Args)]
pub(super) struct Add {
    /// Name to log in with: 2 to 32 letters, digits, '-', '_' or '.'
    name: String,
    /// Name that people see [default: the name]
    #[arg(long, default_value = "", hide_default_value = true)]
    display_name: String,
    /// Make it an administrator's
    #[arg(long)]
    admin: bool,
    #[command(flatten)]
    password: PasswordFrom,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The account's name
    name: String,
}

#[derive(Debug, Args)]
pub(super) struct ResetPassword {
    /// The account's name
    name: String,
    #[command(flatten)]
    password: PasswordFrom,
}

impl User {
    pub(super) fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(loaded),
            Self::List(list) => block_on(list.run(loaded)),
            Self::Disable(Named { name }) => {
                let done = format!("{name} is disabled; all sessions have ended");
                change(loaded, Command::DisableUser { name }, &done)
            }
            Self::Enable(Named { name }) => {
                let done = format!("{name} may log in again");
                change(loaded, Command::EnableUser { name }, &done)
            }
            Self::Promote(Named { name }) => {
                let done = format!("{name} is an administrator");
                change(loaded, Command::PromoteUser { name }, &done)
            }
            Self::Demote(Named { name }) => {
                let done = format!("{name} is no administrator any more");
                change(loaded, Command::DemoteUser { name }, &done)
            }
            Self::ResetPassword(ResetPassword { name, password }) => {
                let password = password.get()?;
                let done = format!("{name} has a new password; all sessions have ended");
                change(loaded, Command::ResetPassword { name, password }, &done)
            }
        }
    }
}

fn change(loaded: &Loaded, command: Command, done: &str) -> Result<(), Failure> {
    match ask(loaded, command)? {
        Answer::Done => say(done),
        _ => Err(unexpected()),
    }
}

impl Add {
    fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        let password = self.password.get()?;
        let sort = if self.admin {
            "administrator"
        } else {
            "account"
        };
        let done = format!("{sort} {} is made", self.name);
        let command = Command::AddUser {
            name: self.name,
            display_name: self.display_name,
            password,
            administrator: self.admin,
        };
        change(loaded, command, &done)
    }
}

impl List {
    async fn run(self, loaded: &Loaded) -> Result<(), Failure> {
        let reached = Reached::new(loaded).await?;
        let listed = self.pages(&reached).await;
        reached.close().await;
        listed
    }

    async fn pages(&self, reached: &Reached) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let Answer::Users { users, next } = reached.run(Command::ListUsers { after }).await?
            else {
                return Err(unexpected());
            };
            for user in &users {
                say(&self.line(user)?)?;
            }
            if next.is_none() {
                return Ok(());
            }
            after = next;
        }
    }

    fn line(&self, user: &UserView) -> Result<String, Failure> {
        if self.json {
            return serde_json::to_string(user).map_err(Failure::failed);
        }
        let marks = [
            (user.administrator, "administrator"),
            (user.disabled, "disabled"),
            (user.load_test, "load test"),
        ];
        let marks = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark);
        let marks = marks.collect::<Vec<_>>().join(", ");
        let line = format!("{:<32} {:<32} {marks}", user.name, user.display_name);
        Ok(line.trim_end().to_owned())
    }
}
