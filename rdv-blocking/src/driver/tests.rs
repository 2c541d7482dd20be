//! What the driver answers.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use rdv_core::{Lobby, LobbyConfig};

use super::*;

/// A driver with a connection on which a byte is being read, and the connection's other end.
fn reading() -> (Driver, ConnId, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, remote) = rdv_socket::accept(&listener).unwrap();
    // Ids come from machines alone.
    let conn = Lobby::new(LobbyConfig::default()).handle_accept(Instant::now(), remote);
    let mut driver = Driver::new(Poll::new().unwrap());
    driver.add(Ok(Socket::connected(Stream::plain(stream))), conn);
    driver.perform(Intent::Read { conn, max: NonZeroUsize::MIN });
    (driver, conn, peer)
}

fn wait_for_an_answer(driver: &mut Driver) {
    let mut events = Events::with_capacity(8);
    while driver.answers.is_empty() {
        driver.wait(&mut events, None).unwrap();
    }
}

fn answers(driver: &mut Driver) -> Vec<String> {
    let answers = std::iter::from_fn(|| driver.next_answer());
    answers.map(|answer| format!("{:?}", answer.input())).collect()
}

#[test]
fn a_read_that_is_answered_already_is_not_answered_once_more() {
    for ask in [|conn| Intent::Check { conn }, |conn| Intent::StopRead { conn }] {
        let (mut driver, conn, mut peer) = reading();
        peer.write_all(b"x").unwrap();
        wait_for_an_answer(&mut driver);
        driver.perform(ask(conn));
        assert_eq!(answers(&mut driver), ["Read(#1, [120])"], "{:?}", ask(conn));
    }
}

#[test]
fn a_check_leaves_a_quiet_read_under_way() {
    let (mut driver, conn, mut peer) = reading();
    driver.perform(Intent::Check { conn });
    assert_eq!(answers(&mut driver), ["Quiet(#1)"]);
    peer.write_all(b"x").unwrap();
    wait_for_an_answer(&mut driver);
    assert_eq!(answers(&mut driver), ["Read(#1, [120])"]);
}

#[test]
fn a_connection_fails_only_once() {
    let (mut driver, conn, peer) = reading();
    // More than the system takes while nobody reads it.
    driver.perform(Intent::Write { conn, data: Bytes::from(vec![0; 64 * 1024 * 1024]) });
    assert_eq!(answers(&mut driver), [] as [&str; 0]);
    rdv_socket::reset_on_drop(&peer).unwrap();
    drop(peer);
    wait_for_an_answer(&mut driver);
    let answers = answers(&mut driver);
    assert!(matches!(&answers[..], [only] if only.starts_with("Failed(#1")), "{answers:?}");
}
