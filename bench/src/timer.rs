//! A timer finer than the runtime's, whose grain of 1 ms would show in every latency.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Instant;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// One deadline at a time, kept by the kernel.
#[derive(Debug)]
pub(crate) struct Timer {
    fd: AsyncFd<OwnedFd>,
    armed: Option<Instant>,
}

impl Timer {
    /// Must be called within a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        // SAFETY: the descriptor is open and owned here alone, nothing replaces it, and it is
        // closed only after `AsyncFd` has taken it off the runtime.
        let fd = unsafe { AsyncFd::register(fd) }?;
        Ok(Self { fd, armed: None })
    }

    /// Waits until `at`; for ever when there is nothing to wait for. May be dropped and called
    /// again with another instant.
    pub(crate) async fn until(&mut self, at: Option<Instant>) -> io::Result<()> {
        let Some(at) = at else {
            return std::future::pending().await;
        };
        if self.armed != Some(at) {
            let wait = at.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            self.arm(wait)?;
            self.armed = Some(at);
        }
        self.fd.readable().await?.clear_ready();
        self.armed = None;
        Ok(())
    }

    fn arm(&self, wait: std::time::Duration) -> io::Result<()> {
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = Itimerspec {
            it_interval: zero,
            it_value: Timespec {
                tv_sec: wait.as_secs() as i64,
                tv_nsec: i64::from(wait.subsec_nanos()),
            },
        };
        // Setting it also forgets an expiry that nobody waited for.
        timerfd_settime(self.fd.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }
}
