//! Figures of this process, from the kernel.

use super::text::Text;

/// Memory, processor time and descriptors; zeros where the system does not tell (`/proc`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    pub rss_bytes: u64,
    pub cpu_s: f64,
    pub open_files: u64,
}

impl Process {
    pub fn now() -> Self {
        Self {
            rss_bytes: rss_bytes().unwrap_or_default(),
            cpu_s: cpu_s(),
            open_files: std::fs::read_dir("/proc/self/fd").map_or(0, |all| all.count() as u64),
        }
    }

    pub(super) fn render(self, text: &mut Text) {
        let name = "process_resident_memory_bytes";
        text.family(name, "gauge", "Resident memory of the process.");
        text.sample(name, "", &[], self.rss_bytes);
        let name = "process_cpu_seconds_total";
        text.family(name, "counter", "User and system time of the process.");
        text.sample(name, "", &[], self.cpu_s);
        let name = "process_open_fds";
        text.family(name, "gauge", "Open descriptors of the process.");
        text.sample(name, "", &[], self.open_files);
    }
}

fn rss_bytes() -> Option<u64> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}

fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
