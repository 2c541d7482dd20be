//! The servers: this same program again, in processes of their own.

use std::future::pending;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What is between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Direct,
    /// A proxy of tokio's `copy_bidirectional`.
    Proxy,
    Blocking,
    Tokio,
    Smol,
}

/// A server in a process of its own, which ends with it.
pub(crate) struct Server {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub(crate) addr: SocketAddr,
}

impl Kind {
    pub(crate) const ALL: [Kind; 5] = [Kind::Direct, Kind::Proxy, Kind::Blocking, Kind::Tokio, Kind::Smol];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Direct => "direct",
            Kind::Proxy => "copy_bidirectional",
            Kind::Blocking => "rdv-blocking",
            Kind::Tokio => "rdv-tokio",
            Kind::Smol => "rdv-smol",
        }
    }

    pub(crate) fn is_baseline(self) -> bool {
        matches!(self, Kind::Direct | Kind::Proxy)
    }
}

impl Server {
    /// On the CPUs and in the network namespace of the calling thread. A proxy leads to `target`.
    pub(crate) fn start(kind: Kind, target: SocketAddr) -> Self {
        let program = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(program)
            .args([SERVE, kind.name(), &target.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started again");
        let orders = child.stdin.take().expect("stdin is piped");
        let mut answers = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let addr = line(&mut answers).parse().expect("the server says where it listens");
        Self { child, orders, answers, addr }
    }

    /// The CPU time that it has taken so far.
    pub(crate) fn cpu(&mut self) -> Duration {
        self.orders.write_all(b"cpu\n").expect("the server listens to orders");
        Duration::from_micros(line(&mut self.answers).parse().expect("the server answers in microseconds"))
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
pub(crate) fn serve(args: &[String]) {
    let [name, target] = args else {
        panic!("a server has a kind and a target");
    };
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name).expect("a kind of server");
    let target = target.parse().expect("an address");
    println!("{}", begin(kind, target));
    for _order in std::io::stdin().lines() {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("every process may ask");
        println!("{}", usage.user_time().num_microseconds() + usage.system_time().num_microseconds());
    }
}

/// Serves in the background.
fn begin(kind: Kind, target: SocketAddr) -> SocketAddr {
    let addr = "127.0.0.1:0".parse().expect("an address");
    match kind {
        Kind::Direct => panic!("there is no server in a direct connection"),
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

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("the server goes on");
    line.trim_end().to_owned()
}

/// The argument that makes a server of this program.
pub(crate) const SERVE: &str = "serve";
