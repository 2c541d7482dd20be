use crate::wire::{Answered, Asked, Reject};

fn answer(head: &str) -> Option<String> {
    match Asked::parse(head.as_bytes()) {
        Ok(Asked::Page(visit)) => Some(String::from_utf8(visit.answer(false).to_vec()).unwrap()),
        Ok(Asked::Peer(_) | Asked::Addr(_)) | Err(_) => None,
    }
}

fn get(host: &str) -> String {
    answer(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).expect("no page")
}

#[test]
fn a_browser_is_shown_how_to_use_the_server_it_came_to() {
    for host in ["example.com", "example.com:8080", "192.0.2.1:80", "[2001:db8::1]:8080", "localhost"] {
        let page = get(host);
        assert!(page.contains(&format!("<pre>rdv accept http://{host} TOKEN</pre>")), "{page}");
    }
}

#[test]
fn a_host_that_could_mean_anything_to_html_is_not_shown() {
    let long = "a".repeat(260);
    for host in ["<script>alert(1)</script>", "a\"b", "a'b", "a&amp;b", "a b", "münchen", "", &long] {
        let page = get(host);
        assert!(page.contains("<pre>rdv accept http://example.com:8080 TOKEN</pre>"), "{host}: {page}");
        assert!(host.is_empty() || !page.contains(host), "{page}");
    }
}

#[test]
fn the_answer_is_whole_and_small_and_has_a_policy() {
    let page = get("example.com");
    let answered = Answered::parse(page.as_bytes()).unwrap();
    let headers = answered.response.headers();
    assert_eq!((answered.response.status().as_u16(), answered.switches), (200, false));
    assert_eq!(headers["content-length"].to_str().unwrap(), answered.response.body().len().to_string());
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert_eq!(headers["connection"], "close");
    assert!(page.len() < 4096, "{}", page.len());
    // Nothing that runs, and nothing from elsewhere.
    for foul in ["<script", "src=", "<link", "@import", "url(", "onload"] {
        assert!(!page.to_lowercase().contains(foul), "{foul}");
    }
}

#[test]
fn head_gets_the_head_alone() {
    let whole = get("h");
    let head = answer("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(head.ends_with("\r\n\r\n"));
    assert!(whole.starts_with(&head) && whole.len() > head.len());
}

#[test]
fn all_else_is_what_it_was() {
    let page = ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /?x=1 HTTP/1.1\r\nHost: h\r\n\r\n"];
    assert!(page.iter().all(|head| answer(head).is_some()));
    for (head, code) in [
        ("GET /tok HTTP/1.1\r\nHost: h\r\n\r\n", "not-an-upgrade"),
        ("POST / HTTP/1.1\r\nHost: h\r\n\r\n", "not-an-upgrade"),
        ("GET / HTTP/1.0\r\n\r\n", "not-an-upgrade"),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\n\r\n", "no-upgrade"),
        ("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: rdv/1\r\n\r\n", "not-an-upgrade"),
        ("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "bad-upgrade"),
        ("GET / HTTP/1.1\r\n\r\n", "host"),
        ("DIAL / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: rdv/1\r\n\r\n", "empty-token"),
    ] {
        assert_eq!(
            Asked::parse(head.as_bytes()).map_err(|reject: Reject| reject.code()).unwrap_err(),
            code,
            "{head}"
        );
    }
}
