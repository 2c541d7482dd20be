use std::fs;

use super::*;

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = client_config(Some(Path::new("/nowhere/ca.pem"))).unwrap_err();
    assert!(error.to_string().starts_with("cannot use the CA file /nowhere/ca.pem: "), "{error}");
}

#[test]
fn a_file_without_a_certificate_is_an_error() {
    let path = std::env::temp_dir().join(format!("rdv-socket-{}.pem", std::process::id()));
    fs::write(&path, "not PEM\n").unwrap();
    let error = client_config(Some(&path)).unwrap_err();
    fs::remove_file(&path).unwrap();
    assert!(error.to_string().ends_with("it has no certificate in PEM form"), "{error}");
}

#[test]
fn a_configuration_speaks_nothing_but_http_1_1() {
    match client_config(None) {
        Ok(config) => assert_eq!(config.alpn_protocols, [b"http/1.1"]),
        Err(error) => eprintln!("skipped: {error}"),
    }
}
