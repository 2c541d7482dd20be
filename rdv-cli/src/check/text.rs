//! A check in plain words.

use rdv_core::AddrSpace;

use super::facts::{Endpoint, Facts, Unresolved};
use super::findings::{Because, Between, Direct, Family, Findings, Firewall, Hairpin, Mapping, Ports};
use crate::duration::Pretty;

/// What is printed: parts with a title, and what it all comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Each a title, and lines.
    pub parts: Vec<(&'static str, Vec<String>)>,
    /// Whether there is nothing to worry about.
    pub is_good: bool,
    /// In one line.
    pub verdict: String,
    /// What can be done about it, perhaps nothing.
    pub advice: Option<&'static str>,
}

impl Text {
    /// The words for it.
    pub fn new(facts: &Facts, findings: &Findings) -> Text {
        let mut parts = vec![("This machine", machine(facts, findings)), ("The server", server(facts))];
        let seen = seen(facts, findings);
        if !seen.is_empty() {
            parts.push(("What it sees of us", seen));
        }
        parts.retain(|(_, lines)| !lines.is_empty());
        let is_good = facts.failure.is_none() && matches!(findings.direct, Direct::Likely(_));
        Text { parts, is_good, verdict: verdict(findings), advice: advice(findings) }
    }
}

fn machine(facts: &Facts, findings: &Findings) -> Vec<String> {
    let space = |ip| AddrSpace::of(ip).map_or("no unicast", AddrSpace::name);
    let mut lines: Vec<String> =
        facts.interfaces.iter().map(|(name, ip)| format!("{name}: {ip} ({})", space(*ip))).collect();
    let has_ipv4 = facts
        .interfaces
        .iter()
        .any(|(_, ip)| matches!(AddrSpace::of(*ip), Some(AddrSpace::Public4 | AddrSpace::Private4)));
    if !has_ipv4 && findings.has_public6 {
        lines.push("There is no IPv4 address: to peers without IPv6 there is the relay alone.".to_owned());
    }
    if !findings.has_public6 {
        lines.push("There is no public IPv6 address.".to_owned());
    }
    let firewall = match findings.firewall {
        Firewall::NothingSeen => None,
        Firewall::ForbidsOutgoing => Some("A firewall on this machine forbids connections to a server."),
        Firewall::BlocksIncoming => Some(
            "A firewall on this machine seems to block what comes in: not even we ourselves get through.",
        ),
    };
    lines.extend(firewall.map(str::to_owned));
    lines
}

fn server(facts: &Facts) -> Vec<String> {
    let proxy = facts
        .proxy
        .iter()
        .map(|proxy| format!("It is reached through the proxy {proxy}. The addresses here are the proxy's."));
    let left_out = facts.left_out.iter().map(|url| {
        format!("{url} (--also): left out, for through a proxy there is nothing to be seen of a NAT")
    });
    let unresolved = facts
        .unresolved
        .iter()
        .map(|Unresolved { url, why, .. }| format!("{url}: its name has no address: {why}"));
    let mut lines: Vec<String> =
        proxy.chain(unresolved).chain(facts.endpoints.iter().map(endpoint)).chain(left_out).collect();
    if let Some(answer) = facts.answer() {
        lines.push(format!("It answers in {} (the median of {}).", Pretty(answer), facts.answers.len()));
    }
    match &facts.relay {
        Some(Ok(())) => lines.push("The relay works: data came through it both ways, unchanged.".to_owned()),
        Some(Err(why)) => lines.push(format!("The relay does not work: {why}.")),
        None => {}
    }
    lines
}

fn endpoint(endpoint: &Endpoint) -> String {
    let addr = endpoint.addr;
    let also = if endpoint.is_also { " (--also)" } else { "" };
    let source = endpoint.source.map(|source| format!(" from {source}")).unwrap_or_default();
    let rest = match (&endpoint.connects, endpoint.connect()) {
        (Err(kind), _) => format!("cannot be reached: {kind}"),
        (Ok(all), Some(time)) => {
            format!("connects in {}{source} (the median of {})", Pretty(time), all.len())
        }
        (Ok(_), None) => "not tried".to_owned(),
    };
    let failure = endpoint.failure.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
    format!("{addr}{also}: {rest}{failure}")
}

fn seen(facts: &Facts, findings: &Findings) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, family) in [("IPv4", findings.ipv4), ("IPv6", findings.ipv6)] {
        let Some(family) = family else { continue };
        lines.push(format!("{name}: {}", between(family)));
        lines.extend(ports(family.ports, family.between).map(|text| format!("{name}: {text}")));
        lines.extend(mapping(family.mapping).map(|text| format!("{name}: {text}")));
    }
    let hairpin = match findings.hairpin {
        Hairpin::NotApplicable => None,
        Hairpin::Works => {
            Some("The NAT connects its own with each other by their outer addresses (hairpinning).")
        }
        Hairpin::Fails => Some(
            "The NAT does not connect its own with each other by their outer addresses (no hairpinning): two peers \
             behind it need a network in common.",
        ),
    };
    lines.extend(hairpin.map(str::to_owned));
    if findings.has_public6
        && (findings.ipv6.is_none() || facts.proxy.is_some())
        && !facts.endpoints.is_empty()
    {
        lines.push(
            "IPv6: the server was not reached by it. Peers are told our own public address all the same."
                .to_owned(),
        );
    }
    lines
}

fn between(Family { observed, between, .. }: Family) -> String {
    let Some(observed) = observed else {
        return "the server does not say what it sees.".to_owned();
    };
    let what = match between {
        Between::Untold => "",
        Between::Nothing => "public, and our own: there is no NAT.",
        Between::SameNetwork => "our own: the server is on this machine or in its network.",
        Between::Nat => "public, and not our own: there is a NAT.",
        Between::PrivateNat => {
            "neither public nor our own: there is a NAT, and more behind it or the server in its network."
        }
        Between::OurProxy => "the address of the proxy through which we reach it: ours is hidden.",
        Between::Proxy => "of the server's side: a proxy in front of it does not pass our address on.",
    };
    format!("it sees {observed}, which is {what}")
}

fn ports(ports: Ports, between: Between) -> Option<&'static str> {
    match (ports, between) {
        // Of a proxy's own connections, the ports say nothing.
        (Ports::Untold, _)
        | (Ports::Kept, Between::Nothing | Between::SameNetwork)
        | (Ports::Kept | Ports::Changed, Between::Proxy) => None,
        (Ports::Kept, _) => Some("it sees our port as it is: the NAT keeps it."),
        (Ports::Changed, _) => Some("it sees another port than ours: it is changed on the way."),
        (Ports::Hidden, _) => {
            Some("it sees different ports of ours as the same one: a proxy hides them from it.")
        }
    }
}

fn mapping(mapping: Mapping) -> Option<&'static str> {
    match mapping {
        Mapping::NoNat | Mapping::Unseen => None,
        Mapping::Independent => {
            Some("two addresses of servers see the same: the NAT maps independently of the endpoint.")
        }
        Mapping::Dependent => {
            Some("two addresses of servers see us differently: the NAT gives each destination another port.")
        }
        Mapping::OneAddress => Some(
            "whether the NAT gives each destination another port: cannot tell with one server address; give --also.",
        ),
    }
}

fn verdict(findings: &Findings) -> String {
    let why = findings.direct.because().map(because).unwrap_or_default();
    match findings.direct {
        Direct::Likely(_) => format!("A direct connection is likely: {why}."),
        Direct::Possible(_) => format!("A direct connection is possible {why}."),
        Direct::Unlikely(_) => format!("A direct connection is unlikely: {why}."),
        Direct::Unknown => {
            "Nothing can be said about direct connections: the server does not work for us.".to_owned()
        }
    }
}

fn because(because: Because) -> &'static str {
    match because {
        Because::NoNat => "this machine has a public address, and no NAT before it",
        Because::IndependentMapping => {
            "your NAT gives all destinations the same port, so peers can be told of it"
        }
        Because::KeptPorts => "your NAT keeps ports, and so it probably gives all destinations the same one",
        Because::UnknownMapping => {
            "with peers that have a public address or whose firewall lets anybody in; with others, if your NAT gives all \
             destinations the same port, which one server address can't tell"
        }
        Because::DependentMapping => "your NAT gives each destination another port",
        Because::OurProxy => {
            "the proxy hides our address, so peers are told only of those that this machine has itself"
        }
        Because::NotSeen => "the server does not see where we are, and so can't tell peers",
        Because::SameNetwork => {
            "with peers in this network; the server is not where it could see how the internet sees us"
        }
        Because::PublicIpv6 => "with peers that have a public IPv6 address too; over IPv4 it is unlikely",
        Because::Firewall => "with peers that let us in; this machine itself seems to let nobody in",
    }
}

fn advice(findings: &Findings) -> Option<&'static str> {
    Some(match findings.direct.because()? {
        Because::DependentMapping => {
            "It will still come about with peers in your network, and with those that take connections from anybody.\n\
             With others the relay is used."
        }
        Because::OurProxy => {
            "It will still come about with peers in your network. What there is without the proxy, --proxy '' shows."
        }
        Because::NotSeen => {
            "Whoever runs the server: have its proxy pass on address and port, and name the proxy by --trusted-proxy."
        }
        Because::UnknownMapping => "Give a second server, or a second port of this one, by --also.",
        Because::SameNetwork => "For what the internet sees, check with a server outside.",
        Because::Firewall => "Look at the firewall's rules for incoming TCP connections.",
        Because::NoNat | Because::IndependentMapping | Because::KeptPorts | Because::PublicIpv6 => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests;
