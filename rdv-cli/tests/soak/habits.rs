//! What clients do: one that behaves, and many that don't.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use rdv_tests::answer::{expect_matched, read_told, request};
use rdv_tests::raw::RawConn;
use rdv_tests::{SOON, assert_same, pattern};
use socket2::{Domain, Socket, Type};

use crate::crowd::Chance;

pub(crate) type Habit = (&'static str, fn(SocketAddr, &mut Chance));

pub(crate) const HABITS: [Habit; 13] = [
    ("comes, and says nothing", silent),
    ("stalls in its head", stalls),
    ("sends garbage", garbage),
    ("sends a head without end", endless),
    ("waits, and is gone", vanishes),
    ("waits until it is told to go", waits),
    ("speaks while it waits", speaks),
    ("comes again and again with one token", again),
    ("floods", floods),
    ("meets, and connects directly", direct),
    ("meets, and half-closes", half_closes),
    ("meets, and resets in the middle", resets),
    ("meets, and does not read", does_not_read),
];

/// A good pair: they meet, and what each says arrives, ends included.
pub(crate) fn meet(addr: SocketAddr, seed: u64) {
    // Pair after pair from one address would be a flood.
    let ip = Ipv4Addr::from_bits(127 << 24 | 1 << 16 | (seed & 0xffff) as u32);
    let [mut dialer, mut accepter] = pair(addr, &mut Source::Fixed(ip), seed);
    dialer.send("CONTINUE\n");
    accepter.expect("CONTINUE\n");
    let said = [pattern(100_000, seed), pattern(80_000, seed + 1)];
    dialer.send(&said[0]);
    dialer.finish();
    assert_same("to the accepter", &accepter.read_to_end().0, &said[0]);
    accepter.send(&said[1]);
    accepter.finish();
    assert_same("to the dialer", &dialer.read_to_end().0, &said[1]);
}

fn silent(addr: SocketAddr, chance: &mut Chance) {
    let conn = connect(addr, &mut Source::Any(chance));
    pause(chance);
    end(conn, chance);
}

fn stalls(addr: SocketAddr, chance: &mut Chance) {
    let conn = connect(addr, &mut Source::Any(chance));
    let head = request("DIAL", "/stalls", "");
    conn.send(&head[..chance.below(head.len() as u64) as usize]);
    pause(chance);
    end(conn, chance);
}

fn garbage(addr: SocketAddr, chance: &mut Chance) {
    let mut conn = connect(addr, &mut Source::Any(chance));
    conn.send(pattern(chance.below(3000) as usize, chance.next()));
    conn.finish();
    // Whatever it is told, it is not kept.
    conn.read_to_end();
}

fn endless(addr: SocketAddr, chance: &mut Chance) {
    let mut conn = connect(addr, &mut Source::Any(chance));
    conn.send("DIAL /endless HTTP/1.1\r\nHost: rdv.test\r\n");
    conn.send(format!("X-Endless: {}\r\n", "x".repeat(100)).repeat(200));
    assert_eq!(read_told(&mut conn).status, 431);
    end(conn, chance);
}

fn vanishes(addr: SocketAddr, chance: &mut Chance) {
    let conn = connect(addr, &mut Source::Any(chance));
    conn.send(request(role(chance), &target(chance.next()), "192.0.2.1:4321"));
    pause(chance);
    end(conn, chance);
}

fn waits(addr: SocketAddr, chance: &mut Chance) {
    let mut conn = connect(addr, &mut Source::Any(chance));
    conn.send(request(role(chance), &target(chance.next()), "192.0.2.1:4321"));
    assert_eq!(read_told(&mut conn).code, "no-peer");
    conn.expect_eof();
}

fn speaks(addr: SocketAddr, chance: &mut Chance) {
    let mut conn = connect(addr, &mut Source::Any(chance));
    conn.send(request(role(chance), &target(chance.next()), ""));
    conn.send(pattern(1 + chance.below(2000) as usize, chance.next()));
    assert_eq!(read_told(&mut conn).code, "not-idle");
    end(conn, chance);
}

/// Which of them the server hears last is its own affair: requests on several connections have no order.
fn again(addr: SocketAddr, chance: &mut Chance) {
    let (role, target) = (role(chance), target(chance.next()));
    let conns: Vec<_> = (0..10)
        .map(|_| {
            let conn = connect(addr, &mut Source::Any(chance));
            conn.send(request(role, &target, ""));
            conn
        })
        .collect();
    let mut told: Vec<_> = conns.into_iter().map(|mut conn| read_told(&mut conn).code).collect();
    told.sort();
    assert_eq!(told[0], "no-peer", "the last one");
    assert_eq!(told[1..], ["replaced"; 9], "all before");
}

fn floods(addr: SocketAddr, chance: &mut Chance) {
    let conns: Vec<_> = (0..50).map(|_| connect(addr, &mut Source::Any(chance))).collect();
    conns.into_iter().for_each(|conn| end(conn, chance));
}

fn direct(addr: SocketAddr, chance: &mut Chance) {
    let seed = chance.next();
    let [mut dialer, mut accepter] = pair(addr, &mut Source::Any(chance), seed);
    dialer.send("OTHER 192.0.2.1:4321\n");
    dialer.expect_eof();
    accepter.expect_eof();
}

fn half_closes(addr: SocketAddr, chance: &mut Chance) {
    let (seed, len) = (chance.next(), chance.below(300_000) as usize);
    let [mut dialer, mut accepter] = relayed(addr, &mut Source::Any(chance), seed);
    let said = pattern(len, seed);
    accepter.finish();
    dialer.expect_eof();
    let sender = thread::spawn({
        let said = said.clone();
        move || {
            dialer.send(said);
            dialer.finish();
        }
    });
    let (got, end) = accepter.read_to_end();
    assert_same(&format!("against the end that has come, up to {end:?}"), &got, &said);
    assert!(sender.join().is_ok(), "sending failed");
}

fn resets(addr: SocketAddr, chance: &mut Chance) {
    let (seed, len) = (chance.next(), chance.below(300_000) as usize);
    let [dialer, mut accepter] = relayed(addr, &mut Source::Any(chance), seed);
    // As much as is taken at once: nobody reads yet.
    dialer.tcp().set_nonblocking(true).expect("a socket");
    let _ = dialer.tcp().write(&pattern(len, seed));
    dialer.reset();
    accepter.read_to_end();
}

/// Buffers are full on the whole way, and stay full until the pair has been idle for too long, or one resets.
fn does_not_read(addr: SocketAddr, chance: &mut Chance) {
    let seed = chance.next();
    let [dialer, accepter] = relayed(addr, &mut Source::Any(chance), seed);
    dialer.tcp().set_nonblocking(true).expect("a socket");
    let data = pattern(100_000, seed);
    while dialer.tcp().write(&data).is_ok_and(|len| len > 0) {}
    if chance.below(4) == 0 {
        let mut dialer = RawConn::from_tcp(dialer.tcp().try_clone().expect("a socket"));
        dialer.expect_reset();
    }
    pause(chance);
    end(dialer, chance);
    end(accepter, chance);
}

fn relayed(addr: SocketAddr, source: &mut Source<'_>, seed: u64) -> [RawConn; 2] {
    let [dialer, mut accepter] = pair(addr, source, seed);
    dialer.send("CONTINUE\n");
    accepter.expect("CONTINUE\n");
    [dialer, accepter]
}

/// Two that have been told of each other.
fn pair(addr: SocketAddr, source: &mut Source<'_>, seed: u64) -> [RawConn; 2] {
    let target = target(seed);
    let [mut dialer, mut accepter] = ["DIAL", "ACCEPT"].map(|role| {
        let conn = connect(addr, source);
        conn.send(request(role, &target, ""));
        conn
    });
    expect_matched(&mut dialer, &mut accepter);
    [dialer, accepter]
}

/// Where a client comes from.
enum Source<'a> {
    Fixed(Ipv4Addr),
    Any(&'a mut Chance),
}

/// From any of many addresses, since a server allows each its share.
fn connect(addr: SocketAddr, source: &mut Source<'_>) -> RawConn {
    let ip = match source {
        Source::Fixed(ip) => *ip,
        Source::Any(chance) => Ipv4Addr::from_bits(SOURCES | chance.below(1 << 16) as u32),
    };
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((ip, 0)).into()).expect("all of 127.0.0.0/8 is this machine's");
    socket.connect_timeout(&addr.into(), SOON).unwrap_or_else(|err| panic!("{ip} cannot connect: {err}"));
    RawConn::from_tcp(socket.into())
}

fn end(conn: RawConn, chance: &mut Chance) {
    match chance.below(3) {
        0 => conn.reset(),
        1 => conn.finish(),
        _ => drop(conn),
    }
}

/// A habit's own length: what comes when is up to chance.
fn pause(chance: &mut Chance) {
    thread::sleep(Duration::from_millis(chance.below(100)));
}

fn role(chance: &mut Chance) -> &'static str {
    ["DIAL", "ACCEPT"][chance.below(2) as usize]
}

/// A token of its own.
fn target(seed: u64) -> String {
    format!("/soak-{seed:016x}")
}

/// 127.2.0.0/16.
const SOURCES: u32 = 127 << 24 | 2 << 16;
