//! Runs the real `rdv`, or what stands in for it: the `PROGRAM` of the crate's root where no other is named. Every
//! wait is bounded, and no process outlives its test.

// Each test binary uses its own part of this.
#![allow(dead_code)]

mod program;

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

pub(crate) use program::Program;

/// For anything that is to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running `rdv`, killed when dropped.
pub(crate) struct Rdv {
    pid: u32,
    stdin: Option<ChildStdin>,
    stdout: Option<Receiver<Vec<u8>>>,
    stderr: Receiver<String>,
    /// The lines of stderr so far.
    log: Vec<String>,
    exit: Receiver<ExitStatus>,
    has_exited: bool,
}

/// What an `rdv` that has exited leaves.
pub(crate) struct Finished {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) log: Vec<String>,
}

impl Rdv {
    pub(crate) fn start(args: &[&str]) -> Rdv {
        Rdv::start_as(crate::PROGRAM, args)
    }

    pub(crate) fn start_as(program: Program, args: &[&str]) -> Rdv {
        Rdv::start_in(program, args, &[])
    }

    /// In a process that may have so many files open.
    #[cfg(unix)]
    pub(crate) fn start_with_files(files: u32, args: &[&str]) -> Rdv {
        let rdv = crate::PROGRAM.command(args);
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n $0 && exec \"$@\"", &files.to_string()]).arg(rdv.get_program());
        shell.args(rdv.get_args()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Rdv::spawn(&mut shell).into_waited()
    }

    /// With these variables in its environment.
    pub(crate) fn start_in(program: Program, args: &[&str], environment: &[(&str, &str)]) -> Rdv {
        let mut command = program.command(args);
        Rdv::start_by(command.envs(environment.iter().copied()))
    }

    /// By a command of the test's own, whose stdout and stderr are pipes.
    pub(crate) fn start_by(command: &mut Command) -> Rdv {
        let mut rdv = Rdv::spawn(command);
        let stdout = rdv.1.stdout.take().expect("stdout is piped");
        rdv.0.stdout = Some(in_background(move || read_all(stdout)));
        rdv.into_waited()
    }

    /// Nobody reads its stdout: the pipe is closed once `connected` has come in its log.
    pub(crate) fn start_and_close_stdout(args: &[&str], once: &str) -> Rdv {
        let mut rdv = Rdv::start_without_reader(crate::PROGRAM, args);
        let stdout = rdv.1.stdout.take();
        rdv.0.wait_for(once);
        drop(stdout);
        rdv.into_waited()
    }

    /// Nobody reads its stdout, but the pipe stays open for as long as what is returned beside.
    pub(crate) fn start_and_hold_stdout(args: &[&str]) -> (Rdv, impl Sized + use<>) {
        let mut rdv = Rdv::start_without_reader(crate::PROGRAM, args);
        let stdout = rdv.1.stdout.take();
        (rdv.into_waited(), stdout)
    }

    fn start_without_reader(program: Program, args: &[&str]) -> Starting {
        Rdv::spawn(&mut program.command(args))
    }

    fn spawn(command: &mut Command) -> Starting {
        let mut child = command.spawn().expect("rdv does not start");
        let stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let (lines, log) = channel();
        thread::spawn(move || {
            for line in stderr.lines() {
                let line = line.expect("stderr is not UTF-8");
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        // Replaced by the child's real one when all of its streams are taken.
        let (_, exit) = channel();
        let (pid, stdin) = (child.id(), child.stdin.take());
        Starting(
            Rdv { pid, stdin, stdout: None, stderr: log, log: Vec::new(), exit, has_exited: false },
            child,
        )
    }

    /// Waits for a line of the log that contains `text`.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        loop {
            match self.stderr.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.log.push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(_) => panic!("no line with {text:?} came, but: {:#?}", self.log),
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Writes to its stdin, and closes it.
    pub(crate) fn feed(&mut self, data: impl Into<Vec<u8>>) {
        let (data, mut stdin) = (data.into(), self.stdin.take().expect("stdin has been closed"));
        // A process that exits early does not read everything; tests look at what it did instead.
        thread::spawn(move || drop(stdin.write_all(&data)));
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Its stdout up to the end, which may come before the process's.
    pub(crate) fn stdout_to_end(&mut self) -> Vec<u8> {
        let stdout = self.stdout.take().expect("stdout is read by somebody else");
        stdout.recv_timeout(PATIENCE).expect("stdout has no end")
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status();
        assert!(status.expect("there is no kill command").success(), "cannot send {name}");
    }

    /// Two signals, of two kinds: of one kind, the second may merge with the first. From one shell, so that there is
    /// no pause between them.
    pub(crate) fn signal_twice(&self, first: &str, second: &str) {
        let script = format!("kill -{first} {pid} && kill -{second} {pid}", pid = self.pid);
        let status = Command::new("sh").args(["-c", &script]).status().expect("there is no shell");
        assert!(status.success(), "cannot send {first} and {second}");
    }

    /// Waits for its exit. Its stdin stays as it is.
    pub(crate) fn finish(mut self) -> Finished {
        let Ok(status) = self.exit.recv_timeout(PATIENCE) else {
            self.log.extend(self.stderr.try_iter());
            panic!("rdv does not exit: {:#?}", self.log);
        };
        self.has_exited = true;
        let stdout = self.stdout.take().map(|all| all.recv_timeout(PATIENCE).expect("stdout has no end"));
        while let Ok(line) = self.stderr.recv_timeout(PATIENCE) {
            self.log.push(line);
        }
        let log = std::mem::take(&mut self.log);
        assert!(!log.iter().any(|line| line.contains("panicked")), "{log:#?}");
        Finished { status: status.code(), stdout: stdout.unwrap_or_default(), log }
    }
}

impl Drop for Rdv {
    fn drop(&mut self) {
        if !self.has_exited && self.exit.try_recv().is_err() {
            let _ =
                Command::new("kill").args(["-KILL", &self.pid.to_string()]).stderr(Stdio::null()).status();
            let _ = self.exit.recv_timeout(PATIENCE);
        }
    }
}

impl Finished {
    /// The last line of the log that has this level.
    pub(crate) fn line(&self, level: &str) -> &str {
        let line = self.log.iter().rfind(|line| line.starts_with(level));
        line.unwrap_or_else(|| panic!("no {level} line in {:#?}", self.log))
    }
}

/// A child whose streams are being given away, and that nobody waits for yet.
struct Starting(Rdv, Child);

impl Starting {
    fn into_waited(self) -> Rdv {
        let Starting(mut rdv, mut child) = self;
        rdv.exit = in_background(move || child.wait().expect("nobody else waits for the child"));
        rdv
    }
}

/// A running `rdv serve` on a free port.
pub(crate) struct Server {
    pub(crate) rdv: Rdv,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start(flags: &[&str]) -> Server {
        Server::start_as(crate::PROGRAM, flags)
    }

    pub(crate) fn start_as(program: Program, flags: &[&str]) -> Server {
        Server::of(Rdv::start_as(program, &[&SERVE, flags].concat()), flags)
    }

    /// In a process that may have so many files open.
    #[cfg(unix)]
    pub(crate) fn start_with_files(files: u32, flags: &[&str]) -> Server {
        Server::of(Rdv::start_with_files(files, &[&SERVE, flags].concat()), flags)
    }

    fn of(mut rdv: Rdv, flags: &[&str]) -> Server {
        let line = rdv.wait_for("listening");
        let addr =
            line.strip_prefix("INFO server: listening addr=").expect("the form of the line is relied on");
        let scheme = if flags.contains(&"--tls-cert") { "https" } else { "http" };
        Server { url: format!("{scheme}://{addr}"), rdv }
    }

    /// Starts both clients of a pair, and waits until they are connected.
    pub(crate) fn pair(&self, flags: &[&str]) -> [Rdv; 2] {
        let mut pair =
            ["dial", "accept"].map(|role| Rdv::start(&[&[role, &self.url, TOKEN], flags].concat()));
        for rdv in &mut pair {
            rdv.wait_for("peer connected");
        }
        pair
    }
}

/// Runs `rdv` to its end, without any stdin.
pub(crate) fn run(args: &[&str]) -> Finished {
    let mut rdv = Rdv::start(args);
    rdv.close_stdin();
    rdv.finish()
}

/// `len` bytes that do not repeat (xorshift64).
pub(crate) fn data(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut data: Vec<u8> = std::iter::repeat_with(&mut next).take(len.div_ceil(8)).flatten().collect();
    data.truncate(len);
    data
}

const SERVE: [&str; 3] = ["serve", "-l", "127.0.0.1:0"];

/// Long enough that a part of it is not somewhere by chance.
pub(crate) const TOKEN: &str = "pantry/e41d08-spoon";

/// Direct connections on one machine go over loopback.
pub(crate) const DIRECT: &[&str] = &["-s", "all"];
pub(crate) const RELAYED: &[&str] = &["-r"];

pub(crate) fn command(args: &[&str]) -> Command {
    crate::PROGRAM.command(args)
}

fn read_all(mut from: impl Read) -> Vec<u8> {
    let mut all = Vec::new();
    from.read_to_end(&mut all).expect("a pipe does not fail");
    all
}

fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
    let (sender, receiver) = channel();
    thread::spawn(move || drop(sender.send(work())));
    receiver
}
