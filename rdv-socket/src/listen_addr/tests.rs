use super::*;

#[test]
fn good_ones_are_shown_as_they_were_written() {
    for text in [
        ":0",
        ":8080",
        ":65535",
        "0.0.0.0:0",
        "127.0.0.1:8080",
        "[::]:8080",
        "[::1]:8080",
        "[fe80::1%2]:8080",
        "localhost:8080",
        "localhost.:8080",
        "rdv.example.com:443",
        "my_host-2:1",
        "4chan.example:80",
    ] {
        let addr: ListenAddr = text.parse().unwrap();
        assert_eq!(addr.to_string(), text);
        assert_eq!(addr.port().to_string(), text.rsplit(':').next().unwrap());
        assert_eq!(addr.to_string().parse(), Ok(addr));
    }
}

#[test]
fn spellings_of_one_address() {
    for (text, shown) in [
        ("[0:0:0:0:0:0:0:1]:80", "[::1]:80"),
        ("[::1]:080", "[::1]:80"),
        ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
        (":0080", ":80"),
    ] {
        assert_eq!(text.parse::<ListenAddr>().unwrap().to_string(), shown);
    }
}

#[test]
fn bad_ones_say_why() {
    let no_colon = "there is no colon before the port";
    let no_port = "the port is missing";
    let no_number = "the port is not a number";
    let too_big = "the port is more than 65535";
    let bare_v6 = "an IPv6 address needs brackets, as in [::1]:8080";
    let bad_v6 = "there is no IPv6 address in the brackets";
    let bad_v4 = "that is not an IPv4 address";
    let bad_char = "there is a character that no host name has";
    for (text, problem) in [
        ("", no_colon),
        ("8080", no_colon),
        ("localhost", no_colon),
        ("127.0.0.1", no_colon),
        (":", no_port),
        ("localhost:", no_port),
        ("[::1]", no_port),
        ("[::1]:", no_port),
        (":http", no_number),
        (":+80", no_number),
        (":-1", no_number),
        (": 80", no_number),
        (":80 ", no_number),
        (":8080/path", no_number),
        (":65536", too_big),
        (":99999999999999999999", too_big),
        ("::1:8080", bare_v6),
        ("fe80::1:80", bare_v6),
        ("[]:80", bad_v6),
        ("[::g]:80", bad_v6),
        ("[127.0.0.1]:80", bad_v6),
        ("[::1:80", bad_v6),
        ("256.0.0.1:80", bad_v4),
        ("1.2.3:80", bad_v4),
        ("1.2.3.4.:80", bad_v4),
        ("2130706433:80", bad_v4),
        (".:80", bad_v4),
        ("local host:80", bad_char),
        (" localhost:80", bad_char),
        ("user@host:80", bad_char),
        ("*:80", bad_char),
        ("münchen.example:80", bad_char),
    ] {
        let error = text.parse::<ListenAddr>().expect_err(text);
        assert_eq!(error.problem, problem, "{text:?}");
        let expected =
            format!("expected [HOST]:PORT, for example :8080 or 127.0.0.1:8080, got {text:?}: {problem}");
        assert_eq!(error.to_string(), expected);
    }
    let url = "http://host:80".parse::<ListenAddr>().unwrap_err();
    assert_eq!(url.problem, "give a host, not a URL");
}

#[test]
fn made_from_an_address() {
    let addr: SocketAddr = "[::1]:80".parse().unwrap();
    assert_eq!(ListenAddr::from(addr), "[::1]:80".parse().unwrap());
    let mapped: SocketAddr = "[::ffff:10.0.0.1]:80".parse().unwrap();
    assert_eq!(ListenAddr::from(mapped), "10.0.0.1:80".parse().unwrap());
}

#[test]
fn a_literal_resolves_without_a_lookup() {
    let resolve = |text: &str| text.parse::<ListenAddr>().unwrap().resolve().unwrap();
    assert_eq!(resolve("127.0.0.1:80"), ["127.0.0.1:80".parse().unwrap()]);
    assert_eq!(resolve(":80").len(), 2);
}
