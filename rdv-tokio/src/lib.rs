//! rdv on tokio: a client whose attempts are futures, and a server that is one future and a task for each pair.
//!
//! # Client and server
//!
//! Both peers call the same server with the same token, one dials and one accepts. What they get is a [`Conn`]:
//! direct where the network allows it, through the server where it does not. It implements tokio's `AsyncRead`
//! and `AsyncWrite`, and [`into_tcp`](Conn::into_tcp) is the `TcpStream` underneath.
//!
//! ```
//! use rdv_tokio::{Client, Server, ServerConfig};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The server. It serves until its second future resolves, here once `stop` is dropped.
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let url = format!("http://{}", listener.local_addr()?).parse()?;
//! let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
//! let server = Server::new(ServerConfig::default());
//! let serving = tokio::spawn(server.serve(listener, async { _ = stopped.await }));
//!
//! // Two clients, on machines of their own in real life. Elsewhere than here, the loopback addresses stay out.
//! let mut client = Client::default();
//! client.config.spaces = rdv_core::AddrSpaces::ALL;
//! let token = "d8f1a2".parse()?;
//! let (accepted, dialed) = tokio::join!(client.accept(&url, &token), client.dial(&url, &token));
//! let (mut accepted, mut dialed) = (accepted?, dialed?);
//! assert!(!dialed.is_relay());
//!
//! dialed.write_all(b"hello").await?;
//! dialed.shutdown().await?;
//! let mut heard = String::new();
//! accepted.read_to_string(&mut heard).await?;
//! assert_eq!(heard, "hello");
//!
//! drop(stop);
//! serving.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # Cancelling
//!
//! Dropping the future of an attempt ends it, and closes every socket of it at once: `tokio::select!` and
//! `tokio::time::timeout` do what one expects. For a time limit, [`Config::timeout`](rdv_core::Config::timeout)
//! is the better choice, since its error says how far the attempt had come.
//!
//! # Runtimes
//!
//! Both flavours of tokio's runtime will do, with I/O and time enabled (`enable_all`). Time is tokio's, so tests
//! may pause it; but note that paused time leaps to the next timer whenever the runtime is idle, whatever is still
//! under way between sockets. A server that is to live in paused time must not have threads of its own
//! ([`ServerConfig::relay_threads`]), for they live in the system's.
//!
//! # Features
//!
//! `tls`, on by default: https to the server, by rustls with ring. `Client::tls` takes a configuration of your
//! own.
//!
//! `http`: the server as a tower service, to be mounted in axum, hyper or whatever else speaks HTTP/1.1 with hyper:
//! see the module `http`.
//!
//! `axum`: and it takes its clients' addresses from axum's `ConnectInfo`.
//!
//! # Who decides
//!
//! Nothing of the protocol is decided here. [`rdv_core`] says which sockets to open, read, write and close; this
//! crate does so by tokio, turning readiness into the completions that the core speaks of.

#![forbid(unsafe_code)]

mod client;
mod driver;
mod handler;
#[cfg(feature = "http")]
pub mod http;
mod server;
#[cfg(feature = "tls")]
pub mod tls;

pub use client::{Client, Conn, Error};
pub use handler::{Handler, MatchedPair, Peer, RelayStream, Relayer, Verdict};
pub use server::{Server, ServerConfig};
