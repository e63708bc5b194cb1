#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::oneshot;

use super::*;

/// Says back what it was asked.
struct Echo;

#[async_trait]
impl Admin for Echo {
    async fn run(&self, command: Command) -> Result<Answer, String> {
        match command {
            Command::Status => Ok(Answer::Done),
            Command::DisableUser { name } => Err(format!("no {name}")),
            Command::ListUsers { .. } => {
                let view = |index: u32| UserView {
                    id: index.to_string(),
                    name: "n".repeat(32),
                    display_name: "d".repeat(64),
                    administrator: false,
                    disabled: false,
                    load_test: false,
                    made_at_ms: 0,
                };
                Ok(Answer::Users {
                    users: (0..PAGE).map(view).collect(),
                    next: None,
                })
            }
            // Never ends: cut when the server stops.
            _ => std::future::pending().await,
        }
    }
}

struct Running {
    folder: tempfile::TempDir,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    fn path(&self) -> PathBuf {
        self.folder.path().join("admin.sock")
    }
}

fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let listener = bind(&folder.path().join("admin.sock")).unwrap();
    let (stop, stopped) = oneshot::channel();
    let stopped = async move { drop(stopped.await) };
    let task = tokio::spawn(serve(listener, Arc::new(Echo), stopped));
    Running { folder, stop, task }
}

async fn raw(running: &Running, bytes: &[u8]) -> String {
    let mut stream = BufReader::new(UnixStream::connect(running.path()).await.unwrap());
    stream.get_mut().write_all(bytes).await.unwrap();
    let mut line = String::new();
    stream.read_line(&mut line).await.unwrap();
    line
}

#[tokio::test]
async fn commands_are_answered_one_after_another() {
    let running = start();
    let mode = fs::metadata(running.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let client = Client::connect(&running.path()).await.unwrap();
    assert_eq!(client.run(Command::Status).await, Ok(Answer::Done));
    let name = "ann".to_owned();
    assert_eq!(
        client.run(Command::DisableUser { name }).await,
        Err("no ann".to_owned())
    );
    assert_eq!(client.run(Command::Status).await, Ok(Answer::Done));
    let listed = client
        .run(Command::ListUsers { after: None })
        .await
        .unwrap();
    assert!(matches!(listed, Answer::Users { users, .. } if users.len() == PAGE as usize));
}

#[tokio::test]
async fn what_is_no_command_is_told_so_and_harms_nobody() {
    let running = start();
    for line in [
        "hello\n",
        "{}\n",
        "{\"command\":\"shut_down\"}\n",
        "{\"command\":\"list_users\",\"x\":1}\n",
    ] {
        let answer = raw(&running, line.as_bytes()).await;
        assert!(
            answer.contains("use a tool of its version"),
            "{line:?}: {answer:?}"
        );
    }
    let long = vec![b'x'; 2 * 1024 * 1024];
    let answer = raw(&running, &long[..1024 * 1024]).await;
    assert!(answer.contains("one line of at most"), "{answer:?}");
    let client = Client::connect(&running.path()).await.unwrap();
    assert_eq!(client.run(Command::Status).await, Ok(Answer::Done));
}

#[tokio::test]
async fn a_tool_that_says_nothing_is_cut_off() {
    let running = start();
    let mut stream = UnixStream::connect(running.path()).await.unwrap();
    stream.write_all(b"{\"command\":").await.unwrap();
    tokio::time::pause();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_ninth_tool_waits_for_its_turn() {
    let running = start();
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(UnixStream::connect(running.path()).await.unwrap());
    }
    let client = Client::connect(&running.path()).await.unwrap();
    let asked = tokio::spawn(async move { client.run(Command::Status).await });
    silent.pop();
    assert_eq!(asked.await.unwrap(), Ok(Answer::Done));
}

#[tokio::test]
async fn stopping_cuts_what_is_under_way() {
    let running = start();
    let client = Client::connect(&running.path()).await.unwrap();
    let to = PathBuf::from("x");
    let asked = tokio::spawn(async move { client.run(Command::CopyDatabase { to }).await });
    tokio::task::yield_now().await;
    running.stop.send(()).unwrap();
    running.task.await.unwrap();
    let error = asked.await.unwrap().unwrap_err();
    assert!(
        error.starts_with("the server ended the conversation"),
        "{error}"
    );
    let path = running.folder.path().join("admin.sock");
    let error = Client::connect(&path).await.unwrap_err();
    assert!(matches!(error, ClientError::NoServer), "{error}");
    bind(&path).unwrap();
}

#[tokio::test]
async fn a_folder_of_others_is_no_place_for_a_socket() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let error = bind(&folder.path().join("admin.sock"))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("its folder is not this user's alone"),
        "{error}"
    );
}

#[test]
fn secrets_are_not_printed() {
    let command = Command::AddUser {
        name: "ann".into(),
        display_name: String::new(),
        password: Password("hunter2hunter2".into()),
        administrator: false,
    };
    assert!(!format!("{command:?}").contains("hunter2"));
    let account = LoadAccount {
        user: "u".into(),
        name: "n".into(),
        password: "hunter2hunter2".into(),
        token: "hunter2".into(),
    };
    assert!(!format!("{account:?}").contains("hunter2"));
}
