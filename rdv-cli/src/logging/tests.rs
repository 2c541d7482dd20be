use std::time::{Duration, SystemTime};

use log::{Level, Log, Metadata, Record};
use serde_json::{Value, json};

use super::{Format, StderrLog, line, object};

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
    let is_enabled = |level, target| {
        StderrLog { format: Format::Text }.enabled(&Metadata::builder().level(level).target(target).build())
    };
    log::set_max_level(log::LevelFilter::Debug);
    assert!(is_enabled(Level::Debug, "rdv_core::client"));
    assert!(is_enabled(Level::Debug, "rdv_relay::pair"));
    assert!(is_enabled(Level::Info, "server"));
    assert!(!is_enabled(Level::Info, "mio::poll"));
    assert!(is_enabled(Level::Warn, "rustls::client"));
    assert!(!is_enabled(Level::Debug, "rdvx"));
}

fn object_of(message: &str, fields: &[(&str, log::kv::Value<'_>)]) -> Value {
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_007);
    let args = format_args!("{message}");
    let record = Record::builder()
        .level(Level::Info)
        .target("server")
        .args(args)
        .key_values(&fields)
        .build()
        .to_owned();
    let line = object(&record, now);
    assert_eq!(line.find(char::is_control), Some(line.len() - 1), "{line:?}");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn an_object_has_the_message_and_its_fields() {
    let addr = "[::1]:8080".parse::<std::net::SocketAddr>().unwrap();
    let fields =
        [("addr", log::kv::Value::from_display(&addr)), ("waiting", 3u64.into()), ("full", true.into())];
    assert_eq!(
        object_of("listening", &fields),
        json!({
            "time": "2027-01-15T08:00:00.007Z", "level": "info", "target": "server", "message": "listening",
            "addr": "[::1]:8080", "waiting": 3, "full": true,
        })
    );
}

#[test]
fn nothing_in_a_message_leaves_its_string() {
    for text in ["a\"b\\", "\",\"level\":\"error", "a\r\n{}\n\0\u{1b}[2J\u{9b}\u{7f}", "ünïcode 🦀"] {
        let field = [("reason", log::kv::Value::from(text))];
        let object = object_of(text, &field);
        assert_eq!((&object["message"], &object["reason"]), (&text.into(), &text.into()));
        assert_eq!(object["level"], "info");
    }
}
