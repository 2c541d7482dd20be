#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| rdv_fuzz_targets::proxy_header(input));
