//! What can be said on the command line of `rdv`.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use rdv_cli::duration::Span;
use rdv_cli::flags::{
    ABOUT, ACCEPT, ACCEPT_EXAMPLE, CHECK, CHECK_EXAMPLE, CheckArgs, ClientArgs, DIAL, DIAL_EXAMPLE, ServeArgs,
};
use rdv_cli::logging::Format;
use rdv_socket::ListenAddr;

use rdv_core::Token;

use crate::demo::Size;

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
    Serve(ServerArgs),
    /// Connect to the peer that accepts with the same token
    #[command(long_about = DIAL, after_help = DIAL_EXAMPLE)]
    Dial(ClientArgs),
    /// Connect to the peer that dials with the same token
    #[command(long_about = ACCEPT, after_help = ACCEPT_EXAMPLE)]
    Accept(ClientArgs),
    /// See how well a server works from here, and what to expect of direct connections
    #[command(long_about = CHECK, after_help = CHECK_EXAMPLE)]
    Check(CheckArgs),
    /// Let whoever has a token use a server that wants grants
    #[command(long_about = GRANT, after_help = GRANT_EXAMPLE)]
    Grant(GrantArgs),
    /// Watch two clients meet on this machine, directly and through the relay
    #[command(after_help = DEMO_EXAMPLE)]
    Demo(DemoArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ServerArgs {
    #[command(flatten)]
    pub(crate) common: ServeArgs,
    #[command(flatten)]
    pub(crate) tls: Option<TlsFiles>,
    #[command(flatten)]
    pub(crate) watch: WatchFlags,
}

/// How others watch the server, and take its place.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Operations")]
pub(crate) struct WatchFlags {
    /// Serve /metrics, /healthz and /readyz here, over HTTP and to anybody: choose an inner address
    #[arg(long, value_name = "[HOST]:PORT")]
    pub(crate) metrics: Option<ListenAddr>,
    /// How to log: text, or json with an object on each line
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) log_format: Format,
    /// Share the port with other servers of this user that say so too, for a restart without a gap
    ///
    /// Start the new one, and then send the old one a SIGTERM.
    #[arg(long, verbatim_doc_comment)]
    pub(crate) reuse_port: bool,
}

/// Where the server's certificate comes from, anew on each SIGHUP.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "https")]
pub(crate) struct TlsFiles {
    /// Speak https, with the certificate in this PEM file, and the chain that leads to it
    ///
    /// SIGHUP has both files read again, for the connections that come after it.
    #[arg(long = "tls-cert", value_name = "FILE", required = false, requires = "key")]
    pub(crate) cert: PathBuf,
    /// The certificate's private key, a PEM file
    #[arg(long = "tls-key", value_name = "FILE", required = false, requires = "cert")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct GrantArgs {
    /// The token of the pair that is to meet
    pub(crate) token: Token,
    /// The server's --grant-key-file; the first key in it is used
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: PathBuf,
    /// How long it is valid: for asking, not for the connection that comes of it (default: 1h)
    #[arg(long = "for", value_name = "DURATION", default_value = "1h", hide_default_value = true)]
    pub(crate) time: Span,
}

#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// How much to send each way, such as 500k, 64M or 1G (default: 64M, in debug builds 8M)
    #[arg(long, value_name = "BYTES", default_value_t, hide_default_value = true)]
    pub(crate) size: Size,
}

const EXAMPLE: &str = "\
Example:
  rdv serve                                                    on a machine that both peers can reach
  rdv accept http://example.com:8080 7f3a9c > photos.tar       on one peer
  rdv dial http://example.com:8080 7f3a9c < photos.tar         on the other

Exit status:
  0 done, 1 connection failed or lost, 2 usage, 3 refused by the server, 124 timed out, 130 interrupted";

const SERVE_EXAMPLE: &str = "\
Example:
  rdv serve
  rdv serve --listen 127.0.0.1:8080 --observed-header X-Observed-Addr      behind a proxy
  rdv serve --tls-cert chain.pem --tls-key key.pem                         https
  rdv serve --bearer-file tokens                                           not for everybody";

const GRANT: &str = "\
Let whoever has a token use a server that wants grants (rdv serve --grant-key-file).

It prints the grant, which both clients send as their bearer token. The server is not
asked: key, token and time are all it takes.";

const GRANT_EXAMPLE: &str = "\
Example:
  rdv grant --key-file keys --for 10m 7f3a9c
  rdv dial -H \"Authorization: Bearer $(rdv grant --key-file keys 7f3a9c)\" https://example.com/rdv 7f3a9c";

const DEMO_EXAMPLE: &str = "\
Example:
  rdv demo
  rdv demo --size 512M";

#[cfg(test)]
mod tests;
