use std::thread;
use std::time::Duration;

use super::{Server, ServerConfig};

const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn a_server_is_alive_while_its_lobby_turns() {
    let server = Server::bind(&"127.0.0.1:0".parse().unwrap(), ServerConfig::default()).unwrap();
    let handle = server.handle();
    assert!(!handle.is_alive(Duration::from_millis(20)), "it does not run yet");
    let running = thread::spawn(move || server.run());
    assert!(handle.is_alive(PATIENCE) && handle.is_alive(PATIENCE));
    handle.shutdown();
    running.join().unwrap().unwrap();
    assert!(!handle.is_alive(Duration::from_millis(20)), "it has ended");
}
