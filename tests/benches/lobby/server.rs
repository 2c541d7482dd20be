//! The servers: this same program again, in processes of their own.

use std::fs;
use std::future::pending;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rdv_core::LobbyConfig;
use rdv_tests::also;
use rdv_tests::answer::switching;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Accepts, reads, writes, closes: nothing can be quicker.
    Plain,
    /// The same in a task for each connection.
    PlainTokio,
    Blocking,
    Tokio,
    Smol,
    /// Somebody else's.
    Also,
}

/// A server in a process of its own, which ends with it. It listens on all addresses.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Kind {
    pub(crate) fn all() -> impl Iterator<Item = Kind> {
        let ours = [Kind::Plain, Kind::PlainTokio, Kind::Blocking, Kind::Tokio, Kind::Smol];
        ours.into_iter().chain(also::command().map(|_| Kind::Also))
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Plain => "accept, read, write, close",
            Kind::PlainTokio => "the same on tokio",
            Kind::Blocking => "rdv-blocking",
            Kind::Tokio => "rdv-tokio",
            Kind::Smol => "rdv-smol",
            Kind::Also => also::NAME,
        }
    }

    pub(crate) fn is_baseline(self) -> bool {
        matches!(self, Kind::Plain | Kind::PlainTokio)
    }

    /// Whether one client that says nothing does not keep the others from being heard.
    pub(crate) fn can_wait(self) -> bool {
        self != Kind::Plain
    }
}

impl Server {
    /// On the CPUs and in the network namespace of the calling thread.
    pub(crate) fn start(kind: Kind) -> Self {
        if kind == Kind::Also {
            let child = also::start(ALSO_PORT).expect("RDV_BENCH_ALSO is a command");
            return Self { child, port: ALSO_PORT };
        }
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .args([SERVE, kind.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut port = String::new();
        let mut answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        answers.read_line(&mut port).expect("the server says where it listens");
        Self { child, port: port.trim().parse().expect("a port") }
    }

    /// Any of its addresses.
    pub(crate) fn addr(&self, number: usize) -> SocketAddr {
        let [_, a, b, c] = (number as u32 % 0x00ff_0000 + 1).to_be_bytes();
        SocketAddr::from((Ipv4Addr::new(127, a, b, c), self.port))
    }

    /// The CPU time that it has taken so far.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(self.proc("task")).expect("the server is there");
        let nanos = tasks.map(|task| {
            let path = task.expect("a thread").path().join("schedstat");
            let text = fs::read_to_string(path).unwrap_or_default();
            text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
        });
        Duration::from_nanos(nanos.sum())
    }

    /// The bytes of memory that it has.
    pub(crate) fn resident(&self) -> usize {
        let statm = fs::read_to_string(self.proc("statm")).expect("the server is there");
        let pages: usize =
            statm.split(' ').nth(1).and_then(|pages| pages.parse().ok()).expect("a number of pages");
        pages * 4096
    }

    /// How many file descriptors it has.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).expect("the server is there").count()
    }

    fn proc(&self, file: &str) -> String {
        format!("/proc/{}/{file}", self.child.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either fails if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other process.
pub(crate) fn serve(name: &str) {
    allow_many_files();
    let kind = Kind::all().find(|kind| kind.name() == name).expect("a kind of server");
    println!("{}", begin(kind));
    // Until the other one has ended.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// As many as the system lets a process have; returns how many.
pub(crate) fn allow_many_files() -> u64 {
    let all = fs::read_to_string("/proc/sys/fs/nr_open").expect("Linux says how many");
    let all = all.trim().parse().expect("a number");
    if setrlimit(Resource::RLIMIT_NOFILE, all, all).is_ok() {
        return all;
    }
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("every process may ask");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("every process may have that");
    hard
}

/// Serves in the background.
fn begin(kind: Kind) -> u16 {
    let addr = "0.0.0.0:0".parse().expect("an address");
    let mut lobby = LobbyConfig::default();
    (lobby.max_waiting, lobby.max_conns_per_addr) = (usize::MAX, usize::MAX);
    lobby.max_rate_per_addr = None;
    match kind {
        Kind::Also => panic!("it is another program"),
        Kind::Plain => {
            let listener = listener();
            let port = listener.local_addr().expect("it is bound").port();
            thread::spawn(move || plain(&listener));
            port
        }
        Kind::PlainTokio => {
            let listener = listener();
            let port = listener.local_addr().expect("it is bound").port();
            listener.set_nonblocking(true).expect("an open socket");
            let runtime = Runtime::new().expect("a runtime");
            thread::spawn(move || runtime.block_on(plain_tokio(listener)));
            port
        }
        Kind::Blocking => {
            let mut config = rdv_blocking::ServerConfig::default();
            config.lobby = lobby;
            let server = rdv_blocking::Server::bind(&addr, config).expect("a free port");
            let port = server.local_addrs()[0].port();
            thread::spawn(|| server.run());
            port
        }
        Kind::Tokio => {
            let mut config = rdv_tokio::ServerConfig::default();
            config.lobby = lobby;
            let runtime = Runtime::new().expect("a runtime");
            let listeners = runtime.block_on(rdv_tokio::Server::bind(&addr)).expect("a free port");
            let port = listeners[0].local_addr().expect("it is bound").port();
            runtime.spawn(rdv_tokio::Server::new(config).serve_all(listeners, pending()));
            thread::spawn(move || runtime.block_on(pending::<()>()));
            port
        }
        Kind::Smol => {
            let mut config = rdv_smol::ServerConfig::default();
            config.lobby = lobby;
            let listeners = smol::block_on(rdv_smol::Server::bind(&addr)).expect("a free port");
            let port = listeners[0].get_ref().local_addr().expect("it is bound").port();
            let server = rdv_smol::Server::new(config);
            thread::spawn(|| smol::block_on(server.serve_all(listeners, pending())));
            port
        }
    }
}

fn listener() -> TcpListener {
    TcpListener::bind("0.0.0.0:0").expect("a free port")
}

fn plain(listener: &TcpListener) {
    let answer = answer();
    let mut head = [0; 1024];
    while let Ok((mut conn, _)) = listener.accept() {
        // A load that ends takes its connections along.
        let _ = conn.read(&mut head).and_then(|_| conn.write_all(answer.as_bytes()));
    }
}

async fn plain_tokio(listener: TcpListener) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a non-blocking listener");
    let answer: &str = answer().leak();
    while let Ok((mut conn, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut head = [0; 1024];
            // A load that ends takes its connections along.
            let _ = conn.read(&mut head).await;
            let _ = conn.write_all(answer.as_bytes()).await;
        });
    }
}

/// As long as a 101.
fn answer() -> String {
    switching("127.0.0.1:40000", "127.0.0.1:40001")
}

/// The argument that makes a server of this program.
pub(crate) const SERVE: &str = "serve";
/// Nobody else has it in this namespace.
const ALSO_PORT: u16 = 4999;
