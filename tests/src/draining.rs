// The cases of a server that drains, for the adapters whose servers are futures. Each includes this behind its own
// `serve`. (No module: an include has no inner documentation.)

fn ask(addr: SocketAddr, method: &str, token: &str) -> TcpStream {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "{method} /{token} HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn hear(stream: &mut TcpStream, end: &str) -> String {
    let mut heard = Vec::new();
    while !heard.ends_with(end.as_bytes()) {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "ended behind {:?}", String::from_utf8_lossy(&heard));
        heard.push(byte[0]);
    }
    String::from_utf8(heard).unwrap()
}

/// A dialer and an accepter whose bytes the server passes on.
fn relayed(addr: SocketAddr) -> [TcpStream; 2] {
    let (mut accepter, mut dialer) = (ask(addr, "ACCEPT", "pair"), ask(addr, "DIAL", "pair"));
    for stream in [&mut accepter, &mut dialer] {
        hear(stream, "\r\n\r\n");
    }
    dialer.write_all(b"CONTINUE\n").unwrap();
    hear(&mut accepter, "CONTINUE\n");
    [dialer, accepter]
}

#[test]
fn relays_finish_and_nobody_else_is_taken_in() {
    let Serving { addr, metrics, stop, ended } = serve(Duration::from_secs(3600));
    let [mut dialer, mut accepter] = relayed(addr);
    let mut waiting = ask(addr, "DIAL", "alone");
    while metrics.waiting() == 0 {
        thread::yield_now();
    }
    drop(stop);
    let mut told = String::new();
    waiting.read_to_string(&mut told).unwrap();
    assert!(told.starts_with("HTTP/1.1 503 ") && told.contains("\r\nRetry-After: 1\r\n"), "{told}");
    drop(waiting);
    assert_eq!((metrics.readiness(), metrics.pairs()), (Readiness::Draining, 1));
    let mut late = ask(addr, "DIAL", "late");
    assert!(hear(&mut late, "rdv is closed").starts_with("HTTP/1.1 503 "));
    drop(late);

    dialer.write_all(b"still here\n").unwrap();
    assert_eq!(hear(&mut accepter, "\n"), "still here\n");
    drop((dialer, accepter));
    ended.recv_timeout(PATIENCE).expect("the last relay has ended");
    assert_eq!(metrics.pairs(), 0);
}

#[test]
fn when_the_time_is_over_relays_are_cut_off() {
    let Serving { addr, stop, ended, .. } = serve(Duration::from_millis(50));
    let [mut dialer, _accepter] = relayed(addr);
    drop(stop);
    ended.recv_timeout(PATIENCE).expect("its time is over");
    assert!(dialer.read(&mut [0; 1]).is_err(), "an RST, for the stream is not complete");
}
