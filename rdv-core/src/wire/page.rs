//! A browser's request for the page, and the page: what a person sees who opens a server's address.

use bytes::Bytes;
use http::header::{CONNECTION, HOST, UPGRADE};

use super::fields::Fields;

/// Somebody's question what this server is: `GET /` or `HEAD /`, without an upgrade.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Visit {
    /// As it is fit to be shown, if it is.
    host: Option<String>,
    /// Whether the head of the answer is enough.
    is_head: bool,
}

impl Visit {
    /// What this request is, if it is one: HTTP/1.1, with no token, and nothing of an upgrade.
    pub(super) fn of(method: &str, token: &[u8], version: Option<u8>, fields: Fields<'_>) -> Option<Self> {
        let is_upgrade = fields.has(UPGRADE.as_str()) || fields.lists(CONNECTION.as_str(), UPGRADE.as_str());
        if !matches!(method, "GET" | "HEAD") || !token.is_empty() || version != Some(1) || is_upgrade {
            return None;
        }
        let host = fields
            .first(HOST.as_str())
            .and_then(|host| str::from_utf8(host).ok())
            .filter(|host| is_plain(host));
        Some(Self { host: host.map(str::to_owned), is_head: method == "HEAD" })
    }

    /// The whole answer. The connection, which the server may have made TLS of, is closed behind it.
    pub(crate) fn answer(&self, is_tls: bool) -> Bytes {
        let host = self.host.as_deref().unwrap_or("example.com:8080");
        // Otherwise a proxy may have.
        let (scheme, hint) = if is_tls { ("https", "") } else { ("http", HINT) };
        let usage = USAGE.replace("HINT", hint).replace("URL", &format!("{scheme}://{host}"));
        let body = [PAGE_BEGIN, STYLE, PAGE_MIDDLE, &usage, PAGE_END].concat();
        let head = format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\nContent-Type: text/html; charset=utf-8\r\n\
             Cache-Control: no-store\r\nContent-Security-Policy: default-src 'none'; style-src '{STYLE_HASH}'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\nReferrer-Policy: no-referrer\r\n\
             X-Content-Type-Options: nosniff\r\n\r\n",
            body.len(),
        );
        if self.is_head { head.into() } else { (head + &body).into() }
    }
}

/// A host and perhaps a port, of characters that mean nothing to HTML: so there is nothing to escape.
fn is_plain(host: &str) -> bool {
    let is_fine = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':' | b'[' | b']');
    !host.is_empty() && host.len() <= HOST_MAX && host.bytes().all(is_fine)
}

/// A name of DNS at its longest, a colon and a port.
const HOST_MAX: usize = 253 + 6;

const PAGE_BEGIN: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<title>An rdv server</title>
<style>";

/// The only one that the page's policy allows; a test in rdv-cli knows how its hash comes about.
const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1d2329; --paper: #fff; --box: #f1f3f5; --link: #0b57d0 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --paper: #14181c; --box: #22282e; --link: #8ab4f8 } }
body { margin: 0 auto; max-width: 42rem; padding: 1.5rem 1rem 3rem; color: var(--ink); background: var(--paper);
  font: 1.05rem/1.55 system-ui, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 1rem }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem }
pre { margin: .5rem 0; padding: .75rem 1rem; border-radius: .5rem; background: var(--box); white-space: pre-wrap; overflow-wrap: anywhere;
  font: .95rem/1.5 ui-monospace, monospace }
code { font: .95em ui-monospace, monospace }
a { color: var(--link) }
";
const STYLE_HASH: &str = "sha256-KYaoqY8VuQo41Cwgqpp9i0K73KUF0OJMNifG2f9wiBs=";

const PAGE_MIDDLE: &str = "</style>
</head>
<body>
<h1>This is an rdv server</h1>
<p>It works, but it is not a website. Two programs that want a TCP connection to each other meet here: the server tells
each where the other is, so that they can connect directly, through NATs and firewalls. Where no direct way is found, it
passes their bytes on.</p>
";

const USAGE: &str = "<h2>Try it</h2>
<p>With the <code>rdv</code> command, on one machine:</p>
<pre>rdv accept URL TOKEN</pre>
<p>and on the other:</p>
<pre>rdv dial URL TOKEN</pre>
<p>What you type on one side then comes out on the other. <code>TOKEN</code> is any text that both know and nobody
else: make a new one for each connection.HINT</p>
<p>This tells what to expect of your network:</p>
<pre>rdv check URL</pre>
";
const HINT: &str = " Write <code>https://</code> if that is what your browser shows.";

const PAGE_END: &str = "<h2>More</h2>
<p>The <a href=\"https://github.com/rdv-rs/rdv\">project's page</a> has the program, and libraries for programs of your
own.</p>
</body>
</html>
";

#[cfg(test)]
mod tests;
