//! Browsers in the lobby.

use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";

#[test]
fn a_browser_is_shown_the_page_and_let_go() {
    let mut lobby = Bench::open(LobbyConfig::default());
    let browser = lobby.client();
    lobby.says(browser, GET);
    assert_eq!(lobby.status(browser), "200");
    assert_eq!(lobby.left(), [Reason::Visited]);
    lobby.fins(browser);
    assert_eq!(lobby.state(browser), State::Closed);
    assert!(lobby.machine.metrics().render().contains("\nrdv_pages_total 1\n"));
}

/// Where TLS is a proxy's, nobody says so; then the page leaves it to the reader.
#[test]
fn it_names_the_server_as_it_has_been_reached() {
    let shown = |is_tls: bool| {
        let mut lobby = Bench::open(LobbyConfig::default());
        let browser = if is_tls { lobby.accept_tls("203.0.113.7:40000").0 } else { lobby.client() };
        lobby.says(browser, GET);
        String::from_utf8(lobby.written(browser).to_vec()).unwrap()
    };
    let (plain, tls) = (shown(false), shown(true));
    let hint = "Write <code>https://</code>";
    assert!(
        plain.contains("<pre>rdv dial http://example.com TOKEN</pre>") && plain.contains(hint),
        "{plain}"
    );
    assert!(tls.contains("<pre>rdv dial https://example.com TOKEN</pre>") && !tls.contains(hint), "{tls}");
    assert!(!tls.contains("http://"), "{tls}");
}

#[test]
fn a_server_need_not_show_one() {
    let config = LobbyConfig { page: false, ..LobbyConfig::default() };
    let mut lobby = Bench::open(config);
    let browser = lobby.client();
    lobby.says(browser, GET);
    assert_eq!((lobby.status(browser), lobby.answer(browser)), ("426", "not-an-upgrade"));
    assert_eq!(lobby.left(), [Reason::Rejected(Reject::NotAnUpgrade)]);
}
