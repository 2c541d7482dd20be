//! Network namespaces, and what runs in them.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::panic::resume_unwind;
use std::process::{self, Command, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use super::gateway::{Mapping, Nat};
use super::wire::open_tap;

/// A network namespace. It is gone once nothing refers to it: this, a thread, a socket or a process.
#[derive(Debug)]
pub struct Namespace {
    file: File,
}

/// What this machine lacks for a laboratory, in words.
pub fn missing() -> Option<String> {
    let namespace = match Namespace::new() {
        Ok(namespace) => namespace,
        Err(err) => return Some(format!("no network namespaces without root ({err})")),
    };
    let device = || open_tap("tap").map_err(|err| format!("no TAP devices: {err}"));
    let everything = Nat { mapping: Mapping::Random, hairpin: true, ..Nat::ADDRESS_RESTRICTED };
    // These fail too if the program is there, and the kernel can't do it.
    let probed = namespace
        .run("ip", &["-batch", "-"], "link add lan type bridge\nlink add one type veth peer name two\n")
        .and_then(|_| namespace.run("nft", &["-f", "-"], &everything.rules("192.0.2.1")))
        .and_then(|_| namespace.enter(device).map(drop));
    probed.err()
}

impl Namespace {
    /// A new one.
    ///
    /// # Errors
    /// The system's: only root may have one.
    pub fn new() -> io::Result<Self> {
        // On a thread of its own, for the one that makes a namespace is in it from then on.
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        });
        let file = made.join().unwrap_or_else(|panic| resume_unwind(panic))?;
        Ok(Self { file })
    }

    /// The same one.
    ///
    /// # Errors
    /// The system's, when file descriptors have run out.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()? })
    }

    /// Does something on a thread in this namespace. The sockets that it opens are in here, and so are the threads
    /// and processes that it begins.
    ///
    /// # Panics
    /// If `act` does.
    pub fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        let act = || {
            setns(&self.file, CloneFlags::CLONE_NEWNET).expect("whoever may make a namespace may enter it");
            act()
        };
        thread::scope(|scope| scope.spawn(act).join().unwrap_or_else(|panic| resume_unwind(panic)))
    }

    /// By which `ip` finds it.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.file.as_raw_fd())
    }

    /// Has `ip` carry out these commands, one in each line.
    ///
    /// # Panics
    /// If one of them fails.
    pub fn ip(&self, commands: &str) {
        _ = self.run("ip", &["-batch", "-"], commands).unwrap_or_else(|why| panic!("{why}"));
    }

    /// Has `nft` set these rules.
    ///
    /// # Panics
    /// If it refuses them.
    pub fn nft(&self, rules: &str) {
        _ = self.run("nft", &["-f", "-"], rules).unwrap_or_else(|why| panic!("{why}"));
    }

    /// A chain as `nft` shows it.
    ///
    /// # Panics
    /// If there is none.
    pub fn nft_chain(&self, table: &str, chain: &str) -> String {
        let listed = self.run("nft", &["list", "chain", "inet", table, chain], "");
        listed.unwrap_or_else(|why| panic!("{why}"))
    }

    /// Sets a kernel parameter below `/proc/sys/net`, unless this kernel does without what it is about.
    ///
    /// # Panics
    /// If the kernel refuses the value.
    pub fn set(&self, parameter: &str, value: &str) {
        self.enter(|| match std::fs::write(format!("/proc/sys/net/{parameter}"), value) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => panic!("cannot set {parameter}: {err}"),
            _ => {}
        });
    }

    /// What a program says that is run in here, and reads this input. An error is what is to be said about it.
    fn run(&self, program: &str, args: &[&str], input: &str) -> Result<String, String> {
        let output = self.enter(|| {
            let mut command = Command::new(program);
            command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn()?;
            // Its end tells the program that this is all.
            child.stdin.take().expect("stdin is piped").write_all(input.as_bytes())?;
            child.wait_with_output()
        });
        let output = output.map_err(|err| format!("cannot run {program}: {err}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!("{program} fails: {complaint}\nIts input:\n{input}"))
        }
    }
}
