//! stdin, stdout and stderr in unusual conditions.

use crate::common::{DIRECT, RELAYED, Rdv, Server, TOKEN, command, data};

#[test]
fn a_broken_stdout_is_1_and_the_peer_is_told() {
    for flags in [DIRECT, RELAYED] {
        let server = Server::start(&[]);
        let mut dialer = Rdv::start(&[&["dial", &server.url, TOKEN], flags].concat());
        let accept = [&["accept", &server.url, TOKEN], flags].concat();
        let accepter = Rdv::start_and_close_stdout(&accept, "peer connected");
        dialer.feed(data(1, 16 << 20));

        // Its stdin is still open: nothing but the broken pipe ends it.
        let end = accepter.finish();
        assert_eq!(end.status, Some(1), "{:#?}", end.log);
        assert_eq!(
            end.line("ERROR"),
            "ERROR client: cannot write to stdout: its reader is gone (broken pipe)"
        );
        let end = dialer.finish();
        assert_eq!(end.status, Some(1), "{:#?}", end.log);
        assert!(end.line("ERROR").starts_with("ERROR client: lost the connection"), "{:#?}", end.log);
    }
}

#[test]
fn a_peer_that_dies_is_noticed_while_sending() {
    for flags in [DIRECT, RELAYED] {
        let server = Server::start(&[]);
        let mut dialer = Rdv::start(&[&["dial", &server.url, TOKEN], flags].concat());
        let (mut accepter, _stdout) =
            Rdv::start_and_hold_stdout(&[&["accept", &server.url, TOKEN], flags].concat());
        dialer.feed(data(1, 64 << 20));
        accepter.wait_for("peer connected");
        accepter.signal("KILL");
        let end = dialer.finish();
        assert_eq!(end.status, Some(1), "{:#?}", end.log);
        assert!(end.line("ERROR").starts_with("ERROR client: lost the connection"), "{:#?}", end.log);
    }
}

#[test]
fn an_stdin_that_cannot_be_read_is_1() {
    let server = Server::start(&[]);
    let accepter = Rdv::start(&[&["accept", &server.url, TOKEN], RELAYED].concat());
    let directory = std::fs::File::open(env!("CARGO_MANIFEST_DIR")).unwrap();
    let output =
        command(&[&["dial", &server.url, TOKEN], RELAYED].concat()).stdin(directory).output().unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{log}");
    assert!(log.contains("\nERROR client: cannot read stdin: "), "{log}");
    // Half of nothing is not everything.
    assert_eq!(accepter.finish().status, Some(1));
}

#[test]
fn a_closed_stderr_is_no_panic() {
    let mut child = command(&["dial", "-v", "http://127.0.0.1:1", TOKEN]).spawn().unwrap();
    drop((child.stderr.take(), child.stdin.take()));
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

#[test]
fn help_into_a_closed_stdout_is_no_panic() {
    let mut child = command(&["--help"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn verbose_logs_every_step_and_shows_tokens_shortened() {
    let mut server = Server::start(&["-v"]);
    let roles = [["-v", "dial", &server.url, TOKEN], ["accept", &server.url, TOKEN, "--verbose"]];
    let mut clients = roles.map(|line| Rdv::start(&[&line[..], DIRECT].concat()));
    clients.iter_mut().for_each(|client| client.feed("x"));
    let mut logs = Vec::new();
    for end in clients.map(Rdv::finish) {
        assert_eq!((end.status, end.stdout.as_slice()), (Some(0), &b"x"[..]), "{:#?}", end.log);
        assert!(end.log.iter().any(|line| line.starts_with("DEBUG rdv: matched")), "{:#?}", end.log);
        logs.push(end.log);
    }
    server.rdv.wait_for("peers connected directly");
    server.rdv.signal("TERM");
    logs.push(server.rdv.finish().log);
    for line in logs.iter().flatten() {
        let (head, message) = line.split_once(": ").unwrap_or_else(|| panic!("{line}"));
        let (level, target) = head.split_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(["DEBUG", "INFO", "WARN", "ERROR"].contains(&level), "{line}");
        assert!(["client", "server", "rdv"].contains(&target), "{line}");
        assert!(!message.is_empty());
        assert!(!line.contains("e41d08"), "{line}");
    }
}
