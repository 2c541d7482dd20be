//! Three `rdv serve` behind HAProxy and nginx, as `dist/` has them: both peers come to the same server, since the token is
//! hashed. Where a balancer is not installed, its tests say so and skip.
#![cfg(target_os = "linux")]

mod balancer;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod fake;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use balancer::{Balancer, Kind};
use client::{Client, meet_somehow, pair};
use common::{PATIENCE, Program, Rdv, data};
use fake::Fakes;
use rdv_tests::refusing;

const PROGRAM: Program = Program::Rdv;

mod haproxy {
    use super::*;

    #[test]
    fn a_thousand_tokens_meet() {
        super::a_thousand_tokens_meet(Kind::HaProxy);
    }

    #[test]
    fn a_server_is_killed() {
        super::a_server_is_killed(Kind::HaProxy);
    }

    #[test]
    fn a_fourth_server_takes_its_share() {
        super::a_fourth_server_takes_its_share(Kind::HaProxy);
    }

    #[test]
    fn whoever_leaves_is_gone() {
        super::whoever_leaves_is_gone(Kind::HaProxy);
    }

    #[test]
    fn refusals_come_through() {
        super::refusals_come_through(Kind::HaProxy);
    }

    #[test]
    fn no_server_is_left() {
        super::no_server_is_left(Kind::HaProxy, "");
    }

    /// The first FIN is passed on, and the other direction goes on to its own end.
    #[test]
    fn ends_are_passed_on_as_they_are() {
        let Some(site) = Site::start(Kind::HaProxy) else { return };
        let [mut dialer, mut accepter] = site.relayed("ends");
        dialer.say("question");
        dialer.finish();
        assert_eq!(accepter.rest(), "question");
        thread::sleep(Duration::from_millis(300)); // Nothing ends it meanwhile.
        accepter.say("answer");
        accepter.finish();
        assert_eq!(dialer.rest(), "answer");
    }
}

mod nginx {
    use super::*;

    #[test]
    fn a_thousand_tokens_meet() {
        super::a_thousand_tokens_meet(Kind::Nginx);
    }

    #[test]
    fn a_server_is_killed() {
        super::a_server_is_killed(Kind::Nginx);
    }

    #[test]
    fn a_fourth_server_takes_its_share() {
        super::a_fourth_server_takes_its_share(Kind::Nginx);
    }

    #[test]
    fn whoever_leaves_is_gone() {
        super::whoever_leaves_is_gone(Kind::Nginx);
    }

    #[test]
    fn refusals_come_through() {
        super::refusals_come_through(Kind::Nginx);
    }

    #[test]
    fn no_server_is_left() {
        super::no_server_is_left(Kind::Nginx, "HTTP/1.1 502 ");
    }

    /// All that came before the first FIN arrives; then both directions are closed, whatever was on its way back.
    #[test]
    fn the_first_end_is_the_end_of_both() {
        let Some(site) = Site::start(Kind::Nginx) else { return };
        let [mut dialer, mut accepter] = site.relayed("ends");
        dialer.say("question");
        dialer.finish();
        assert_eq!(accepter.rest(), "question");
        assert_eq!(dialer.rest(), "", "nobody has closed the other direction but nginx");
    }
}

/// Three servers, and what is in front of them.
struct Site {
    balancer: Balancer,
    servers: Vec<(Rdv, SocketAddr)>,
}

impl Site {
    fn start(kind: Kind) -> Option<Self> {
        let servers: Vec<_> = (0..3).map(|_| serve()).collect();
        let balancer = Balancer::start(kind, &addrs(&servers))?;
        Some(Self { balancer, servers })
    }

    fn ask(&self, method: &str, token: &str) -> Client {
        Client::ask(self.balancer.addr, method, token)
    }

    fn pair(&self, token: &str) -> [Client; 2] {
        pair(self.balancer.addr, token)
    }

    fn relayed(&self, token: &str) -> [Client; 2] {
        let [mut dialer, mut accepter] = self.pair(token);
        dialer.say("CONTINUE\n");
        accepter.expect("CONTINUE\n");
        [dialer, accepter]
    }

    fn meet_somehow(&self, token: &str) {
        meet_somehow(self.balancer.addr, token);
    }
}

fn a_thousand_tokens_meet(kind: Kind) {
    let Some(site) = Site::start(kind) else { return };
    thread::scope(|scope| {
        for part in 0..4 {
            let addr = site.balancer.addr;
            scope.spawn(move || (0..250).for_each(|n| drop(pair(addr, &token(part * 250 + n)))));
        }
    });
    // And the real command, with a token that is escaped.
    let (url, token) = (format!("http://{}/", site.balancer.addr), "grüße & more");
    let mut accepter = Rdv::start(&["accept", "--relay", &url, token]);
    let mut dialer = Rdv::start(&["dial", "--relay", &url, token]);
    dialer.wait_for("peer connected is_relay=true");
    accepter.wait_for("peer connected is_relay=true");
    let sent = data(1, 300_000);
    dialer.feed(sent.clone());
    assert!(accepter.stdout_to_end() == sent, "the data has changed on its way");
    accepter.close_stdin();
}

/// Its own pairs are lost, the others go on, and everybody who comes meets.
fn a_server_is_killed(kind: Kind) {
    let Some(mut site) = Site::start(kind) else { return };
    let mut pairs: Vec<_> = (0..60).map(|n| site.relayed(&format!("held{n}"))).collect();
    let (killed, at) = site.servers.pop().unwrap();
    // A health check may be under way, too.
    until("there are pairs alone", || established(at).is_multiple_of(2));
    let own = established(at) / 2;
    assert!((5..=40).contains(&own), "{own} of 60 pairs are at this server");

    let (over, met) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let (addr, over, met) = (site.balancer.addr, &over, &met);
        for part in 0..2 {
            scope.spawn(move || {
                for n in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    meet_somehow(addr, &format!("load{part}-{n}"));
                    met.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let _over = Over(over);
        until("there is load", || met.load(Ordering::Relaxed) > 20);
        killed.signal("KILL");
        killed.finish();

        let mut lost = 0;
        for [dialer, accepter] in &mut pairs {
            dialer.say("ping");
            let heard = accepter.hears("ping");
            accepter.say("pong");
            assert_eq!(dialer.hears("pong"), heard, "half a connection");
            lost += usize::from(!heard);
        }
        assert_eq!(lost, own, "those of the server that was killed, and no other");
        for n in 0..100 {
            site.meet_somehow(&format!("new{n}"));
        }
        let before = met.load(Ordering::Relaxed);
        until("the load goes on", || met.load(Ordering::Relaxed) > before + 20);
    });
}

fn a_fourth_server_takes_its_share(kind: Kind) {
    // Who gets which token is seen best at servers that say their number.
    let fakes = Fakes::start(4);
    let Some(mut balancer) = Balancer::start(kind, &fakes.addrs[..3]) else { return };
    let tokens: Vec<_> = (0..1000).map(token).collect();
    let shares = |balancer: &Balancer| -> BTreeMap<String, u8> {
        tokens.iter().map(|token| (token.clone(), fake::number(balancer.addr, token))).collect()
    };
    let before = shares(&balancer);
    for server in 0..3 {
        let share = before.values().filter(|it| **it == server).count();
        assert!((200..=470).contains(&share), "{kind:?}: server {server} has {share} of 1000 tokens");
    }
    balancer.reload(&fakes.addrs);
    until("the fourth is asked", || {
        tokens.iter().take(100).any(|token| fake::number(balancer.addr, token) == 3)
    });
    let after = shares(&balancer);
    let moved: Vec<_> = tokens.iter().filter(|token| before[*token] != after[*token]).collect();
    eprintln!("{kind:?}: {} of 1000 tokens have moved", moved.len());
    assert!((130..=330).contains(&moved.len()), "{} of 1000 tokens have moved", moved.len());
    assert!(moved.iter().all(|token| after[*token] == 3), "nothing moves but to the fourth");

    // With real servers: those that have met stay together.
    let Some(mut site) = Site::start(kind) else { return };
    let mut pairs: Vec<_> = (0..20).map(|n| site.relayed(&format!("held{n}"))).collect();
    site.servers.push(serve());
    site.balancer.reload(&addrs(&site.servers));
    for n in 0..100 {
        site.meet_somehow(&format!("new{n}"));
    }
    for [dialer, accepter] in &mut pairs {
        dialer.say("ping");
        accepter.expect("ping");
        accepter.say("pong");
        dialer.expect("pong");
    }
}

/// A client that goes away while it waits takes nobody's place.
fn whoever_leaves_is_gone(kind: Kind) {
    let Some(site) = Site::start(kind) else { return };
    let all = || site.servers.iter().map(|(_, addr)| established(*addr)).sum::<usize>();
    let leaves = site.ask("ACCEPT", "tok");
    until("it waits", || all() == 1);
    drop(leaves);
    until("its server has heard of it", || all() == 0);
    site.pair("tok");
}

fn refusals_come_through(kind: Kind) {
    let Some(site) = Site::start(kind) else { return };
    let mut replaced = site.ask("DIAL", "tok");
    let all = || site.servers.iter().map(|(_, addr)| established(*addr)).sum::<usize>();
    until("it waits", || all() == 1);
    let _newer = site.ask("DIAL", "tok");
    let head = replaced.head().to_lowercase();
    assert!(head.starts_with("http/1.1 409 ") && head.contains("rdv-error: replaced\r\n"), "{head}");
    // A head that comes in pieces is one all the same.
    let mut bad = Client::new(site.balancer.addr);
    for part in
        ["BR", "EW /t", "ok HTTP", "/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n", "\r\n"]
    {
        bad.say(part);
        thread::sleep(Duration::from_millis(20));
    }
    let head = bad.head().to_lowercase();
    assert!(head.starts_with("http/1.1 400 ") && head.contains("rdv-error: bad-method\r\n"), "{head}");
    // The server is not taken for a dead one because of that.
    site.pair("other");
}

fn no_server_is_left(kind: Kind, answer: &str) {
    let (_sockets, nobody): (Vec<_>, Vec<_>) = (0..3).map(|_| refusing()).unzip();
    let Some(balancer) = Balancer::start(kind, &nobody) else { return };
    let head = Client::ask(balancer.addr, "DIAL", "tok").head();
    assert!(head.starts_with(answer) && head.is_empty() == answer.is_empty(), "{head:?}");
}

fn serve() -> (Rdv, SocketAddr) {
    let mut server = Rdv::start(&["serve", "-l", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"]);
    let line = server.wait_for("listening addr=");
    let addr = line.split("addr=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    let addr = addr.parse().unwrap();
    (server, addr)
}

fn addrs(servers: &[(Rdv, SocketAddr)]) -> Vec<SocketAddr> {
    servers.iter().map(|(_, addr)| *addr).collect()
}

/// Random, but the same in each run.
fn token(n: u64) -> String {
    let mut state = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    format!("{:016x}", state ^ (state >> 31))
}

/// How many connections to a server's port stand. While others come and go, the kernel's table may have a line twice, or
/// leave one out.
fn established(server: SocketAddr) -> usize {
    let local = format!("0100007F:{:04X}", server.port());
    let mut remotes = BTreeSet::new();
    for _ in 0..3 {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        remotes.extend(table.lines().filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            (fields[1] == local && fields[3] == "01").then(|| fields[2].to_owned())
        }));
    }
    remotes.len()
}

/// Says that it is over, also if that is a panic.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
