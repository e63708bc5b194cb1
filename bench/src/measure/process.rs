//! What a process uses, as the kernel counts it.

use std::fs;
use std::time::Duration;

/// Clock ticks per second in /proc: fixed at 100 on every Linux that runs Rust programs.
const TICKS_PER_S: u64 = 100;

/// A process at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessSample {
    /// User and system time since its start.
    pub cpu: Duration,
    pub rss_bytes: u64,
    pub threads: u64,
}

/// What a process used between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUse {
    pub cpu_s: f64,
    pub rss_peak_bytes: u64,
    pub threads: u64,
}

/// Samples a process; `None` when it is gone or the system has no /proc.
pub fn sample(pid: u32) -> Option<ProcessSample> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mut sample = parse(&stat, &status)?;
    // Ticks of 10 ms are coarse; the scheduler counts the running tasks' ns.
    if let Some(cpu) = scheduled(pid) {
        sample.cpu = cpu.max(sample.cpu);
    }
    Some(sample)
}

/// Time used by a family of processes, such as a database's: of its head, of the children that the
/// head has seen end, and of those that live.
pub fn family_cpu(ids: &[u32]) -> Duration {
    let ended = ids.first().copied().and_then(ended_children);
    let live = ids.iter().filter_map(|id| sample(*id));
    live.map(|it| it.cpu).sum::<Duration>() + ended.unwrap_or_default()
}

fn ended_children(pid: u32) -> Option<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS_PER_S))
}

fn parse(stat: &str, status: &str) -> Option<ProcessSample> {
    // The name, in parentheses, may hold anything: the fields start behind the last one.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ProcessSample {
        cpu: Duration::from_millis(ticks * 1_000 / TICKS_PER_S),
        rss_bytes: field(status, "VmRSS:")? * 1024,
        threads: field(status, "Threads:")?,
    })
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Nanoseconds on a processor of all live threads.
fn scheduled(pid: u32) -> Option<Duration> {
    let mut ns = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        ns += text.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_and_spaces_is_read_past() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 3 0 100 1 1";
        let status = "Name:\ta\nVmHWM:\t  999 kB\nVmRSS:\t   100 kB\nThreads:\t3\n";
        let sample = parse(stat, status).unwrap();
        assert_eq!(sample.cpu, Duration::from_secs(3));
        assert_eq!(sample.rss_bytes, 102_400);
        assert_eq!(sample.threads, 3);
    }

    #[test]
    fn cut_off_files_say_nothing() {
        assert_eq!(parse("42 (a", ""), None);
        assert_eq!(parse("42 (a) S 1", "VmRSS: 1 kB\nThreads: 1"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_family_has_used_at_least_what_its_head_has() {
        let head = std::process::id();
        let before = sample(head).unwrap().cpu;
        assert!(family_cpu(&[head]) >= before);
        assert_eq!(family_cpu(&[]), Duration::ZERO);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_can_be_sampled() {
        let sample = sample(std::process::id()).unwrap();
        assert!(sample.rss_bytes > 0 && sample.threads > 0);
    }
}
