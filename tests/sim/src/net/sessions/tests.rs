//! What holds for NATs and firewalls alike.

use std::net::SocketAddr;

use crate::net::kit::*;
use crate::net::policy::Dependence::*;
use crate::net::{Dependence, Flags, Time, Unexpected, Verdict};

#[derive(Clone, Copy, Debug)]
enum Step {
    Out(Flags),
    In(Flags),
}
use Step::{In, Out};

const HANDSHAKE: [Step; 3] = [Out(SYN), In(SYN_ACK), Out(ACK)];

fn host() -> SocketAddr {
    at("10.0.0.2:5000")
}

fn peer() -> SocketAddr {
    at("198.51.100.1:80")
}

fn same_address() -> SocketAddr {
    at("198.51.100.1:81")
}

fn stranger() -> SocketAddr {
    at("198.51.100.2:80")
}

/// Has the host and its peer exchange these packets, one each second. Says where the host appears, and the time.
fn play(middlebox: &mut Named, start: Time, steps: impl IntoIterator<Item = Step>) -> (SocketAddr, Time) {
    let (mut external, mut now) = (host(), start);
    for step in steps {
        now += Time::from_secs(1);
        match step {
            Out(flags) => external = middlebox.dial(now, tcp(host(), peer(), flags)),
            In(flags) => {
                let verdict = middlebox.it.inbound(now, tcp(peer(), external, flags));
                let expected = Verdict::Forward(tcp(peer(), host(), flags));
                assert_eq!(verdict, expected, "{}: {step:?} from the peer", middlebox.name);
            }
        }
    }
    (external, now)
}

#[test]
fn filtering_depends_on_what_it_says() {
    let cases: [(Dependence, [bool; 3]); 3] = [
        (Independent, [true, true, true]),
        (Address, [true, true, false]),
        (AddressAndPort, [true, false, false]),
    ];
    for (filtering, admitted) in cases {
        for (remote, admitted) in [peer(), same_address(), stranger()].into_iter().zip(admitted) {
            for unexpected in UNEXPECTED {
                for mut middlebox in middleboxes(filter(filtering, unexpected, false)) {
                    let (external, now) = play(&mut middlebox, Time::ZERO, [Out(SYN)]);
                    let expected = match admitted {
                        true => Verdict::Forward(tcp(remote, host(), SYN)),
                        false => refusal(unexpected, remote, external),
                    };
                    let verdict = middlebox.it.inbound(now, tcp(remote, external, SYN));
                    assert_eq!(verdict, expected, "{}: a SYN from {remote}", middlebox.name);
                }
            }
        }
    }
}

#[test]
fn nobody_comes_in_where_nothing_went_out() {
    for policy in filters() {
        for mut middlebox in middleboxes(policy) {
            let external = at("203.0.113.1:5000");
            let verdict = middlebox.it.inbound(Time::ZERO, tcp(peer(), external, SYN));
            assert_eq!(verdict, refusal(policy.unexpected, peer(), external), "{}", middlebox.name);
        }
    }
}

#[test]
fn what_comes_in_by_a_looser_filter_is_a_session_of_its_own() {
    for policy in
        [filter(Independent, Unexpected::Dropped, false), filter(Address, Unexpected::Dropped, false)]
    {
        for mut middlebox in middleboxes(policy) {
            let (external, now) = play(&mut middlebox, Time::ZERO, [Out(SYN)]);
            assert!(middlebox.admits(now, tcp(same_address(), external, SYN)), "{}", middlebox.name);

            let appears = middlebox.dial(now, tcp(host(), same_address(), SYN_ACK));
            assert_eq!(
                appears, external,
                "{}: the answer has to come from where was dialled",
                middlebox.name
            );
            assert!(middlebox.admits(now, tcp(same_address(), external, ACK)), "{}: its ACK", middlebox.name);

            // By now the session that has let it in is over.
            let alive = middlebox.admits(now + TRANSITORY, tcp(same_address(), external, ACK));
            assert!(alive, "{}: what was let in is not established", middlebox.name);
        }
    }
}

#[test]
fn only_a_syn_starts_a_session() {
    for policy in filters() {
        for mut middlebox in middleboxes(policy) {
            for flags in [ACK, SYN_ACK, FIN, RST] {
                let verdict = middlebox.it.outbound(Time::ZERO, tcp(host(), peer(), flags));
                assert_eq!(
                    verdict,
                    Verdict::Dropped,
                    "{}: {flags:?} from inside, of no session",
                    middlebox.name
                );
            }
            let (external, now) = play(&mut middlebox, Time::ZERO, [Out(SYN)]);
            for flags in [ACK, SYN_ACK, FIN, RST] {
                let verdict = middlebox.it.inbound(now, tcp(same_address(), external, flags));
                assert_eq!(verdict, Verdict::Dropped, "{}: {flags:?} from a stranger", middlebox.name);
            }
            let (_, now) = play(&mut middlebox, now, HANDSHAKE);
            let alive = middlebox.admits(now, tcp(peer(), external, ACK));
            assert!(alive, "{}: an RST of no session ends no other session", middlebox.name);
        }
    }
}

#[test]
fn sessions_last_as_long_as_their_state_says() {
    let crossing = [Out(SYN), In(SYN), Out(SYN_ACK), In(SYN_ACK)];
    let cases: [(&str, &[&[Step]], Time); 12] = [
        ("a SYN", &[&[Out(SYN)]], TRANSITORY),
        ("an answered SYN", &[&[Out(SYN), In(SYN_ACK)]], TRANSITORY),
        ("crossing SYNs", &[&crossing[..3]], TRANSITORY),
        ("an open session", &[&HANDSHAKE], ESTABLISHED),
        ("a simultaneous open", &[&crossing], ESTABLISHED),
        ("a late SYN on an open session", &[&HANDSHAKE, &[In(SYN)]], ESTABLISHED),
        ("a FIN from inside", &[&HANDSHAKE, &[Out(FIN)]], ESTABLISHED),
        ("a FIN from outside", &[&HANDSHAKE, &[In(FIN), Out(ACK)]], ESTABLISHED),
        ("FINs both ways", &[&HANDSHAKE, &[Out(FIN), In(FIN), Out(ACK)]], TRANSITORY),
        ("an RST that refuses a SYN", &[&[Out(SYN), In(RST), Out(ACK)]], TRANSITORY),
        ("an RST", &[&HANDSHAKE, &[Out(RST), In(ACK)]], TRANSITORY),
        ("a second connection after an RST", &[&HANDSHAKE, &[In(RST)], &HANDSHAKE], ESTABLISHED),
    ];
    for (name, steps, lifetime) in cases {
        for filtering in DEPENDENCES {
            for early in [true, false] {
                for mut middlebox in middleboxes(filter(filtering, Unexpected::Dropped, false)) {
                    let (external, last) = play(&mut middlebox, Time::ZERO, steps.concat());
                    let now = if early { last + lifetime - Time::from_nanos(1) } else { last + lifetime };
                    let alive = middlebox.admits(now, tcp(peer(), external, ACK));
                    assert_eq!(alive, early, "{}: {name}, {:?} later", middlebox.name, now - last);
                }
            }
        }
    }
}

#[test]
fn what_does_not_belong_to_a_session_does_not_prolong_it() {
    type Other = fn(&mut dyn Middlebox, Time, SocketAddr) -> Verdict;
    let others: [(&str, Other); 4] = [
        ("a stranger's SYN", |it, now, external| it.inbound(now, tcp(stranger(), external, SYN))),
        ("a stranger's ACK", |it, now, external| it.inbound(now, tcp(stranger(), external, ACK))),
        ("ICMP from outside", |it, now, external| it.inbound(now, unreachable(peer(), external, peer()))),
        ("ICMP from inside", |it, now, _| it.outbound(now, unreachable(host(), peer(), host()))),
    ];
    for (name, other) in others {
        for mut middlebox in middleboxes(filter(AddressAndPort, Unexpected::Dropped, false)) {
            let (external, last) = play(&mut middlebox, Time::ZERO, [Out(SYN)]);
            let _ = other(middlebox.it.as_mut(), last + TRANSITORY / 2, external);
            let alive = middlebox.admits(last + TRANSITORY, tcp(peer(), external, ACK));
            assert!(!alive, "{}: {name} has prolonged a session", middlebox.name);
        }
    }
}

#[test]
fn an_rst_ends_a_session_if_the_policy_says_so() {
    let resets: [(&str, &[Step]); 3] = [
        ("a refused SYN", &[Out(SYN), In(RST)]),
        ("an RST from inside", &[Out(SYN), In(SYN_ACK), Out(RST)]),
        ("an RST from outside", &[Out(SYN), In(SYN_ACK), Out(ACK), In(RST)]),
    ];
    for (name, steps) in resets {
        for policy in filters() {
            for mut middlebox in middleboxes(policy) {
                let (external, now) = play(&mut middlebox, Time::ZERO, steps.iter().copied());
                let verdict = middlebox.it.inbound(now, tcp(peer(), external, SYN));
                let expected = match policy.forgets_on_reset {
                    true => refusal(policy.unexpected, peer(), external),
                    false => Verdict::Forward(tcp(peer(), host(), SYN)),
                };
                assert_eq!(verdict, expected, "{}: a SYN from the peer after {name}", middlebox.name);
            }
        }
    }
}

#[test]
fn icmp_crosses_with_a_session_and_ends_nothing() {
    for policy in filters() {
        for mut middlebox in middleboxes(policy) {
            let router = at("198.51.100.9:0");
            let (external, now) = play(&mut middlebox, Time::ZERO, [Out(SYN)]);

            let verdict = middlebox.it.inbound(now, unreachable(router, external, stranger()));
            assert_eq!(verdict, Verdict::Dropped, "{}: ICMP about a packet never sent", middlebox.name);
            let verdict = middlebox.it.inbound(now, unreachable(router, external, peer()));
            let expected = Verdict::Forward(unreachable(router, host(), peer()));
            assert_eq!(verdict, expected, "{}: ICMP from outside", middlebox.name);

            let verdict = middlebox.it.outbound(now, unreachable(host(), stranger(), host()));
            assert_eq!(verdict, Verdict::Dropped, "{}: ICMP about a packet that never came", middlebox.name);
            let reporter = SocketAddr::new(host().ip(), 0);
            let verdict = middlebox.it.outbound(now, unreachable(reporter, peer(), host()));
            let reporter = SocketAddr::new(external.ip(), 0);
            let expected = Verdict::Forward(unreachable(reporter, peer(), external));
            assert_eq!(verdict, expected, "{}: ICMP from inside", middlebox.name);

            let alive = middlebox.admits(now, tcp(peer(), external, SYN_ACK));
            assert!(alive, "{}: ICMP has ended a session (RFC 5382 REQ-9)", middlebox.name);
        }
    }
}

#[test]
fn a_report_by_icmp_is_no_reason_for_another() {
    for policy in filters() {
        for mut middlebox in middleboxes(policy) {
            let report = unreachable(stranger(), at("203.0.113.1:5000"), peer());
            let verdict = middlebox.it.inbound(Time::ZERO, report);
            assert_eq!(verdict, Verdict::Dropped, "{}", middlebox.name);
        }
    }
}
