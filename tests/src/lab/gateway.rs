//! NATs and firewalls, in the terms of RFC 4787 and RFC 5382, as rules of nftables.

use super::node::Node;

/// A NAT for IPv4. In IPv6 the same gateway is a firewall with this answer.
#[derive(Clone, Copy, Debug)]
pub struct Nat {
    /// Which external port a connection gets.
    pub mapping: Mapping,
    /// Who may send to a mapping.
    pub filtering: Filtering,
    /// What a SYN hears that must not come in.
    pub unexpected: Unexpected,
    /// Whether two hosts inside reach each other by their external addresses.
    pub hairpin: bool,
}

/// Which external port a connection gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The internal one: Linux's masquerading, unless somebody else has the port.
    Preserved,
    /// Another one for each connection: what people call symmetric.
    Random,
}

/// Who may send to a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filtering {
    /// Anybody: what people call a full cone.
    Independent,
    /// Whoever has been sent to, from any port.
    Address,
    /// Whoever has been sent to, from the same port.
    AddressAndPort,
}

/// What a SYN hears that must not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unexpected {
    /// Nothing.
    Dropped,
    /// An RST.
    Reset,
    /// An ICMP error, as many Linux distributions have it for their hosts.
    Prohibited,
    /// An RST too, but from the gateway's own TCP, for there is no firewall. Of a host, whatever its TCP answers.
    Answered,
}

impl Nat {
    /// What most homes have: the port stays the same, and only those who have been sent to may answer.
    pub const HOME: Nat = Nat {
        mapping: Mapping::Preserved,
        filtering: Filtering::AddressAndPort,
        unexpected: Unexpected::Dropped,
        hairpin: false,
    };
    /// The same, but a SYN that is not expected hears an RST.
    pub const RESETTING: Nat = Nat { unexpected: Unexpected::Reset, ..Nat::HOME };
    /// The same, but it hears an ICMP error.
    pub const PROHIBITING: Nat = Nat { unexpected: Unexpected::Prohibited, ..Nat::HOME };
    /// The same without a firewall, as Linux masquerades if nothing else is said.
    pub const BARE: Nat = Nat { unexpected: Unexpected::Answered, ..Nat::HOME };
    /// A new port for each connection.
    pub const SYMMETRIC: Nat = Nat { mapping: Mapping::Random, ..Nat::HOME };
    /// Who may answer need only have the address.
    pub const ADDRESS_RESTRICTED: Nat = Nat { filtering: Filtering::Address, ..Nat::HOME };
    /// Anybody may answer.
    pub const FULL_CONE: Nat = Nat { filtering: Filtering::Independent, ..Nat::HOME };
    /// As RFC 5382 wants a NAT to be.
    pub const HAIRPINNING: Nat = Nat { hairpin: true, ..Nat::FULL_CONE };

    /// Makes a router such a gateway, whose external address is `external`.
    ///
    /// # Panics
    /// If nftables refuses.
    pub fn install(&self, router: &Node, external: &str) {
        router.namespace.nft(&self.rules(external));
    }

    pub(super) fn rules(&self, external: &str) -> String {
        let random = if self.mapping == Mapping::Random { " random,fully-random" } else { "" };
        let inbound = match self.filtering {
            Filtering::Independent => "iifname wan dnat to tcp dport map @owner",
            Filtering::Address => "iifname wan ip saddr . tcp dport @heard dnat to tcp dport map @owner",
            Filtering::AddressAndPort => "",
        };
        let (turned, turned_source) = if self.hairpin {
            (
                format!("iifname lan ip daddr {external} dnat to tcp dport map @owner"),
                format!("iifname lan oifname lan ct status dnat snat to {external}"),
            )
        } else {
            Default::default()
        };
        let unexpected = self.unexpected.verdict();
        format!(
            "table ip nat {{
                # Of each external port: whose it is, and to whom it has sent.
                map owner {{ type inet_service : ipv4_addr; flags dynamic,timeout; timeout 60s; size 9999; }}
                set heard {{ type ipv4_addr . inet_service; flags dynamic,timeout; timeout 60s; size 9999; }}
                chain note {{
                    type filter hook prerouting priority mangle
                    iifname lan meta l4proto tcp update @owner {{ tcp sport : ip saddr }}
                    iifname lan meta l4proto tcp update @heard {{ ip daddr . tcp sport }}
                }}
                chain inbound {{
                    type nat hook prerouting priority dstnat
                    {inbound}
                    {turned}
                }}
                chain outbound {{
                    type nat hook postrouting priority srcnat
                    oifname wan masquerade{random}
                    {turned_source}
                }}
            }}
            table inet firewall {{
                chain gateway {{
                    type filter hook input priority filter
                    ip daddr {external} ct state new,invalid {unexpected}
                }}
                chain through {{
                    type filter hook forward priority filter
                    meta nfproto ipv4 ct state invalid drop
                    meta nfproto ipv6 iifname wan ct state new,invalid {unexpected}
                }}
            }}"
        )
    }
}

impl Unexpected {
    /// Gives a host a firewall: nobody connects to it, but those to whom it connects itself.
    ///
    /// # Panics
    /// If nftables refuses.
    pub fn install(self, host: &Node) {
        let verdict = self.verdict();
        host.namespace.nft(&format!(
            "table inet firewall {{
                chain inbound {{
                    type filter hook input priority filter
                    iifname != lo ct state new,invalid {verdict}
                }}
            }}"
        ));
    }

    fn verdict(self) -> &'static str {
        match self {
            Unexpected::Dropped => "meta l4proto tcp drop",
            Unexpected::Reset => "meta l4proto tcp reject with tcp reset",
            Unexpected::Prohibited => "meta l4proto tcp reject with icmpx admin-prohibited",
            Unexpected::Answered => "accept",
        }
    }
}
