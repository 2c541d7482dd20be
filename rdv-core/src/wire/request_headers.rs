//! The headers of a request, for whoever asks for them.

use std::fmt;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::sync::{LazyLock, OnceLock};

use bytes::Bytes;
use http::HeaderMap;

use super::HEADERS_MAX;
use super::fields::Fields;
use super::forwarded::trace_of_proxy;

/// The headers of a request, or none where they have been dropped: those of a waiting client take no room then.
///
/// They are a map as soon as somebody looks; most servers are not interested.
///
/// ```
/// # let head = "DIAL /a HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\nX-Note: hi\r\n\r\n";
/// let request = rdv_core::Request::parse(head.as_bytes()).unwrap();
/// assert_eq!(request.headers["x-note"], "hi");
/// ```
#[derive(Clone, Default)]
pub struct RequestHeaders(Option<Box<Kept>>);

#[derive(Clone)]
struct Kept {
    head: Bytes,
    map: OnceLock<HeaderMap>,
    trace_of_proxy: Option<&'static str>,
}

impl RequestHeaders {
    /// Of a head with these fields.
    pub(super) fn new(head: &[u8], fields: Fields<'_>) -> Self {
        let (head, map) = (Bytes::copy_from_slice(head), OnceLock::new());
        Self(Some(Box::new(Kept { head, map, trace_of_proxy: trace_of_proxy(fields) })))
    }

    /// The header that shows that the request has come through a proxy, if one does.
    pub(crate) fn trace_of_proxy(&self) -> Option<&'static str> {
        self.0.as_ref()?.trace_of_proxy
    }
}

impl Deref for RequestHeaders {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        match &self.0 {
            Some(kept) => kept.map.get_or_init(|| kept.parse()),
            None => &NONE,
        }
    }
}

impl Kept {
    /// Once more. What has become a request has nothing that can't be a header: see `HEAD_LIMIT`, and the test of all bytes.
    fn parse(&self) -> HeaderMap {
        let mut fields = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut []);
        let _ = parsed.parse_with_uninit_headers(&self.head, &mut fields);
        Fields(parsed.headers).to_map(&self.head).unwrap_or_default()
    }
}

impl PartialEq for RequestHeaders {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for RequestHeaders {}

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
