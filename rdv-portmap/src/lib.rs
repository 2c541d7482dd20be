//! Port mapping: has the NAT before this machine lead one of its ports here, by PCP (RFC 6887), NAT-PMP (RFC 6886) or
//! UPnP-IGD, whichever it speaks. A port that is mapped can be reached by peers for whom no hole can be punched.
//!
//! It needs no runtime: a [`PortMapper`] is a thread, which is waited for by blocking or as any future is, and which
//! takes the mapping back once the mapper is dropped.
//!
//! ```no_run
//! use rdv_portmap::{Order, PortMapper, settle};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let listener = std::net::TcpListener::bind("0.0.0.0:0")?;
//! let seed = 4711; // of chance: it becomes the nonce by which the gateway knows us again
//! let mapper = PortMapper::start(Order::new(listener.local_addr()?.port(), seed))?;
//! let mapping = mapper.wait()?; // a second at most
//! println!("reached at {} by {}", mapping.external, mapping.protocol);
//! // ...
//! drop(mapper); // does not wait
//! settle(Duration::from_millis(500)); // so that the gateway knows before the program is gone
//! # Ok(())
//! # }
//! ```
//!
//! # What is trusted
//!
//! Nothing that comes is. Answers of PCP and NAT-PMP are taken from the default gateway alone; an answer to a search by
//! SSDP from the default gateway, where the system tells which that is, and a description from whoever has answered.
//! Packets, heads, bodies and XML are bounded, and so is time. Nothing of a stranger's text is logged.
//!
//! # Platforms
//!
//! | | Linux | elsewhere |
//! | --- | --- | --- |
//! | the default gateway | `/proc/net/route` | not known |
//! | PCP, NAT-PMP | yes | no |
//! | UPnP-IGD | at the default gateway | at the first device that answers |
//!
//! Only IPv4 is mapped. What PCP could do for IPv6, to open a firewall, is not asked for.
#![forbid(unsafe_code)]

pub mod codec;
mod error;
mod gateway;
mod mapper;
mod udp;
mod upnp;
mod worker;

pub use error::{MapError, Protocol, Why};
pub use mapper::{Mapping, Order, PortMapper, settle};
