//! The topologies, and what is the best that can come of each.

use std::fmt;
use std::time::Duration;

use rdv_core::Route;
use rdv_tests::adapter::{Adapter, Blocking, Smol, Tokio};
use rdv_tests::lab::Families::{self, Both, Broken6, V6};
use rdv_tests::lab::Unexpected::{self, Dropped, Prohibited, Reset};
use rdv_tests::lab::{Delay, Lan, Nat, Side, Speaks};

/// Where the peers are, and what ought to come of it.
#[derive(Debug)]
pub(crate) struct Topology {
    pub(crate) name: &'static str,
    /// The dialer's and the accepter's.
    pub(crate) sides: [Side; 2],
    /// How many gateways both peers have in common.
    pub(crate) shared: usize,
    /// A network of the two peers alone, besides all others.
    pub(crate) cable: Option<Lan>,
    pub(crate) server: &'static dyn Adapter,
    /// The dialer's and the accepter's.
    pub(crate) adapters: [&'static dyn Adapter; 2],
    /// By a perfect program.
    pub(crate) ideal: Ideal,
}

/// The best that can come of a topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ideal {
    Direct,
    Relay,
    /// Either: which of two packets is first is nobody's choice (`next_door.rs`).
    Open,
}

/// All of them. The adapters take turns, until each has been with each.
pub(crate) fn topologies() -> Vec<Topology> {
    let mut all = Vec::new();
    let groups =
        [plain(), symmetric(), mapped(), carriers(), at_home(), families(), far(), switched(), near()];
    for group in groups {
        all.extend(group);
    }
    for (i, topology) in all.iter_mut().enumerate() {
        topology.server = [BLOCKING, TOKIO][i % 2];
        topology.adapters = [ADAPTERS[i % 3], ADAPTERS[i / 3 % 3]];
    }
    all
}

/// NATs that map by the port alone, as most homes' do.
fn plain() -> Vec<Topology> {
    let home = || Side::behind(&[Nat::HOME]);
    let behind = |nat: Nat| Side::behind(&[nat]);
    vec![
        direct("both on the internet", internet(), internet()),
        direct("home, internet", home(), internet()),
        direct("internet, home", internet(), home()),
        direct("home, home", home(), home()),
        direct("home, home that resets", home(), behind(Nat::RESETTING)),
        direct("home that resets, internet", behind(Nat::RESETTING), internet()),
        direct("internet, home that resets", internet(), behind(Nat::RESETTING)),
        direct("home, home without firewall", home(), behind(Nat::BARE)),
        direct("full cone, full cone", behind(Nat::FULL_CONE), behind(Nat::FULL_CONE)),
        direct("full cone, home", behind(Nat::FULL_CONE), home()),
        direct(
            "address-restricted, address-restricted",
            behind(Nat::ADDRESS_RESTRICTED),
            behind(Nat::ADDRESS_RESTRICTED),
        ),
    ]
}

fn symmetric() -> Vec<Topology> {
    let symmetric = || Side::behind(&[Nat::SYMMETRIC]);
    let home = || Side::behind(&[Nat::HOME]);
    vec![
        direct("symmetric, internet", symmetric(), internet()),
        direct("internet, symmetric", internet(), symmetric()),
        direct("symmetric, full cone", symmetric(), Side::behind(&[Nat::FULL_CONE])),
        direct("address-restricted, symmetric", Side::behind(&[Nat::ADDRESS_RESTRICTED]), symmetric()),
        relay("symmetric, home", symmetric(), home()),
        relay("home, symmetric", home(), symmetric()),
        relay("symmetric, symmetric", symmetric(), symmetric()),
    ]
}

/// Gateways that are asked for a port, where no hole can be punched.
fn mapped() -> Vec<Topology> {
    let mapped = |speaks| Side::behind(&[Nat::SYMMETRIC]).mapping(speaks);
    let (symmetric, home) = (|| Side::behind(&[Nat::SYMMETRIC]), || Side::behind(&[Nat::HOME]));
    vec![
        direct("symmetric with a port mapped, home", mapped(Speaks::PcpAndNatPmp), home()),
        direct("home, symmetric with a port mapped", home(), mapped(Speaks::Upnp)),
        direct("symmetric with a port mapped, symmetric", mapped(Speaks::All), symmetric()),
        direct("symmetric, symmetric with a port mapped", symmetric(), mapped(Speaks::All)),
        direct("symmetric, both with a port mapped", mapped(Speaks::All), mapped(Speaks::All)),
        direct("home with a port mapped, home", home().mapping(Speaks::All), home()),
        direct("home with a port mapped, internet", home().mapping(Speaks::All), internet()),
    ]
}

/// NATs behind NATs.
fn carriers() -> Vec<Topology> {
    let home = || Side::behind(&[Nat::HOME]);
    let carried = || Side::behind(&[Nat::HOME, Nat::HOME]);
    let hairpinning = || Side::behind(&[Nat::HAIRPINNING, Nat::HOME]);
    vec![
        direct("carrier and home, home", carried(), home()),
        direct("carrier and home, carrier and home", carried(), carried()),
        relay("symmetric carrier and home, home", Side::behind(&[Nat::SYMMETRIC, Nat::HOME]), home()),
        Topology {
            shared: 1,
            ..direct("two homes of a carrier that hairpins", hairpinning(), hairpinning())
        },
        Topology { shared: 1, ..relay("two homes of a carrier that does not", carried(), carried()) },
        Topology { shared: 2, ..direct("one home of a carrier", carried(), carried()) },
    ]
}

/// Addresses of LANs.
fn at_home() -> Vec<Topology> {
    let home = || Side::behind(&[Nat::HOME]);
    let symmetric = || Side::behind(&[Nat::SYMMETRIC]);
    let firewalled = || home().firewalled(Dropped);
    let cable = || Some(Lan::new("10.9.8", ""));
    vec![
        Topology { shared: 1, ..direct("one LAN", home(), home()) },
        Topology { shared: 1, ..direct("one LAN, symmetric", symmetric(), symmetric()) },
        Topology { shared: 1, ..direct("one LAN, host firewalls", firewalled(), firewalled()) },
        Topology { cable: cable(), ..direct("a second LAN, no default route", symmetric(), symmetric()) },
        direct("two LANs, same subnet", home().numbered(1, 21), home().numbered(1, 22)),
        direct("two LANs, same address", home().numbered(1, 21), home().numbered(1, 21)),
        direct("host firewall, home", internet().firewalled(Dropped), home()),
        direct("host firewall that resets, internet", internet().firewalled(Reset), internet()),
    ]
}

/// Networks with no distance at all: a refusal is back before the dial has returned. By an RST the way is closed again, so
/// two SYNs must cross. An ICMP error leaves the SYN out, and the peer's meets it.
fn near() -> Vec<Topology> {
    let resetting = || Side::behind(&[Nat::RESETTING]);
    let bare = || Side::behind(&[Nat::BARE]);
    let (home, prohibiting) = (|| Side::behind(&[Nat::HOME]), || Side::behind(&[Nat::PROHIBITING]));
    let firewalled = |unexpected: Unexpected| Side::behind(&[Nat::HOME]).firewalled(unexpected);
    let lan = |name, unexpected| Topology {
        shared: 1,
        ..direct(name, firewalled(unexpected), firewalled(unexpected))
    };
    let open = |topology: Topology| Topology { ideal: Ideal::Open, ..topology };
    vec![
        open(direct("next door: homes that reset", resetting(), resetting())),
        open(direct("next door: homes without firewall", bare(), bare())),
        open(lan("next door: one LAN, host firewalls that reset", Reset)),
        direct("next door: home, home that prohibits", home(), prohibiting()),
        direct("next door: home that prohibits, home", prohibiting(), home()),
        direct("next door: IPv6 alone, a firewall that prohibits", home().with(V6), prohibiting().with(V6)),
        lan("next door: one LAN, host firewalls that prohibit", Prohibited),
    ]
}

/// IPv6, with and without IPv4.
fn families() -> Vec<Topology> {
    let on = |families: Families, nat: Nat| Side::behind(&[nat]).with(families);
    vec![
        direct("IPv6 alone, internet", internet().with(V6), internet().with(V6)),
        direct("IPv6 alone, firewalls", on(V6, Nat::HOME), on(V6, Nat::HOME)),
        direct("IPv6 alone, a firewall that resets", on(V6, Nat::RESETTING), on(V6, Nat::HOME)),
        direct(
            "IPv6 alone, internet, a firewall that prohibits",
            internet().with(V6),
            on(V6, Nat::PROHIBITING),
        ),
        direct("both families, symmetric", on(Both, Nat::SYMMETRIC), on(Both, Nat::SYMMETRIC)),
        direct("both families, IPv6 alone", on(Both, Nat::HOME), on(V6, Nat::HOME)),
        direct("IPv6 that is broken, both families", on(Broken6, Nat::HOME), on(Both, Nat::HOME)),
        direct("both families, IPv6 that is broken", on(Both, Nat::HOME), on(Broken6, Nat::HOME)),
        direct("IPv4 alone, both families", on(Families::V4, Nat::HOME), on(Both, Nat::HOME)),
        relay("IPv4 alone, IPv6 alone", internet(), internet().with(V6)),
    ]
}

/// As near as a switch: whoever refuses has done so before the peer has read its own 101.
fn switched() -> Vec<Topology> {
    let wired = |side: Side| side.afar(Delay { base: Duration::from_micros(100), ..Delay::of_millis(0) });
    let home = |nat: Nat| wired(Side::behind(&[nat]));
    let host = |unexpected: Unexpected| wired(internet().firewalled(unexpected));
    vec![
        direct("0.4 ms apart: homes that reset", home(Nat::RESETTING), home(Nat::RESETTING)),
        direct("0.4 ms apart: homes without firewall", home(Nat::BARE), home(Nat::BARE)),
        direct("0.4 ms apart: host firewalls that reset", host(Reset), host(Reset)),
        direct("0.4 ms apart: home, home that prohibits", home(Nat::HOME), home(Nat::PROHIBITING)),
        direct("0.4 ms apart: home that prohibits, home", home(Nat::PROHIBITING), home(Nat::HOME)),
        direct("0.4 ms apart: host firewalls that prohibit", host(Prohibited), host(Prohibited)),
        direct("0.4 ms apart: internet, a host firewall that prohibits", wired(internet()), host(Prohibited)),
        direct(
            "0.4 ms apart: IPv6 alone, a firewall that prohibits",
            home(Nat::HOME).with(V6),
            home(Nat::PROHIBITING).with(V6),
        ),
    ]
}

/// Wires that take their time.
fn far() -> Vec<Topology> {
    let home = |millis| Side::behind(&[Nat::HOME]).afar(Delay::of_millis(millis));
    let resetting = |millis| Side::behind(&[Nat::RESETTING]).afar(Delay::of_millis(millis));
    let prohibiting = |millis| Side::behind(&[Nat::PROHIBITING]).afar(Delay::of_millis(millis));
    let bare = |millis| Side::behind(&[Nat::BARE]).afar(Delay::of_millis(millis));
    let v6 = |millis| resetting(millis).with(V6);
    let poor = Delay { base: Duration::from_millis(20), jitter: Duration::from_millis(20), lost: 10 };
    let poor = || Side::behind(&[Nat::HOME]).afar(poor);
    vec![
        direct("50 ms apart: home, home", home(25), home(25)),
        direct("50 ms apart: home, home that prohibits", home(25), prohibiting(25)),
        direct("50 ms apart: both prohibit", prohibiting(25), prohibiting(25)),
        direct("unequally far: both prohibit", prohibiting(5), prohibiting(45)),
        direct("50 ms apart: both prohibit, IPv6 alone", prohibiting(25).with(V6), prohibiting(25).with(V6)),
        direct("unequally far: both prohibit, IPv6 alone", prohibiting(5).with(V6), prohibiting(45).with(V6)),
        direct("50 ms apart: home, home that resets", home(25), resetting(25)),
        direct("50 ms apart: both reset", resetting(25), resetting(25)),
        direct("50 ms apart: both reset, unequally far", resetting(5), resetting(45)),
        direct("50 ms apart: homes without firewall", bare(25), bare(25)),
        direct("20 ms apart: both reset", resetting(10), resetting(10)),
        direct("4 ms apart: both reset", resetting(2), resetting(2)),
        direct("200 ms apart: both reset", resetting(100), resetting(100)),
        direct("50 ms apart: both reset, IPv6 alone", v6(25), v6(25)),
        direct("poor wires: home, home", poor(), poor()),
    ]
}

fn internet() -> Side {
    Side::behind(&[])
}

fn direct(name: &'static str, dialer: Side, accepter: Side) -> Topology {
    Topology { ideal: Ideal::Direct, ..relay(name, dialer, accepter) }
}

fn relay(name: &'static str, dialer: Side, accepter: Side) -> Topology {
    let sides = [dialer, accepter];
    let (server, adapters) = (BLOCKING, [BLOCKING; 2]);
    Topology { name, sides, shared: 0, cable: None, server, adapters, ideal: Ideal::Relay }
}

impl Ideal {
    /// Whether nothing better could have come than this.
    pub(crate) fn is_met_by(self, route: Route) -> bool {
        match self {
            Ideal::Direct => route == Route::Direct,
            Ideal::Relay => route == Route::Relay,
            Ideal::Open => true,
        }
    }
}

impl fmt::Display for Ideal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ideal::Direct => "direct",
            Ideal::Relay => "relay",
            Ideal::Open => "open",
        })
    }
}

const BLOCKING: &dyn Adapter = &Blocking;
const TOKIO: &dyn Adapter = &Tokio::Apart;
const ADAPTERS: [&dyn Adapter; 3] = [BLOCKING, TOKIO, &Smol];
