use rdv_core::ProxyError;

use super::{BadVariable, ProxyFlag, is_exempt, of_environment};

/// The proxy for a URL, where the environment is this.
fn chosen(url: &str, environment: &[(&str, &str)]) -> Result<Option<String>, BadVariable> {
    let variable = |name: &str| {
        let (_, value) = environment.iter().find(|(variable, _)| *variable == name)?;
        Some((*value).to_owned())
    };
    of_environment(&url.parse().unwrap(), variable).map(|proxy| proxy.map(|proxy| proxy.to_string()))
}

#[test]
fn the_scheme_s_own_variable_comes_first_and_small_letters_before_capitals() {
    type Row = (&'static str, &'static [(&'static str, &'static str)], Option<&'static str>);
    let rows: [Row; 10] = [
        ("http://h", &[], None),
        ("http://h", &[("http_proxy", "http://a:1"), ("all_proxy", "http://b:1")], Some("http://a:1")),
        ("http://h", &[("HTTP_PROXY", "http://a:1")], None),
        ("http://h", &[("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://a:1")], None),
        ("http://h", &[("ALL_PROXY", "socks5://b:1")], Some("socks5://b:1")),
        ("https://h", &[("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:1")], Some("http://a:1")),
        ("https://h", &[("HTTPS_PROXY", "http://b:1"), ("all_proxy", "http://c:1")], Some("http://b:1")),
        ("https://h", &[("http_proxy", "http://a:1")], None),
        ("https://h", &[("all_proxy", "a:1"), ("ALL_PROXY", "b:1")], Some("http://a:1")),
        ("https://h", &[("https_proxy", ""), ("HTTPS_PROXY", ""), ("all_proxy", "c:1")], Some("http://c:1")),
    ];
    for (url, environment, expected) in rows {
        assert_eq!(chosen(url, environment), Ok(expected.map(str::to_owned)), "{url}: {environment:?}");
    }
}

#[test]
fn no_proxy_exempts_hosts() {
    let rows = [
        ("rdv.example.com", "example.com", true),
        ("rdv.example.com", ".example.com", true),
        ("rdv.example.com", "RDV.Example.Com", true),
        ("rdv.example.com.", "example.com", true),
        ("rdv.example.com", "example.com.", true),
        ("example.com", ".example.com", true),
        ("example.com", "rdv.example.com", false),
        ("badexample.com", "example.com", false),
        ("rdv.example.com", "com", true),
        ("rdv.example.com", "*", true),
        ("rdv.example.com", "other, *", true),
        ("rdv.example.com", "*.example.com", false),
        ("rdv.example.com", "other example.com", true),
        ("rdv.example.com", "", false),
        ("rdv.example.com", ", ,.", false),
        ("localhost", "localhost,127.0.0.1", true),
        ("127.0.0.1", "localhost,127.0.0.1", true),
        ("127.0.0.2", "127.0.0.1", false),
        ("10.1.2.3", "10.0.0.0/8", true),
        ("11.1.2.3", "10.0.0.0/8", false),
        ("10.1.2.3", "0.0.0.0/0", true),
        ("10.1.2.3", "10.1.2.3/32", true),
        ("10.1.2.3", "10.1.2.3/99", true),
        ("10.1.2.3", "10.0.0.0/x", false),
        ("10.1.2.3", "2.3", false),
        ("10.1.2.3", "::/0", false),
        ("2001:db8::1", "2001:db8::/32", true),
        ("2001:db9::1", "2001:db8::/32", false),
        ("2001:db8::1", "[2001:db8::1]", true),
        ("2001:db8::1", "2001:DB8:0::1", true),
        ("rdv.example.com", "grüße", false),
        ("xß", "ß", false),
    ];
    for (host, list, expected) in rows {
        assert_eq!(is_exempt(host, list), expected, "{host} by {list:?}");
    }
    for name in ["no_proxy", "NO_PROXY"] {
        let environment = [("all_proxy", "http://a:1"), (name, "h")];
        assert_eq!(chosen("http://h", &environment), Ok(None));
        assert_eq!(chosen("http://[::1]:80", &environment), Ok(Some("http://a:1".to_owned())));
    }
}

#[test]
fn a_variable_that_is_of_no_use_is_named_and_not_shown() {
    let error = chosen("https://h", &[("HTTPS_PROXY", "https://me:secret@proxy")]).unwrap_err();
    assert_eq!(error, BadVariable { name: "HTTPS_PROXY", error: ProxyError::Tls });
    let text = error.to_string();
    assert!(text.starts_with("HTTPS_PROXY: ") && text.ends_with("say --proxy ''"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    // Where no proxy is used, nobody minds what it is.
    assert_eq!(chosen("https://h", &[("HTTPS_PROXY", "ftp://x"), ("no_proxy", "h")]), Ok(None));
}

#[test]
fn an_empty_flag_is_for_no_proxy() {
    assert_eq!("".parse(), Ok(ProxyFlag(None)));
    let ProxyFlag(Some(proxy)) = "proxy:3128".parse().unwrap() else { panic!("a proxy") };
    assert_eq!(proxy.to_string(), "http://proxy:3128");
    assert_eq!("https://proxy".parse::<ProxyFlag>(), Err(ProxyError::Tls));
}
