//! The servers, in processes of their own: this same program again, or haproxy.

use std::fs;
use std::future::pending;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::time::ClockId;
use nix::unistd::Pid;
use rdv_tests::also;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::bare;

/// What is between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Direct,
    /// A proxy that has a thread for each direction.
    Bare,
    /// A proxy of tokio's `copy_bidirectional`.
    Proxy,
    /// The best that is known, where it is installed: it is told to splice whatever comes, by pipes of a MiB.
    Haproxy,
    Blocking,
    Tokio,
    Smol,
    /// Somebody else's.
    Also,
}

/// A server in a process of its own, which ends with it.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// Its configuration, if it has one.
    file: Option<PathBuf>,
}

impl Kind {
    pub(crate) const ALL: [Kind; 8] = [
        Kind::Direct,
        Kind::Bare,
        Kind::Proxy,
        Kind::Haproxy,
        Kind::Blocking,
        Kind::Tokio,
        Kind::Smol,
        Kind::Also,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Direct => "direct",
            Kind::Bare => "threads that splice",
            Kind::Proxy => "copy_bidirectional",
            Kind::Haproxy => "haproxy, splicing",
            Kind::Blocking => "rdv-blocking",
            Kind::Tokio => "rdv-tokio",
            Kind::Smol => "rdv-smol",
            Kind::Also => also::NAME,
        }
    }

    pub(crate) fn is_baseline(self) -> bool {
        matches!(self, Kind::Direct | Kind::Bare | Kind::Proxy | Kind::Haproxy)
    }

    /// Whether it can be measured here.
    pub(crate) fn is_there(self) -> bool {
        let version = || Command::new(HAPROXY).arg("-v").stdout(Stdio::null()).status();
        match self {
            Kind::Haproxy => version().is_ok_and(|status| status.success()),
            Kind::Also => also::command().is_some(),
            Kind::Direct | Kind::Bare | Kind::Proxy | Kind::Blocking | Kind::Tokio | Kind::Smol => true,
        }
    }
}

impl Server {
    /// On the CPUs and in the network namespace of the calling thread. A proxy leads to `target`.
    pub(crate) fn start(kind: Kind, target: SocketAddr) -> Self {
        match kind {
            Kind::Haproxy => return Self::start_haproxy(target),
            Kind::Also => return Self::start_other(),
            Kind::Direct | Kind::Bare | Kind::Proxy | Kind::Blocking | Kind::Tokio | Kind::Smol => {}
        }
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .args([SERVE, kind.name(), &target.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let mut addr = String::new();
        let answers = child.stdout.take().expect("stdout is piped");
        BufReader::new(answers).read_line(&mut addr).expect("the server begins");
        let addr = addr.trim_end().parse().expect("the server says where it listens");
        Self { child, addr, file: None }
    }

    fn start_haproxy(target: SocketAddr) -> Self {
        let addr = free_addr();
        let file = std::env::temp_dir().join(format!("rdv-bench-{}-{}.cfg", std::process::id(), addr.port()));
        let config = format!(
            "global\n maxconn 64\n maxpipes 48\n tune.pipesize 1048576\n\
             defaults\n mode tcp\n timeout connect 5s\n timeout client 1h\n timeout server 1h\n \
             option splice-request\n option splice-response\n\
             listen relay\n bind {addr}\n server target {target}\n"
        );
        fs::write(&file, config).expect("a folder for temporary files");
        let child = Command::new(HAPROXY)
            .args(["-db", "-q", "-f"])
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .expect("it has told its version");
        let server = Self { child, addr, file: Some(file) };
        let patience = Instant::now() + Duration::from_secs(10);
        while !server.listens() {
            assert!(Instant::now() < patience, "haproxy does not begin to listen");
            thread::sleep(Duration::from_millis(5));
        }
        server
    }

    fn start_other() -> Self {
        let addr = free_addr();
        let child = also::start(addr.port()).expect("RDV_BENCH_ALSO is a command");
        Self { child, addr, file: None }
    }

    /// Without a connection, which would become one to the target.
    fn listens(&self) -> bool {
        let listening = format!(":{:04X} 00000000:0000 0A", self.addr.port());
        fs::read_to_string("/proc/thread-self/net/tcp").is_ok_and(|table| table.contains(&listening))
    }

    /// The CPU time that it has taken so far.
    pub(crate) fn cpu(&self) -> Duration {
        let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(self.child.id() as i32));
        clock.and_then(ClockId::now).expect("a process that lives has a clock").into()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Each fails if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = self.file.take().map(fs::remove_file);
    }
}

/// The other process.
pub(crate) fn serve(args: &[String]) {
    let [name, target] = args else {
        panic!("a server has a kind and a target");
    };
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).expect("a kind of server");
    let target = target.parse().expect("an address");
    println!("{}", begin(kind, target));
    // It ends when whoever has started it does.
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Serves in the background.
fn begin(kind: Kind, target: SocketAddr) -> SocketAddr {
    let addr = "127.0.0.1:0".parse().expect("an address");
    match kind {
        Kind::Direct | Kind::Haproxy | Kind::Also => panic!("that is no server of this program's"),
        Kind::Bare => bare::begin(target),
        Kind::Proxy => {
            let runtime = Runtime::new().expect("a runtime");
            let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
            let addr = listener.local_addr().expect("it is bound");
            runtime.spawn(proxy(listener, target));
            thread::spawn(move || runtime.block_on(pending::<()>()));
            addr
        }
        Kind::Blocking => {
            let server = rdv_blocking::Server::bind(&addr, Default::default()).expect("a free port");
            let addr = server.local_addrs()[0];
            thread::spawn(|| server.run());
            addr
        }
        Kind::Tokio => {
            let runtime = Runtime::new().expect("a runtime");
            let listeners = runtime.block_on(rdv_tokio::Server::bind(&addr)).expect("a free port");
            let addr = listeners[0].local_addr().expect("it is bound");
            runtime.spawn(rdv_tokio::Server::new(Default::default()).serve_all(listeners, pending()));
            thread::spawn(move || runtime.block_on(pending::<()>()));
            addr
        }
        Kind::Smol => {
            let listeners = smol::block_on(rdv_smol::Server::bind(&addr)).expect("a free port");
            let addr = listeners[0].get_ref().local_addr().expect("it is bound");
            let server = rdv_smol::Server::new(Default::default());
            thread::spawn(|| smol::block_on(server.serve_all(listeners, pending())));
            addr
        }
    }
}

/// That stays free, for nobody else takes a port in this namespace.
fn free_addr() -> SocketAddr {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
    free.expect("a free port")
}

async fn proxy(listener: TcpListener, target: SocketAddr) {
    loop {
        let (mut near, _) = listener.accept().await.expect("a connection");
        tokio::spawn(async move {
            let mut far = TcpStream::connect(target).await?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut near, &mut far).await
        });
    }
}

/// The argument that makes a server of this program.
pub(crate) const SERVE: &str = "serve";

const HAPROXY: &str = "haproxy";
