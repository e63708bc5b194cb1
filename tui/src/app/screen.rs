//! What is known of a screen before anything was measured.

use parlor_client_core::api::{Layout, ScreenView, Scrollbar};

/// Lines of a usual message with its name.
const USUAL_LINES: u32 = 2;

pub(super) fn layout(height: u32) -> Layout {
    Layout {
        height,
        estimate: USUAL_LINES,
    }
}

/// Until the first draw.
pub(super) fn blank() -> ScreenView {
    ScreenView {
        rows: Vec::new(),
        unsent: Vec::new(),
        scrollbar: Scrollbar {
            total: 0,
            first: 0.0,
            visible: 0.0,
        },
        at_end: true,
        new_below: 0,
        empty: false,
    }
}
