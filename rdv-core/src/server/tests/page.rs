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

#[test]
fn a_server_need_not_show_one() {
    let config = LobbyConfig { page: false, ..LobbyConfig::default() };
    let mut lobby = Bench::open(config);
    let browser = lobby.client();
    lobby.says(browser, GET);
    assert_eq!((lobby.status(browser), lobby.answer(browser)), ("426", "not-an-upgrade"));
    assert_eq!(lobby.left(), [Reason::Rejected(Reject::NotAnUpgrade)]);
}
