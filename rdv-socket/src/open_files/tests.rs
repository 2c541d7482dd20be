use super::*;

#[test]
#[cfg(unix)]
fn the_soft_limit_becomes_the_hard_one() {
    use nix::sys::resource::{Resource, getrlimit};

    let raised = raise_open_files().unwrap().expect("a limit");
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    assert_eq!(raised as u64, soft);
    assert!(soft == hard || cfg!(target_vendor = "apple"), "{soft} of {hard}");
    assert_eq!(raise_open_files().unwrap(), Some(raised), "once more does no harm");
}

#[test]
fn some_files_are_kept() {
    for (files, cores, conns) in [
        (0, 2, 0),
        (3, 2, 2),
        (40, 2, 20),
        (64, 2, 32),
        (100, 2, 50),
        (512, 2, 512 - 194),
        (1024, 2, 768),
        (1024, 16, 1024 - 320),
        (1024, 128, 512),
        (4096, 2, 3584),
        (1 << 20, 64, (1 << 20) - 752),
        (usize::MAX, 2, usize::MAX - 512),
        (usize::MAX, usize::MAX, usize::MAX / 2 + 1),
    ] {
        assert_eq!(conns_within(files, cores), conns, "{files} files, {cores} cores");
    }
}
