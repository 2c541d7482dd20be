use std::time::Duration;

use clap::{CommandFactory, Parser};
use rdv_core::{AddrSpaces, Config, LobbyConfig, Observed};

use rdv_cli::flags::{ClientArgs, ServeArgs};

use super::{Args, Command};

mod usage;

const URL: &str = "http://example.com:8080/rdv";

fn parsed(line: &[&str]) -> Args {
    Args::try_parse_from([&["rdv"], line].concat()).unwrap()
}

fn client(flags: &[&str]) -> ClientArgs {
    let Command::Dial(args) = parsed(&[&["dial"], flags, &[URL, "kitchen"]].concat()).command else {
        panic!("this is rdv dial");
    };
    args
}

fn config(flags: &[&str]) -> Config {
    client(flags).config().unwrap()
}

fn lobby(flags: &[&str]) -> LobbyConfig {
    serve(flags).lobby()
}

fn serve(flags: &[&str]) -> ServeArgs {
    let Command::Serve(args) = parsed(&[&["serve"], flags].concat()).command else {
        panic!("this is rdv serve");
    };
    args.common
}

#[test]
fn the_definition_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn without_flags_the_defaults_of_the_library_apply() {
    let (ours, theirs) = (config(&[]), Config::default());
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    let (ours, theirs) = (lobby(&[]), LobbyConfig::default());
    assert_eq!(format!("{ours:?}"), format!("{theirs:?}"));
    assert_eq!(serve(&[]).listen.to_string(), ":8080");
}

#[test]
fn spaces_are_sets() {
    assert_eq!(config(&["-s", "all"]).spaces, AddrSpaces::ALL);
    assert_eq!(config(&["--spaces", "default"]).spaces, AddrSpaces::DEFAULT);
    assert_eq!(config(&["-s", "none"]).spaces, AddrSpaces::NONE);
    assert_eq!(config(&["-s", "public4,loopback6"]).spaces.to_string(), "public4,loopback6");
    assert_eq!(config(&["-r"]).spaces, AddrSpaces::NONE);
    assert_eq!(config(&["--relay"]).spaces, AddrSpaces::NONE);
}

#[test]
fn interfaces_are_allowed_and_denied_by_name() {
    let flags = [
        "--interface",
        "eth*",
        "--interface",
        "Wi-Fi 2",
        "--not-interface",
        "eth1",
        "--not-interface",
        "tun*",
    ];
    let interfaces = config(&flags).interfaces;
    for (name, included) in
        [("eth0", true), ("Wi-Fi 2", true), ("eth1", false), ("tun0", false), ("wlan0", false)]
    {
        assert_eq!(interfaces.includes(name), included, "{name}");
    }
}

#[test]
#[cfg(feature = "port-map")]
fn a_port_is_mapped_if_that_is_asked_for() {
    assert!(!client(&[]).port_map());
    assert!(client(&["--port-map"]).port_map());
}

#[test]
fn durations_reach_the_configuration() {
    assert_eq!(format!("{:?}", config(&["--wait", "250ms"]).picker), "WaitForP2p(250ms)");
    assert_eq!(config(&["--timeout", "1m30s"]).timeout, Some(Duration::from_secs(90)));
    assert_eq!(config(&["--timeout", "none"]).timeout, None);
    assert_eq!(lobby(&["--lobby-timeout", "3s"]).lobby_timeout, Some(Duration::from_secs(3)));
    assert_eq!(lobby(&["--lobby-timeout", "0"]).lobby_timeout, None);
    assert_eq!(lobby(&["--idle-timeout", "none"]).idle_timeout, None);
    assert_eq!(lobby(&["--idle-timeout", "5m"]).idle_timeout, Some(Duration::from_secs(300)));
}

#[test]
fn limits_reach_the_configuration() {
    let config = lobby(&[
        "--head-timeout=3s",
        "--max-head=2k",
        "--max-waiting=5",
        "--max-open=100",
        "--max-conns-per-addr=7",
        "--max-rate-per-addr=8",
        "--max-burst-per-addr=9",
    ]);
    assert_eq!((config.head_timeout, config.max_head), (Duration::from_secs(3), 2048));
    assert_eq!((config.max_waiting, config.max_open, config.max_conns_per_addr), (5, Some(100), 7));
    assert_eq!((config.max_rate_per_addr, config.max_burst_per_addr), (Some(8), 9));
    let config = lobby(&["--max-open=none", "--max-rate-per-addr=none", "--max-head=65536"]);
    assert_eq!((config.max_open, config.max_rate_per_addr, config.max_head), (None, None, 65_536));
}

#[test]
fn headers_reach_the_configuration() {
    let headers = config(&["-H", "Authorization: Bearer x", "--header", "X-Note: a: b"]).headers;
    // Values may be secrets, so only names are shown.
    assert_eq!(format!("{headers:?}"), r#"["authorization", "x-note"]"#);
    assert!(client(&["-H", "Host: x"]).config().is_err());
    let observed = lobby(&["--observed-header", "X-Observed-Addr"]).observed;
    assert_eq!(observed, Observed::Header("x-observed-addr".parse().unwrap()));
}

#[test]
fn verbose_can_stand_anywhere() {
    for line in [
        &["-v", "dial", URL, "kitchen"][..],
        &["dial", "-v", URL, "kitchen"],
        &["dial", URL, "--verbose", "kitchen"],
        &["dial", URL, "kitchen", "-v"],
        &["-v", "dial", "-v", URL, "kitchen", "-v"],
        &["accept", URL, "kitchen", "-rv"],
        &["serve", "-v"],
        &["-v", "demo"],
        &["check", "-v", URL],
    ] {
        assert!(parsed(line).verbose, "{line:?}");
    }
    assert!(!parsed(&["dial", URL, "kitchen"]).verbose);
}

#[test]
fn a_token_can_begin_with_a_dash() {
    let Command::Accept(args) = parsed(&["accept", "-r", URL, "--", "-kitchen"]).command else {
        panic!("this is rdv accept");
    };
    assert_eq!(args.token.as_bytes(), b"-kitchen");
}

#[test]
fn each_command_has_an_example() {
    let mut rdv = Args::command();
    for command in rdv.get_subcommands_mut() {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example:\n  rdv "), "{help}");
    }
}
