//! Wires that take their time, and lose what they carry: two TAP devices, and a thread that passes on frames.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::libc;
use smol::channel::{Receiver, Sender, bounded, unbounded};
use smol::future::{or, zip};
use smol::{Async, Timer};

use super::namespace::Namespace;

/// How a wire treats frames, in each direction.
#[derive(Clone, Copy, Debug)]
pub struct Delay {
    /// How long each is on its way, at least.
    pub base: Duration,
    /// How much longer it may take. None overtakes another.
    pub jitter: Duration,
    /// How many of a thousand are lost.
    pub lost: u32,
}

/// A wire. Without it there are no devices.
#[derive(Debug)]
pub struct Wire {
    stop: Sender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Delay {
    /// This, and neither jitter nor losses.
    pub const fn of_millis(base: u64) -> Self {
        Self { base: Duration::from_millis(base), jitter: Duration::ZERO, lost: 0 }
    }
}

impl Wire {
    /// A wire between two TAP devices.
    ///
    /// # Panics
    /// If the devices can't be polled.
    pub fn new(one: File, two: File, delay: Delay) -> Self {
        let (stop, stopped) = bounded::<()>(1);
        let ends = [one, two].map(|end| Async::new(end).expect("a TAP device can be polled"));
        let thread = thread::spawn(move || {
            let both = zip(carry(&ends[0], &ends[1], delay, 1), carry(&ends[1], &ends[0], delay, 2));
            // An error means that a device is down for good: nothing comes through any more.
            smol::block_on(or(async move { _ = stopped.recv().await }, async { _ = both.await }));
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.stop.close();
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            eprintln!("a wire has panicked, see above");
        }
    }
}

/// A new TAP device, which exists while the file is open.
///
/// # Panics
/// If the system refuses.
pub(super) fn tap(namespace: &Namespace, name: &str) -> File {
    namespace.enter(|| open_tap(name)).unwrap_or_else(|err| panic!("no TAP device: {err}"))
}

/// The same in the namespace of this thread.
pub(super) fn open_tap(name: &str) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    let mut request = libc::ifreq {
        ifr_name: [0; libc::IFNAMSIZ],
        ifr_ifru: libc::__c_anonymous_ifr_ifru {
            ifru_flags: (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short,
        },
    };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes().take(libc::IFNAMSIZ - 1)) {
        *to = from as libc::c_char;
    }
    // SAFETY: the descriptor is open, and TUNSETIFF reads and writes one ifreq, which `request` is.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(file) }
}

async fn carry(from: &Async<File>, to: &Async<File>, delay: Delay, seed: u64) -> io::Result<()> {
    let (sender, receiver) = unbounded();
    zip(take(from, delay, seed, sender), hand_over(to, receiver)).await.1
}

/// Takes frames in, until the other end is gone.
async fn take(from: &Async<File>, delay: Delay, seed: u64, queue: Sender<(Instant, Vec<u8>)>) {
    let (mut chance, mut last) = (fastrand::Rng::with_seed(seed), Instant::now());
    let mut frame = vec![0; 64 * 1024];
    while let Ok(len) = from.read_with(|mut file| file.read(&mut frame)).await {
        if chance.u32(0..1000) < delay.lost {
            continue;
        }
        last = last.max(Instant::now() + delay.base + delay.jitter.mul_f32(chance.f32()));
        if queue.send((last, frame[..len].to_vec())).await.is_err() {
            return;
        }
    }
}

/// Hands frames over, each when its time has come.
async fn hand_over(to: &Async<File>, queue: Receiver<(Instant, Vec<u8>)>) -> io::Result<()> {
    while let Ok((due, frame)) = queue.recv().await {
        Timer::at(due).await;
        match to.write_with(|mut file| file.write(&frame)).await {
            // The device is not up yet, as happens to machines that are just being switched on.
            Err(err) if err.kind() != ErrorKind::BrokenPipe && err.raw_os_error() != Some(libc::EIO) => {
                return Err(err);
            }
            _ => {}
        }
    }
    Ok(())
}
