//! `--log-format json`.

use serde_json::Value;

use crate::common::{RELAYED, Rdv, Server, TOKEN};
use crate::http::ask;

fn parsed(line: &str) -> Value {
    let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    for key in ["time", "level", "target", "message"] {
        assert!(object[key].is_string(), "{key}: {line}");
    }
    let time = object["time"].as_str().unwrap();
    assert!(time.len() == 24 && time.ends_with('Z') && time.as_bytes()[10] == b'T', "{time}");
    object
}

#[test]
fn each_line_is_an_object() {
    let mut rdv = Rdv::start(&["-v", "serve", "-l", "127.0.0.1:0", "--log-format", "json"]);
    let listening = parsed(&rdv.wait_for("listening"));
    let addr = listening["addr"].as_str().unwrap().to_owned();
    let mut server = Server { url: format!("http://{addr}"), rdv };
    let mut pair = server.pair(RELAYED);
    pair[0].feed(*b"seven b");
    pair[1].close_stdin();
    assert_eq!(pair.map(|rdv| rdv.finish().status), [Some(0); 2]);
    let ended = parsed(&server.rdv.wait_for("relay ended"));
    assert_eq!(
        (&ended["end"], &ended["dial_bytes"], &ended["accept_bytes"], &ended["level"]),
        (&"relayed".into(), &7.into(), &0.into(), &"info".into())
    );
    let token = ended["token"].as_str().unwrap();
    assert!(!token.is_empty() && !token.contains(TOKEN) && TOKEN.starts_with(token.trim_end_matches('…')));

    // What strangers say stays in its string.
    let foul = "GET /\"},{\\x\u{1b}[2J HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: a\",\"level\":\"x\r\n\r\n";
    ask(&addr, foul);
    server.rdv.wait_for("rejected");
    #[cfg(unix)]
    {
        server.rdv.signal("TERM");
        let end = server.rdv.finish();
        assert_eq!(end.status, Some(0));
        for line in end.log {
            let object = parsed(&line);
            assert!(["info", "debug", "warn"].contains(&object["level"].as_str().unwrap()), "{line}");
            assert!(!line.contains(TOKEN), "a token in the log: {line}");
        }
    }
}
