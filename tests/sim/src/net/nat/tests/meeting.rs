//! Hosts behind NATs that meet: through two NATs, by hairpinning, and behind a NAT behind a NAT.

use super::*;
use crate::net::{Body, FirewallPolicy};

/// A host behind a NAT that has dialled a server, so that it knows where it appears.
struct Side {
    policy: NatPolicy,
    nat: Nat,
    host: SocketAddr,
    observed: SocketAddr,
}

impl Side {
    fn new(policy: NatPolicy, external: &str, host: &str) -> Self {
        let mut nat = Nat::new(policy, external.parse().expect("an address"), 3);
        let observed = dial(&mut nat, Time::ZERO, at(host), at("192.0.2.1:80"));
        Side { policy, nat, host: at(host), observed }
    }

    /// Whether the host appears to everyone as it does to the server.
    fn is_predictable(&self) -> bool {
        self.policy.mapping == Independent || self.policy.ports == Preserved
    }

    /// Whether a SYN of `from`, which this side has dialled, gets in where this side was observed.
    fn expects(&self, from: &Side) -> bool {
        match self.policy.filter.filtering {
            // Otherwise it would be taken for the connection this side has dialled by another mapping.
            Independent => self.is_predictable() || !from.is_predictable(),
            Address => self.is_predictable(),
            AddressAndPort => self.is_predictable() && from.is_predictable(),
        }
    }
}

#[test]
fn simultaneous_open_through_two_nats() {
    let all = nats(&DEPENDENCES.map(|filtering| filter(filtering, Unexpected::Dropped, true)));
    for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (*one, *other))) {
        let mut one = Side::new(one, "203.0.113.1", "10.0.0.2:5000");
        let mut other = Side::new(other, "203.0.113.2", "10.0.0.2:6000");
        let crossing = [
            dial(&mut one.nat, Time::ZERO, one.host, other.observed),
            dial(&mut other.nat, Time::ZERO, other.host, one.observed),
        ];
        answer_syn(&mut one, crossing[0], &mut other);
        answer_syn(&mut other, crossing[1], &mut one);
    }
}

/// A SYN of `from` arrives, and is answered if it comes through.
fn answer_syn(from: &mut Side, appears: SocketAddr, to: &mut Side) {
    let names = format!("from {:?} to {:?}", from.policy, to.policy);
    assert_eq!(appears == from.observed, from.is_predictable(), "{names}: where the dialer appears");
    let verdict = to.nat.inbound(Time::ZERO, tcp(appears, to.observed, SYN));
    let expected = match to.expects(from) {
        true => Verdict::Forward(tcp(appears, to.host, SYN)),
        false => Verdict::Dropped,
    };
    assert_eq!(verdict, expected, "{names}: the SYN");
    if !to.expects(from) {
        return;
    }
    let verdict = to.nat.outbound(Time::ZERO, tcp(to.host, appears, SYN_ACK));
    let answer = tcp(to.observed, appears, SYN_ACK);
    assert_eq!(
        verdict,
        Verdict::Forward(answer.clone()),
        "{names}: the SYN-ACK comes from where was dialled"
    );
    let verdict = from.nat.inbound(Time::ZERO, answer);
    let expected = Verdict::Forward(tcp(to.observed, from.host, SYN_ACK));
    assert_eq!(verdict, expected, "{names}: the SYN-ACK arrives");
}

/// One side dials too early, and the other side's NAT answers. That NAT's RST may cost the permission.
#[test]
fn a_refusal_by_the_other_nat_may_close_the_hole() {
    for early in filters() {
        for unexpected in UNEXPECTED {
            let nat = |filter| NatPolicy { mapping: Independent, ports: Preserved, hairpin: true, filter };
            let mut one = Side::new(nat(early), "203.0.113.1", "10.0.0.2:5000");
            let strict = nat(filter(AddressAndPort, unexpected, false));
            let mut other = Side::new(strict, "203.0.113.2", "10.0.0.2:6000");
            let names = format!("{early:?} against {unexpected:?}");

            let _ = dial(&mut one.nat, Time::ZERO, one.host, other.observed);
            let verdict = other.nat.inbound(Time::ZERO, tcp(one.observed, other.observed, SYN));
            assert_eq!(verdict, refusal(unexpected, one.observed, other.observed), "{names}: too early");
            if let Verdict::Back(answer) = verdict {
                let arrived = one.nat.inbound(Time::ZERO, answer);
                assert!(matches!(arrived, Verdict::Forward(_)), "{names}: {arrived:?} for the answer");
            }

            let _ = dial(&mut other.nat, Time::ZERO, other.host, one.observed);
            let verdict = one.nat.inbound(Time::ZERO, tcp(other.observed, one.observed, SYN));
            let closed = unexpected == Unexpected::Reset && early.forgets_on_reset;
            let expected = match closed && early.filtering != Independent {
                true => refusal(early.unexpected, other.observed, one.observed),
                false => Verdict::Forward(tcp(other.observed, one.host, SYN)),
            };
            assert_eq!(verdict, expected, "{names}: the other side's SYN");
        }
    }
}

/// Two hosts that have dialled a server through one NAT, and where they appear.
struct Neighbours {
    nat: Nat,
    hosts: [SocketAddr; 2],
    observed: [SocketAddr; 2],
}

impl Neighbours {
    fn new(mapping: Dependence, ports: Ports, hairpin: bool, filter: FirewallPolicy) -> Self {
        let mut nat = nat(NatPolicy { mapping, ports, hairpin, filter });
        let hosts = ["10.0.0.2:5000", "10.0.0.3:6000"].map(at);
        let observed = hosts.map(|host| dial(&mut nat, Time::ZERO, host, at("192.0.2.1:80")));
        Neighbours { nat, hosts, observed }
    }
}

#[test]
fn neighbours_meet_at_their_external_endpoints() {
    for filter in filters() {
        for ports in PORTS {
            let Neighbours { mut nat, hosts: [a, b], observed: [a_out, b_out] } =
                Neighbours::new(Independent, ports, true, filter);
            let name = format!("{:?}", nat.mappings.policy);
            let mut send = |from, to, flags| nat.outbound(Time::ZERO, tcp(from, to, flags));

            let first = send(a, b_out, SYN);
            let open = filter.filtering == Independent;
            let expected = match open {
                true => Verdict::Back(tcp(a_out, b, SYN)),
                false => translated(refusal(filter.unexpected, a_out, b_out), a),
            };
            assert_eq!(first, expected, "{name}: the first SYN");

            let closed = filter.unexpected == Unexpected::Reset && filter.forgets_on_reset && !open;
            let second = send(b, a_out, SYN);
            let expected = match closed {
                true => translated(refusal(filter.unexpected, b_out, a_out), b),
                false => Verdict::Back(tcp(b_out, a, SYN)),
            };
            assert_eq!(second, expected, "{name}: the neighbour's SYN");
            if !closed {
                for (from, to, flags) in [(0, 1, SYN_ACK), (1, 0, SYN_ACK), (0, 1, ACK), (1, 0, FIN)] {
                    let (hosts, observed) = ([a, b], [a_out, b_out]);
                    let expected = Verdict::Back(tcp(observed[from], hosts[to], flags));
                    assert_eq!(send(hosts[from], observed[to], flags), expected, "{name}: {flags:?}");
                }
            }
        }
    }
}

/// The same answer, as the host inside sees it.
fn translated(answer: Verdict, host: SocketAddr) -> Verdict {
    let mut packet = match answer {
        Verdict::Back(packet) => packet,
        other @ (Verdict::Forward(_) | Verdict::Dropped) => return other,
    };
    packet.dst = host;
    if let Body::Unreachable(report) = &mut packet.body {
        report.src = host;
    }
    Verdict::Back(packet)
}

#[test]
fn icmp_between_neighbours_is_translated_both_ways() {
    let filter = filter(Independent, Unexpected::Dropped, true);
    let Neighbours { mut nat, hosts: [a, b], observed: [a_out, b_out] } =
        Neighbours::new(Independent, Sequential, true, filter);
    let _ = nat.outbound(Time::ZERO, tcp(a, b_out, SYN));
    let verdict = nat.outbound(Time::ZERO, unreachable(SocketAddr::new(b.ip(), 0), a_out, b));
    let expected = Verdict::Back(unreachable(SocketAddr::new(b_out.ip(), 0), a, b_out));
    assert_eq!(verdict, expected, "{:?}", nat.mappings.policy);
}

#[test]
fn without_hairpinning_or_a_mapping_neighbours_are_refused() {
    for (mapping, unexpected) in
        DEPENDENCES.into_iter().flat_map(|mapping| UNEXPECTED.map(|it| (mapping, it)))
    {
        for hairpin in [true, false] {
            let filter = filter(Independent, unexpected, true);
            let Neighbours { mut nat, hosts: [a, _], observed: [_, b_out] } =
                Neighbours::new(mapping, Preserved, hairpin, filter);
            let name = format!("{:?}", nat.mappings.policy);
            let nowhere = SocketAddr::new(b_out.ip(), 7);
            let refused = if hairpin { nowhere } else { b_out };
            let verdict = nat.outbound(Time::ZERO, tcp(a, refused, SYN));
            assert_eq!(verdict, refusal(unexpected, a, refused), "{name}: a SYN to {refused}");
            let verdict = nat.outbound(Time::ZERO, tcp(a, refused, ACK));
            assert_eq!(verdict, Verdict::Dropped, "{name}: an ACK to {refused}");
        }
    }
}

#[test]
fn a_refused_hairpin_leaves_nothing_behind() {
    for unexpected in UNEXPECTED {
        let policy = NatPolicy {
            filter: filter(Independent, unexpected, false),
            ..policy(Independent, Independent, Preserved)
        };
        let mut nat = nat(policy);
        let (host, peer, own) = (at("10.0.0.2:5000"), at("198.51.100.1:80"), at("203.0.113.1:5000"));
        let verdict = nat.outbound(Time::ZERO, tcp(host, own, SYN));
        assert_eq!(
            verdict,
            refusal(unexpected, host, own),
            "{policy:?}: the port that the host itself would get"
        );
        let verdict = nat.inbound(Time::ZERO, tcp(peer, own, SYN));
        assert_eq!(verdict, refusal(unexpected, peer, own), "{policy:?}: a mapping is left");
    }
}

#[test]
fn a_nat_behind_a_nat() {
    let (host, peer, router) = (at("10.0.0.2:5000"), at("198.51.100.1:80"), at("198.51.100.9:0"));
    let all = nats(&DEPENDENCES.map(|filtering| filter(filtering, Unexpected::Reset, true)));
    for (home, carrier) in all.iter().flat_map(|home| all.iter().map(move |carrier| (*home, *carrier))) {
        let names = format!("{home:?} behind {carrier:?}");
        let mut home = Nat::new(home, "100.64.0.2".parse().expect("an address"), 1);
        let mut carrier = nat(carrier);
        let middle = dial(&mut home, Time::ZERO, host, peer);
        let external = dial(&mut carrier, Time::ZERO, middle, peer);
        let mut inward = |packet, what: &str| match carrier.inbound(Time::ZERO, packet) {
            Verdict::Forward(packet) => home.inbound(Time::ZERO, packet),
            other @ (Verdict::Back(_) | Verdict::Dropped) => panic!("{names}: {other:?} for {what}"),
        };

        let verdict = inward(tcp(peer, external, SYN_ACK), "the answer");
        assert_eq!(verdict, Verdict::Forward(tcp(peer, host, SYN_ACK)), "{names}: the answer");
        let verdict = inward(unreachable(router, external, peer), "ICMP");
        assert_eq!(verdict, Verdict::Forward(unreachable(router, host, peer)), "{names}: ICMP");

        // The carrier knows the session, the home no longer does.
        let _ = home.outbound(Time::ZERO, tcp(host, peer, RST));
        let report = unreachable(SocketAddr::new(middle.ip(), 0), peer, middle);
        let expected = unreachable(SocketAddr::new(external.ip(), 0), peer, external);
        let verdict = carrier.outbound(Time::ZERO, report);
        assert_eq!(verdict, Verdict::Forward(expected), "{names}: the home's own ICMP");
    }
}
