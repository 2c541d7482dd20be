//! The header fields of a head, as they stand there.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use httparse::Header;

/// The fields of a head that was parsed, by which a request is judged. A map of them would cost more than it saves: each of the
/// protocol's is looked for once or twice, among a handful.
#[derive(Clone, Copy)]
pub(super) struct Fields<'a>(pub(super) &'a [Header<'a>]);

impl<'a> Fields<'a> {
    /// The values of all fields of this name, in any case.
    pub(super) fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
    }

    pub(super) fn first(self, name: &str) -> Option<&'a [u8]> {
        self.all(name).next()
    }

    /// The value of the only field of this name.
    pub(super) fn only(self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.all(name);
        values.next().filter(|_| values.next().is_none())
    }

    pub(super) fn has(self, name: &str) -> bool {
        self.first(name).is_some()
    }

    /// Whether any field of this name lists `token`, in any case.
    pub(super) fn lists(self, name: &str, token: &str) -> bool {
        list_has(self.all(name), token)
    }

    /// The same as the http crate has it, its values being parts of the head; `None` if one is not what it holds to be a header.
    pub(super) fn to_map(self, head: &Bytes) -> Option<HeaderMap> {
        let pair = |field: &Header<'_>| {
            let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_maybe_shared(head.slice_ref(field.value)).ok()?))
        };
        let mut headers = HeaderMap::with_capacity(self.0.len());
        for field in self.0 {
            let (name, value) = pair(field)?;
            headers.append(name, value);
        }
        Some(headers)
    }
}

/// Whether any of these comma-separated lists has `token`, in any case.
pub(super) fn list_has<'a>(mut lists: impl Iterator<Item = &'a [u8]>, token: &str) -> bool {
    lists.any(|list| {
        list.split(|byte| *byte == b',').any(|it| it.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
    })
}
