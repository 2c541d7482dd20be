//! A server of rdv/1 that is not ours, for benchmarks: what `RDV_BENCH_ALSO` says.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::SOON;

/// Its command, if there is one. `{}` in it stands for the address to listen on.
pub fn command() -> Option<String> {
    std::env::var(NAME).ok()
}

/// Starts it on this port of all addresses, and waits until it listens.
///
/// # Errors
/// There is no command, or it can't be started.
///
/// # Panics
/// If it does not listen soon.
pub fn start(port: u16) -> io::Result<Child> {
    let command = command().ok_or_else(|| io::Error::other(format!("{NAME} is not set")))?;
    let command = command.replace("{}", &format!("0.0.0.0:{port}"));
    let mut words = command.split(' ');
    let child = Command::new(words.next().unwrap_or_default())
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let patience = Instant::now() + SOON;
    while TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_err() {
        assert!(Instant::now() < patience, "{command} does not listen on port {port}");
        thread::sleep(Duration::from_millis(5));
    }
    Ok(child)
}

/// The variable with the command, which is a row's name as well.
pub const NAME: &str = "RDV_BENCH_ALSO";
