use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use super::super::facts::{Meeting, Sighting};
use super::*;

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap_or_else(|_| panic!("{text}"))
}

fn endpoint_at(at: &str, is_also: bool, observed: &str) -> Endpoint {
    Endpoint {
        url: format!("http://{at}"),
        is_also,
        addr: addr(at),
        connects: Ok([9, 12, 11].map(Duration::from_millis).to_vec()),
        source: Some("192.168.1.16".parse().unwrap()),
        sightings: vec![Sighting { local: addr("192.168.1.16:4001"), observed: observed.parse().ok() }],
        failure: None,
    }
}

/// Behind a NAT, with a server, and a second one that sees us as `other`.
fn facts(other: &str) -> Facts {
    Facts {
        url: "http://example.com:8080".to_owned(),
        interfaces: vec![
            ("lo".to_owned(), "127.0.0.1".parse().unwrap()),
            ("eth0".to_owned(), "192.168.1.16".parse().unwrap()),
        ],
        endpoints: vec![
            endpoint_at("198.51.100.1:8080", false, "203.0.113.9:9001"),
            endpoint_at("198.51.100.2:8080", true, other),
        ],
        answers: [14, 13, 15].map(Duration::from_millis).to_vec(),
        relay: Some(Ok(())),
        meeting: Some(Meeting {
            observed: vec![addr("203.0.113.9:9002"), addr("203.0.113.9:9003")],
            candidates: vec![(addr("192.168.1.16:4003"), true), (addr("203.0.113.9:9003"), false)],
        }),
        ..Facts::default()
    }
}

fn text(facts: &Facts) -> Text {
    Text::new(facts, &Findings::of(facts))
}

fn lines(text: &Text) -> String {
    text.parts.iter().map(|(title, lines)| format!("{title}\n{}\n", lines.join("\n"))).collect()
}

#[test]
fn a_nat_in_plain_words() {
    let text = text(&facts("203.0.113.9:9004"));
    assert_eq!(
        lines(&text),
        "\
This machine
lo: 127.0.0.1 (loopback4)
eth0: 192.168.1.16 (private4)
There is no public IPv6 address.
The server
198.51.100.1:8080: connects in 11ms from 192.168.1.16 (the median of 3)
198.51.100.2:8080 (--also): connects in 11ms from 192.168.1.16 (the median of 3)
It answers in 14ms (the median of 3).
The relay works: data came through it both ways, unchanged.
What it sees of us
IPv4: it sees 203.0.113.9:9001, which is public, and not our own: there is a NAT.
IPv4: it sees another port than ours: it is changed on the way.
IPv4: two addresses of servers see us differently: the NAT gives each destination another port.
The NAT does not connect its own with each other by their outer addresses (no hairpinning): two peers behind it \
need a network in common.
"
    );
    assert_eq!(
        text.verdict,
        "A direct connection is unlikely: your NAT gives each destination another port."
    );
    assert!(!text.is_good && text.advice.is_some());
}

#[test]
fn one_address_can_not_tell() {
    let mut facts = facts("");
    facts.endpoints.truncate(1);
    let text = text(&facts);
    assert!(lines(&text).contains("cannot tell with one server address; give --also."), "{}", lines(&text));
    assert!(
        text.verdict.starts_with("A direct connection is possible with peers that have a public address")
    );
    assert_eq!(text.advice, Some("Give a second server, or a second port of this one, by --also."));
}

#[test]
fn without_ipv4_some_peers_are_out_of_reach() {
    let missing = "There is no IPv4 address: to peers without IPv6 there is the relay alone.\n";
    let mut facts = facts("203.0.113.9:9001");
    assert!(!lines(&text(&facts)).contains(missing));
    facts.interfaces = vec![("eth0".to_owned(), "2001:db8:1::15".parse().unwrap())];
    assert!(lines(&text(&facts)).contains(missing));
}

#[test]
fn of_a_proxys_ports_nothing_is_said() {
    let mut facts = facts("10.1.2.3:9001");
    facts.endpoints[0].sightings[0].observed = Some(addr("10.1.2.3:9004"));
    let lines = lines(&text(&facts));
    assert!(lines.contains("a proxy in front of it") && !lines.contains("another port"), "{lines}");
}

#[test]
fn good_news_need_no_advice() {
    let text = text(&facts("203.0.113.9:9001"));
    assert!(text.verdict.starts_with("A direct connection is likely: "), "{}", text.verdict);
    assert_eq!((text.is_good, text.advice), (true, None));
}

#[test]
fn a_failure_is_no_verdict_on_nats() {
    let mut facts = facts("");
    facts.failure = Some("cannot reach the server".to_owned());
    facts.unresolved = vec![Unresolved {
        url: "http://nowhere.invalid".to_owned(),
        kind: ErrorKind::Other,
        why: "no such name".to_owned(),
    }];
    facts.relay = Some(Err("no data comes through the relay: timed out".to_owned()));
    facts.answers.clear();
    for endpoint in &mut facts.endpoints {
        endpoint.sightings.clear();
    }
    facts.endpoints[0].connects = Err(ErrorKind::PermissionDenied);
    facts.endpoints[1].failure = Some("refused by the server".to_owned());
    let text = text(&facts);
    let lines = lines(&text);
    for part in [
        "A firewall on this machine forbids connections to a server.\n",
        "http://nowhere.invalid: its name has no address: no such name\n",
        "198.51.100.1:8080: cannot be reached: permission denied\n",
        "(the median of 3); refused by the server\n",
        "The relay does not work: no data comes through the relay: timed out.\n",
    ] {
        assert!(lines.contains(part), "{part:?} is missing: {lines}");
    }
    assert!(!lines.contains("It answers"), "{lines}");
    assert!(text.verdict.contains("the server does not work for us") && !text.is_good, "{}", text.verdict);
}

#[test]
fn a_proxy_on_the_way_is_named() {
    let mut facts = facts("");
    facts.proxy = Some("http://192.168.1.2:3128".to_owned());
    facts.endpoints.truncate(1);
    facts.endpoints[0].addr = addr("192.168.1.2:3128");
    facts.left_out = vec!["http://example.net".to_owned()];
    facts.meeting = None;
    let text = text(&facts);
    let lines = lines(&text);
    for part in [
        "The server\nIt is reached through the proxy http://192.168.1.2:3128. The addresses here are the proxy's.\n",
        "192.168.1.2:3128: connects in ",
        "http://example.net (--also): left out, for through a proxy ",
        "IPv4: it sees 203.0.113.9:9001, which is the address of the proxy through which we reach it: ours is hidden.\n",
    ] {
        assert!(lines.contains(part), "{part:?} is missing: {lines}");
    }
    assert!(!lines.contains("NAT keeps") && !lines.contains("give --also"), "{lines}");
    let verdict = "A direct connection is unlikely: the proxy hides our address, so peers are told only of those that \
                   this machine has itself.";
    assert_eq!((text.verdict.as_str(), text.is_good), (verdict, false));
    assert!(text.advice.is_some_and(|advice| advice.contains("--proxy ''")), "{:?}", text.advice);

    facts.interfaces.push(("eth0".to_owned(), "2001:db8:5::16".parse().unwrap()));
    facts.interfaces.push(("eth0".to_owned(), "2600::16".parse().unwrap()));
    let text = Text::new(&facts, &Findings::of(&facts));
    assert!(text.verdict.contains("possible with peers that have a public IPv6"), "{}", text.verdict);
}

/// Every word there is for what is found is a sentence's end, and none is said twice.
#[test]
fn each_reason_has_its_own_words() {
    let reasons = [
        Because::NoNat,
        Because::IndependentMapping,
        Because::KeptPorts,
        Because::UnknownMapping,
        Because::DependentMapping,
        Because::PublicIpv6,
        Because::NotSeen,
        Because::OurProxy,
        Because::SameNetwork,
        Because::Firewall,
    ];
    let mut words = reasons.map(because).to_vec();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), reasons.len(), "{words:#?}");
    assert!(words.iter().all(|words| !words.ends_with('.')), "the verdict adds the full stop: {words:#?}");
}
