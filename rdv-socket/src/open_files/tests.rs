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
    for (files, conns) in [
        (0, 0),
        (3, 2),
        (40, 20),
        (64, 32),
        (100, 68),
        (1024, 768),
        (4096, 3584),
        (usize::MAX, usize::MAX - 512),
    ] {
        assert_eq!(conns_within(files), conns, "{files}");
    }
}
