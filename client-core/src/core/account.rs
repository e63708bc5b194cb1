//! Opening, joining, logging in and out.

use std::sync::Arc;

use parlor_protocol::account::LogOut;
use parlor_protocol::hello::{Done, Entered, LogIn, Password, Register, Welcome};
use parlor_protocol::link::{Pin, ServerAddress};
use parlor_protocol::session::Entry;
use parlor_protocol::{Extensions, UserId};
use tokio::sync::{oneshot, watch};

use super::engine::{Engine, Order};
use super::inner::{Inner, Lifetime};
use super::render;
use super::state::{Room, State};
use crate::account::Account;
use crate::api::{
    AskError, Change, EnterError, LogOutError, Me, Notice, OpenError, Options, Queue,
};
use crate::net::{Connected, Dial, Endpoint, Flight, Link, Target, Trust, hello};
use crate::profile::Profile;
use crate::secret::SessionFile;
use crate::store::{Content, Opened, Outbox};

/// Opens a profile and starts its engine.
pub(crate) async fn open(
    profile: Profile,
    options: Options,
    reader: &Arc<Queue>,
) -> Result<Arc<Lifetime>, OpenError> {
    profile.make_folders()?;
    let session = SessionFile::new(profile.session_file());
    let account = Account::read(&profile.account_file())?;
    let outbox = Outbox::open(&profile.outbox_file()).await?;
    let (content, opened) = Content::open(&profile.content_file()).await?;
    let mut state = State::new(options.attention);
    state.readers.push(Arc::downgrade(reader));
    if let Opened::MadeAnew(reason) = opened {
        state.tell(Change::Notice(Notice {
            code: "content_made_anew",
            message: format!(
                "what was stored of rooms and messages was damaged ({reason}) and is loaded again"
            ),
            help: "what is unsent was not touched".to_owned(),
        }));
    }
    let user_rev = fill(&mut state, account, &content, &outbox).await?;
    let (orders, ordered) = Engine::channel();
    let (closing, is_closing) = watch::channel(false);
    let endpoint = Endpoint::open()?;
    let inner = Inner::new(
        profile, options, content, outbox, session, endpoint, orders, state,
    );
    let engine = Engine::new(inner.clone(), ordered, is_closing, user_rev);
    tokio::spawn(engine.run());
    Ok(Arc::new(Lifetime { inner, closing }))
}

/// Everything that is held, so that the first screen needs no network. The rev of the person's own.
async fn fill(
    state: &mut State,
    account: Option<Account>,
    content: &Content,
    outbox: &Outbox,
) -> Result<Option<u64>, OpenError> {
    let Some(account) = account else {
        return Ok(None);
    };
    let meta = content.meta().await?;
    let mine = meta.user == Some(account.user) && account.ended.is_none();
    if mine {
        let muted = outbox.muted().await?;
        let drafts = outbox.drafts().await?;
        for row in content.rooms().await? {
            let id = row.room;
            let mut room = Room::new(row);
            room.muted = muted.contains(&id);
            room.draft = drafts
                .iter()
                .find(|(of, _)| *of == id)
                .map(|(_, text)| text.clone())
                .unwrap_or_default();
            state.rooms.insert(id, room);
        }
        for person in content.people().await? {
            state.learn(person);
        }
    }
    let rows = outbox.rows(account.user).await?;
    state.outbox = rows.into_iter().map(|row| (row.place, row)).collect();
    state.account = Some(account);
    Ok(meta.user_rev.filter(|_| mine))
}

impl Inner {
    pub(crate) async fn register(
        self: &Arc<Self>,
        server: &ServerAddress,
        trust: Trust,
        code: &str,
        sign_up: crate::api::SignUp,
    ) -> Result<Me, EnterError> {
        let crate::api::SignUp {
            name,
            display_name,
            password,
        } = sign_up;
        let entry = Entry::Register(Register {
            code: code.to_owned(),
            name,
            display_name,
            password: Password(password),
            device: self.options.device.clone(),
            ext: Extensions::NONE,
        });
        self.enter(server, trust, entry).await
    }

    pub(crate) async fn log_in(
        self: &Arc<Self>,
        server: &ServerAddress,
        trust: Trust,
        name: &str,
        password: &str,
    ) -> Result<Me, EnterError> {
        let entry = Entry::LogIn(LogIn {
            name: name.to_owned(),
            password: Password(password.to_owned()),
            device: self.options.device.clone(),
            ext: Extensions::NONE,
        });
        self.enter(server, trust, entry).await
    }

    async fn enter(
        self: &Arc<Self>,
        server: &ServerAddress,
        trust: Trust,
        entry: Entry,
    ) -> Result<Me, EnterError> {
        if let Some(me) = self.state().me() {
            return Err(EnterError::ProfileTaken {
                name: me.name.clone(),
                server: me.server.to_string(),
            });
        }
        let target = Target::new(server.clone(), trust.clone())?;
        let dial = Dial::new(self.endpoint.clone(), target);
        let flight = Flight::new(&hello(&self.options.client, 0), &entry);
        let Connected {
            link,
            events,
            welcome,
            entered,
        } = Link::connect(&dial, flight).await?;
        // The session is made; the engine enters it on a link of its own.
        link.close();
        drop(events);
        self.check_unsent(entered.user).await?;
        self.begin(server, trust, &welcome, entered).await
    }

    /// What another person of this profile left unsent would be lost or sent under another name.
    async fn check_unsent(&self, user: UserId) -> Result<(), EnterError> {
        let others = self.outbox.authors().await?;
        let unsent: usize = others
            .iter()
            .filter(|(author, _)| *author != user)
            .map(|(_, count)| count)
            .sum();
        if unsent == 0 {
            return Ok(());
        }
        let name = self
            .state()
            .account
            .as_ref()
            .map_or_else(|| "somebody else".to_owned(), |it| it.name.clone());
        Err(EnterError::UnsentOfAnother { name, unsent })
    }

    async fn begin(
        self: &Arc<Self>,
        server: &ServerAddress,
        trust: Trust,
        welcome: &Welcome,
        entered: Entered,
    ) -> Result<Me, EnterError> {
        let Entered {
            user,
            name,
            display_name,
            administrator,
            session,
            token,
            ext: _,
        } = entered;
        let trust = match trust {
            Trust::Pins(_) if !welcome.pins.is_empty() => {
                Trust::Pins(welcome.pins.iter().map(|pin| Pin(*pin)).collect())
            }
            other => other,
        };
        let mut account = Account {
            user,
            name,
            display_name,
            administrator,
            session,
            server: server.clone(),
            nodes: Vec::new(),
            trust,
            installation: welcome.installation.clone(),
            ended: None,
        };
        account.take_nodes(&welcome.nodes);
        if let Some(token) = &token {
            self.session.begin(token)?;
        }
        account.write(&self.profile.account_file())?;
        let me = render::me(&account);
        self.state().tell(Change::Account);
        let (done, started) = oneshot::channel();
        let order = Order::LoggedIn(Box::new(account), done);
        self.orders
            .send(order)
            .await
            .map_err(|_| EnterError::Closed)?;
        started.await.map_err(|_| EnterError::Closed)?;
        Ok(me)
    }

    pub(crate) async fn log_out(self: &Arc<Self>, even_unsent: bool) -> Result<(), LogOutError> {
        {
            let state = self.state();
            if state.account.is_none() {
                return Err(AskError::NotLoggedIn.into());
            }
            let unsent = state.outbox.len();
            if unsent > 0 && !even_unsent {
                return Err(LogOutError::Unsent(unsent));
            }
        }
        // A server that cannot be reached ends the session when it has been idle for long enough.
        let _: Result<Done, AskError> = self
            .ask(&LogOut {
                ext: Extensions::NONE,
            })
            .await;
        let (done, forgotten) = oneshot::channel();
        self.orders
            .send(Order::LoggedOut(done))
            .await
            .map_err(|_| AskError::Closed)?;
        let result = forgotten.await.map_err(|_| AskError::Closed)?;
        result.map_err(|error| AskError::Store(error).into())
    }

    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.orders.send(Order::Close(done)).await.is_ok() {
            // An engine that ended meanwhile has closed everything.
            let _ = closed.await;
        }
    }
}
