//! The least that a relay can do: a thread for each direction, which reads, writes, and has nothing else to look after. Once
//! reads come back full, it splices. What this takes is the machine's share in what a relay takes.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use nix::fcntl::{FcntlArg, SpliceFFlags, fcntl, splice};
use nix::unistd::pipe;

/// Relays whoever comes to `target`, in the background.
pub(crate) fn begin(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for near in listener.incoming() {
            relay(near.expect("a connection"), target).expect("the target listens");
        }
    });
    addr
}

fn relay(near: TcpStream, target: SocketAddr) -> io::Result<()> {
    let far = TcpStream::connect(target)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ends = [Arc::new(near), Arc::new(far)];
    for [from, to] in [[&ends[0], &ends[1]], [&ends[1], &ends[0]]] {
        let (from, to) = (Arc::clone(from), Arc::clone(to));
        thread::spawn(move || {
            // It breaks when the load has had enough.
            let _ = carry(&from, &to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

/// To the end of the stream.
fn carry(mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let mut buffer = [0; SMALL];
    loop {
        let len = from.read(&mut buffer)?;
        if len == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..len])?;
        if len == SMALL {
            carry_in_bulk(from, to)?;
        }
    }
}

/// For as long as there is much at once.
fn carry_in_bulk(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    let (read, write) = bulk_pipe()?;
    loop {
        let len = splice(from, None, &write, None, BULK, SpliceFFlags::empty())?;
        let mut left = len;
        while left > 0 {
            left -= splice(&read, None, to, None, left, SpliceFFlags::empty())?;
        }
        if len < TINY {
            return Ok(());
        }
    }
}

fn bulk_pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (read, write) = pipe()?;
    fcntl(&write, FcntlArg::F_SETPIPE_SZ(BULK as i32))?;
    Ok((read, write))
}

/// Bytes of a read, of one in bulk, and of one that is no longer.
const SMALL: usize = 16 * 1024;
const BULK: usize = 1024 * 1024;
const TINY: usize = 4 * 1024;
