//! TLS whose two directions can be used by two threads at once, which rustls' own streams do not allow.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::Connection;

/// A TLS session and its blocking socket.
///
/// Nobody holds the session while waiting for the socket, so a writer that the peer keeps waiting does not keep
/// the reader from reading. Locks are taken in the order of the fields.
#[derive(Debug)]
pub(super) struct TlsStream {
    /// Ciphertext read, and not yet decrypted.
    inbox: Mutex<Inbox>,
    /// Ciphertext to be written. Holding it decides the order of records on the wire.
    outbox: Mutex<Vec<u8>>,
    session: Mutex<Connection>,
    tcp: TcpStream,
}

#[derive(Debug)]
struct Inbox {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl TlsStream {
    pub(super) fn new(session: Connection, tcp: TcpStream) -> Self {
        let bytes = vec![0; INBOX_LEN].into_boxed_slice();
        Self {
            inbox: Mutex::new(Inbox { bytes, start: 0, end: 0 }),
            outbox: Mutex::new(Vec::new()),
            session: Mutex::new(session),
            tcp,
        }
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// An end of stream without a close_notify is an error: somebody may have cut it short.
    pub(super) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut inbox = lock(&self.inbox);
        loop {
            if let Some(len) = self.decrypt(&mut inbox, buf)? {
                return Ok(len);
            }
            inbox.start = 0;
            inbox.end = (&self.tcp).read(&mut inbox.bytes)?;
            if inbox.end == 0 {
                // rustls wants to be told of the end, and says on the next read whether it was a good one.
                lock(&self.session).read_tls(&mut io::empty())?;
            }
        }
    }

    pub(super) fn write(&self, data: &[u8]) -> io::Result<usize> {
        let mut outbox = lock(&self.outbox);
        let len = lock(&self.session).writer().write(data)?;
        self.send(&mut outbox)?;
        Ok(len)
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        if how != Shutdown::Read {
            let mut outbox = lock(&self.outbox);
            lock(&self.session).send_close_notify();
            self.send(&mut outbox)?;
        }
        self.tcp.shutdown(how)
    }

    /// Plaintext from what is in the inbox; `None` if that is not enough for any.
    fn decrypt(&self, inbox: &mut Inbox, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let mut session = lock(&self.session);
        loop {
            match session.reader().read(buf) {
                Err(err) if err.kind() == ErrorKind::WouldBlock => {}
                result => return result.map(Some),
            }
            if inbox.start == inbox.end {
                return Ok(None);
            }
            inbox.start += session.read_tls(&mut &inbox.bytes[inbox.start..inbox.end])?;
            session.process_new_packets().map_err(|err| io::Error::new(ErrorKind::InvalidData, err))?;
        }
    }

    /// Writes all that the session has for the server, a key update's answer too.
    fn send(&self, outbox: &mut Vec<u8>) -> io::Result<()> {
        let mut session = lock(&self.session);
        while session.wants_write() {
            session.write_tls(outbox)?;
        }
        drop(session);
        let result = (&self.tcp).write_all(outbox);
        outbox.clear();
        result
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A little more than the longest TLS record.
const INBOX_LEN: usize = 18 * 1024;
