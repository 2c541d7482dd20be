use log::{Level, Log, Metadata, Record};

use super::{StderrLog, line};

fn logged(level: Level, target: &str, message: &str) -> String {
    line(&Record::builder().level(level).target(target).args(format_args!("{message}")).build())
}

#[test]
fn a_line_is_level_target_message() {
    assert_eq!(
        logged(Level::Info, "client", "peer connected is_relay=false addr=192.168.1.16:39841 dur=45ms"),
        "INFO client: peer connected is_relay=false addr=192.168.1.16:39841 dur=45ms\n",
    );
    assert_eq!(logged(Level::Error, "server", "no"), "ERROR server: no\n");
}

#[test]
fn modules_of_ours_are_rdv() {
    for target in ["rdv_core::client::race", "rdv_socket::port", "rdv_blocking"] {
        assert_eq!(logged(Level::Debug, target, "x"), "DEBUG rdv: x\n");
    }
    assert_eq!(logged(Level::Warn, "rustls::check", "x"), "WARN rustls::check: x\n");
}

#[test]
fn nothing_in_a_message_feigns_a_line_or_acts_on_a_terminal() {
    assert_eq!(
        logged(Level::Info, "client", "a\nINFO client: b\r\t\x1b[2J\x07\u{9b}\x7f é"),
        "INFO client: a\\nINFO client: b\\r\\t\\u{1b}[2J\\u{7}\\u{9b}\\u{7f} é\n",
    );
}

#[test]
fn others_are_heard_only_when_they_warn() {
    let is_enabled =
        |level, target| StderrLog.enabled(&Metadata::builder().level(level).target(target).build());
    log::set_max_level(log::LevelFilter::Debug);
    assert!(is_enabled(Level::Debug, "rdv_core::client"));
    assert!(is_enabled(Level::Info, "server"));
    assert!(!is_enabled(Level::Info, "mio::poll"));
    assert!(is_enabled(Level::Warn, "rustls::client"));
    assert!(!is_enabled(Level::Debug, "rdvx"));
}
