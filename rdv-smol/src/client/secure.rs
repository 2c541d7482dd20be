//! What it takes to secure the connections to an https server.

use std::net::TcpStream;

use async_io::Async;
use rdv_core::ServerUrl;

use super::{Client, Error};
use crate::driver::Stream;

#[cfg(feature = "tls")]
pub(super) struct Secure {
    config: std::sync::Arc<rustls::ClientConfig>,
    name: rustls::pki_types::ServerName<'static>,
}

#[cfg(feature = "tls")]
impl Secure {
    /// `None` for http.
    pub(super) async fn new(client: &Client, url: &ServerUrl) -> Result<Option<Self>, Error> {
        if !url.is_https() {
            return Ok(None);
        }
        let name =
            url.host().to_owned().try_into().map_err(|_| {
                Error::Tls(format!("{:?} is no name that a certificate can be for", url.host()))
            })?;
        let config = match &client.tls {
            Some(config) => config.clone(),
            // It reads files.
            None => blocking::unblock(|| crate::tls::client_config(None)).await?,
        };
        Ok(Some(Self { config, name }))
    }

    pub(super) fn wrap(&self, tcp: Async<TcpStream>) -> Stream {
        let (config, name) = (self.config.clone(), self.name.clone());
        Stream::Tls(Box::new(crate::tls::TlsStream::new(tcp, config, name)))
    }
}

/// Without the feature `tls` there is none.
#[cfg(not(feature = "tls"))]
pub(super) enum Secure {}

#[cfg(not(feature = "tls"))]
impl Secure {
    pub(super) async fn new(_: &Client, url: &ServerUrl) -> Result<Option<Self>, Error> {
        match url.is_https() {
            true => {
                Err(Error::Tls("https needs the feature `tls` of rdv-smol, which is switched off".into()))
            }
            false => Ok(None),
        }
    }

    pub(super) fn wrap(&self, _: Async<TcpStream>) -> Stream {
        match *self {}
    }
}
