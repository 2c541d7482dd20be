//! A check for machines: one object on one line. Its field names and words are a promise; there may come more.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rdv_core::AddrSpace;

use super::facts::{Endpoint, Facts};
use super::findings::{Because, Between, Direct, Family, Findings, Firewall, Hairpin, Mapping, Ports};
use crate::json::Json;

/// The object. Its fields are documented in the project's README.
pub fn object(facts: &Facts, findings: &Findings) -> Json {
    let relay = facts.relay.as_ref();
    Json::Object(vec![
        ("url", text(&facts.url)),
        ("proxy", optional(facts.proxy.as_deref(), text)),
        ("works", Json::Bool(facts.failure.is_none())),
        ("error", optional(facts.failure.as_deref(), text)),
        ("interfaces", list(&facts.interfaces, |(name, ip)| interface(name, *ip))),
        ("endpoints", list(&facts.endpoints, endpoint)),
        (
            "unresolved",
            list(&facts.unresolved, |it| {
                Json::Object(vec![("url", text(&it.url)), ("error", text(&it.why))])
            }),
        ),
        ("left_out", list(&facts.left_out, |url| text(url))),
        ("answer_ms", optional(facts.answer(), millis)),
        ("relay_works", optional(relay, |relay| Json::Bool(relay.is_ok()))),
        ("relay_error", optional(relay.and_then(|relay| relay.as_ref().err()), |why| text(why))),
        ("ipv4", optional(findings.ipv4, family)),
        ("ipv6", optional(findings.ipv6, family)),
        ("has_public_ipv6", Json::Bool(findings.has_public6)),
        ("hairpin", hairpin(findings.hairpin)),
        ("firewall", text(firewall(findings.firewall))),
        ("direct", text(direct(findings.direct))),
        ("because", optional(findings.direct.because(), |why| text(because(why)))),
    ])
}

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

fn millis(time: Duration) -> Json {
    Json::Number(time.as_secs_f64() * 1000.0)
}

fn optional<T>(value: Option<T>, json: impl FnOnce(T) -> Json) -> Json {
    value.map_or(Json::Null, json)
}

fn list<T>(values: &[T], json: impl FnMut(&T) -> Json) -> Json {
    Json::List(values.iter().map(json).collect())
}

fn address(addr: SocketAddr) -> Json {
    Json::Text(addr.to_string())
}

fn space(ip: IpAddr) -> Json {
    optional(AddrSpace::of(ip), |space| text(space.name()))
}

fn interface(name: &str, ip: IpAddr) -> Json {
    Json::Object(vec![("name", text(name)), ("addr", Json::Text(ip.to_string())), ("space", space(ip))])
}

fn endpoint(endpoint: &Endpoint) -> Json {
    let error = endpoint.connects.as_ref().err().map(ToString::to_string).or(endpoint.failure.clone());
    Json::Object(vec![
        ("url", text(&endpoint.url)),
        ("also", Json::Bool(endpoint.is_also)),
        ("addr", address(endpoint.addr)),
        ("reached", Json::Bool(endpoint.connects.is_ok())),
        ("error", optional(error, Json::Text)),
        ("source", optional(endpoint.source, |ip| Json::Text(ip.to_string()))),
        ("connect_ms", optional(endpoint.connect(), millis)),
        (
            "sightings",
            list(&endpoint.sightings, |it| {
                Json::Object(vec![("local", address(it.local)), ("observed", optional(it.observed, address))])
            }),
        ),
    ])
}

fn family(family: Family) -> Json {
    let between = match family.between {
        Between::Untold => "untold",
        Between::Nothing => "nothing",
        Between::SameNetwork => "same-network",
        Between::Nat => "nat",
        Between::PrivateNat => "private-nat",
        Between::Proxy => "proxy",
        Between::OurProxy => "our-proxy",
    };
    let ports = match family.ports {
        Ports::Untold => "untold",
        Ports::Kept => "kept",
        Ports::Changed => "changed",
        Ports::Hidden => "hidden",
    };
    let mapping = match family.mapping {
        Mapping::NoNat => "no-nat",
        Mapping::Independent => "independent",
        Mapping::Dependent => "dependent",
        Mapping::OneAddress => "one-address",
        Mapping::Unseen => "unseen",
    };
    Json::Object(vec![
        ("observed", optional(family.observed, address)),
        ("space", optional(family.observed, |observed| space(observed.ip()))),
        ("between", text(between)),
        ("ports", text(ports)),
        ("mapping", text(mapping)),
    ])
}

fn hairpin(hairpin: Hairpin) -> Json {
    match hairpin {
        Hairpin::NotApplicable => Json::Null,
        Hairpin::Works => Json::Bool(true),
        Hairpin::Fails => Json::Bool(false),
    }
}

fn firewall(firewall: Firewall) -> &'static str {
    match firewall {
        Firewall::NothingSeen => "nothing-seen",
        Firewall::ForbidsOutgoing => "forbids-outgoing",
        Firewall::BlocksIncoming => "blocks-incoming",
    }
}

fn direct(direct: Direct) -> &'static str {
    match direct {
        Direct::Likely(_) => "likely",
        Direct::Possible(_) => "possible",
        Direct::Unlikely(_) => "unlikely",
        Direct::Unknown => "unknown",
    }
}

fn because(because: Because) -> &'static str {
    match because {
        Because::NoNat => "no-nat",
        Because::IndependentMapping => "independent-mapping",
        Because::KeptPorts => "kept-ports",
        Because::UnknownMapping => "unknown-mapping",
        Because::DependentMapping => "dependent-mapping",
        Because::PublicIpv6 => "public-ipv6",
        Because::NotSeen => "not-seen",
        Because::OurProxy => "our-proxy",
        Because::SameNetwork => "same-network",
        Because::Firewall => "firewall",
    }
}

#[cfg(test)]
mod tests;
