//! Somebody on the way who can end a TCP connection, but knows nothing of the TLS inside.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Passes one connection on, until it cuts it.
#[derive(Debug)]
pub struct Cut {
    addr: SocketAddr,
    ends: Arc<Mutex<Vec<TcpStream>>>,
}

impl Cut {
    /// In front of `server`.
    ///
    /// # Panics
    /// If it can't be bound.
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let ends = Arc::<Mutex<Vec<TcpStream>>>::default();
        let shared = ends.clone();
        thread::spawn(move || {
            let (client, _) = listener.accept().expect("cut: accept");
            let server = TcpStream::connect(server).expect("cut: connect");
            for (from, to) in [(&client, &server), (&server, &client)] {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                to.set_nodelay(true).unwrap();
                // That it fails at some time is the point.
                thread::spawn(move || io::copy(&mut from, &mut to));
            }
            *shared.lock().unwrap_or_else(PoisonError::into_inner) = vec![client, server];
        });
        Self { addr, ends }
    }

    /// Where the client shall connect to.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Sends a FIN to both ends.
    ///
    /// # Panics
    /// If there is no connection.
    pub fn cut(&self) {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!ends.is_empty(), "nothing to cut");
        for end in &*ends {
            end.shutdown(Shutdown::Write).expect("cut: shutdown");
        }
    }
}
