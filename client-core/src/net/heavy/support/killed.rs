use std::sync::mpsc;
use std::thread::JoinHandle;

use parlor_protocol::hello::Node;
use tokio::sync::oneshot;

use super::node;
use super::server::{Identity, Options, TestServer};

/// A server on a thread and a runtime of its own, so that it can vanish as a killed process does:
/// no close is sent, the port is free.
pub struct KilledServer {
    pub port: u16,
    kill: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl KilledServer {
    /// Welcomes and enters whoever comes, and does nothing else.
    pub fn start(identity: Identity) -> Self {
        Self::naming(identity, Vec::new())
    }

    /// The same, naming other nodes beside itself.
    pub fn naming(identity: Identity, others: Vec<Node>) -> Self {
        let (kill, mut killed) = oneshot::channel();
        let (tell_port, port) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let mut sessions = Vec::new();
            let server = runtime.block_on(async {
                let server = TestServer::with(Options {
                    identity,
                    ..Options::default()
                });
                tell_port.send(server.port()).unwrap();
                let own = node(&server, 0);
                let nodes: Vec<Node> = [own].into_iter().chain(others).collect();
                loop {
                    tokio::select! {
                        _ = &mut killed => return server,
                        session = server.entered_with(nodes.clone()) => sessions.push(session),
                    }
                }
            });
            // First what would send the close, then what would ask for it.
            drop(runtime);
            drop(sessions);
            drop(server);
        });
        Self {
            port: port.recv().unwrap(),
            kill,
            thread,
        }
    }

    /// Returns when it is gone.
    pub fn kill(self) {
        self.kill.send(()).unwrap();
        self.thread.join().unwrap();
    }
}
