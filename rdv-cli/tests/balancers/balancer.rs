//! HAProxy and nginx by the configurations in `dist/`, with the ports of a test in the place of theirs.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use rdv_tests::refusing;

use crate::until;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    HaProxy,
    Nginx,
}

/// One that runs, killed when dropped.
pub(crate) struct Balancer {
    kind: Kind,
    pub(crate) addr: SocketAddr,
    dir: PathBuf,
    /// The last one takes connections; those before serve what they have.
    children: Vec<Child>,
}

impl Balancer {
    /// In front of these servers. `None`, and says so, if it is not installed.
    pub(crate) fn start(kind: Kind, servers: &[SocketAddr]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("rdv-balancer-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = env::temp_dir().join(name);
        fs::create_dir(&dir).unwrap();
        let (_kept, addr) = refusing();
        let mut balancer = Self { kind, addr, dir, children: Vec::new() };
        balancer.configure(servers);
        match balancer.command().spawn() {
            Ok(child) => balancer.children.push(child),
            Err(err) if err.kind() == ErrorKind::NotFound => {
                eprintln!("skipped: {kind:?} is not installed");
                return None;
            }
            Err(err) => panic!("{kind:?} does not start: {err}"),
        }
        until("it listens", || {
            let ended = balancer.children[0].try_wait().unwrap();
            assert_eq!(ended, None, "{kind:?} ends at once: {}", balancer.log());
            TcpStream::connect(addr).is_ok()
        });
        Some(balancer)
    }

    /// Changes the list of servers, in the way that an operator would.
    pub(crate) fn reload(&mut self, servers: &[SocketAddr]) {
        self.configure(servers);
        match self.kind {
            Kind::HaProxy => {
                let old = self.children[0].id().to_string();
                let new = self.command().args(["-sf", &old]).spawn().unwrap();
                self.children.push(new);
            }
            Kind::Nginx => {
                let pid = self.children[0].id().to_string();
                assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
            }
        }
    }

    fn command(&self) -> Command {
        let out = fs::File::options().create(true).append(true).open(self.dir.join("log")).unwrap();
        let config = self.dir.join("config");
        let mut command = match self.kind {
            Kind::HaProxy => {
                let mut command = Command::new("haproxy");
                command.arg("-db").arg("-f").arg(config);
                command
            }
            Kind::Nginx => {
                let mut command = Command::new("nginx");
                let pid = self.dir.join("pid");
                let also = format!("daemon off; error_log stderr; pid {};", pid.display());
                command.arg("-p").arg(&self.dir).arg("-c").arg(config).args(["-g", &also]);
                command
            }
        };
        command.stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
        command
    }

    /// The file in the repository, with other ports and perhaps more servers.
    fn configure(&self, servers: &[SocketAddr]) {
        let (text, listen) = match self.kind {
            Kind::HaProxy => (include_str!("../../../dist/haproxy.cfg"), "bind :8080"),
            Kind::Nginx => (include_str!("../../../dist/nginx.conf"), "listen 8080"),
        };
        let word = listen.split(' ').next().unwrap();
        let mut text = replaced(text, listen, &format!("{word} {}", self.addr));
        let last =
            text.lines().find(|line| line.contains("127.0.0.1:8083")).expect("it has three").to_owned();
        let more: String = (4..=servers.len())
            .map(|n| {
                format!(
                    "\n{}",
                    last.replace("rdv3", &format!("rdv{n}")).replace("8083", &(8080 + n).to_string())
                )
            })
            .collect();
        text = replaced(&text, &last, &format!("{last}{more}"));
        for (n, server) in (1..).zip(servers) {
            text = replaced(&text, &format!("127.0.0.1:{}", 8080 + n), &server.to_string());
        }
        fs::write(self.dir.join("config"), text).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

/// With the first place where `from` is changed.
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "no {from:?} in {text}");
    text.replacen(from, to, 1)
}

impl Drop for Balancer {
    fn drop(&mut self) {
        for child in &mut self.children {
            // nginx's master ends its workers if it is asked to.
            let _ = Command::new("kill").arg(child.id().to_string()).status();
        }
        for child in &mut self.children {
            until("it ends", || child.try_wait().unwrap().is_some());
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}
