//! Each fault of a server or client, as the real builds will have them, is found.

use super::SEEDS;
use crate::checker::simulation::{Fault, play};
use crate::checker::{ViolationKind, check};

/// Plays worlds with the fault. Enough of them must be red, and each red one must show one
/// of the violations that the fault is known to cause.
#[track_caller]
fn found(fault: Fault, causes: &[ViolationKind]) {
    let mut red = 0;
    for seed in 0..SEEDS {
        let verdict = check(&play(seed, Some(fault)));
        if verdict.is_green() {
            continue;
        }
        red += 1;
        let shows_cause = causes.iter().any(|kind| verdict.of_kind(*kind) > 0);
        assert!(shows_cause, "{fault:?}, seed {seed}: {verdict}");
    }
    assert!(red * 3 >= SEEDS * 2, "{fault:?}: {red} of {SEEDS} red");
}

#[test]
fn acknowledging_before_the_commit_is_found() {
    found(
        Fault::AcknowledgeBeforeCommit,
        &[ViolationKind::AcknowledgedMissing],
    );
}

#[test]
fn publishing_before_the_commit_is_found() {
    found(
        Fault::PublishBeforeCommit,
        &[
            ViolationKind::DeliveredOther,
            ViolationKind::DeliveredNotCommitted,
            ViolationKind::ClientsDisagree,
        ],
    );
}

#[test]
fn ignoring_send_keys_is_found() {
    found(Fault::NoSendKeys, &[ViolationKind::SendKeyTwice]);
}

#[test]
fn ignoring_predecessors_is_found() {
    found(
        Fault::NoPredecessors,
        &[
            ViolationKind::SenderOrder,
            ViolationKind::PredecessorMissing,
        ],
    );
}

#[test]
fn skipping_the_gap_fill_is_found() {
    found(Fault::SkipGapFill, &[ViolationKind::EntryMissed]);
}

#[test]
fn a_missing_sweep_is_found() {
    found(
        Fault::NoSweep,
        &[ViolationKind::ViewRevDiffers, ViolationKind::ViewRowMissing],
    );
}

#[test]
fn pushing_to_people_who_were_removed_is_found() {
    found(
        Fault::NoUnsubscribe,
        &[
            ViolationKind::DeliveredAfterRemoval,
            ViolationKind::ViewRoomForbidden,
        ],
    );
}

#[test]
fn a_restore_without_a_new_epoch_is_found() {
    found(
        Fault::NoNewEpoch,
        &[
            ViolationKind::AcknowledgedMissing,
            ViolationKind::DeliveredNotCommitted,
            ViolationKind::DeliveredOther,
            ViolationKind::DeliveredAfterRemoval,
            ViolationKind::MembershipLost,
            ViolationKind::ClientsDisagree,
        ],
    );
}
