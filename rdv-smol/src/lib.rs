//! rdv on smol's async-io: a client whose attempts are futures, and a server that is one future. Both run on any
//! executor, since sockets and timers are async-io's own: under `smol::block_on` and in smol's tasks, on async-std's
//! executor, or under a bare `block_on` of futures-lite or futures.
//!
//! # Client and server
//!
//! Both peers call the same server with the same token, one dials and one accepts. What they get is a [`Conn`]:
//! direct where the network allows it, through the server where it does not. It implements `AsyncRead` and
//! `AsyncWrite` of futures-io, and [`into_tcp`](Conn::into_tcp) is the `Async<TcpStream>` underneath.
//!
//! ```
//! use rdv_smol::{Client, Server, ServerConfig};
//! use smol::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # smol::block_on(async {
//! // The server. It serves until its second future resolves, here once `stop` is dropped.
//! let listener = smol::Async::<std::net::TcpListener>::bind(([127, 0, 0, 1], 0))?;
//! let url = format!("http://{}", listener.get_ref().local_addr()?).parse()?;
//! let (stop, stopped) = smol::channel::bounded::<()>(1);
//! let server = Server::new(ServerConfig::default());
//! let serving = smol::spawn(server.serve(listener, async move { _ = stopped.recv().await }));
//!
//! // Two clients, on machines of their own in real life. Elsewhere than here, the loopback addresses stay out.
//! let mut client = Client::default();
//! client.config.spaces = rdv_core::AddrSpaces::ALL;
//! let token = "d8f1a2".parse()?;
//! let both = smol::future::try_zip(client.accept(&url, &token), client.dial(&url, &token));
//! let (mut accepted, mut dialed) = both.await?;
//! assert!(!dialed.is_relay());
//!
//! dialed.write_all(b"hello").await?;
//! dialed.close().await?;
//! let mut heard = String::new();
//! accepted.read_to_string(&mut heard).await?;
//! assert_eq!(heard, "hello");
//!
//! drop(stop);
//! serving.await?;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Cancelling
//!
//! Dropping the future of an attempt ends it, and closes every socket of it at once: `smol::future::or` does what
//! one expects. For a time limit, [`Config::timeout`](rdv_core::Config::timeout) is the better choice, since its
//! error says how far the attempt had come.
//!
//! # Executors
//!
//! Nothing is spawned, so there is no executor to be had. async-std is among those that the tests run under; it is
//! not maintained any more, so it is not in the tree of this crate, and a new program had better use smol.
//!
//! # Features
//!
//! `tls`, on by default: https to the server, by rustls with ring. `Client::tls` takes a configuration of your
//! own.
//!
//! # Who decides
//!
//! Nothing of the protocol is decided here. [`rdv_core`] says which sockets to open, read, write and close; this
//! crate does so by async-io, turning readiness into the completions that the core speaks of.

#![forbid(unsafe_code)]

mod client;
mod driver;
mod server;
#[cfg(feature = "tls")]
pub mod tls;

pub use client::{Client, Conn, Error};
pub use server::{Server, ServerConfig};
