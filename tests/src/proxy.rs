//! A small proxy: HTTP CONNECT or SOCKS5, with or without a password. It is generous with threads.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP CONNECT.
    Http,
    /// SOCKS5.
    Socks5,
}

impl Speaks {
    /// Both.
    pub const EACH: [Speaks; 2] = [Speaks::Http, Speaks::Socks5];

    /// The scheme of its URLs.
    pub fn scheme(self) -> &'static str {
        match self {
            Speaks::Http => "http",
            Speaks::Socks5 => "socks5",
        }
    }
}

/// A proxy on IPv4 loopback, for the length of a test.
#[derive(Debug)]
pub struct TestProxy {
    speaks: Speaks,
    addr: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

/// What one connection to it needs.
#[derive(Clone, Debug)]
struct Desk {
    speaks: Speaks,
    /// Whether it lets in [`USER`] with [`PASSWORD`] alone.
    locked: bool,
    server: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

/// What a client wants.
struct Wish {
    /// Whom it asks for.
    target: String,
    /// What to answer if that is reached, and if not.
    stands: Vec<u8>,
    fails: Vec<u8>,
}

/// Who a locked proxy lets in.
pub const USER: &str = "me";
/// By this word.
pub const PASSWORD: &str = "se:cret";
/// The two of them as HTTP has them.
const BASIC: &str = "Basic bWU6c2U6Y3JldA==";

impl TestProxy {
    /// A proxy that leads to `server`, whatever host it is asked for: so it alone knows names. A locked one lets in
    /// [`USER`] with [`PASSWORD`] alone.
    ///
    /// # Panics
    /// If it can't be bound.
    pub fn start(speaks: Speaks, locked: bool, server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (asked, stop) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let desk = Desk { speaks, locked, server, asked: asked.clone() };
        let stopped = stop.clone();
        let running = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => {
                        let desk = desk.clone();
                        // Whoever leaves early is ordinary.
                        thread::spawn(move || drop(desk.serve(client)));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(1)),
                }
            }
        });
        Self { speaks, addr, asked, stop, running: Some(running) }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Its URL, with this in front of the host: `"user:password@"`, or nothing.
    pub fn url(&self, credentials: &str) -> String {
        format!("{}://{credentials}{}", self.speaks.scheme(), self.addr)
    }

    /// What it was asked to connect to, in order.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(running) = self.running.take() {
            // A panic of its thread shows in the test's own result.
            let _ = running.join();
        }
    }
}

impl Desk {
    fn serve(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nonblocking(false)?;
        client.set_nodelay(true)?;
        let Wish { target, stands, fails } = match self.speaks {
            Speaks::Http => self.serve_http(&mut client)?,
            Speaks::Socks5 => self.serve_socks(&mut client)?,
        };
        lock(&self.asked).push(target);
        match TcpStream::connect(self.server) {
            Ok(server) => {
                client.write_all(&stands)?;
                pass_on(client, server)
            }
            Err(_) => client.write_all(&fails),
        }
    }

    fn serve_http(&self, client: &mut TcpStream) -> io::Result<Wish> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(byte(client)?);
        }
        let head = String::from_utf8(head).map_err(io::Error::other)?;
        let mut lines = head.split("\r\n");
        let request = lines.next().unwrap_or_default();
        let Some(target) = request.strip_prefix("CONNECT ").and_then(|it| it.strip_suffix(" HTTP/1.1"))
        else {
            client.write_all(b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n")?;
            return Err(ErrorKind::InvalidData.into());
        };
        let is_in = lines.any(|line| line == format!("Proxy-Authorization: {BASIC}"));
        if self.locked && !is_in {
            client.write_all(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"rdv\"\r\n\
                  Content-Length: 7\r\n\r\nlocked\n",
            )?;
            return Err(ErrorKind::PermissionDenied.into());
        }
        let answers = ["200 Connection established", "502 Bad Gateway"];
        let [stands, fails] = answers.map(|status| format!("HTTP/1.1 {status}\r\n\r\n").into_bytes());
        Ok(Wish { target: target.to_owned(), stands, fails })
    }

    fn serve_socks(&self, client: &mut TcpStream) -> io::Result<Wish> {
        let [5, count] = exactly::<2>(client)? else { return Err(ErrorKind::InvalidData.into()) };
        let methods = several(client, count)?;
        let method = if self.locked { 2 } else { 0 };
        if !methods.contains(&method) {
            client.write_all(&[5, 0xff])?;
            return Err(ErrorKind::PermissionDenied.into());
        }
        client.write_all(&[5, method])?;
        if self.locked {
            let [1, len] = exactly::<2>(client)? else { return Err(ErrorKind::InvalidData.into()) };
            let user = several(client, len)?;
            let len = byte(client)?;
            let is_in = user == USER.as_bytes() && several(client, len)? == PASSWORD.as_bytes();
            client.write_all(&[1, if is_in { 0 } else { 1 }])?;
            if !is_in {
                return Err(ErrorKind::PermissionDenied.into());
            }
        }
        let [5, 1, 0, kind] = exactly::<4>(client)? else { return Err(ErrorKind::InvalidData.into()) };
        let host = match kind {
            1 => std::net::Ipv4Addr::from(exactly::<4>(client)?).to_string(),
            4 => format!("[{}]", Ipv6Addr::from(exactly::<16>(client)?)),
            _ => {
                let len = byte(client)?;
                String::from_utf8(several(client, len)?).map_err(io::Error::other)?
            }
        };
        let port = u16::from_be_bytes(exactly::<2>(client)?);
        let stands = [&b"\x05\0\0\x03\x09somewhere"[..], &[1, 2]].concat();
        let fails = b"\x05\x05\0\x01\0\0\0\0\0\0".to_vec();
        Ok(Wish { target: format!("{host}:{port}"), stands, fails })
    }
}

/// Both ways, each to its own end.
fn pass_on(client: TcpStream, server: TcpStream) -> io::Result<()> {
    server.set_nodelay(true)?;
    let (from, to) = (client.try_clone()?, server.try_clone()?);
    let up = thread::spawn(move || copy(&from, &to));
    copy(&server, &client)?;
    up.join().unwrap_or_else(|_| Err(ErrorKind::Other.into()))
}

fn copy(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let copied = io::copy(&mut from, &mut to);
    // On an error too: nobody is to wait for what does not come.
    let _ = to.shutdown(if copied.is_ok() { Shutdown::Write } else { Shutdown::Both });
    copied.map(drop)
}

fn byte(client: &mut TcpStream) -> io::Result<u8> {
    exactly::<1>(client).map(|[byte]| byte)
}

fn exactly<const N: usize>(client: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes).map(|()| bytes)
}

fn several(client: &mut TcpStream, count: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; count.into()];
    client.read_exact(&mut bytes).map(|()| bytes)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
