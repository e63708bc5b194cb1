//! Reading messages, read markers, long texts.

use bytes::Bytes;
use parlor_protocol::hello::Done;
use parlor_protocol::limit::{PAGE_MESSAGES, TEXT_BYTES};
use parlor_protocol::message::{GetPage, GetText, Mark, Page, PutText, Text};
use parlor_protocol::{Code, Extensions, Refusal};
use sha2::{Digest, Sha256};

use super::{Answer, Answered, allowed, answer_of, conditional, failed};
use crate::room::rules::Action;
use crate::shard::{Core, ToShard, Who};

pub async fn page(core: &Core, who: &Who, request: GetPage) -> Answered<Page> {
    let access = allowed(core, who, request.room, Action::Read).await?;
    let GetPage {
        room,
        timeline,
        place,
        seq,
        limit,
        ext,
    } = request;
    let limit = limit.clamp(1, PAGE_MESSAGES);
    let mut page = core
        .store
        .page(room, timeline, place, seq, limit, access.visible_from)
        .await
        .map_err(failed)?;
    page.ext = conditional::spare(&ext, &mut page.messages, &[page.floor]);
    Ok(answer_of(page, room, access))
}

pub async fn mark(core: &Core, who: &Who, request: Mark) -> Answered<Done> {
    allowed(core, who, request.room, Action::Post).await?;
    let moved = core
        .store
        .mark(who.user, request.room, request.timeline, request.seq)
        .await
        .map_err(failed)?;
    if let Some((appended, _)) = moved {
        if let Some(peers) = &core.peers {
            peers.user_appended(&appended);
        }
        core.shard.send(ToShard::User(Box::new(appended))).await;
    }
    Ok(Done::default().into())
}

/// Whether an upload may begin: checked before its bytes are read.
pub async fn may_put(core: &Core, who: &Who, request: &PutText) -> Result<(), Refusal> {
    if request.long.bytes as usize > TEXT_BYTES {
        return Err(Refusal::new(Code::TEXT_TOO_LONG));
    }
    allowed(core, who, request.room, Action::Post)
        .await
        .map(drop)
}

/// Keeps an uploaded text once it is what it claims to be.
pub async fn put_text(core: &Core, request: PutText, bytes: Vec<u8>) -> Result<Done, Refusal> {
    let hash: [u8; 32] = Sha256::digest(&bytes).into();
    let text = std::str::from_utf8(&bytes);
    if hash != request.long.hash {
        return Err(Refusal::with_text(
            Code::MALFORMED,
            "The text's bytes do not fit its hash; send it again.",
        ));
    }
    match text {
        Ok(text) if text.contains('\0') => return Err(Refusal::new(Code::TEXT_HAS_NUL)),
        Ok(_) => {}
        Err(_) => {
            return Err(Refusal::with_text(
                Code::MALFORMED,
                "The text is not UTF-8.",
            ));
        }
    }
    core.store
        .put_text(request.long, bytes)
        .await
        .map_err(failed)?;
    Ok(Done::default())
}

pub async fn get_text(
    core: &Core,
    who: &Who,
    request: GetText,
) -> Result<(Answer<Text>, Bytes), Refusal> {
    let access = allowed(core, who, request.room, Action::Read).await?;
    let GetText {
        room,
        timeline,
        seq,
        ext: _,
    } = request;
    let text = core
        .store
        .text(room, timeline, seq, access.visible_from)
        .await
        .map_err(failed)?;
    let (long, bytes) =
        text.ok_or_else(|| Refusal::with_text(Code::NOT_FOUND, "There is no such long text."))?;
    Ok((
        answer_of(
            Text {
                long,
                ext: Extensions::NONE,
            },
            room,
            access,
        ),
        bytes.into(),
    ))
}
