#![no_main]

#[macro_use]
#[path = "../../tests/common/bodies.rs"]
mod bodies;
#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::client_session(data));
