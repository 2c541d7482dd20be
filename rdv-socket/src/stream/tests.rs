use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::SharedPort;
use crate::test_util::{have_ipv6, refusing, stream_pair, wait_for, wait_for_accept, wait_for_connect};

#[test]
fn accept_would_block_when_nobody_waits() {
    let port = SharedPort::bind().unwrap();
    for listener in port.listeners() {
        assert_eq!(accept(listener).unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn accepted_streams_have_their_options() {
    let (_ours, theirs) = stream_pair();
    assert!(theirs.nodelay().unwrap());
    let socket = SockRef::from(&theirs);
    assert!(socket.keepalive().unwrap());
    #[cfg(target_os = "linux")]
    {
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    }
    let read = (&theirs).read(&mut [0]);
    assert_eq!(read.unwrap_err().kind(), ErrorKind::WouldBlock);
}

/// On Linux they come with the listener's; elsewhere the caller is told that they do not.
#[test]
fn streams_come_with_the_options_of_their_listener() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let inherited = set_options_of_accepted(&listener);
    assert!(inherited || !cfg!(target_os = "linux"));
    if !inherited {
        return;
    }
    let _dialled = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (stream, _) = listener.accept().unwrap();
    assert!(stream.nodelay().unwrap());
    let socket = SockRef::from(&stream);
    assert!(socket.keepalive().unwrap());
    #[cfg(target_os = "linux")]
    {
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(30));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    }
}

#[test]
fn accept_unmaps_the_address() {
    if !have_ipv6() {
        return;
    }
    // Not a listener of ours: those never take IPv4 on an IPv6 socket.
    let listener = socket2::Socket::new(socket2::Domain::IPV6, socket2::Type::STREAM, None).unwrap();
    listener.set_only_v6(false).unwrap();
    let any: SocketAddr = (Ipv6Addr::UNSPECIFIED, 0).into();
    listener.bind(&any.into()).unwrap();
    listener.listen(8).unwrap();
    let listener = TcpListener::from(listener);
    let port = listener.local_addr().unwrap().port();

    let dialled = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let (stream, from) = wait_for_accept(&listener);
    assert_eq!(from, dialled.local_addr().unwrap());
    assert!(stream.peer_addr().unwrap().is_ipv6(), "the system itself says it as a mapped one");
}

#[test]
fn a_refused_connection_is_reported_once() {
    let port = SharedPort::bind().unwrap();
    let (_refusing, addr) = refusing(Ipv4Addr::LOCALHOST.into());
    let stream = match port.connect(addr) {
        Ok(stream) => stream,
        // Some systems know at once on loopback.
        Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionRefused),
    };
    assert_eq!(wait_for_connect(&stream).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(!connect_finished(&stream).unwrap());
}

#[cfg(target_os = "linux")]
#[test]
fn a_connection_without_an_answer_is_not_finished() {
    // A listener whose queue is full drops further SYNs, so their connections stay under way.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    listener.bind(&any.into()).unwrap();
    listener.listen(0).unwrap();
    let addr = listener.local_addr().unwrap().as_socket().unwrap();
    let _queued = TcpStream::connect(addr).unwrap();

    let stream = SharedPort::bind().unwrap().connect(addr).unwrap();
    assert!(!connect_finished(&stream).unwrap());
}

#[test]
fn a_connected_stream_is_finished() {
    let (ours, theirs) = stream_pair();
    assert!(connect_finished(&ours).unwrap());
    assert!(connect_finished(&theirs).unwrap());
}

#[test]
fn reset_is_seen_by_the_peer() {
    let (mut ours, mut theirs) = stream_pair();
    ours.write_all(b"half a fi").unwrap();
    let mut buf = [0; 64];
    assert_eq!(wait_for("bytes", || theirs.read(&mut buf).map(Some)), 9);

    reset(ours);
    assert_eq!(end_of(&mut theirs), Err(ErrorKind::ConnectionReset));
}

#[test]
fn reset_is_seen_even_after_the_end_of_our_direction() {
    let (ours, mut theirs) = stream_pair();
    ours.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut theirs), Ok(()));

    reset(ours);
    let write = wait_for("a write that fails", || match theirs.write(b"x") {
        Ok(_) => Ok(None),
        Err(error) => Ok(Some(error.kind())),
    });
    assert!(matches!(write, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{write}");
}

#[test]
fn a_plain_drop_is_an_orderly_end() {
    let (ours, mut theirs) = stream_pair();
    drop(ours);
    assert_eq!(end_of(&mut theirs), Ok(()));
}

#[test]
fn reset_on_drop_waits_for_the_drop() {
    let (mut ours, mut theirs) = stream_pair();
    reset_on_drop(&ours).unwrap();
    ours.write_all(b"x").unwrap();
    assert_eq!(wait_for("a byte", || theirs.read(&mut [0]).map(Some)), 1);
    drop(ours);
    assert_eq!(end_of(&mut theirs), Err(ErrorKind::ConnectionReset));
}

/// How a stream ends that has nothing more to read.
fn end_of(stream: &mut TcpStream) -> Result<(), ErrorKind> {
    let outcome = wait_for("the end", || match stream.read(&mut [0]) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        outcome => Ok(Some(outcome)),
    });
    outcome.map(|len| assert_eq!(len, 0)).map_err(|error| error.kind())
}

#[test]
fn read_now_takes_what_has_come() {
    let (mut ours, theirs) = stream_pair();
    let mut buf = [0; 8];
    assert_eq!(read_now(&theirs, &mut buf).unwrap_err().kind(), ErrorKind::WouldBlock);
    ours.write_all(b"ab").unwrap();
    assert_eq!(wait_for("a byte", || read_now(&theirs, &mut buf[..1]).map(Some)), 1);
    assert_eq!(read_now(&theirs, &mut buf[1..]).unwrap(), 1);
    assert_eq!(&buf[..2], b"ab");
    drop(ours);
    assert_eq!(wait_for("the end", || read_now(&theirs, &mut buf).map(Some)), 0);
}

#[test]
fn running_out_of_descriptors_is_not_about_one_connection() {
    assert!(is_about_one(&ErrorKind::ConnectionAborted.into()));
    #[cfg(unix)]
    assert!(!is_about_one(&io::Error::from_raw_os_error(24))); // EMFILE
}
