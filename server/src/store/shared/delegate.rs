//! The part of [`Store`](crate::store::Store) that is the same in every store: each call goes to the
//! function of the database's own module, reads by `self.read`, writes with `self.writes()`.

/// Implements the trait for a store: what stands in the braces is its own, the rest is passed on to
/// `accounts`, `sessions`, `invites`, `rooms`, `own`, `marks`, `texts` and `reached`, all of which the caller has
/// in scope, and to `self.read_page` and `self.read_changes`.
macro_rules! delegating_store {
    ($store:ty { $($own:tt)* }) => {
        #[async_trait::async_trait]
        impl $crate::store::Store for $store {
            $($own)*

            async fn is_empty(&self) -> Result<bool> {
                self.read(|readers| accounts::is_empty(readers)).await
            }

            async fn prune(&self, now_ms: u64, limit: u32) -> Result<u64> {
                prune::prune(self.writes(), now_ms, limit).await
            }

            async fn erase_load(&self, limit: u32) -> Result<u64> {
                erase::load(self.writes(), limit).await
            }

            async fn create_user(&self, user: NewUser) -> Result<std::result::Result<(), Refusal>> {
                accounts::create(self.writes(), user).await
            }

            async fn user(&self, user: UserId) -> Result<Option<UserRow>> {
                self.read(|readers| accounts::by_id(readers, user)).await
            }

            async fn user_by_name(&self, folded: &str) -> Result<Option<UserRow>> {
                self.read(|readers| accounts::by_name(readers, folded))
                    .await
            }

            async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserRow>> {
                self.read(|readers| accounts::all(readers, after, limit))
                    .await
            }

            async fn people(&self, ids: &[UserId], folded_names: &[String]) -> Result<Vec<Person>> {
                self.read(|readers| accounts::people(readers, ids, folded_names))
                    .await
            }

            async fn set_password(&self, user: UserId, hash: &str) -> Result<()> {
                accounts::set(self.writes(), user, Set::Password(hash.to_owned())).await
            }

            async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<()> {
                accounts::set(self.writes(), user, Set::Disabled(disabled)).await
            }

            async fn set_administrator(&self, user: UserId, administrator: bool) -> Result<()> {
                accounts::set(self.writes(), user, Set::Administrator(administrator)).await
            }

            async fn create_session(&self, session: NewSession) -> Result<()> {
                sessions::create(self.writes(), session).await
            }

            async fn session_by_token(&self, hash: &TokenHash) -> Result<Option<SessionFound>> {
                self.read(|readers| sessions::by_token(readers, hash)).await
            }

            async fn offer_token(
                &self,
                session: SessionId,
                next: &TokenHash,
                now_ms: u64,
            ) -> Result<()> {
                sessions::offer(self.writes(), session, next, now_ms).await
            }

            async fn accept_token(
                &self,
                session: SessionId,
                next: &TokenHash,
                now_ms: u64,
            ) -> Result<()> {
                sessions::accept(self.writes(), session, next, now_ms).await
            }

            async fn touch_sessions(&self, seen: &[(SessionId, u64, String)]) -> Result<()> {
                sessions::touch(self.writes(), seen).await
            }

            async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>> {
                self.read(|readers| sessions::of_user(readers, user)).await
            }

            async fn end_session(&self, user: UserId, session: SessionId) -> Result<bool> {
                sessions::end(self.writes(), user, session).await
            }

            async fn end_sessions(
                &self,
                user: UserId,
                but: Option<SessionId>,
            ) -> Result<Vec<SessionId>> {
                sessions::end_all(self.writes(), user, but).await
            }

            async fn create_invite(&self, invite: NewInvite) -> Result<()> {
                invites::create(self.writes(), invite).await
            }

            async fn invite(
                &self,
                code: &CodeHash,
                user: Option<UserId>,
                now_ms: u64,
            ) -> Result<Option<InviteRow>> {
                self.read(|readers| invites::by_code(readers, code, user, now_ms))
                    .await
            }

            async fn use_invite(&self, code: &CodeHash, user: UserId, now_ms: u64) -> Result<bool> {
                invites::use_once(self.writes(), code, user, now_ms).await
            }

            async fn access(&self, room: RoomId, reader: UserId) -> Result<Option<Access>> {
                self.read(|readers| rooms::access(readers, room, reader))
                    .await
            }

            async fn room_by_name(&self, folded: &str) -> Result<Option<RoomId>> {
                self.read(|readers| rooms::room_by_name(readers, folded))
                    .await
            }

            async fn summary(&self, room: RoomId, reader: UserId) -> Result<Option<RoomSummary>> {
                let summary = self
                    .read(|readers| rooms::summary(readers, room, reader))
                    .await?;
                // What was told of a room once, no later answer is older than.
                if let Some(summary) = &summary {
                    self.noted(room, summary.rev);
                }
                Ok(summary)
            }

            async fn heads(&self, reader: UserId) -> Result<Vec<(Head, bool)>> {
                let heads = self.read(|readers| rooms::heads(readers, reader)).await?;
                for (head, _) in &heads {
                    self.noted(head.room, head.rev);
                }
                Ok(heads)
            }

            async fn directory(
                &self,
                reader: UserId,
                after_folded: &str,
                limit: u16,
            ) -> Result<Vec<RoomListing>> {
                self.read(|readers| rooms::directory(readers, reader, after_folded, limit))
                    .await
            }

            async fn members(
                &self,
                room: RoomId,
                after: Option<UserId>,
                limit: u16,
            ) -> Result<Vec<(Person, Role)>> {
                self.read(|readers| rooms::members(readers, room, after, limit))
                    .await
            }

            async fn member_ids(&self, room: RoomId, limit: u32) -> Result<Vec<UserId>> {
                self.read(|readers| rooms::member_ids(readers, room, limit))
                    .await
            }

            async fn page(
                &self,
                room: RoomId,
                timeline: Timeline,
                place: Place,
                seq: u64,
                limit: u16,
                visible_from: u64,
            ) -> Result<Page> {
                let asked = Asked {
                    room,
                    timeline,
                    place,
                    seq,
                    limit,
                    visible_from,
                };
                self.read_page(asked).await
            }

            async fn changes(
                &self,
                room: RoomId,
                since: u64,
                visible_from: u64,
            ) -> Result<RoomChanges> {
                self.read_changes(room, since, visible_from).await
            }

            async fn user_changes(&self, user: UserId, since: Option<u64>) -> Result<UserChanges> {
                let changes = self
                    .read(|readers| own::user_changes(readers, user, since))
                    .await?;
                for head in &changes.heads {
                    self.noted(head.room, head.rev);
                }
                Ok(changes)
            }

            async fn mark(
                &self,
                user: UserId,
                room: RoomId,
                timeline: Timeline,
                seq: u64,
            ) -> Result<Option<(UserAppended, Marker)>> {
                marks::mark(self.writes(), user, room, timeline, seq).await
            }

            async fn text(
                &self,
                room: RoomId,
                timeline: Timeline,
                seq: u64,
                visible_from: u64,
            ) -> Result<Option<(LongText, Vec<u8>)>> {
                self.read(|readers| texts::get(readers, room, timeline, seq, visible_from))
                    .await
            }

            async fn rooms_reached(&self, rooms: &[RoomId]) -> Result<Vec<Head>> {
                let heads = self.read(|readers| reached::rooms(readers, rooms)).await?;
                for head in &heads {
                    self.noted(head.room, head.rev);
                }
                Ok(heads)
            }

            async fn people_reached(&self, users: &[UserId]) -> Result<Vec<(UserId, u64)>> {
                self.read(|readers| reached::people(readers, users)).await
            }

            async fn living_sessions(&self, sessions: &[SessionId]) -> Result<Vec<SessionId>> {
                self.read(|readers| reached::sessions(readers, sessions))
                    .await
            }
        }
    };
}

pub(in crate::store) use delegating_store;
