//! `--port-map` in a network namespace of the test's own, with no gateway that could be asked: what `-v` says then.
#![cfg(all(target_os = "linux", feature = "port-map"))]

use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn why_no_port_is_mapped_is_logged() {
    let script =
        "ip link set lo up && exec \"$0\" dial -v --port-map --timeout 10s http://127.0.0.1:1 pantry";
    let namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--net", "sh", "-c"]);
        command
    };
    let probe = namespace().arg("ip link set lo up").output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        eprintln!("skipped: no network namespaces here");
        return;
    }
    let started = Instant::now();
    let end = namespace().args([script, env!("CARGO_BIN_EXE_rdv")]).output().expect("it starts");
    let log = String::from_utf8_lossy(&end.stderr);
    assert_eq!(end.status.code(), Some(1), "{log}");
    let why =
        "DEBUG rdv: no port is mapped: PCP: no default gateway; NAT-PMP: no default gateway; UPnP-IGD: ";
    assert!(log.contains(why), "{log}");
    assert!(started.elapsed() < Duration::from_secs(9), "{log}");
}
