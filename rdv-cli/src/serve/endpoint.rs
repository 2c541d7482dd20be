//! `/metrics`, `/healthz` and `/readyz`, on a listener of their own.
//!
//! A tiny HTTP/1.1 server: one request a connection, of so many bytes in so much time, and few connections at once.
//! Nothing of it touches the lobby but by its handle.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use log::{debug, info, warn};
use rdv_blocking::ServerHandle;
use rdv_core::{Metrics, Readiness};

use super::process::Process;

/// What is answered from.
#[derive(Debug)]
pub(super) struct Endpoint {
    server: ServerHandle,
    process: Process,
    /// Connections that are being answered.
    open: AtomicUsize,
}

struct Response {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

impl Endpoint {
    /// Answers on these from now on, until the process ends; each has a thread of its own.
    pub(super) fn start(
        listeners: Vec<TcpListener>,
        server: ServerHandle,
        process: Process,
    ) -> io::Result<()> {
        let endpoint = Arc::new(Self { server, process, open: AtomicUsize::new(0) });
        for listener in listeners {
            listener.set_nonblocking(false)?;
            let addr = listener.local_addr()?;
            info!(target: "server", addr:%; "metrics addr={addr}");
            let endpoint = endpoint.clone();
            let listen = move || endpoint.listen(&listener);
            thread::Builder::new().name("rdv-metrics".to_owned()).spawn(listen)?;
        }
        Ok(())
    }

    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if rdv_socket::is_about_one(&error) => continue,
                Err(error) => {
                    warn!(target: "server", "cannot accept connections for metrics, pausing: {error}");
                    thread::sleep(PAUSE);
                    continue;
                }
            };
            if self.open.fetch_add(1, Ordering::AcqRel) >= OPEN_MAX {
                self.open.fetch_sub(1, Ordering::AcqRel);
                continue;
            }
            let endpoint = self.clone();
            let answer = move || {
                if let Err(error) = endpoint.serve(stream) {
                    debug!("a request for metrics failed: {error}");
                }
                endpoint.open.fetch_sub(1, Ordering::AcqRel);
            };
            if let Err(error) = thread::Builder::new().spawn(answer) {
                self.open.fetch_sub(1, Ordering::AcqRel);
                warn!(target: "server", "cannot answer a request for metrics: {error}");
            }
        }
    }

    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        let deadline = Instant::now() + TIME;
        stream.set_write_timeout(Some(TIME))?;
        let head = read_head(&mut stream, deadline)?;
        let (response, is_head) = self.respond(&head);
        let Response { status, content_type, body } = response;
        let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
        let mut answer = format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\nContent-Type: {content_type}\r\n\
             {allow}Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n",
            body.len()
        );
        if !is_head {
            answer.push_str(&body);
        }
        stream.write_all(answer.as_bytes())?;
        // Closing in front of unread bytes would be a reset, which can overtake the answer.
        stream.shutdown(Shutdown::Write)?;
        let (mut dropped, mut buffer) = (0, [0; 1024]);
        while dropped < HEAD_MAX && Instant::now() < deadline {
            match read(&mut stream, &mut buffer, deadline)? {
                0 => break,
                len => dropped += len,
            }
        }
        Ok(())
    }

    /// And whether its head is enough.
    fn respond(&self, head: &[u8]) -> (Response, bool) {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(head) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => {
                return (plain("431 Request Header Fields Too Large", ""), false);
            }
            Err(_) => return (plain("400 Bad Request", "no HTTP/1 request\n"), false),
        }
        let path = request.path.unwrap_or_default().split('?').next().unwrap_or_default();
        let resource: fn(&Self) -> Response = match path {
            "/metrics" => Self::metrics,
            "/healthz" => Self::health,
            "/readyz" => Self::readiness,
            _ => return (plain("404 Not Found", "/metrics, /healthz or /readyz\n"), false),
        };
        match request.method {
            Some("GET") => (resource(self), false),
            Some("HEAD") => (resource(self), true),
            _ => (plain("405 Method Not Allowed", "GET or HEAD\n"), false),
        }
    }

    fn metrics(&self) -> Response {
        let body = self.server.metrics().render() + &self.process.render();
        Response { status: OK, content_type: Metrics::CONTENT_TYPE, body }
    }

    fn health(&self) -> Response {
        match self.server.is_alive(HEALTHY) {
            true => plain(OK, "ok\n"),
            false => plain(UNAVAILABLE, "the lobby does not turn\n"),
        }
    }

    fn readiness(&self) -> Response {
        match self.server.metrics().readiness() {
            Readiness::Ready => plain(OK, "ready\n"),
            Readiness::Full => plain(UNAVAILABLE, "full\n"),
            Readiness::Draining => plain(UNAVAILABLE, "draining\n"),
        }
    }
}

fn plain(status: &'static str, body: &str) -> Response {
    Response { status, content_type: "text/plain; charset=utf-8", body: body.to_owned() }
}

/// Up to the empty line, or as much as is allowed.
fn read_head(stream: &mut TcpStream, deadline: Instant) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while head.len() < HEAD_MAX && !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
        match read(stream, &mut buffer, deadline)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => head.extend_from_slice(&buffer[..len]),
        }
    }
    Ok(head)
}

fn read(stream: &mut TcpStream, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    stream.read(buffer)
}

const OK: &str = "200 OK";
const UNAVAILABLE: &str = "503 Service Unavailable";
/// For a request to come, and for its answer to be read.
const TIME: Duration = Duration::from_secs(5);
const HEAD_MAX: usize = 8 * 1024;
/// Connections at once; more are closed.
const OPEN_MAX: usize = 16;
/// Within which the lobby's loop has to have turned. It takes microseconds, unless it is stuck.
const HEALTHY: Duration = Duration::from_secs(2);
/// After accepting has failed.
const PAUSE: Duration = Duration::from_millis(100);
