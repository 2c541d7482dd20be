//! What passes through an HTTP stack.

use http::StatusCode;

use super::super::{Answered, Reject, Request, Role, switching_protocols};

#[test]
fn a_head_survives_the_stack() {
    let request = http::Request::builder()
        .method("DIAL")
        .uri("/a%2Fb?x=1")
        .header("host", "h")
        .header("connection", "keep-alive")
        .header("connection", "upgrade")
        .header("upgrade", "rdv/1")
        .header("x-bytes", http::HeaderValue::from_bytes(b"\xe9").unwrap());
    let head = Request::head(&request.body(()).unwrap().into_parts().0);
    let parsed = Request::parse(&head).unwrap();
    assert_eq!((parsed.role, parsed.token.as_bytes()), (Role::Dial, &b"a/b"[..]));
    assert_eq!(parsed.headers["x-bytes"].as_bytes(), b"\xe9");
    assert_eq!(parsed.headers.get_all("connection").iter().count(), 2);
}

#[test]
fn other_versions_are_refused() {
    for (version, code) in [(http::Version::HTTP_2, "version"), (http::Version::HTTP_10, "not-an-upgrade")] {
        let request = http::Request::builder().uri("/tok").version(version).body(()).unwrap();
        let refused = Request::parse(&Request::head(&request.into_parts().0)).unwrap_err();
        assert_eq!(refused.code(), code);
    }
}

#[test]
fn answers_are_taken_apart() {
    let observed = "192.0.2.1:7".parse().unwrap();
    let answered = Answered::parse(&switching_protocols(observed, &"10.0.0.1:1".parse().unwrap())).unwrap();
    assert!(answered.switches);
    assert_eq!(answered.response.status(), StatusCode::SWITCHING_PROTOCOLS);
    assert_eq!(answered.response.headers()["rdv-peer-addrs"], "10.0.0.1:1");
    let refused = Answered::parse(&Reject::NoPeer.encode()).unwrap();
    assert!(!refused.switches);
    assert_eq!(refused.response.body(), "no matching peer found");
    assert!(Answered::parse(b"CONTINUE\n").is_none());
}

#[test]
fn a_refusal_is_an_answer() {
    let reject = Reject::Application(StatusCode::FORBIDDEN, "two\r\n\r\nlines".into());
    let response = reject.to_response();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()["rdv-error"], "application");
    assert_eq!(response.body(), "two\r\n\r\nlines");
}

#[test]
fn no_refusal_is_an_upgrade() {
    for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::OK, StatusCode::FOUND] {
        let reject = Reject::Application(status, "no".into());
        assert_eq!(reject.to_response().status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!Answered::parse(&reject.encode()).unwrap().switches);
    }
}
