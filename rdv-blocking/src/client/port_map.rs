//! A port of the NAT that leads to the attempt, if one is wanted.

use std::sync::Arc;
use std::task::Wake;

#[cfg(feature = "port-map")]
pub(super) use wanted::PortMapping;

#[cfg(not(feature = "port-map"))]
pub(super) use unwanted::PortMapping;

/// Ends a wait of the poller's.
pub(super) struct WakePoll(pub(super) Arc<mio::Waker>);

impl Wake for WakePoll {
    fn wake(self: Arc<Self>) {
        if let Err(err) = self.0.wake() {
            log::warn!("cannot wake an attempt whose port is mapped: {err}");
        }
    }
}

#[cfg(feature = "port-map")]
mod wanted {
    use std::task::{Context, Poll, ready};

    use rdv_core::{MappedAddr, SelfAddrs};
    use rdv_portmap::{Order, PortMapper};
    use rdv_socket::SharedPort;

    use crate::client::Client;

    /// While it is there, so is the mapping.
    pub(in crate::client) struct PortMapping(Option<PortMapper>);

    impl PortMapping {
        pub(in crate::client) fn begin(client: &Client, port: &SharedPort) -> Self {
            let has_use = port.has_ipv4() && SelfAddrs::has_use_for_mapped(client.config.spaces);
            if !client.port_map || !has_use {
                return Self(None);
            }
            let mut order = Order::new(port.port(), rdv_socket::random_seed());
            order.patience = client.config.timeout.map_or(order.patience, |all| all.min(order.patience));
            let started = PortMapper::start(order);
            // An attempt is worth making without.
            Self(started.inspect_err(|err| log::debug!("no port is mapped: {err}")).ok())
        }

        /// If there is none, the mapper has said why.
        pub(in crate::client) fn poll_addr(&self, cx: &mut Context<'_>) -> Poll<Option<MappedAddr>> {
            let Some(mapper) = &self.0 else { return Poll::Ready(None) };
            let mapping = ready!(mapper.poll(cx)).ok();
            Poll::Ready(mapping.map(|it| MappedAddr { external: it.external, internal: it.internal }))
        }
    }
}

#[cfg(not(feature = "port-map"))]
mod unwanted {
    use std::task::{Context, Poll};

    use rdv_core::MappedAddr;
    use rdv_socket::SharedPort;

    use crate::client::Client;

    pub(in crate::client) struct PortMapping;

    impl PortMapping {
        pub(in crate::client) fn begin(_: &Client, _: &SharedPort) -> Self {
            Self
        }

        pub(in crate::client) fn poll_addr(&self, _: &mut Context<'_>) -> Poll<Option<MappedAddr>> {
            Poll::Ready(None)
        }
    }
}
