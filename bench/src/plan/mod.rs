//! What is sent when, by whom and where: computed ahead from the seed, before anything runs.

mod key;
mod schedule;
mod text;

pub use key::KeyMaker;
pub use schedule::{PlanError, Steady, append_steady};
pub use text::Texts;

/// Index of a post in its plan; also what a send key carries.
pub type PostIndex = u32;
/// Index of a virtual user.
pub type UserIndex = u32;
/// Index of a room of the load.
pub type RoomIndex = u32;

/// One message to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedPost {
    /// When, ns after the plan's start.
    pub at_ns: u64,
    pub sender: UserIndex,
    pub room: RoomIndex,
    /// Which segment of the run it counts for.
    pub segment: u16,
}

/// A stretch of the run whose figures are kept apart: the warm-up, the window, a step of a ramp.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    pub name: String,
    /// From and to, ns after the plan's start.
    pub from_ns: u64,
    pub to_ns: u64,
    /// Whether its figures count for the verdict.
    pub counted: bool,
}

/// All posts of a run in the order of their instants.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    pub posts: Vec<PlannedPost>,
    pub segments: Vec<Segment>,
}

impl Plan {
    /// When the last segment ends, ns after the start.
    pub fn end_ns(&self) -> u64 {
        self.segments.last().map_or(0, |segment| segment.to_ns)
    }

    /// The plan without what comes after so many posts.
    pub fn first(&self, posts: usize) -> Self {
        Self {
            posts: self.posts[..posts].to_vec(),
            segments: self.segments.clone(),
        }
    }

    /// Posts of the segments that count.
    pub fn counted_posts(&self) -> usize {
        let counts = |post: &&PlannedPost| self.segments[usize::from(post.segment)].counted;
        self.posts.iter().filter(counts).count()
    }

    /// Seconds of the segments that count.
    pub fn counted_seconds(&self) -> f64 {
        self.segments
            .iter()
            .filter(|segment| segment.counted)
            .map(|segment| (segment.to_ns - segment.from_ns) as f64 / 1e9)
            .sum()
    }
}
