//! How long a thread runs in one go, and whom it interrupts.

use std::io;
use std::time::Duration;

/// What a thread does that wakes up while another one runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakeup {
    /// It may interrupt it, as most do.
    Preempts,
    /// It waits until that one has had its slice, or has nothing to do (`SCHED_BATCH`). So it runs less often, and has more to do
    /// then.
    Waits,
}

/// Asks the system to let the calling thread run for this long in one go, from 0.1 to 100 ms. Its share of the CPU stays the
/// same; but one of short slices runs soon after it wakes, before those of longer ones, which are interrupted less often.
///
/// Linux has slices from 6.12 on ([sched_setattr(2)], that of `SCHED_OTHER`), and needs no privilege for it. Elsewhere
/// nothing happens, nor to a thread that is not scheduled like most.
///
/// # Errors
/// The system's, a sandbox's for instance. Nothing has changed then.
///
/// [sched_setattr(2)]: https://man7.org/linux/man-pages/man2/sched_setattr.2.html
pub fn set_slice(slice: Duration, wakeup: Wakeup) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return linux::set_slice(slice, wakeup);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (slice, wakeup);
        Ok(())
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::time::Duration;

    use nix::libc;

    use super::Wakeup;

    /// As the first version of the call has it.
    #[repr(C)]
    #[derive(Debug, Default)]
    pub(super) struct Attributes {
        size: u32,
        pub(super) policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        /// The slice, in nanoseconds.
        pub(super) runtime: u64,
        deadline: u64,
        period: u64,
    }

    const SIZE: u32 = size_of::<Attributes>() as u32;

    pub(super) fn set_slice(slice: Duration, wakeup: Wakeup) -> io::Result<()> {
        let now = attributes()?;
        if now.policy != libc::SCHED_OTHER as u32 {
            return Ok(());
        }
        let runtime = u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX);
        let policy = match wakeup {
            Wakeup::Preempts => libc::SCHED_OTHER,
            Wakeup::Waits => libc::SCHED_BATCH,
        };
        let wanted = Attributes { runtime, size: SIZE, policy: policy as u32, ..now };
        // SAFETY: the call reads `size` bytes, which are there; 0 is the calling thread.
        #[allow(unsafe_code)]
        let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const wanted, 0) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// The calling thread's.
    pub(super) fn attributes() -> io::Result<Attributes> {
        let mut now = Attributes::default();
        // SAFETY: the call writes at most the `SIZE` bytes that it is told of.
        #[allow(unsafe_code)]
        let result = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut now, SIZE, 0) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(now) }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Kernels before 6.12 take it, and forget it.
    #[test]
    fn a_thread_has_the_slice_that_it_asked_for() {
        let slice = || linux::attributes().unwrap().runtime;
        let before = slice();
        for (millis, wakeup) in [(1, Wakeup::Preempts), (5, Wakeup::Preempts), (10, Wakeup::Waits)] {
            set_slice(Duration::from_millis(millis), wakeup).unwrap();
            let expected = if before == 0 { 0 } else { millis * 1_000_000 };
            assert_eq!(slice(), expected, "it was {before} before");
        }
    }

    #[test]
    fn a_thread_that_waits_is_batch_and_stays_so() {
        let policy = || linux::attributes().unwrap().policy;
        set_slice(Duration::from_millis(1), Wakeup::Preempts).unwrap();
        assert_eq!(policy(), nix::libc::SCHED_OTHER as u32);
        for wakeup in [Wakeup::Waits, Wakeup::Preempts] {
            set_slice(Duration::from_millis(1), wakeup).unwrap();
            assert_eq!(policy(), nix::libc::SCHED_BATCH as u32, "it is not scheduled like most any more");
        }
    }
}
