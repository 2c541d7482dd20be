//! TLS on a non-blocking socket, as a client or as a server.

use std::io::{self, ErrorKind, Read, Write};

use mio::net::TcpStream;
use rustls::Connection;

/// A TLS session and its socket. (rustls' own streams are for one role each.)
#[derive(Debug)]
pub(crate) struct Tls {
    pub(crate) session: Connection,
    pub(crate) tcp: TcpStream,
}

impl Tls {
    /// Whether the handshake is done.
    pub(super) fn handshake(&mut self) -> io::Result<bool> {
        while self.session.is_handshaking() {
            match self.session.complete_io(&mut self.tcp) {
                Ok(_) => {}
                Err(err) if err.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(err) => return Err(err),
            }
        }
        Ok(true)
    }

    /// Plaintext. A stream that ends without a close_notify is an error: somebody may have cut it short.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buf) {
                Err(err) if err.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            self.session.read_tls(&mut self.tcp)?;
            if let Err(err) = self.session.process_new_packets() {
                // The other side is told by an alert, if there is a way.
                let _ = self.flush();
                return Err(io::Error::new(ErrorKind::InvalidData, err));
            }
        }
    }

    /// Takes what fits rustls' buffer, and sends what it can of it: [`flush`](Self::flush) sends the rest.
    pub(super) fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let len = self.session.writer().write(data)?;
        match self.flush() {
            Err(err) if err.kind() != ErrorKind::WouldBlock => Err(err),
            Ok(()) | Err(_) => Ok(len),
        }
    }

    /// Sends all that rustls has.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.tcp)?;
        }
        Ok(())
    }

    /// Ends our direction.
    pub(super) fn close_notify(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.flush()
    }
}
