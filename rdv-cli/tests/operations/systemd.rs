//! What systemd gives, and wants to be told.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::{env, fs, process};

use crate::common::{PATIENCE, Rdv, command};
use crate::http::get;

/// `rdv serve` with a socket for its third descriptor, as systemd would start it.
pub(crate) fn activated(socket: impl Into<OwnedFd>, name: &str, flags: &[&str]) -> Rdv {
    let program = command(&[]).get_program().to_owned();
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" serve \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(program).args(flags).env("LISTEN_FDNAMES", name);
    shell.stdin(Stdio::from(socket.into())).stdout(Stdio::piped()).stderr(Stdio::piped());
    Rdv::start_by(&mut shell)
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    (listener, addr)
}

#[test]
fn a_socket_that_listens_already_is_served() {
    let (socket, addr) = listener();
    let mut rdv = activated(socket.try_clone().unwrap(), "rdv.socket", &[]);
    assert_eq!(rdv.wait_for("listening"), format!("INFO server: listening addr={addr}"));
    assert_eq!(get(&addr, "/").status, 200);
}

#[test]
fn one_by_the_name_of_metrics_is_for_watchers() {
    let (socket, addr) = listener();
    let mut rdv = activated(socket, "metrics", &["-l", "127.0.0.1:0"]);
    rdv.wait_for(&format!("metrics addr={addr}"));
    rdv.wait_for("listening");
    assert_eq!(get(&addr, "/healthz").status, 200);
}

#[test]
fn what_does_not_listen_is_an_error() {
    let (_socket, addr) = listener();
    let connected = std::net::TcpStream::connect(addr).unwrap();
    let end = activated(connected, "rdv.socket", &[]).finish();
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    let why = "descriptor 3, given as a socket that listens: it is no TCP socket that listens";
    assert!(end.line("ERROR").contains(why), "{:#?}", end.log);
    let file = fs::File::open("/dev/null").unwrap();
    let end = activated(file, "rdv.socket", &[]).finish();
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
}

/// They are somebody else's then: of a parent that did not clean up.
#[test]
fn sockets_of_another_process_are_left_alone() {
    let mut rdv = Rdv::start_in(
        crate::PROGRAM,
        &["serve", "-l", "127.0.0.1:0"],
        &[("LISTEN_PID", "1"), ("LISTEN_FDS", "1")],
    );
    rdv.wait_for("listening");
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let path = env::temp_dir().join(format!("rdv-cli-test-{}-notify", process::id()));
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let flags = ["serve", "-l", "127.0.0.1:0"];
    let mut rdv = Rdv::start_in(crate::PROGRAM, &flags, &[("NOTIFY_SOCKET", path.to_str().unwrap())]);
    let told = || {
        let mut state = [0; 256];
        let len = socket.recv(&mut state).expect("a datagram");
        String::from_utf8(state[..len].to_vec()).unwrap()
    };
    assert!(told().starts_with("READY=1\n"));
    rdv.wait_for("listening");
    rdv.signal("HUP");
    rdv.wait_for("INFO server: there is nothing to reload");
    rdv.signal("TERM");
    assert!(told().starts_with("STOPPING=1\n"));
    assert_eq!(rdv.finish().status, Some(0));
    fs::remove_file(path).unwrap();
}
