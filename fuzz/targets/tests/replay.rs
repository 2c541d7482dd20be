//! Every input of the corpus, as an ordinary test. Each target has one.

use std::collections::BTreeSet;
use std::fs;
use std::panic;
use std::path::{Path, PathBuf};

use rdv_fuzz_targets::TARGETS;

#[test]
fn answer_head() {
    replay("answer_head");
}

#[test]
fn connector() {
    replay("connector");
}

#[test]
fn lines() {
    replay("lines");
}

#[test]
fn lobby() {
    replay("lobby");
}

#[test]
fn proxy() {
    replay("proxy");
}

#[test]
fn proxy_header() {
    replay("proxy_header");
}

#[test]
fn port_map() {
    replay("port_map");
}

#[test]
fn relay() {
    replay("relay");
}

#[test]
fn request_head() {
    replay("request_head");
}

#[test]
fn simulator() {
    replay("simulator");
}

/// A target stands in four places: the library, its corpus, `fuzz_targets`, and `Cargo.toml`. Its test above is the
/// fifth, where a name that is not the library's fails.
#[test]
fn each_target_is_everywhere() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stem = |path: &PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let named = |folder: &str| files(&fuzz().join(folder)).iter().filter_map(stem).collect::<BTreeSet<_>>();
    assert_eq!(named("corpus"), targets, "folders of fuzz/corpus");
    assert_eq!(named("fuzz_targets"), targets, "files of fuzz/fuzz_targets");

    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("fuzz/Cargo.toml is read");
    let bins = manifest.split("[[bin]]").skip(1).map(|bin| bin.lines().collect::<Vec<_>>());
    for (bin, target) in bins.clone().zip(&targets) {
        let lines = [format!("name = \"{target}\""), format!("path = \"fuzz_targets/{target}.rs\"")];
        for line in lines {
            assert!(bin.contains(&line.as_str()), "fuzz/Cargo.toml: a [[bin]] without {line}: {bin:?}");
        }
    }
    assert_eq!(bins.count(), targets.len(), "binaries in fuzz/Cargo.toml");
}

fn replay(name: &str) {
    let (_, target) = TARGETS.iter().find(|(other, _)| *other == name).expect("a target of this name");
    let inputs = files(&fuzz().join("corpus").join(name));
    assert!(!inputs.is_empty(), "fuzz/corpus/{name} is empty");
    let fails = |path: &&PathBuf| {
        let input = fs::read(path).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        panic::catch_unwind(|| target(&input)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(fails).collect();
    assert!(failed.is_empty(), "{name} fails, for the reasons above, on {failed:?}");
}

/// What is in a folder, in the order of the names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|err| panic!("{}: {err}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry is read").path()).collect();
    paths.sort();
    paths
}

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
