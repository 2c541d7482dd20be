//! Proxies: by the flag, by the environment, and what goes wrong with them.

use std::net::TcpListener;

use rdv_tests::proxy::{PASSWORD, Speaks, TestProxy, USER};
use rdv_tests::refusing;

use crate::PROGRAM;
use crate::common::{Finished, Rdv, Server, TOKEN, run};

/// A proxy in front of a server.
fn behind(server: &Server, speaks: Speaks, locked: bool) -> TestProxy {
    TestProxy::start(speaks, locked, server.url["http://".len()..].parse().unwrap())
}

/// Has an accepter without a proxy meet a dialer in this environment, and each say something.
#[track_caller]
fn meet(server: &Server, flags: &[&str], environment: &[(&str, &str)]) -> Finished {
    let mut accepter = Rdv::start(&["accept", &server.url, TOKEN]);
    let args = [&["dial", "-v"], flags, &[&server.url, TOKEN]].concat();
    let mut dialer = Rdv::start_in(PROGRAM, &args, environment);
    dialer.feed("ping");
    accepter.feed("pong");
    let (dialer, accepter) = (dialer.finish(), accepter.finish());
    assert_eq!(
        (dialer.status, accepter.status),
        (Some(0), Some(0)),
        "{:#?}, {:#?}",
        dialer.log,
        accepter.log
    );
    assert_eq!((&dialer.stdout[..], &accepter.stdout[..]), (&b"pong"[..], &b"ping"[..]));
    dialer
}

#[test]
fn the_flag_names_a_proxy() {
    let server = Server::start(&[]);
    for speaks in Speaks::EACH {
        let proxy = behind(&server, speaks, true);
        let with_password = proxy.url(&format!("{USER}:{PASSWORD}@"));
        let end = meet(&server, &["-r", "--proxy", &with_password], &[("all_proxy", "http://192.0.2.1:9")]);
        assert_eq!(proxy.asked(), [&server.url["http://".len()..]]);
        let told = format!(
            "INFO client: the server was reached through the proxy {}, so it saw the proxy's address instead of ours; \
             no direct connection was tried: none of the peer's addresses was to be dialled",
            proxy.url("")
        );
        assert!(end.log.contains(&told), "{told}: {:#?}", end.log);
        for part in ["to connect to the proxy", "to get through it to the server"] {
            assert!(end.log.iter().any(|line| line.contains(part)), "{part}: {:#?}", end.log);
        }
        assert!(
            !end.log.iter().any(|line| line.starts_with("WARN") || line.contains(PASSWORD)),
            "{:#?}",
            end.log
        );
        assert!(end.line("INFO client: peer connected").contains("is_relay=true"), "{:#?}", end.log);
    }
}

#[test]
fn a_connection_may_be_direct_all_the_same() {
    let server = Server::start(&[]);
    let proxy = behind(&server, Speaks::Http, false);
    let mut accepter = Rdv::start(&["accept", "-s", "all", &server.url, TOKEN]);
    accepter.close_stdin();
    let url = proxy.url("");
    let mut dialer =
        Rdv::start(&["dial", "-v", "-s", "all", "--wait", "60s", "--proxy", &url, &server.url, TOKEN]);
    dialer.close_stdin();
    let end = dialer.finish();
    assert!(end.line("INFO client: peer connected").contains("is_relay=false"), "{:#?}", end.log);
    let told = "instead of ours; the connection is direct all the same";
    assert!(
        end.line("DEBUG client: the server was reached through the proxy").ends_with(told),
        "{:#?}",
        end.log
    );
    assert_eq!(accepter.finish().status, Some(0));
}

/// The peer has an address that can be dialled, and lets nobody in there.
#[test]
fn a_relayed_connection_says_why_it_is_not_direct() {
    let server = Server::start(&[]);
    let proxy = behind(&server, Speaks::Socks5, false);
    let mut accepter = Rdv::start(&["accept", "-r", &server.url, TOKEN]);
    accepter.close_stdin();
    let url = proxy.url("");
    let mut dialer =
        Rdv::start(&["dial", "-s", "all", "--wait", "200ms", "--proxy", &url, &server.url, TOKEN]);
    dialer.close_stdin();
    let end = dialer.finish();
    assert_eq!(end.status, Some(0), "{:#?}", end.log);
    let told = end.line("INFO client: the server was reached through the proxy");
    assert!(told.contains("instead of ours; no direct connection was found: the peer had only "), "{told}");
    assert_eq!(accepter.finish().status, Some(0));
}

#[test]
fn the_environment_names_a_proxy() {
    let server = Server::start(&[]);
    let proxy = behind(&server, Speaks::Socks5, false);
    let url = proxy.url("");
    type Row<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], bool);
    let rows: [Row<'_>; 9] = [
        (&[], &[], false),
        (&[], &[("http_proxy", &url)], true),
        (&[], &[("HTTP_PROXY", &url), ("HTTPS_PROXY", &url)], false),
        (&[], &[("ALL_PROXY", &url)], true),
        (&[], &[("all_proxy", &url), ("NO_PROXY", "localhost, 127.0.0.0/8")], false),
        (&[], &[("all_proxy", &url), ("no_proxy", "*")], false),
        (&[], &[("all_proxy", &url), ("no_proxy", "example.com")], true),
        (&["--proxy", ""], &[("all_proxy", &url)], false),
        (&["--proxy", &url], &[("no_proxy", "*")], true),
    ];
    let mut count = 0;
    for (flags, environment, is_used) in rows {
        let end = meet(&server, &[&["-r"], flags].concat(), environment);
        count += usize::from(is_used);
        assert_eq!(proxy.asked().len(), count, "{flags:?} {environment:?}: {:#?}", end.log);
    }
}

#[test]
fn a_proxy_without_a_way_is_1() {
    let server = Server::start(&[]);
    let locked = behind(&server, Speaks::Http, true);
    let (_socket, gone) = refusing();
    let leads_nowhere = TestProxy::start(Speaks::Socks5, false, gone);
    let rows = [
        (
            locked.url("me:hunter2@"),
            format!("{}: it does not accept this user name and password", locked.url("")),
        ),
        (
            locked.url(""),
            format!("{}: it wants a user name and a password: put them into its URL", locked.url("")),
        ),
        (
            leads_nowhere.url(""),
            format!("{}: it refuses: it cannot reach the server: connection refused", leads_nowhere.url("")),
        ),
        (
            format!("http://me:hunter2@{gone}"),
            format!(
                "http://{gone}: it cannot be reached: {gone} connection refused: is the proxy's URL right?"
            ),
        ),
    ];
    for (proxy, told) in rows {
        let end = run(&["dial", "-v", "--proxy", &proxy, &server.url, TOKEN]);
        assert_eq!(end.status, Some(1), "{:#?}", end.log);
        let start = format!("ERROR client: no way through the proxy {told}");
        assert!(end.line("ERROR").starts_with(&start), "{start}: {:#?}", end.log);
        assert!(!end.log.iter().any(|line| line.contains("hunter2")), "{:#?}", end.log);
    }
}

#[test]
fn a_proxy_that_says_nothing_is_124() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("socks5h://{}", silent.local_addr().unwrap());
    let end = run(&["accept", "--timeout", "200ms", "--proxy", &proxy, "http://rdv.example", TOKEN]);
    assert_eq!(end.status, Some(124), "{:#?}", end.log);
}

#[test]
fn what_is_no_proxy_is_2() {
    let end = run(&["dial", "--proxy", "https://me:hunter2@proxy.example", "http://127.0.0.1:1", TOKEN]);
    assert_eq!(end.status, Some(2), "{:#?}", end.log);
    let text = end.log.join("\n");
    assert!(text.contains("proxies that are spoken to over TLS (https://...) are not supported"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");

    let args = ["dial", "https://rdv.example", TOKEN];
    let mut rdv = Rdv::start_in(PROGRAM, &args, &[("https_proxy", "socks4://me:hunter2@proxy.example")]);
    rdv.close_stdin();
    let end = rdv.finish();
    assert_eq!(end.status, Some(2), "{:#?}", end.log);
    assert!(
        end.line("ERROR").starts_with("ERROR client: https_proxy: expected a proxy as http://"),
        "{:#?}",
        end.log
    );
    assert!(!end.log.join("\n").contains("hunter2"), "{:#?}", end.log);
}
