//! Every adapter through proxies that are not ours: tinyproxy for HTTP CONNECT, microsocks for SOCKS5. Where they are
//! not installed, the test says so and skips.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rdv_core::{ConnectError, Proxy, ProxyFault, Role};
use rdv_tests::adapter::{Adapter, Blocking, Party, meet};
use rdv_tests::ground::token;
use rdv_tests::server::TestServer;
use rdv_tests::tls::Authority;
use rdv_tests::{for_each_adapter, pattern, refusing, until};

for_each_adapter! {
    tinyproxy
    microsocks
}

fn tinyproxy(subject: &'static dyn Adapter) {
    let config = std::env::temp_dir().join(format!("rdv-tinyproxy-{}-{}.conf", std::process::id(), token()));
    for locked in [false, true] {
        let auth = if locked { format!("BasicAuth {USER} {PASSWORD}\n") } else { String::new() };
        let daemon = Daemon::start(|addr| {
            let (ip, port) = (addr.ip(), addr.port());
            let text =
                format!("Port {port}\nListen {ip}\nTimeout 60\nMaxClients 20\nAllow 127.0.0.1\n{auth}");
            fs::write(&config, text).unwrap();
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(&config);
            command
        });
        let Some(daemon) = daemon else { return };
        through(subject, "http", daemon.addr, locked);
    }
    remove(&config);
}

fn microsocks(subject: &'static dyn Adapter) {
    for locked in [false, true] {
        let daemon = Daemon::start(|addr| {
            let mut command = Command::new("microsocks");
            command.args(["-i", &addr.ip().to_string(), "-p", &addr.port().to_string()]);
            if locked {
                command.args(["-u", USER, "-P", PASSWORD]);
            }
            command
        });
        let Some(daemon) = daemon else { return };
        through(subject, "socks5h", daemon.addr, locked);
    }
}

/// Data both ways, to servers in clear and over TLS; a wrong password; and a server that is not there.
fn through(subject: &'static dyn Adapter, scheme: &str, proxy: SocketAddr, locked: bool) {
    let credentials = if locked { format!("{USER}:{PASSWORD}@") } else { String::new() };
    let party = |credentials: &str| {
        let proxy = Proxy::parse(&format!("{scheme}://{credentials}{proxy}")).unwrap();
        Party::new(subject, "none").with(|config| config.proxy = Some(proxy))
    };
    for is_tls in [false, true] {
        let authority = Authority::new();
        let certificate = is_tls.then(|| authority.certify("localhost").into());
        let server = TestServer::of(&Blocking, "127.0.0.1:0", certificate, |_| {});
        let scheme = if is_tls { "https" } else { "http" };
        // The proxy looks the name up.
        let url = format!("{scheme}://localhost:{}", server.addr().port()).parse().unwrap();
        for role in [Role::Dial, Role::Accept] {
            let one = party(&credentials).tls(authority.trusted());
            let two = Party::new(&Blocking, "none").tls(authority.trusted());
            let (one, two) = meet((&one, role), &two, &url, token());
            assert!(one.is_relay);
            one.send("ping");
            two.expect("ping");
            two.send("pong");
            one.expect("pong");
            // A proxy need not know half-closed connections, so nobody ends before both have all.
            let (to_two, to_one) = (pattern(200_000, 1), pattern(200_000, 2));
            one.send(to_two.clone());
            two.expect(to_two);
            two.send(to_one.clone());
            one.expect(to_one);
        }
    }
    let (_refuses, nobody) = refusing();
    let url = format!("http://{nobody}").parse().unwrap();
    let failure = party(&credentials).start(Role::Dial, &url, token()).failure();
    let refused = matches!(
        failure.connect,
        Some(ConnectError::Proxy { fault: ProxyFault::Refused { .. } | ProxyFault::SocksRefused(_), .. })
    );
    assert!(refused, "{}", failure.text);

    let rows = [("me:wrong@", ProxyFault::BadCredentials), ("", ProxyFault::NoCredentials)];
    for (credentials, expected) in rows.into_iter().filter(|_| locked) {
        let failure = party(credentials).start(Role::Dial, &url, token()).failure();
        let Some(ConnectError::Proxy { fault, .. }) = &failure.connect else { panic!("{}", failure.text) };
        assert_eq!(fault, &expected, "{}", failure.text);
    }
}

/// A program that listens, killed when dropped.
struct Daemon {
    addr: SocketAddr,
    child: Child,
}

impl Daemon {
    /// On a free port. `None`, and says so, if there is no such program.
    fn start(command: impl FnOnce(SocketAddr) -> Command) -> Option<Self> {
        let (_kept, addr) = refusing();
        let mut command = command(addr);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = match command.spawn() {
            Ok(child) => child,
            Err(err) if err.kind() == ErrorKind::NotFound => {
                eprintln!("skipped: {:?} is not installed", command.get_program());
                return None;
            }
            Err(err) => panic!("{:?} does not start: {err}", command.get_program()),
        };
        let mut daemon = Self { addr, child };
        until("the proxy listens", || {
            let ended = daemon.child.try_wait().unwrap();
            assert_eq!(ended, None, "{:?} ends at once", command.get_program());
            TcpStream::connect(addr).is_ok()
        });
        Some(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Who may use a locked proxy. Not every proxy can have a colon in the password.
const USER: &str = "me";
const PASSWORD: &str = "secret";

fn remove(path: &PathBuf) {
    // It is in the temporary directory: left over is not worth a failure.
    let _ = fs::remove_file(path);
}
