//! Where UDP did not get through, for as long as the program runs.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use parlor_protocol::link::ServerAddress;

/// Servers remembered: a person has a few, and each has its nodes.
const SERVERS: usize = 64;

/// Servers that were reached over TCP while UDP was silent.
#[derive(Debug, Default)]
pub(super) struct SilentUdp(Mutex<VecDeque<ServerAddress>>);

impl SilentUdp {
    pub(super) fn is_silent(&self, server: &ServerAddress) -> bool {
        self.servers().contains(server)
    }

    pub(super) fn silent(&self, server: &ServerAddress) {
        let mut servers = self.servers();
        if servers.contains(server) {
            return;
        }
        if servers.len() >= SERVERS {
            servers.pop_front();
        }
        servers.push_back(server.clone());
    }

    pub(super) fn answered(&self, server: &ServerAddress) {
        self.servers().retain(|it| it != server);
    }

    /// Another network may let UDP through.
    pub(super) fn forget(&self) {
        self.servers().clear();
    }

    fn servers(&self) -> MutexGuard<'_, VecDeque<ServerAddress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_a_bounded_number_and_forgets_the_oldest() {
        let silent = SilentUdp::default();
        let server = |number: usize| ServerAddress {
            hosts: vec![format!("node{number}")],
            port: 7443,
        };
        (0..=SERVERS).for_each(|number| silent.silent(&server(number)));
        assert!(!silent.is_silent(&server(0)));
        assert!(silent.is_silent(&server(1)) && silent.is_silent(&server(SERVERS)));
        silent.answered(&server(1));
        assert!(!silent.is_silent(&server(1)));
        silent.forget();
        assert!(!silent.is_silent(&server(SERVERS)));
    }
}
