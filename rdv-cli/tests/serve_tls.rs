//! `rdv serve --tls-cert --tls-key`: https without a proxy, and certificates that are renewed.

mod common;

use std::path::PathBuf;
use std::{env, fs, process};

use common::{DIRECT, Finished, Program, RELAYED, Rdv, Server, TOKEN, data, run};
use rcgen::{CertifiedKey, generate_simple_self_signed};

const PROGRAM: Program = Program::Rdv;

/// A certificate for 127.0.0.1 that vouches for itself, and its key, in files of a directory of their own.
struct Files {
    dir: PathBuf,
    cert: String,
    key: String,
}

impl Files {
    fn new(name: &str) -> Files {
        let dir = env::temp_dir().join(format!("rdv-cli-test-{}-{name}", process::id()));
        fs::create_dir(&dir).unwrap();
        let [cert, key] = ["cert.pem", "key.pem"].map(|it| dir.join(it).to_str().unwrap().to_owned());
        let files = Files { dir, cert, key };
        files.renew();
        files
    }

    /// Replaces both files.
    fn renew(&self) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        fs::write(&self.cert, cert.pem()).unwrap();
        fs::write(&self.key, signing_key.serialize_pem()).unwrap();
    }

    /// A copy of the certificate as it is now, for clients.
    fn ca(&self, name: &str) -> String {
        let ca = self.dir.join(name);
        fs::copy(&self.cert, &ca).unwrap();
        ca.to_str().unwrap().to_owned()
    }

    fn serve(&self) -> Server {
        Server::start(&["--tls-cert", &self.cert, "--tls-key", &self.key])
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Each side sends, and hears the other to its end.
fn exchange([mut dialer, mut accepter]: [Rdv; 2]) {
    let (question, answer) = (data(1, 3 << 20), data(2, 2 << 20));
    dialer.feed(question.clone());
    // Only the end of the question lets the answer begin.
    assert!(accepter.stdout_to_end() == question);
    accepter.feed(answer.clone());
    let [dialer, accepter] = [dialer, accepter].map(Rdv::finish);
    assert_eq!((dialer.status, accepter.status), (Some(0), Some(0)), "{:#?} {:#?}", dialer.log, accepter.log);
    assert!(dialer.stdout == answer);
}

fn pair(server: &Server, ca: &str, flags: &[&str]) -> [Rdv; 2] {
    server.pair(&[&["--cacert", ca], flags].concat())
}

fn dial(server: &Server, ca: &str) -> Finished {
    run(&["dial", "-r", "--timeout", "30s", "--cacert", ca, &server.url, TOKEN])
}

#[test]
fn direct_and_relayed_with_half_close() {
    let files = Files::new("both");
    let server = files.serve();
    for flags in [DIRECT, RELAYED] {
        exchange(pair(&server, &files.cert, flags));
    }
}

#[test]
fn every_program_is_a_client_of_it() {
    let files = Files::new("programs");
    let server = files.serve();
    for [dialer, accepter] in [[Program::TokioRdv, Program::SmolRdv], [Program::SmolRdv, Program::TokioRdv]] {
        let start = |program, role| {
            Rdv::start_as(program, &[role, "-r", "--cacert", &files.cert, &server.url, TOKEN])
        };
        exchange([start(dialer, "dial"), start(accepter, "accept")]);
    }
}

#[test]
fn a_check_goes_through_tls() {
    let files = Files::new("check");
    let server = files.serve();
    let end = run(&["check", "--cacert", &files.cert, &server.url]);
    let told = String::from_utf8(end.stdout).unwrap();
    assert_eq!(end.status, Some(0), "{told}{:#?}", end.log);
    assert!(told.contains("The relay works: data came through it both ways, unchanged."), "{told}");

    // With a relay that nobody trusts there is nothing to be said.
    let other = Files::new("check-other");
    let end = run(&["check", "--cacert", &other.cert, &server.url]);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    assert!(end.line("ERROR").contains("with a certificate trusted here or by --cacert?"), "{:#?}", end.log);
}

#[test]
fn a_certificate_needs_its_key_and_the_reverse() {
    let files = Files::new("half");
    for flag in [["--tls-cert", &files.cert], ["--tls-key", &files.key]] {
        let end = run(&[&["serve", "-l", "127.0.0.1:0"], &flag[..]].concat());
        assert_eq!(end.status, Some(2), "{:#?}", end.log);
        assert!(end.log.iter().any(|line| line.contains("required")), "{:#?}", end.log);
    }
}

#[test]
fn files_that_are_of_no_use_are_2() {
    let (files, others) = (Files::new("useless"), Files::new("others"));
    let missing = files.dir.join("missing.pem").to_str().unwrap().to_owned();
    let garbage = files.dir.join("garbage.pem").to_str().unwrap().to_owned();
    fs::write(&garbage, "-----BEGIN CERTIFICATE-----\nno base64\n-----END CERTIFICATE-----\n").unwrap();
    for (cert, key, blamed) in [
        (&missing, &files.key, &missing),
        (&files.cert, &missing, &missing),
        (&files.key, &files.key, &files.key),
        (&files.cert, &files.cert, &files.cert),
        (&garbage, &files.key, &garbage),
        (&files.cert, &garbage, &garbage),
        (&files.cert, &others.key, &files.cert),
    ] {
        let end = run(&["serve", "-l", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key]);
        assert_eq!(end.status, Some(2), "{:#?}", end.log);
        let start = format!("ERROR server: --tls-cert, --tls-key: cannot use {blamed}: ");
        assert!(end.log[0].starts_with(&start), "{:#?}", end.log);
        assert_eq!(end.log.len(), 1, "{:#?}", end.log);
    }
}

#[test]
#[cfg(unix)]
fn sighup_renews_the_certificate() {
    let files = Files::new("renewed");
    let old = files.ca("old.pem");
    let mut server = files.serve();
    let old_pair = pair(&server, &old, RELAYED);

    files.renew();
    server.rdv.signal("HUP");
    let line = server.rdv.wait_for("certificate");
    assert_eq!(line, format!("INFO server: certificate reloaded file={}", files.cert));

    // Whoever comes now sees the new one, and it alone.
    exchange(pair(&server, &files.cert, RELAYED));
    let end = dial(&server, &old);
    assert_eq!(end.status, Some(1), "{:#?}", end.log);
    assert!(end.line("ERROR").contains("certificate"), "{:#?}", end.log);
    // Whoever is there goes on.
    exchange(old_pair);

    server.rdv.signal("TERM");
    assert_eq!(server.rdv.finish().status, Some(0));
}

#[test]
#[cfg(unix)]
fn sighup_with_a_broken_file_keeps_the_certificate() {
    let files = Files::new("broken");
    let ca = files.ca("ca.pem");
    let mut server = files.serve();
    fs::write(&files.key, "gone").unwrap();
    server.rdv.signal("HUP");
    let line = server.rdv.wait_for("certificate");
    let start =
        format!("ERROR server: certificate not reloaded, the old one stays: cannot use {}: ", files.key);
    assert!(line.starts_with(&start), "{line}");
    exchange(pair(&server, &ca, RELAYED));

    // And it is not lost for good.
    files.renew();
    server.rdv.signal("HUP");
    server.rdv.wait_for("INFO server: certificate reloaded");
    exchange(pair(&server, &files.cert, RELAYED));
}

/// Without a certificate there is nothing to reload: the terminal is gone.
#[test]
#[cfg(unix)]
fn sighup_ends_a_server_without_tls() {
    let server = Server::start(&[]);
    server.rdv.signal("HUP");
    assert_eq!(server.rdv.finish().status, Some(0));
}
