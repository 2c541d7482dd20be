//! A port of the NAT that leads to the attempt, if one is wanted.

#[cfg(feature = "port-map")]
pub(super) use wanted::PortMapping;

#[cfg(not(feature = "port-map"))]
pub(super) use unwanted::PortMapping;

#[cfg(feature = "port-map")]
mod wanted {
    use std::future::poll_fn;

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

        /// Comes to an end by itself, after a second. If there is none, the mapper has said why.
        pub(in crate::client) async fn addr(&self) -> Option<MappedAddr> {
            let mapper = self.0.as_ref()?;
            let mapping = poll_fn(|cx| mapper.poll(cx)).await.ok()?;
            Some(MappedAddr { external: mapping.external, internal: mapping.internal })
        }
    }
}

#[cfg(not(feature = "port-map"))]
mod unwanted {
    use rdv_core::MappedAddr;
    use rdv_socket::SharedPort;

    use crate::client::Client;

    pub(in crate::client) struct PortMapping;

    impl PortMapping {
        pub(in crate::client) fn begin(_: &Client, _: &SharedPort) -> Self {
            Self
        }

        pub(in crate::client) async fn addr(&self) -> Option<MappedAddr> {
            None
        }
    }
}
