//! What the properties share: how many cases there are, and what they are made of.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};

use super::bench::{Bench, Machine};
use crate::io::ConnId;
use crate::token::Token;
use crate::wire::Role;

/// The same cases on every run, and no files left behind. `PROPTEST_CASES` says how many.
pub(crate) fn fixed_cases() -> Config {
    Config { rng_seed: RngSeed::Fixed(0x7264_7631), failure_persistence: None, ..Config::default() }
}

/// Segments of a stream, each of the lengths in turn and again from the first.
pub(crate) fn cuts() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1..80usize, 1..20)
}

/// The most bytes that a read brings.
pub(crate) fn chop() -> impl Strategy<Value = usize> {
    prop_oneof![1..9usize, Just(usize::MAX)]
}

pub(crate) fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..=most)
}

pub(crate) fn role() -> impl Strategy<Value = Role> {
    proptest::sample::select(vec![Role::Dial, Role::Accept])
}

pub(crate) fn token() -> impl Strategy<Value = Token> {
    proptest::collection::vec(any::<u8>(), 1..60).prop_map(|token| Token::new(token).unwrap())
}

/// Addresses of all kinds, IPv4-mapped ones, zones and flow labels included.
pub(crate) fn addr() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        any::<Ipv4Addr>().prop_map(IpAddr::from),
        any::<Ipv4Addr>().prop_map(|ip| ip.to_ipv6_mapped().into()),
        any::<Ipv6Addr>().prop_map(IpAddr::from),
        (any::<u8>(), any::<u16>()).prop_map(|(high, low)| {
            Ipv6Addr::new(0xfe80 | u16::from(high & 1), 0, 0, 0, 0, 0, 0, low).into()
        }),
    ];
    (ip, any::<u16>(), 0..3u32, 0..3u32).prop_map(|(ip, port, flow, zone)| match SocketAddr::new(ip, port) {
        SocketAddr::V6(mut addr) => {
            addr.set_flowinfo(flow);
            addr.set_scope_id(zone);
            addr.into()
        }
        v4 @ SocketAddr::V4(_) => v4,
    })
}

/// Pieces of what is said at some point of the protocol, joined, and damaged in up to two places.
pub(crate) fn stream_of(pieces: Vec<String>) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        6 => proptest::sample::select(pieces).prop_map(String::into_bytes),
        1 => bytes(30),
    ];
    let damage = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (proptest::collection::vec(piece, 0..6), damage).prop_map(|(pieces, damage)| {
        let mut stream = pieces.concat();
        if !stream.is_empty() {
            damage.into_iter().for_each(|(at, byte)| *at.get_mut(&mut stream) = byte);
        }
        stream
    })
}

impl<M: Machine> Bench<M> {
    /// Segments arrive, whoever the connection belongs to by then.
    pub(crate) fn brings(&mut self, conn: ConnId, stream: &[u8], cuts: &[usize]) {
        let mut rest = stream;
        for cut in cuts.iter().cycle() {
            let (segment, behind) = rest.split_at(rest.len().min(*cut));
            match self.given.get_mut(&conn) {
                Some(wire) => wire.incoming.extend_from_slice(segment),
                None => self.says(conn, segment),
            }
            rest = behind;
            if rest.is_empty() {
                return;
            }
        }
    }
}
