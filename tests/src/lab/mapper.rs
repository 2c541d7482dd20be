//! What maps ports on a gateway for those who ask: miniupnpd, which speaks PCP, NAT-PMP and UPnP-IGD.

use std::fs;
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::namespace::Namespace;
use super::node::Node;
use crate::until;

/// By what a gateway can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// By PCP and NAT-PMP, which this server has together.
    PcpAndNatPmp,
    /// By UPnP-IGD.
    Upnp,
    /// By all of them.
    All,
}

/// A server that maps ports, until it is dropped.
#[derive(Debug)]
pub struct Mapper {
    child: Child,
    files: [PathBuf; 2],
    namespace: Namespace,
}

/// What this machine lacks for a gateway that maps ports, in words.
pub fn missing_mapper() -> Option<String> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&folders).chain([PathBuf::from("/usr/sbin")]);
    let is_there = folders.any(|folder| folder.join("miniupnpd").exists());
    (!is_there).then(|| "there is no miniupnpd, of the Debian package miniupnpd-nftables".to_owned())
}

impl Mapper {
    /// One on a router, whose networks are `lan` and `wan`.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(router: &Node, speaks: Speaks) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = |kind| std::env::temp_dir().join(format!("rdv-lab-{}-{number}.{kind}", process::id()));
        let files = [path("conf"), path("pid")];
        fs::write(&files[0], config(speaks)).expect("a temporary file");
        router.namespace.nft(CHAINS);
        // The shell ends the server once nobody holds its stdin any more, even if the tests are killed.
        let script = "PATH=$PATH:/usr/sbin; miniupnpd -d -f \"$1\" -P \"$2\" & read _; kill $!; wait";
        let spawn = || {
            let mut command = Command::new("sh");
            command.args(["-c", script, "sh"]).args(&files).stdin(Stdio::piped());
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let child = router.namespace.enter(spawn).expect("a shell");
        let namespace = router.namespace.try_clone().expect("a namespace");
        let mapper = Self { child, files, namespace };
        until("the server that maps ports is up", || mapper.is_up(speaks));
        mapper
    }

    /// Its rules, of which each has the port outside.
    pub fn rules(&self) -> String {
        self.namespace.nft_chain("upnp", "prerouting_miniupnpd")
    }

    /// Whether a port leads inside.
    pub fn maps(&self, port: u16) -> bool {
        let rules = self.rules();
        let words: Vec<&str> = rules.split_whitespace().collect();
        words.windows(2).any(|pair| pair == ["dport", &port.to_string()])
    }

    /// Whether it has the UDP ports on which it is asked.
    fn is_up(&self, speaks: Speaks) -> bool {
        let table = self.namespace.enter(|| fs::read_to_string("/proc/thread-self/net/udp"));
        let table = table.unwrap_or_default();
        let has = |port: u16| table.contains(&format!(":{port:04X} 00000000:0000"));
        (speaks == Speaks::Upnp || has(5351)) && (speaks == Speaks::PcpAndNatPmp || has(1900))
    }
}

impl Drop for Mapper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Whatever fails here, the test has seen what it wanted.
        let _ = self.child.wait();
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
    }
}

fn config(speaks: Speaks) -> String {
    let yes = |is: bool| if is { "yes" } else { "no" };
    format!(
        "ext_ifname=wan\nlistening_ip=lan\nipv6_disable=yes\nhttp_port=0\nsecure_mode=yes\n\
         enable_upnp={}\nenable_natpmp={}\nuuid=0c8b2ce6-6b5e-4b3c-9c8e-5b1f0e2c9d11\n\
         upnp_table_name=upnp\nupnp_nat_table_name=upnp\nallow 1024-65535 0.0.0.0/0 1024-65535\n",
        yes(speaks != Speaks::PcpAndNatPmp),
        yes(speaks != Speaks::Upnp)
    )
}

/// Where it puts its rules.
const CHAINS: &str = "table inet upnp {
    chain miniupnpd { }
    chain prerouting_miniupnpd { }
    chain postrouting_miniupnpd { }
    chain prerouting { type nat hook prerouting priority dstnat; jump prerouting_miniupnpd; }
    chain postrouting { type nat hook postrouting priority srcnat; jump postrouting_miniupnpd; }
}";
