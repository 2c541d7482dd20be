use std::net::SocketAddr;

use super::Firewall;
use crate::net::kit::*;
use crate::net::{NatPolicy, Packet, Ports, Time, Unexpected, Verdict};

#[test]
fn ipv6_crosses_as_it_is() {
    for policy in filters() {
        let mut firewall = Firewall::new(policy);
        let (host, peer) = (at("[2001:db8:1::2]:5000"), at("[2001:db8:2::2]:5000"));
        for flags in [SYN, ACK] {
            let out = tcp(host, peer, flags);
            assert_eq!(firewall.outbound(Time::ZERO, out.clone()), Verdict::Forward(out), "{policy:?}: out");
            let back = tcp(peer, host, flags);
            assert_eq!(firewall.inbound(Time::ZERO, back.clone()), Verdict::Forward(back), "{policy:?}: in");
        }
        let router = at("[2001:db8:1::1]:0");
        let report = unreachable(router, peer, host);
        let verdict = firewall.outbound(Time::ZERO, report.clone());
        assert_eq!(verdict, Verdict::Forward(report), "{policy:?}: a report by a router inside");
    }
}

#[test]
fn permissions_are_for_one_internal_endpoint() {
    for filtering in DEPENDENCES {
        let policy = filter(filtering, Unexpected::Reset, false);
        let mut firewall = Firewall::new(policy);
        let (host, peer) = (at("10.0.0.2:5000"), at("198.51.100.1:80"));
        let _ = firewall.outbound(Time::ZERO, tcp(host, peer, SYN));
        for other in [at("10.0.0.2:5001"), at("10.0.0.3:5000")] {
            let verdict = firewall.inbound(Time::ZERO, tcp(peer, other, SYN));
            assert_eq!(verdict, refusal(Unexpected::Reset, peer, other), "{policy:?}: a SYN to {other}");
        }
    }
}

/// Random traffic between one host and a few others. A NAT whose external endpoint is the internal one has to
/// come to the same verdicts as the firewall.
#[test]
fn a_firewall_filters_as_a_nat_does() {
    for (seed, filter) in (0..).zip(filters()) {
        for mapping in DEPENDENCES {
            let policy = NatPolicy { mapping, ports: Ports::Preserved, hairpin: false, filter };
            let host = at("203.0.113.1:5000");
            let (mut firewall, mut nat) = (Firewall::new(filter), nat(policy));
            let mut random = fastrand::Rng::with_seed(seed);
            let mut now = Time::ZERO;
            for turn in 0..500 {
                now += TRANSITORY / random.u32(1..20);
                let (outward, packet) = any_packet(&mut random, host);
                let verdicts = match outward {
                    true => (firewall.outbound(now, packet.clone()), nat.outbound(now, packet.clone())),
                    false => (firewall.inbound(now, packet.clone()), nat.inbound(now, packet.clone())),
                };
                assert_eq!(
                    verdicts.0, verdicts.1,
                    "{policy:?}: {packet:?} in turn {turn}, outward: {outward}"
                );
            }
        }
    }
}

fn any_packet(random: &mut fastrand::Rng, host: SocketAddr) -> (bool, Packet) {
    let remotes = [at("198.51.100.1:80"), at("198.51.100.1:81"), at("198.51.100.2:80")];
    let remote = remotes[random.usize(..remotes.len())];
    let flags = [SYN, SYN, SYN_ACK, ACK, FIN, RST];
    let flags = flags[random.usize(..flags.len())];
    match (random.bool(), random.u8(..8) == 0) {
        (true, false) => (true, tcp(host, remote, flags)),
        (false, false) => (false, tcp(remote, host, flags)),
        (true, true) => (true, unreachable(SocketAddr::new(host.ip(), 0), remote, host)),
        (false, true) => (false, unreachable(at("198.51.100.9:0"), host, remote)),
    }
}
