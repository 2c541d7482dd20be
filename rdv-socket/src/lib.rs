//! The operating system's side of rdv, shared by all adapters: TCP sockets that listen and dial on
//! one port, the listeners of a server, the options of a stream, the data path of a [relay], this
//! machine's addresses, and chance.
//!
//! There is no runtime here. What comes in and goes out are the standard library's types, and every
//! socket is **non-blocking and close-on-exec**, ready for `from_std` of mio, tokio, or async-io.
//! Nothing here waits, apart from [`listen`] when it looks up a host name.
//!
//! # One port for everything
//!
//! A client that punches holes listens on a port, and dials the server and all of the peer's
//! addresses from that same port, since that is the port for which the NAT has a mapping.
//! [`SharedPort`] is that port:
//!
//! ```
//! use std::io::{self, ErrorKind};
//! use std::net::Ipv4Addr;
//!
//! use rdv_socket::{SharedPort, accept, connect_finished};
//!
//! # fn main() -> io::Result<()> {
//! let alice = SharedPort::bind()?;
//! let bob = SharedPort::bind()?;
//!
//! // The connection is only started here: ask again once the socket is writable.
//! let outbound = alice.connect((Ipv4Addr::LOCALHOST, bob.port()).into())?;
//! # wait_for(|| connect_finished(&outbound));
//! assert!(connect_finished(&outbound)?);
//!
//! // Ready at once, as the poller would say.
//! let listener = bob.listeners().next().expect("IPv4");
//! let (inbound, from) = accept(listener)?;
//! assert_eq!(from.port(), alice.port());
//!
//! // The same connection from the other end: it exists already, no failure for a hole punch.
//! let again = bob.connect((Ipv4Addr::LOCALHOST, alice.port()).into());
//! assert_eq!(again.unwrap_err().kind(), ErrorKind::AddrNotAvailable);
//! # drop(inbound);
//! # Ok(())
//! # }
//! # fn wait_for(mut ready: impl FnMut() -> io::Result<bool>) {
//! #     while !ready().unwrap() {
//! #         std::thread::yield_now();
//! #     }
//! # }
//! ```
//!
//! # Platforms
//!
//! | | Linux, Android, macOS, BSD | Windows |
//! | --- | --- | --- |
//! | a port is shared by | `SO_REUSEADDR` and `SO_REUSEPORT`, within one user | `SO_REUSEADDR` alone, which has the same effect there |
//! | another program's shared port | is never joined | is never joined, but for a race of microseconds |
//! | a server restarts at once | with `SO_REUSEADDR` | without an option |
//!
//! Illumos and Solaris have no `SO_REUSEPORT` here: a [`SharedPort`] listens, but
//! [`SharedPort::connect`] may report [`AddrInUse`](std::io::ErrorKind::AddrInUse).

// Where there is some, it says why it may be.
#![deny(unsafe_code)]

mod addrs;
mod bind;
mod errno;
mod inherited;
mod listen;
mod listen_addr;
mod open_files;
mod port;
pub mod relay;
mod seed;
mod shortage;
mod slices;
mod stream;
#[cfg(feature = "tls")]
pub mod tls;

#[cfg(test)]
mod test_util;

pub use addrs::{LocalAddr, local_addrs};
pub use inherited::{Inherited, inherited};
pub use listen::{listen, listen_beside};
pub use listen_addr::{ListenAddr, ParseListenAddrError};
pub use open_files::{conns_within, raise_open_files};
pub use port::SharedPort;
pub use seed::random_seed;
pub use shortage::Shortage;
pub use slices::{Wakeup, set_slice};
pub use stream::{
    accept, connect_finished, is_about_one, read_now, reset, reset_on_drop, set_options_of_accepted,
    set_stream_options, try_stream_options,
};
