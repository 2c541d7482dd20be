//! What the server does for a pair: the dialer's command, and the bytes (rdv/1 section 5).

use std::io::Write;
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use rdv_tests::answer::{expect_matched, request};
use rdv_tests::raw::{End, RawConn};
use rdv_tests::script::play;
use rdv_tests::server::TestServer;
use rdv_tests::{assert_same, pattern};

#[test]
fn the_dialogues_of_the_reference_go_the_same_way() {
    let server = TestServer::start();
    play("relay.txt", include_str!("../fixtures/relay.txt"), server.addr());
}

/// Accepters that waited and accepters that came second; bytes in each direction first.
#[test]
fn not_a_byte_is_lost_at_the_beginning() {
    let server = TestServer::start();
    for round in 0..64 {
        let [accepter_first, early, pipelined] = [0, 1, 2].map(|bit| round >> bit & 1 == 1);
        let target = format!("/begin{round}");
        let (mut dialer, mut accepter) = (server.connect(), server.connect());
        let dial = || dialer.send(request("DIAL", &target, ""));
        let accept = || accepter.send(request("ACCEPT", &target, ""));
        if accepter_first {
            accept();
            server.settle();
            dial();
        } else {
            dial();
            server.settle();
            accept();
        }
        expect_matched(&mut dialer, &mut accepter);
        let (from_dialer, from_accepter) = (pattern(3000, round), pattern(2000, round + 1));
        if early {
            accepter.send(&from_accepter[..1000]);
        }
        if pipelined {
            dialer.send([&b"CONTINUE\n"[..], &from_dialer].concat());
        } else {
            dialer.send("CONTINUE\n");
            dialer.send(&from_dialer);
        }
        accepter.expect("CONTINUE\n");
        accepter.send(&from_accepter[if early { 1000 } else { 0 }..]);
        eprintln!("accepter first: {accepter_first}, early bytes: {early}, pipelined: {pipelined}");
        accepter.expect(&from_dialer);
        dialer.expect(&from_accepter);
    }
}

/// The second client's stream, cut in two at every place.
#[test]
fn cuts_do_not_matter() {
    let server = TestServer::start();
    for dialer_second in [true, false] {
        let (first, second) = if dialer_second { ("ACCEPT", "DIAL") } else { ("DIAL", "ACCEPT") };
        let stream = |target: &str| match dialer_second {
            true => request(second, target, "") + "CONTINUE\nhello",
            false => request(second, target, "") + "hello",
        };
        for cut in (1..stream("/cut000").len()).step_by(if dialer_second { 1 } else { 3 }) {
            let target = format!("/cut{cut:03}");
            let (mut waits, mut comes) = (server.connect(), server.connect());
            waits.send(request(first, &target, ""));
            server.settle();
            let stream = stream(&target);
            comes.send(&stream[..cut]);
            server.settle();
            comes.send(&stream[cut..]);
            expect_matched(&mut waits, &mut comes);
            eprintln!("{second} comes second, cut at {cut}");
            if dialer_second {
                waits.expect("CONTINUE\nhello");
                waits.send("answer");
                comes.expect("answer");
            } else {
                waits.send("CONTINUE\nanswer");
                waits.expect("hello");
                comes.expect("CONTINUE\nanswer");
            }
        }
    }
}

#[test]
fn large_streams_arrive_both_ways_at_once() {
    let server = TestServer::start();
    let (dialer, accepter) = server.relayed("/both");
    let (one, two) = (pattern(24 << 20, 1), pattern(16 << 20, 2));
    let (ends, sent) = exchange(dialer, accepter, one.clone(), two.clone());
    assert_same("at the accepter", &sent.1, &one);
    assert_same("at the dialer", &sent.0, &two);
    assert_eq!(ends, (End::Eof, End::Eof));
}

/// The reference closes both directions at the first FIN: of such a transfer, only a part arrives there.
#[test]
fn a_large_stream_goes_on_while_the_other_has_ended() {
    let server = TestServer::start();
    for dialer_ends in [true, false] {
        let (dialer, accepter) = server.relayed(&format!("/half{dialer_ends}"));
        let (ends, streams) = if dialer_ends { (dialer, accepter) } else { (accepter, dialer) };
        let (mut ends, mut streams) = (ends, streams);
        ends.send("bye");
        ends.finish();
        streams.expect("bye");
        streams.expect_eof();
        let data = pattern(16 << 20, 3);
        let writer = write_all_then_finish(&streams, data.clone());
        let (got, end) = ends.read_to_end();
        assert_same("while half-closed", &got, &data);
        assert_eq!(end, End::Eof, "dialer ended first: {dialer_ends}");
        writer.join().unwrap();
    }
}

/// `printf request | rdv dial` against a peer that answers at EOF. The reference delivers nothing of the answer.
#[test]
fn a_request_is_answered_after_its_end() {
    let server = TestServer::start();
    for dialer_asks in [true, false] {
        let (dialer, accepter) = server.relayed(&format!("/ask{dialer_asks}"));
        let (mut asks, mut answers) = if dialer_asks { (dialer, accepter) } else { (accepter, dialer) };
        asks.send("GET");
        asks.finish();
        let (asked, end) = answers.read_to_end();
        assert_eq!((asked.as_slice(), end), (&b"GET"[..], End::Eof));
        let answer = pattern(1 << 20, 4);
        let writer = write_all_then_finish(&answers, answer.clone());
        let (got, end) = asks.read_to_end();
        assert_same("the answer", &got, &answer);
        assert_eq!(end, End::Eof, "dialer asks: {dialer_asks}");
        writer.join().unwrap();
    }
}

#[test]
fn a_slow_reader_gets_all_of_a_stream_whose_sender_has_closed() {
    let server = TestServer::start();
    for dialer_sends in [true, false] {
        let (dialer, accepter) = server.relayed(&format!("/slow{dialer_sends}"));
        let (sender, mut reader) = if dialer_sends { (dialer, accepter) } else { (accepter, dialer) };
        let data = pattern(8 << 20, 5);
        let all = data.clone();
        // Closes as soon as the kernel has taken the last byte.
        let writer = thread::spawn(move || sender.send(all));
        let mut got = Vec::new();
        while got.len() < data.len() {
            let more = reader.read_once();
            assert!(!more.is_empty(), "the stream ended after {} of {} bytes", got.len(), data.len());
            got.extend(more);
            if got.len() % (1 << 20) < 64 * 1024 {
                thread::sleep(Duration::from_millis(2));
            }
        }
        assert_same("at the slow reader", &got, &data);
        reader.expect_eof();
        writer.join().unwrap();
    }
}

/// The dialer's kernel sends an RST, since bytes were unread: then so does the server. The reference says FIN, and
/// the accepter takes what it got for all there was.
#[test]
fn closing_with_unread_bytes_reaches_the_peer_as_a_reset() {
    let server = TestServer::start();
    let (dialer, mut accepter) = server.relayed("/unread");
    accepter.send("never read");
    let deadline = Instant::now() + rdv_tests::SOON;
    while dialer.tcp().peek(&mut [0; 16]).unwrap() < "never read".len() {
        assert!(Instant::now() < deadline, "the bytes have not come");
    }
    drop(dialer);
    accepter.expect_reset();
}

#[test]
fn a_reset_ends_a_transfer_as_a_reset() {
    let server = TestServer::start();
    for dialer_resets in [true, false] {
        let (dialer, accepter) = server.relayed(&format!("/cut{dialer_resets}"));
        let (resets, mut reads) = if dialer_resets { (dialer, accepter) } else { (accepter, dialer) };
        // More than all buffers on the way hold is not needed: the RST may cost bytes, but not its own nature.
        resets.send(pattern(256 * 1024, 6));
        resets.reset();
        let (got, end) = reads.read_to_end();
        assert_eq!(end, End::Reset, "after {} bytes, dialer resets: {dialer_resets}", got.len());
        assert_same("before the reset", &got, &pattern(256 * 1024, 6)[..got.len()]);
    }
}

/// Nothing is read from the peer at the moment that it resets: the other end hears of it all the same.
#[test]
fn a_reset_is_noticed_while_the_reader_is_stuck() {
    let server = TestServer::start();
    let (dialer, accepter) = server.relayed("/stuck");
    let dialer_tcp = dialer.tcp().try_clone().unwrap();
    let writer = thread::spawn(move || {
        let chunk = [0; 64 * 1024];
        // Until all buffers are full and the accepter is gone.
        while (&dialer_tcp).write(&chunk).is_ok() {}
    });
    let deadline = Instant::now() + rdv_tests::SOON;
    let mut peeked = vec![0; 16 * 1024];
    while accepter.tcp().peek(&mut peeked).unwrap() < peeked.len() {
        assert!(Instant::now() < deadline, "no bytes come");
    }
    accepter.reset();
    writer.join().unwrap();
    drop(dialer);
}

/// A reader that takes its time holds the sender back; the server keeps no more than buffers on the way.
#[test]
fn a_stuck_reader_holds_the_sender_back() {
    let server = TestServer::start();
    for dialer_sends in [true, false] {
        let (dialer, accepter) = server.relayed(&format!("/back{dialer_sends}"));
        let (sender, mut reader) = if dialer_sends { (dialer, accepter) } else { (accepter, dialer) };
        sender.tcp().set_write_timeout(Some(Duration::from_millis(200))).unwrap();
        let data = pattern(64 << 20, 8);
        let mut sent = 0;
        while let Ok(len) = sender.tcp().write(&data[sent..]) {
            sent += len;
            assert!(sent < data.len(), "64 MiB have gone somewhere");
        }
        sender.finish();
        let (got, end) = reader.read_to_end();
        assert_same("once it was read", &got, &data[..sent]);
        assert_eq!(end, End::Eof, "dialer sends: {dialer_sends}");
    }
}

#[test]
fn a_pair_that_says_nothing_is_closed_after_the_idle_timeout() {
    let timeout = Duration::from_millis(200);
    let server = TestServer::with(|lobby| lobby.idle_timeout = Some(timeout));
    let start = Instant::now();
    let (mut dialer, mut accepter) = server.pair("/mute");
    dialer.expect_eof();
    accepter.expect_eof();
    assert!(start.elapsed() >= timeout, "closed after {:?}, too early", start.elapsed());
}

/// Ours: an RST, since the streams have not come to their end. The reference says FIN.
#[test]
fn a_relay_that_falls_silent_is_reset_after_the_idle_timeout() {
    let timeout = Duration::from_millis(200);
    let server = TestServer::with(|lobby| lobby.idle_timeout = Some(timeout));
    let (mut dialer, mut accepter) = server.pair("/fallsilent");
    let start = Instant::now();
    dialer.send("CONTINUE\n");
    accepter.expect("CONTINUE\n");
    dialer.expect_reset();
    accepter.expect_reset();
    assert!(start.elapsed() >= timeout, "closed after {:?}, too early", start.elapsed());
}

#[test]
fn traffic_in_one_direction_keeps_both_open() {
    let timeout = Duration::from_millis(500);
    let server = TestServer::with(|lobby| lobby.idle_timeout = Some(timeout));
    for dialer_speaks in [true, false] {
        let (dialer, accepter) = server.relayed(&format!("/oneway{dialer_speaks}"));
        let (speaks, mut listens) = if dialer_speaks { (dialer, accepter) } else { (accepter, dialer) };
        let mut last = Instant::now();
        for _ in 0..8 {
            thread::sleep(timeout / 5);
            last = Instant::now();
            speaks.send("p");
            listens.expect("p");
        }
        let mut speaks = speaks;
        speaks.expect_reset();
        assert!(last.elapsed() >= timeout, "closed {:?} after the last byte", last.elapsed());
    }
}

/// A worker has more than one pair, and a busy one does not starve the others.
#[test]
fn a_busy_pair_leaves_room_for_the_others() {
    let server = TestServer::start();
    let busy: Vec<_> = (0..4).map(|i| server.relayed(&format!("/busy{i}"))).collect();
    let quiet: Vec<_> = (0..4).map(|i| server.relayed(&format!("/quiet{i}"))).collect();
    let transfers: Vec<_> = busy
        .into_iter()
        .map(|(dialer, mut accepter)| {
            let writer = write_all_then_finish(&dialer, vec![7; 32 << 20]);
            let reader = thread::spawn(move || accepter.read_to_end().0.len());
            (dialer, writer, reader)
        })
        .collect();
    let mut turns = 0;
    for (mut dialer, mut accepter) in quiet {
        for _ in 0..25 {
            dialer.send("ping");
            accepter.expect("ping");
            accepter.send("pong");
            dialer.expect("pong");
            turns += 1;
        }
    }
    assert_eq!(turns, 100);
    for (_dialer, writer, reader) in transfers {
        assert_eq!(reader.join().unwrap(), 32 << 20);
        writer.join().unwrap();
    }
}

/// Sends on a thread, then a FIN.
fn write_all_then_finish(conn: &RawConn, data: Vec<u8>) -> thread::JoinHandle<()> {
    let tcp = conn.tcp().try_clone().unwrap();
    thread::spawn(move || {
        (&tcp).write_all(&data).expect("the other end reads everything");
        tcp.shutdown(Shutdown::Write).unwrap();
    })
}

/// Both send and read to the end. How the streams ended, and what came: dialer, accepter.
fn exchange(
    mut dialer: RawConn,
    mut accepter: RawConn,
    from_dialer: Vec<u8>,
    from_accepter: Vec<u8>,
) -> ((End, End), (Vec<u8>, Vec<u8>)) {
    let writers =
        [write_all_then_finish(&dialer, from_dialer), write_all_then_finish(&accepter, from_accepter)];
    let at_dialer = thread::spawn(move || dialer.read_to_end());
    let (at_accepter, accepter_end) = accepter.read_to_end();
    let (at_dialer, dialer_end) = at_dialer.join().unwrap();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    ((dialer_end, accepter_end), (at_dialer, at_accepter))
}
