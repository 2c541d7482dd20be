use std::io::ErrorKind;

use serde_json::{Value, json};

use super::super::facts::{Meeting, Sighting, Unresolved};
use super::*;

/// What somebody else's reader makes of it.
fn read(json: &Json) -> Value {
    let text = json.to_string();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn any_text_survives() {
    for text in ["", "plain", "\"quoted\" \\ back", "a\nb\t\r\0", "\u{1b}[31m \u{7f} \u{9b}", "ünïcode 🦀"]
    {
        assert_eq!(read(&Json::Text(text.to_owned())), Value::from(text), "{text:?}");
    }
    let shown = Json::Text("\u{1b}[31m\u{9b}\n".to_owned()).to_string();
    assert!(!shown.contains(char::is_control), "a terminal would act on {shown:?}");
}

#[test]
fn the_whole_object() {
    let facts = Facts {
        url: "http://example.com:8080".to_owned(),
        proxy: None,
        left_out: vec!["http://example.org/".to_owned()],
        interfaces: vec![("eth0".to_owned(), "192.168.1.16".parse().unwrap())],
        endpoints: vec![
            Endpoint {
                url: "http://example.com:8080".to_owned(),
                is_also: false,
                addr: "198.51.100.1:8080".parse().unwrap(),
                connects: Ok([9, 12, 11].map(Duration::from_millis).to_vec()),
                source: Some("192.168.1.16".parse().unwrap()),
                sightings: vec![Sighting {
                    local: "192.168.1.16:4001".parse().unwrap(),
                    observed: Some("203.0.113.9:4001".parse().unwrap()),
                }],
                failure: None,
            },
            Endpoint {
                url: "http://example.net".to_owned(),
                is_also: true,
                addr: "[2001:db8::1]:80".parse().unwrap(),
                connects: Err(ErrorKind::NetworkUnreachable),
                source: None,
                sightings: Vec::new(),
                failure: None,
            },
        ],
        unresolved: vec![Unresolved {
            url: "http://nowhere.invalid".to_owned(),
            kind: ErrorKind::Other,
            why: "no such name".to_owned(),
        }],
        answers: vec![Duration::from_micros(12_345)],
        relay: Some(Ok(())),
        meeting: Some(Meeting {
            observed: ["203.0.113.9:4003", "203.0.113.9:4004"].map(|addr| addr.parse().unwrap()).to_vec(),
            candidates: vec![("203.0.113.9:4004".parse().unwrap(), false)],
        }),
        failure: None,
    };
    let expected = json!({
        "url": "http://example.com:8080",
        "proxy": null,
        "works": true,
        "error": null,
        "interfaces": [{"name": "eth0", "addr": "192.168.1.16", "space": "private4"}],
        "endpoints": [
            {
                "url": "http://example.com:8080", "also": false, "addr": "198.51.100.1:8080", "reached": true,
                "error": null, "source": "192.168.1.16", "connect_ms": 11.0,
                "sightings": [{"local": "192.168.1.16:4001", "observed": "203.0.113.9:4001"}],
            },
            {
                "url": "http://example.net", "also": true, "addr": "[2001:db8::1]:80", "reached": false,
                "error": "network unreachable", "source": null, "connect_ms": null, "sightings": [],
            },
        ],
        "unresolved": [{"url": "http://nowhere.invalid", "error": "no such name"}],
        "left_out": ["http://example.org/"],
        "answer_ms": 12.345,
        "relay_works": true,
        "relay_error": null,
        "ipv4": {
            "observed": "203.0.113.9:4001", "space": "public4", "between": "nat", "ports": "kept",
            "mapping": "one-address",
        },
        "ipv6": null,
        "has_public_ipv6": false,
        "hairpin": false,
        "firewall": "nothing-seen",
        "direct": "likely",
        "because": "kept-ports",
    });
    assert_eq!(read(&object(&facts, &Findings::of(&facts))), expected);
}

#[test]
fn a_failure_is_an_object_of_the_same_fields() {
    let good = Facts::default();
    let bad = Facts {
        failure: Some("refused".to_owned()),
        relay: Some(Err("no data".to_owned())),
        ..Facts::default()
    };
    let [good, bad] = [good, bad].map(|facts| read(&object(&facts, &Findings::of(&facts))));
    let names = |object: &Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&good), names(&bad));
    assert_eq!(
        [&bad["works"], &bad["error"], &bad["relay_works"], &bad["relay_error"], &bad["direct"]],
        [&json!(false), &json!("refused"), &json!(false), &json!("no data"), &json!("unknown")],
    );
}
