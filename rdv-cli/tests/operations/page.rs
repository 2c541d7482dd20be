//! The page that a person with a browser sees.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::common::{PATIENCE, Server};
use crate::http::{ask, get};

#[test]
fn its_policy_allows_its_style_and_nothing_else() {
    let server = Server::start(&[]);
    let page = get(server.url.strip_prefix("http://").unwrap(), "/");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let (_, rest) = page.body.split_once("<style>").expect("a style");
    let (style, _) = rest.split_once("</style>").expect("its end");
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{hash}';")), "{policy}");
}

#[test]
fn it_can_be_switched_off() {
    let server = Server::start(&["--no-page"]);
    let addr = server.url.strip_prefix("http://").unwrap();
    let refused = get(addr, "/");
    assert_eq!((refused.status, refused.header("rdv-error")), (426, Some("not-an-upgrade")));
    assert_eq!(ask(addr, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").status, 426);
}

#[test]
fn a_browser_shows_it() {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|it| is_there(it))
    else {
        eprintln!("skipped: there is no chromium on this machine");
        return;
    };
    let server = Server::start(&[]);
    let dir = std::env::temp_dir().join(format!("rdv-cli-test-{}-page", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let profile = format!("--user-data-dir={}", dir.display());
    let flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=1000", &profile];
    let mut chromium = Command::new(browser);
    chromium.args(flags).args(["--dump-dom", &server.url]).stdin(Stdio::null()).stderr(Stdio::null());
    let child = chromium.stdout(Stdio::piped()).spawn().expect("it was there just now");
    let pid = child.id();
    let (sender, done) = channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let output = done.recv_timeout(PATIENCE);
    if output.is_err() {
        let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
    }
    let _ = fs::remove_dir_all(&dir);
    let Ok(output) = output else {
        eprintln!("skipped: {browser} does not come to an end on this machine");
        return;
    };
    let dom = String::from_utf8(output.unwrap().stdout).unwrap();
    if dom.is_empty() {
        eprintln!("skipped: {browser} shows nothing on this machine");
        return;
    }
    assert!(dom.contains("<h1>This is an rdv server</h1>"), "{dom}");
    let command = format!("<pre>rdv dial {} TOKEN</pre>", server.url);
    assert!(dom.contains(&command), "{command} is not in {dom}");
}

fn is_there(command: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|dir| dir.join(command).is_file())
}
