//! A gateway of our own: what is sent to it, and what becomes of answers that are none.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rdv_core::Role;
use rdv_portmap::{Order, PortMapper, Protocol, settle};
use rdv_tests::SOON;
use rdv_tests::adapter::{Blocking, Party, Smol, Tokio};
use rdv_tests::lab::{Lan, Node};

use crate::is_missing;

/// A gateway and a host.
struct Home {
    _gateway: Node,
    host: Node,
    /// All packets that the gateway has got.
    packets: Receiver<Vec<u8>>,
}

/// What it answers to a packet.
type Answers = fn(&[u8]) -> Vec<Vec<u8>>;

impl Home {
    fn new(answers: Answers) -> Self {
        let lan = Lan::new("192.168.1", "");
        let gateway = Node::router(&lan);
        let mut host = Node::new();
        host.join(&gateway, &lan, 21, None);
        host.await_path(&gateway, "192.168.1.1");
        let bind = || {
            UdpSocket::bind("192.168.1.1:5351")
                .and_then(|socket| Ok((socket, UdpSocket::bind("192.168.1.1:0")?)))
        };
        let (socket, other) = gateway.namespace.enter(bind).expect("sockets");
        let (sender, packets) = channel();
        // It ends with the test's process, or when nobody listens any more.
        thread::spawn(move || {
            let mut buf = [0; 2000];
            while let Ok((len, from)) = socket.recv_from(&mut buf) {
                if sender.send(buf[..len].to_vec()).is_err() {
                    break;
                }
                for answer in answers(&buf[..len]) {
                    // What would be good, from a port that was not asked.
                    other.send_to(&answer, from).expect("it is sent");
                    socket.send_to(&answer, from).expect("it is sent");
                }
            }
        });
        Self { _gateway: gateway, host, packets }
    }

    fn map(&self, only: Option<Protocol>) -> PortMapper {
        let mut order = Order::new(PORT, 4711);
        order.patience = Duration::from_secs(5);
        order.only = only;
        self.host.namespace.enter(|| PortMapper::start(order)).expect("a thread")
    }

    #[track_caller]
    fn next(&self) -> Vec<u8> {
        self.packets.recv_timeout(SOON).expect("a packet")
    }
}

/// A lease of two seconds is renewed after one, by the same nonce and for the port that was granted; and deleted.
#[test]
fn a_mapping_is_renewed_as_long_as_it_is_needed() {
    if is_missing(false) {
        return;
    }
    let home = Home::new(|packet| vec![granted(packet, 2)]);
    let mapper = home.map(None);
    let mapping = mapper.wait().expect("a mapping");
    assert_eq!((mapping.external, mapping.protocol), (external(), Protocol::Pcp));
    assert_eq!(mapping.internal, Ipv4Addr::new(192, 168, 1, 21));

    let first = home.next();
    assert_eq!((lifetime(&first), port(&first, 40), port(&first, 42)), (600, PORT, PORT));
    let second = home.next();
    assert_eq!((lifetime(&second), port(&second, 40), port(&second, 42)), (600, PORT, EXTERNAL));
    drop(mapper);
    assert!(settle(SOON));
    let last = home.packets.try_iter().last().expect("it is deleted");
    assert_eq!((lifetime(&last), port(&last, 40)), (0, PORT));
    for packet in [second, last] {
        assert_eq!(packet[24..36], first[24..36], "the nonce");
    }
}

#[test]
fn answers_to_somebody_else_are_passed_over() {
    if is_missing(false) {
        return;
    }
    let home = Home::new(|packet| {
        let good = granted(packet, 600);
        let with = |at: usize, byte: u8| {
            let mut answer = good.clone();
            answer[at] ^= byte;
            answer[43] ^= 1; // another port outside, so that it would show
            answer
        };
        vec![
            Vec::new(),
            with(24, 1),
            with(40, 1),
            with(36, 1),
            with(1, 0x80),
            good[..59].to_vec(),
            vec![0; 1500],
            good,
        ]
    });
    let mapper = home.map(Some(Protocol::Pcp));
    assert_eq!(mapper.wait().expect("a mapping").external, external());
}

/// As gateways do that know NAT-PMP alone; their address may be one between two NATs.
#[test]
fn a_gateway_without_pcp_is_asked_by_natpmp() {
    if is_missing(false) {
        return;
    }
    let home = Home::new(|packet| natpmp(packet, [10, 1, 2, 3]));
    let mapper = home.map(None);
    let mapping = mapper.wait().expect("a mapping");
    assert_eq!(
        (mapping.protocol, mapping.external.to_string().as_str()),
        (Protocol::NatPmp, "10.1.2.3:4711")
    );
    drop(mapper);
    assert!(settle(SOON));
    let last = home.packets.try_iter().last().expect("it is deleted");
    assert_eq!(last, [&[0, 2, 0, 0][..], &PORT.to_be_bytes(), &[0; 6]].concat());
}

/// It may have dropped what it does not understand.
#[test]
fn a_gateway_that_is_silent_about_pcp_is_asked_by_natpmp() {
    if is_missing(false) {
        return;
    }
    let home =
        Home::new(|packet| if packet[0] == 2 { Vec::new() } else { natpmp(packet, [198, 51, 100, 1]) });
    assert_eq!(home.map(None).wait().expect("a mapping").external, external());
}

#[test]
fn a_gateway_without_an_address_is_of_no_use() {
    if is_missing(false) {
        return;
    }
    let home = Home::new(|packet| natpmp(packet, [0, 0, 0, 0]));
    let error = home.map(Some(Protocol::NatPmp)).wait().expect_err("no mapping");
    assert_eq!(error.to_string(), "NAT-PMP: the gateway's own address is 0.0.0.0, where nobody can dial it");
    let deletion = |packet: &Vec<u8>| packet.len() == 12 && packet[8..] == [0; 4];
    while !deletion(&home.next()) {}
}

#[test]
fn refusals_are_told() {
    if is_missing(false) {
        return;
    }
    let home = Home::new(|packet| {
        let mut answer = granted(packet, 0);
        answer[3] = 2;
        vec![answer]
    });
    let error = home.map(Some(Protocol::Pcp)).wait().expect_err("no mapping");
    assert_eq!(error.to_string(), "PCP: refused with code 2: not authorized");
}

/// Where only the relay is wanted, or a port is not, the gateway hears nothing.
#[test]
fn nobody_is_asked_for_what_nobody_needs() {
    if is_missing(false) {
        return;
    }
    let home = Home::new(|packet| vec![granted(packet, 600)]);
    for adapter in [&Blocking as &dyn rdv_tests::adapter::Adapter, &Tokio::Apart, &Smol] {
        for (spaces, port_map) in [("none", true), ("public6,private6", true), ("default", false)] {
            let url = "http://192.168.1.1:1".parse().expect("a URL");
            let party = Party::new(adapter, spaces).port_map(port_map);
            home.host.namespace.enter(|| party.start(Role::Dial, &url, "token")).failure();
        }
    }
    assert!(settle(SOON));
    assert_eq!(home.packets.try_recv().ok(), None);
}

/// A grant of a PCP request, at 198.51.100.1:4711.
fn granted(request: &[u8], lifetime: u32) -> Vec<u8> {
    let mut answer = request.to_vec();
    if answer.len() != 60 {
        return answer;
    }
    answer[1] |= 0x80;
    answer[4..8].copy_from_slice(&lifetime.to_be_bytes());
    answer[42..44].copy_from_slice(&EXTERNAL.to_be_bytes());
    answer[44..].copy_from_slice(&Ipv4Addr::new(198, 51, 100, 1).to_ipv6_mapped().octets());
    answer
}

/// What a gateway says that knows NAT-PMP alone.
fn natpmp(request: &[u8], address: [u8; 4]) -> Vec<Vec<u8>> {
    let epoch = [0, 0, 0, 9];
    vec![match request {
        [0, 0] => [&[0, 128, 0, 0][..], &epoch, &address].concat(),
        [0, 2, _, _, port @ .., _, _, _, _, _, _] => {
            [&[0, 130, 0, 0][..], &epoch, port, &EXTERNAL.to_be_bytes(), &[0, 0, 2, 88]].concat()
        }
        _ => [&[0, 129, 0, 1][..], &epoch].concat(),
    }]
}

fn external() -> SocketAddr {
    (Ipv4Addr::new(198, 51, 100, 1), EXTERNAL).into()
}

fn lifetime(packet: &[u8]) -> u32 {
    u32::from_be_bytes(packet[4..8].try_into().expect("four bytes"))
}

fn port(packet: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(packet[at..at + 2].try_into().expect("two bytes"))
}

const PORT: u16 = 40_123;
const EXTERNAL: u16 = 4711;
