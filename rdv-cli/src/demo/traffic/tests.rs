use std::time::Duration;

use sha2::{Digest, Sha256};

use super::{Flow, PIECE_LEN, Payload, SplitMix, hex, make, proved};

fn made(seed: u64, len: usize) -> Vec<u8> {
    let mut data = Vec::new();
    make(seed, len, |piece| {
        data.extend_from_slice(piece);
        Ok(())
    })
    .unwrap();
    data
}

fn flow(payload: &Payload, received: &[u8]) -> Flow {
    let Payload { hash, len, .. } = payload.clone();
    proved(
        received,
        Flow { sent_hash: hash, received_hash: String::new(), len, took: Duration::from_secs(2) },
    )
}

#[test]
fn the_generator_is_the_published_one() {
    let mut numbers = SplitMix(1_234_567);
    assert_eq!([numbers.next(), numbers.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
}

#[test]
fn hashes_are_sha_256_in_hexadecimal() {
    assert_eq!(
        hex(Sha256::new().chain_update("abc")),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
}

#[test]
fn a_payload_has_its_length_and_no_pattern() {
    for len in [1, 7, 8, PIECE_LEN - 1, PIECE_LEN, PIECE_LEN + 1, 3 * PIECE_LEN] {
        assert_eq!(made(1, len).len(), len);
    }
    let data = made(1, 3 * PIECE_LEN);
    assert_ne!(data[..PIECE_LEN], data[PIECE_LEN..2 * PIECE_LEN]);
    assert_ne!(made(1, 64), made(2, 64));
}

#[test]
fn whatever_is_lost_doubled_swapped_or_changed_is_noticed() {
    let payload = Payload::new(1, 2 * PIECE_LEN);
    let sent = made(1, 2 * PIECE_LEN);
    assert!(flow(&payload, &sent).is_whole());

    let swapped = [&sent[PIECE_LEN..], &sent[..PIECE_LEN]].concat();
    let doubled = [&sent[..], &sent[..1]].concat();
    let mut changed = sent.clone();
    changed[PIECE_LEN] ^= 1;
    for received in [&sent[1..], &sent[..sent.len() - 1], &doubled, &swapped, &changed, &[]] {
        assert!(!flow(&payload, received).is_whole());
    }
}

#[test]
fn throughput_is_bytes_over_time() {
    let whole = flow(&Payload::new(1, 3 << 20), &[]);
    assert_eq!((whole.throughput().as_str(), whole.time().as_str()), ("1.5 MiB/s", "2s"));
}
