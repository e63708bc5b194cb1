//! Whose content it is, and the people in it.

use parlor_protocol::{Epoch, UserId};

use super::content::Content;
use super::error::StoreError;
use super::row::{Meta, PersonRow};
use super::value::{int, optional_bytes, optional_number, user};
use sqlx::Row;

impl Content {
    pub async fn meta(&self) -> Result<Meta, StoreError> {
        let database = self.database();
        let read = async {
            let row = sqlx::query("SELECT user, epoch, user_rev FROM meta")
                .fetch_optional(database.reader())
                .await?;
            let Some(row) = row else {
                return Ok(Meta::default());
            };
            let epoch: Option<i64> = row.try_get("epoch")?;
            Ok(Meta {
                user: optional_bytes(&row, "user")?.map(UserId),
                epoch: epoch.map(|bits| Epoch(bits as u64)),
                user_rev: optional_number(&row, "user_rev")?,
            })
        };
        read.await
            .map_err(|error: sqlx::Error| database.failed(error))
    }

    /// Makes the store that of this person and this life of the data. Anything else that it held is
    /// dropped; whether something was.
    pub async fn claim(&self, owner: UserId, epoch: Epoch) -> Result<bool, StoreError> {
        let meta = self.meta().await?;
        if meta.user == Some(owner) && meta.epoch == Some(epoch) {
            return Ok(false);
        }
        let fresh = meta == Meta::default();
        self.drop_all().await?;
        let database = self.database();
        sqlx::query(
            "INSERT OR REPLACE INTO meta (one, user, epoch, user_rev) VALUES (1, ?, ?, NULL)",
        )
        .bind(&owner.0[..])
        .bind(epoch.0 as i64)
        .execute(database.writer())
        .await
        .map_err(|error| database.failed(error))?;
        Ok(!fresh)
    }

    /// Forgets everything.
    pub async fn drop_all(&self) -> Result<(), StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let drop = async {
            for statement in [
                "DELETE FROM messages",
                "DELETE FROM ranges",
                "DELETE FROM texts",
                "DELETE FROM rooms",
                "DELETE FROM people",
                "DELETE FROM meta",
            ] {
                sqlx::query(statement).execute(&mut *transaction).await?;
            }
            transaction.commit().await
        };
        drop.await.map_err(|error| database.failed(error))
    }

    /// The person's own is held up to this rev.
    pub async fn set_user_rev(&self, rev: Option<u64>) -> Result<(), StoreError> {
        let database = self.database();
        sqlx::query("UPDATE meta SET user_rev = ?")
            .bind(rev.map(int))
            .execute(database.writer())
            .await
            .map_err(|error| database.failed(error))?;
        Ok(())
    }

    pub async fn people(&self) -> Result<Vec<PersonRow>, StoreError> {
        let database = self.database();
        let read = async {
            let rows = sqlx::query("SELECT user, name, display_name FROM people")
                .fetch_all(database.reader())
                .await?;
            rows.iter()
                .map(|row| {
                    Ok(PersonRow {
                        user: user(row, "user")?,
                        name: row.try_get("name")?,
                        display_name: row.try_get("display_name")?,
                    })
                })
                .collect::<sqlx::Result<_>>()
        };
        read.await
            .map_err(|error: sqlx::Error| database.failed(error))
    }

    pub async fn put_people(&self, people: &[PersonRow], now_ms: u64) -> Result<(), StoreError> {
        let database = self.database();
        let mut transaction = database.write().await?;
        let write = async {
            for PersonRow {
                user,
                name,
                display_name,
            } in people
            {
                sqlx::query(
                    "INSERT OR REPLACE INTO people (user, name, display_name, learned_at) VALUES (?, ?, ?, ?)",
                )
                .bind(&user.0[..])
                .bind(name)
                .bind(display_name)
                .bind(int(now_ms))
                .execute(&mut *transaction)
                .await?;
            }
            transaction.commit().await
        };
        write.await.map_err(|error| database.failed(error))
    }
}
