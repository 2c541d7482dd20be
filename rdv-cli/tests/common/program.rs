//! The programs that keep the contract. The examples are built on demand, since cargo does not hand the path of one
//! package's example to another package's test.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    Rdv,
    TokioRdv,
    SmolRdv,
}

impl Program {
    pub(crate) fn command(self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path());
        for name in PROXIES {
            command.env_remove(name);
        }
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn path(self) -> &'static Path {
        static TOKIO: OnceLock<PathBuf> = OnceLock::new();
        static SMOL: OnceLock<PathBuf> = OnceLock::new();
        match self {
            Program::Rdv => Path::new(env!("CARGO_BIN_EXE_rdv")),
            Program::TokioRdv => TOKIO.get_or_init(|| build("tokio-rdv")),
            Program::SmolRdv => SMOL.get_or_init(|| build("smol-rdv")),
        }
    }
}

/// Builds an example of the workspace, next to what is being tested. As a part of the whole workspace, so that
/// `cargo test --workspace` has built it already.
fn build(example: &str) -> PathBuf {
    let target_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("cargo's tmp is in its target");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(env!("CARGO_MANIFEST_DIR")).args(["build", "--workspace", "--quiet"]);
    cargo.args(["--example", example, "--message-format=json", "--target-dir"]).arg(target_dir);
    // What cargo has told this test of its package would look to it like a change, and have ring compiled anew.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| OF_THE_PACKAGE.iter().any(|it| name.starts_with(it))) {
            cargo.env_remove(name);
        }
    }
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let mut cargo = cargo.stdout(Stdio::piped()).spawn().expect("cargo does not start");
    let mut stdout = cargo.stdout.take().expect("stdout is piped");
    let messages = thread::spawn(move || {
        let mut messages = String::new();
        stdout.read_to_string(&mut messages).map(|_| messages)
    });
    let started = Instant::now();
    let status = loop {
        if let Some(status) = cargo.try_wait().expect("nobody else waits for cargo") {
            break status;
        }
        if started.elapsed() > BUILD_PATIENCE {
            let _ = cargo.kill();
            panic!("{example} is not built after {BUILD_PATIENCE:?}");
        }
        thread::sleep(Duration::from_millis(20));
    };
    let messages = messages.join().expect("no panic").expect("cargo writes UTF-8");
    assert!(status.success(), "{example} does not build: {messages}");
    executable(&messages, example)
        .unwrap_or_else(|| panic!("cargo does not say where {example} is: {messages}"))
}

/// The path in the message on the example, which is one line of JSON.
fn executable(messages: &str, example: &str) -> Option<PathBuf> {
    let name = format!("\"name\":\"{example}\"");
    let line = messages.lines().find(|line| line.contains(&name) && line.contains(EXECUTABLE))?;
    let (_, rest) = line.split_once(EXECUTABLE)?;
    let (path, _) = rest.split_once('"')?;
    Some(path.replace(r"\\", r"\").into())
}

/// A test is not to go by a proxy of the machine that it runs on.
const PROXIES: [&str; 7] =
    ["http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"];
const OF_THE_PACKAGE: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];
const EXECUTABLE: &str = "\"executable\":\"";
/// A cold build of a runtime takes its time.
const BUILD_PATIENCE: Duration = Duration::from_secs(600);
