//! rdv for programs without an async runtime: a client that connects on the caller's thread, and a server on a
//! few threads of its own, both on plain sockets and mio.
//!
//! # Client
//!
//! Both peers call the same server with the same token, one dials and one accepts. What they get is a blocking
//! [`Conn`]: direct where the network allows it, through the server where it does not.
//!
//! ```
//! use std::io::{Read, Write};
//! use rdv_blocking::{Client, Server, ServerConfig};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let server = Server::bind(&"127.0.0.1:0".parse()?, ServerConfig::default())?;
//! let url = format!("http://{}", server.local_addrs()[0]).parse()?;
//! let handle = server.handle();
//! let running = std::thread::spawn(move || server.run());
//!
//! let token = "d8f1a2".parse()?;
//! let accepter = std::thread::spawn({
//!     let (url, token) = (rdv_core::ServerUrl::clone(&url), rdv_core::Token::clone(&token));
//!     move || Client::default().accept(&url, &token)
//! });
//! let mut conn = Client::default().dial(&url, &token)?;
//! conn.write_all(b"hello")?;
//! conn.shutdown(std::net::Shutdown::Write)?;
//!
//! let mut heard = String::new();
//! accepter.join().unwrap()?.read_to_string(&mut heard)?;
//! assert_eq!(heard, "hello");
//!
//! handle.shutdown();
//! running.join().unwrap()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Who decides
//!
//! Nothing of the protocol is decided here. [`rdv_core`] says which sockets to open, read, write and close; this
//! crate does so by mio, turning readiness into the completions that the core speaks of.

#![forbid(unsafe_code)]

mod client;
mod driver;
mod server;
pub mod tls;

pub use client::{Canceller, Client, Conn, Error, Via};
pub use server::{Server, ServerConfig, ServerHandle, WhileDraining};
