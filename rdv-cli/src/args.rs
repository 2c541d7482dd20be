//! What can be said on the command line. Every value is parsed once, here, into the type that is used.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use rdv_core::Observed;
use rdv_core::http::HeaderName;
use rdv_core::{AddrSpaces, Config, HeaderError, Headers, LobbyConfig, ServerUrl, Token, WaitForP2p};
use rdv_socket::ListenAddr;

use crate::demo::Size;
use crate::duration::{Limit, Span};

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "rdv", version, about = ABOUT, after_help = EXAMPLE)]
pub(crate) struct Args {
    /// Log every step (to stderr, like all logs)
    #[arg(short, long, global = true, overrides_with = "verbose")]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a server, where peers find each other
    #[command(after_help = SERVE_EXAMPLE)]
    Serve(ServeArgs),
    /// Connect to the peer that accepts with the same token
    #[command(long_about = DIAL, after_help = DIAL_EXAMPLE)]
    Dial(ClientArgs),
    /// Connect to the peer that dials with the same token
    #[command(long_about = ACCEPT, after_help = ACCEPT_EXAMPLE)]
    Accept(ClientArgs),
    /// Watch two clients meet on this machine, directly and through the relay
    #[command(after_help = DEMO_EXAMPLE)]
    Demo(DemoArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServeArgs {
    /// Where to listen: without a host on all addresses, IPv4 and IPv6; port 0 is a free one
    #[arg(short, long, value_name = "[HOST]:PORT", default_value = ":8080")]
    pub(crate) listen: ListenAddr,
    /// How long a client may wait for its peer (default: 10m; none: no limit)
    #[arg(long, value_name = "DURATION")]
    lobby_timeout: Option<Limit>,
    /// How long a relayed pair may go without a byte (default: 1h; none: no limit)
    #[arg(long, value_name = "DURATION")]
    idle_timeout: Option<Limit>,
    /// Take the client's address from this request header, set by the proxy in front
    ///
    /// Its value is an address with a port, such as 192.0.2.1:39841, which peers are going to dial. The
    /// proxy must overwrite the header if a client sends it.
    #[arg(long, value_name = "NAME", verbatim_doc_comment)]
    observed_header: Option<HeaderName>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ClientArgs {
    /// The server: http://HOST:PORT/PATH or https://..., where port and path can be missing
    pub(crate) url: ServerUrl,
    /// Any text that both peers know and nobody else: a secret for this one connection
    pub(crate) token: Token,
    /// Kinds of addresses to use: default, all, public, none, or a comma list of single ones
    ///
    /// The single ones are public4, public6, private4, private6, link4, link6, loopback4 and loopback6. The
    /// default is the public and the private ones. `all` adds loopback, for two peers on one machine;
    /// `none` leaves the relay only.
    #[arg(
        short,
        long,
        value_name = "SPACES",
        default_value = "default",
        hide_default_value = true,
        verbatim_doc_comment
    )]
    spaces: AddrSpaces,
    /// Go through the server in any case: the same as --spaces none
    #[arg(short, long, conflicts_with = "spaces")]
    relay: bool,
    /// How long to try for a direct connection before taking the relay (default: 1s)
    ///
    /// Only the dialer chooses; it means nothing to the one that accepts.
    #[arg(long, value_name = "DURATION")]
    wait: Option<Span>,
    /// Give up unless connected to the peer after this long (default: none)
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Limit>,
    /// Add a header to the request, such as 'Authorization: Bearer ...'; can be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Trust the certificates in this PEM file too, for https
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// How much to send each way, such as 500k, 64M or 1G (default: 64M, in debug builds 8M)
    #[arg(long, value_name = "BYTES", default_value_t, hide_default_value = true)]
    pub(crate) size: Size,
}

impl ServeArgs {
    /// The lobby's configuration.
    pub(crate) fn lobby(&self) -> LobbyConfig {
        let mut config = LobbyConfig::default();
        if let Some(Limit(timeout)) = self.lobby_timeout {
            config.lobby_timeout = timeout;
        }
        if let Some(Limit(timeout)) = self.idle_timeout {
            config.idle_timeout = timeout;
        }
        if let Some(name) = &self.observed_header {
            config.observed = Observed::Header(name.clone());
        }
        config
    }
}

impl ClientArgs {
    /// The client's configuration.
    pub(crate) fn config(&self) -> Result<Config, HeaderError> {
        let mut config = Config::default();
        config.spaces = if self.relay { AddrSpaces::NONE } else { self.spaces };
        if let Some(Span(wait)) = self.wait {
            config.picker = Arc::new(WaitForP2p(wait));
        }
        if let Some(Limit(timeout)) = self.timeout {
            config.timeout = timeout;
        }
        config.headers = self.headers()?;
        Ok(config)
    }

    fn headers(&self) -> Result<Headers, HeaderError> {
        self.headers.iter().try_fold(Headers::default(), |mut headers, line| {
            headers.add_line(line)?;
            Ok(headers)
        })
    }
}

const ABOUT: &str = "\
A TCP connection between two machines, wherever they are:
direct if the networks in between allow it, relayed by the server if not.";

const EXAMPLE: &str = "\
Example:
  rdv serve                                                    on a machine that both peers can reach
  rdv accept http://example.com:8080 7f3a9c > photos.tar       on one peer
  rdv dial http://example.com:8080 7f3a9c < photos.tar         on the other

Exit status:
  0 done, 1 connection failed or lost, 2 usage, 3 refused by the server, 124 timed out, 130 interrupted";

const DIAL: &str = "\
Connect to the peer that accepts with the same token.

What comes on stdin goes to the peer, and what the peer sends goes to stdout. The end of
stdin is passed on, and the other direction goes on to its own end. Nothing is encrypted
between the peers: send only what may be read on the way, or what is encrypted already.";

const ACCEPT: &str = "\
Connect to the peer that dials with the same token.

What comes on stdin goes to the peer, and what the peer sends goes to stdout. The end of
stdin is passed on, and the other direction goes on to its own end. Nothing is encrypted
between the peers: send only what may be read on the way, or what is encrypted already.";

const DIAL_EXAMPLE: &str = "\
Example:
  rdv dial http://example.com:8080 7f3a9c < photos.tar
  rdv dial --spaces all http://localhost:8080 7f3a9c           both peers on this machine
  rdv dial --relay --timeout 1m https://example.com/rdv 7f3a9c";

const ACCEPT_EXAMPLE: &str = "\
Example:
  rdv accept http://example.com:8080 7f3a9c > photos.tar
  rdv accept --spaces all http://localhost:8080 7f3a9c         both peers on this machine
  rdv accept -H 'Authorization: Bearer ...' https://example.com/rdv 7f3a9c";

const SERVE_EXAMPLE: &str = "\
Example:
  rdv serve
  rdv serve --listen 127.0.0.1:8080 --observed-header X-Observed-Addr      behind a proxy";

const DEMO_EXAMPLE: &str = "\
Example:
  rdv demo
  rdv demo --size 512M";

#[cfg(test)]
mod tests;
