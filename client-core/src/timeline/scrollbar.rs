/// Where the screen stands in the whole timeline, counted in rows: exact by
/// arithmetic on seq, whatever the rows' heights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scrollbar {
    /// Rows from floor to head.
    pub total: u64,
    /// Rows above the screen's top, the part of a row that is hidden included.
    pub first: f64,
    /// Rows on screen, cut ones in part; `first + visible <= total`, and equal
    /// at the end.
    pub visible: f64,
}

impl Scrollbar {
    /// The thumb on a track of `length` cells or pixels: its start and its
    /// length, the length never below `least`.
    pub fn thumb(&self, length: u32, least: u32) -> (u32, u32) {
        if self.total == 0 || self.visible >= self.total as f64 {
            return (0, length);
        }
        let track = f64::from(length);
        let least = f64::from(least.clamp(1, length.max(1)));
        let size = (track * self.visible / self.total as f64)
            .round()
            .clamp(least, track.max(least));
        let way = self.first / (self.total as f64 - self.visible);
        let start = ((track - size) * way.clamp(0.0, 1.0)).round();
        (start as u32, size as u32)
    }
}
