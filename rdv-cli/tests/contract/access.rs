//! A server that is not for everybody.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{env, fs, process};

use crate::common::{Finished, Program, RELAYED, Rdv, Server, TOKEN, run};

const BEARER: &str = "mF_9.B5f-4.1JqM0";
const OTHER: &str = "2YotnFZFEjr1zCsicMWpAA";
const KEY: &str = "b1946ac92492d2347c6235b4d2611184";

/// Files in a directory of their own.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let dir = env::temp_dir().join(format!("rdv-cli-test-{}-{:?}-{name}", process::id(), crate::PROGRAM));
        fs::create_dir(&dir).unwrap();
        Dir(dir)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn header(credentials: &str) -> String {
    format!("Authorization: Bearer {credentials}")
}

fn dial(server: &Server, credentials: &str) -> Finished {
    run(&["dial", "-v", "-r", "--timeout", "30s", "-H", &header(credentials), &server.url, TOKEN])
}

fn meet(server: &Server, credentials: &str) {
    let mut pair = server.pair(&[RELAYED, &["-v", "-H", &header(credentials)]].concat());
    pair.iter_mut().for_each(Rdv::close_stdin);
    for end in pair.map(Rdv::finish) {
        assert_eq!(end.status, Some(0), "{:#?}", end.log);
        assert_secret(&end.log);
    }
}

/// What the `rdv` command makes of a key.
fn grant(key_file: &str, time: &str, token: &str) -> String {
    let mut rdv = Rdv::start_as(Program::Rdv, &["grant", "--key-file", key_file, "--for", time, token]);
    rdv.close_stdin();
    let end = rdv.finish();
    assert_eq!((end.status, end.log.len()), (Some(0), 0), "{:#?}", end.log);
    String::from_utf8(end.stdout).unwrap().trim_end().to_owned()
}

/// Neither tokens nor keys nor grants come into any log.
fn assert_secret(log: &[String]) {
    for secret in [BEARER, OTHER, KEY, "rdv1.", TOKEN] {
        assert!(!log.iter().any(|line| line.contains(secret)), "{log:#?}");
    }
}

fn assert_refused(end: &Finished, line: &str) {
    assert_eq!(end.status, Some(3), "{:#?}", end.log);
    assert_eq!(end.line("ERROR"), line);
    assert_secret(&end.log);
}

const MISSING: &str = "ERROR client: refused by the server status=401 \
    reason=\"this server wants credentials: a bearer token in an Authorization header\": \
    add -H 'Authorization: Bearer ...', with what its operator has given you";
const WRONG: &str = "ERROR client: refused by the server status=401 \
    reason=\"these credentials are not accepted here, or not for this rdv token\": \
    does the server ask for a header, such as -H 'Authorization: ...'?";
const EXPIRED: &str = "ERROR client: refused by the server status=401 \
    reason=\"these credentials have expired\": ask for new ones, and see that the clocks are right";

#[test]
fn bearer_tokens_from_a_file() {
    let dir = Dir::new("bearers");
    let file = dir.file("tokens", &format!("# for the tests\n{OTHER}\n{BEARER}\n"));
    let server = Server::start(&["-v", "--bearer-file", &file]);
    meet(&server, BEARER);
    meet(&server, OTHER);
    assert_refused(&run(&["dial", &server.url, TOKEN]), MISSING);
    assert_refused(&dial(&server, "mF_9.B5f-4.1JqM1"), WRONG);
    server.rdv.signal("TERM");
    assert_secret(&server.rdv.finish().log);
}

#[test]
fn grants_for_a_token_and_a_time() {
    let dir = Dir::new("grants");
    let file = dir.file("keys", KEY);
    let server = Server::start(&["-v", "--grant-key-file", &file, "--max-grant", "2h"]);
    let good = grant(&file, "1h", TOKEN);
    let expires: u64 = good.split('.').nth(1).unwrap().parse().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let left = Duration::from_secs(expires) - now;
    assert!(left > Duration::from_secs(3500) && left <= Duration::from_secs(3600), "{left:?}");
    meet(&server, &good);
    assert_refused(&run(&["dial", &server.url, TOKEN]), MISSING);
    assert_refused(&dial(&server, &grant(&file, "1h", "another")), WRONG);
    assert_refused(&dial(&server, &good.replace("rdv1.1", "rdv1.2")), WRONG);
    let end = dial(&server, &grant(&file, "3h", TOKEN));
    assert!(end.line("ERROR").contains("valid for longer than this server allows"), "{:#?}", end.log);
    // Expired in 2017: made with the same key, by the recipe for other programs.
    assert_refused(&dial(&server, "rdv1.1500000000.eFTRGbSj6k9_p_0B4cwKmUuyyRZ7Ohg0mfZrky8dYvw"), EXPIRED);
    server.rdv.signal("TERM");
    assert_secret(&server.rdv.finish().log);
}

#[test]
fn files_that_are_of_no_use_are_2() {
    let dir = Dir::new("useless");
    let (good, short) = (dir.file("good", KEY), dir.file("short", &KEY[..31]));
    let missing = dir.0.join("missing").to_str().unwrap().to_owned();
    for (flags, blamed) in [
        (["--bearer-file", &missing, "--grant-key-file", &good], &missing),
        (["--bearer-file", &good, "--grant-key-file", &missing], &missing),
        (["--bearer-file", &good, "--grant-key-file", &short], &short),
    ] {
        let end = run(&[&["serve", "-l", "127.0.0.1:0"], &flags[..]].concat());
        assert_eq!(end.status, Some(2), "{:#?}", end.log);
        assert!(end.log[0].starts_with(&format!("ERROR server: cannot use {blamed}: ")), "{:#?}", end.log);
        assert_eq!(end.log.len(), 1, "{:#?}", end.log);
        assert_secret(&end.log);
    }
    let end = run(&["serve", "--max-grant", "1h"]);
    assert_eq!(end.status, Some(2), "{:#?}", end.log);
}

#[test]
#[cfg(unix)]
fn sighup_reads_them_again() {
    let dir = Dir::new("reload");
    let file = dir.file("tokens", BEARER);
    let mut server = Server::start(&["--bearer-file", &file]);
    dir.file("tokens", OTHER);
    server.rdv.signal("HUP");
    assert_eq!(server.rdv.wait_for("credentials"), "INFO server: credentials reloaded");
    meet(&server, OTHER);
    assert_refused(&dial(&server, BEARER), WRONG);

    dir.file("tokens", "short");
    server.rdv.signal("HUP");
    let line = server.rdv.wait_for("credentials");
    let start =
        format!("ERROR server: credentials not reloaded, the old ones stay: cannot use {file}: line 1 ");
    assert!(line.starts_with(&start), "{line}");
    meet(&server, OTHER);
    server.rdv.signal("TERM");
    let end = server.rdv.finish();
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    assert_secret(&end.log);
}
