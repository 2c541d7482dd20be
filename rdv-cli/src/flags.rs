//! The flags that the command and the examples have in common. Every value is parsed once, here, into the type
//! that is used.

mod serve;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};
use log::{LevelFilter, error};
use rdv_core::{AddrSpaces, Config, HeaderError, Headers, Proxy, Role, ServerUrl, Token, WaitForP2p};
use rustls::ClientConfig;

pub use self::serve::ServeArgs;
pub use rdv_access::Gate;

use crate::duration::{Limit, Span};
use crate::exit::Exit;
use crate::proxy::{self, ProxyFlag};
use crate::{logging, usage};

/// The command line of an example that can stand in for the command.
#[derive(Debug, Parser)]
#[command(name = "rdv", version, about = ABOUT)]
pub struct PeerArgs {
    /// Log every step (to stderr, like all logs)
    #[arg(short, long, global = true, overrides_with = "verbose")]
    verbose: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: PeerCommand,
}

/// What the command and the examples can do.
#[derive(Debug, Subcommand)]
pub enum PeerCommand {
    /// Run a server, where peers find each other
    Serve(ServeArgs),
    /// Connect to the peer that accepts with the same token
    #[command(long_about = DIAL, after_help = DIAL_EXAMPLE)]
    Dial(ClientArgs),
    /// Connect to the peer that dials with the same token
    #[command(long_about = ACCEPT, after_help = ACCEPT_EXAMPLE)]
    Accept(ClientArgs),
}

/// What a user decides about an attempt.
#[derive(Debug, clap::Args)]
pub struct ClientArgs {
    /// The server: http://HOST:PORT/PATH or https://..., where port and path can be missing
    pub url: ServerUrl,
    /// Any text that both peers know and nobody else: a secret for this one connection
    pub token: Token,
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
    /// Offer the peer the addresses of this network interface only; can be repeated
    ///
    /// A name is that of the system, such as eth0 or Wi-Fi; a * in it stands for any text: 'wl*'. Without
    /// this flag the addresses of all interfaces that are up are offered. It is about what the peer is
    /// told: connections leave by whichever interface the system's routes lead to.
    #[arg(long = "interface", value_name = "NAME", verbatim_doc_comment)]
    interfaces: Vec<String>,
    /// Don't offer the peer the addresses of this one, such as 'docker*'; can be repeated
    #[arg(long = "not-interface", value_name = "NAME")]
    not_interfaces: Vec<String>,
    /// Have the NAT lead a port here, by PCP, NAT-PMP or UPnP-IGD, and offer the peer that too
    ///
    /// It makes a direct connection possible where neither NAT lets the other through, if this one does what
    /// it is asked for. That takes a second where none does. The port is given back when the peers are
    /// connected, or the attempt has failed. -v says what has become of it.
    #[cfg(feature = "port-map")]
    #[arg(long, verbatim_doc_comment)]
    port_map: bool,
    /// How long to try for a direct connection before taking the relay (default: 1s)
    ///
    /// Only the dialer chooses; it means nothing to the one that accepts.
    #[arg(long, value_name = "DURATION")]
    wait: Option<Span>,
    /// Give up unless connected to the peer after this long (default: none)
    #[arg(long, value_name = "DURATION")]
    timeout: Option<Limit>,
    /// How to get past the server's door.
    #[command(flatten)]
    access: Access,
}

/// What a server may want, or what may be wanted of it.
#[derive(Debug, clap::Args)]
pub struct Access {
    /// Add a header to the request, such as 'Authorization: Bearer ...'; can be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    /// Trust the certificates in this PEM file too, for https
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Reach the server through this proxy: http://HOST:PORT, or socks5://HOST:PORT
    ///
    /// User name and password go in front of the host, as in http://USER:PASSWORD@HOST:PORT. The proxy is
    /// told the server's name, and looks it up itself. Without a port it is 1080. Without this flag the
    /// environment decides: https_proxy or HTTPS_PROXY for https, http_proxy for http, or else all_proxy or
    /// ALL_PROXY; no_proxy or NO_PROXY lists hosts that are reached without one. An empty URL is for none.
    ///
    /// A proxy hides our address, so a direct connection is found less often, mostly within a network.
    /// Flags can be read by other users of this machine, so a password is better off in the environment.
    #[arg(long, value_name = "URL", verbatim_doc_comment)]
    proxy: Option<ProxyFlag>,
}

/// What a user decides about a check.
#[derive(Debug, clap::Args)]
pub struct CheckArgs {
    /// The server: http://HOST:PORT/PATH or https://..., where port and path can be missing
    pub url: ServerUrl,
    /// Another server, or another port of it, to find out how a NAT maps; can be repeated
    ///
    /// Headers are sent to it only if its scheme and its host are those of URL.
    #[arg(long, value_name = "URL")]
    pub also: Vec<ServerUrl>,
    /// Print one JSON object, for programs
    #[arg(long)]
    pub json: bool,
    /// Give up after this long (default: 10s)
    #[arg(long, value_name = "DURATION", default_value = "10s", hide_default_value = true)]
    pub timeout: Span,
    /// How to get past the server's door.
    #[command(flatten)]
    pub access: Access,
}

impl PeerArgs {
    /// Parses the command line of this process, and begins to log. Help and errors are printed; what is left then
    /// is the exit status.
    ///
    /// # Errors
    /// What to exit with at once.
    pub fn from_env() -> Result<PeerCommand, Exit> {
        let PeerArgs { verbose, command } = usage::parse(std::env::args_os())?;
        logging::init(if verbose { LevelFilter::Debug } else { LevelFilter::Info });
        Ok(command)
    }
}

impl ClientArgs {
    /// The client's configuration, but for the proxy.
    ///
    /// # Errors
    /// For a header that can't be sent.
    pub fn config(&self) -> Result<Config, HeaderError> {
        let mut config = Config::default();
        config.spaces = if self.relay { AddrSpaces::NONE } else { self.spaces };
        for name in &self.interfaces {
            config.interfaces.allow(name);
        }
        for name in &self.not_interfaces {
            config.interfaces.deny(name);
        }
        if let Some(Span(wait)) = self.wait {
            config.picker = Arc::new(WaitForP2p(wait));
        }
        if let Some(Limit(timeout)) = self.timeout {
            config.timeout = timeout;
        }
        config.headers = self.access.headers()?;
        Ok(config)
    }

    /// Whether to have a port mapped.
    #[cfg(feature = "port-map")]
    pub fn port_map(&self) -> bool {
        self.port_map
    }

    /// What a client needs: its configuration and, with `--cacert`, one for TLS. Errors are printed; what is left
    /// then is the exit status.
    ///
    /// # Errors
    /// What to exit with at once.
    pub fn prepare<A: CommandFactory>(
        &self,
        role: Role,
    ) -> Result<(Config, Option<Arc<ClientConfig>>), Exit> {
        let command = match role {
            Role::Dial => "dial",
            Role::Accept => "accept",
        };
        let mut config = self.config().map_err(|error| usage::bad_header::<A>(command, &error))?;
        config.proxy = self.access.proxy(&self.url)?;
        Ok((config, self.access.tls()?))
    }
}

impl Access {
    /// The headers and, with `--cacert`, a configuration for TLS. Errors are printed as those of `command`; what is
    /// left then is the exit status.
    ///
    /// # Errors
    /// What to exit with at once.
    pub fn prepare<A: CommandFactory>(
        &self,
        command: &str,
    ) -> Result<(Headers, Option<Arc<ClientConfig>>), Exit> {
        let headers = self.headers().map_err(|error| usage::bad_header::<A>(command, &error))?;
        Ok((headers, self.tls()?))
    }

    /// The proxy to a server: that of the flag, or else that of the environment. Errors are printed; what is left then is
    /// the exit status.
    ///
    /// # Errors
    /// What to exit with at once.
    pub fn proxy(&self, url: &ServerUrl) -> Result<Option<Proxy>, Exit> {
        if let Some(ProxyFlag(proxy)) = &self.proxy {
            return Ok(proxy.clone());
        }
        proxy::of_environment(url, |name| std::env::var(name).ok()).map_err(|error| {
            error!(target: "client", "{error}");
            Exit::Usage
        })
    }

    fn tls(&self) -> Result<Option<Arc<ClientConfig>>, Exit> {
        let tls = self.cacert.as_deref().map(|path| rdv_socket::tls::client_config(Some(path))).transpose();
        tls.map_err(|error| {
            error!(target: "client", "--cacert: {error}");
            Exit::Usage
        })
    }

    fn headers(&self) -> Result<Headers, HeaderError> {
        self.headers.iter().try_fold(Headers::default(), |mut headers, line| {
            headers.add_line(line)?;
            Ok(headers)
        })
    }
}

/// The help of `check`.
pub const CHECK: &str = "\
See how well a server works from here, and what to expect of direct connections.

Two clients of this machine meet through the server. What it sees of them tells whether
there is a NAT, and what the NAT does to ports; data through the relay proves that that
works. It takes some seconds, and talks to nobody but the servers and this machine itself.
The exit status is 0 if the server works, whatever the prospects of direct connections.";

/// Its end.
pub const CHECK_EXAMPLE: &str = "\
Example:
  rdv check http://example.com:8080
  rdv check --also http://example.net:8080 http://example.com:8080     two servers show how a NAT maps
  rdv check --json https://example.com/rdv";

/// What rdv is, in two lines.
pub const ABOUT: &str = "\
A TCP connection between two machines, wherever they are:
direct if the networks in between allow it, relayed by the server if not.";

/// The help of `dial`.
pub const DIAL: &str = "\
Connect to the peer that accepts with the same token.

What comes on stdin goes to the peer, and what the peer sends goes to stdout. The end of
stdin is passed on, and the other direction goes on to its own end. Nothing is encrypted
between the peers: send only what may be read on the way, or what is encrypted already.";

/// The help of `accept`.
pub const ACCEPT: &str = "\
Connect to the peer that dials with the same token.

What comes on stdin goes to the peer, and what the peer sends goes to stdout. The end of
stdin is passed on, and the other direction goes on to its own end. Nothing is encrypted
between the peers: send only what may be read on the way, or what is encrypted already.";

/// Its end.
pub const DIAL_EXAMPLE: &str = "\
Example:
  rdv dial http://example.com:8080 7f3a9c < photos.tar
  rdv dial --spaces all http://localhost:8080 7f3a9c           both peers on this machine
  rdv dial --relay --timeout 1m https://example.com/rdv 7f3a9c";

/// Its end.
pub const ACCEPT_EXAMPLE: &str = "\
Example:
  rdv accept http://example.com:8080 7f3a9c > photos.tar
  rdv accept --spaces all http://localhost:8080 7f3a9c         both peers on this machine
  rdv accept -H 'Authorization: Bearer ...' https://example.com/rdv 7f3a9c";
