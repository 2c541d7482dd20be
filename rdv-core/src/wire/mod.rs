//! What is written and read: HTTP heads (rdv/1 sections 1 and 2), and the lines of sections 3 to 5.
//!
//! Readers here never ask for a byte that may belong to what follows, so a stream always stands exactly
//! behind what was read.

mod answer;
mod denial;
mod fields;
mod forwarded;
mod head;
mod headers;
mod line;
mod observe;
mod page;
mod proxy;
mod proxy_header;
mod reject;
mod request;
mod request_headers;
mod stack;
mod tunnel;
mod url;

pub(crate) use answer::{Answer, Switched, switching_protocols};
pub use answer::{BadAnswer, Refusal};
pub use denial::Denial;
pub(crate) use forwarded::{Client, X_FORWARDED_FOR, client_by, client_of};
pub(crate) use head::{HEAD_LIMIT, HEAD_MAX, HeadError, HeadReader};
pub use headers::{HeaderError, Headers};
pub(crate) use line::{
    Command, HELLO_MAX, HelloError, LineReader, check_hello, hello, other, shortest_hello,
};
pub(crate) use observe::{AttemptId, Observe, Opinion};
pub(crate) use page::Visit;
pub(crate) use proxy::Kind as ProxyKind;
pub use proxy::{Proxy, ProxyError};
pub(crate) use proxy_header::{Beginning, ProxyHeaderReader, is_proxy_header};
pub use reject::Reject;
pub(crate) use request::Asked;
pub use request::{Request, Role};
pub use request_headers::RequestHeaders;
pub use stack::Answered;
pub use tunnel::ProxyFault;
pub(crate) use tunnel::{
    Message, SHORTEST_ANSWER, Said, SocksReader, connect, connected, socks_connect, socks_greeting,
    socks_proof,
};
pub use url::{ServerUrl, UrlError};

/// The protocol's name in `Upgrade` and in lines.
const PROTOCOL: &str = "rdv/1";
const SELF_ADDRS: &str = "rdv-self-addrs";
const OBSERVED_ADDR: &str = "rdv-observed-addr";
const PEER_ADDRS: &str = "rdv-peer-addrs";
/// Of a second opinion: the attempt's id in requests, and in answers whether the peer will be told.
const ATTEMPT: &str = "rdv-attempt";
const NOTED: &str = "rdv-noted";
/// Our machine-readable reason on error answers.
const ERROR_CODE: &str = "rdv-error";

/// More header lines than this are as good as a head that is too large.
const HEADERS_MAX: usize = 64;
/// Interim answers (1xx) before the real one.
pub(crate) const INTERIM_MAX: u8 = 8;

/// Whether any `name` header lists `token`, in any case.
fn lists(headers: &http::HeaderMap, name: impl http::header::AsHeaderName, token: &str) -> bool {
    fields::list_has(headers.get_all(name).iter().map(http::HeaderValue::as_bytes), token)
}

/// Ends a head with the application's headers.
fn push_headers(head: &mut Vec<u8>, extra: &Headers) {
    for (name, value) in extra.iter() {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(part);
        }
    }
    head.extend_from_slice(b"\r\n");
}

/// Text that came from a stranger, bounded and with nothing in it that a terminal or a log would act on.
fn printable(text: &str, max_chars: usize) -> String {
    let mut shown = String::new();
    for char in text.chars().take(max_chars) {
        match char {
            '\'' | '"' | '\\' => shown.push(char),
            _ => shown.extend(char.escape_debug()),
        }
    }
    if text.chars().nth(max_chars).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
