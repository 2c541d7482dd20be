mod crew;

use std::sync::mpsc::channel;
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
    // It is told at once, and does not find out when its patience ends.
    let (sender, answers) = channel();
    let asks = handle.clone();
    thread::spawn(move || sender.send([(); 2].map(|()| asks.is_alive(10 * PATIENCE))));
    assert_eq!(answers.recv_timeout(PATIENCE), Ok([true; 2]));
    handle.shutdown();
    running.join().unwrap().unwrap();
    assert!(!handle.is_alive(Duration::from_millis(20)), "it has ended");
}
