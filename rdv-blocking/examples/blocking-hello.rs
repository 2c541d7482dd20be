//! Two peers say hello to each other, on plain threads.
//!
//! ```sh
//! cargo run -p rdv-cli -- serve
//! cargo run -p rdv-blocking --example blocking-hello -- accept http://127.0.0.1:8080 7f3a9c
//! cargo run -p rdv-blocking --example blocking-hello -- dial http://127.0.0.1:8080 7f3a9c
//! ```

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;

use rdv_blocking::Client;
use rdv_core::{AddrSpaces, Role};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [role, url, token] = &args[..] else {
        return Err("usage: blocking-hello dial|accept URL TOKEN".into());
    };
    let role = match role.as_str() {
        "dial" => Role::Dial,
        "accept" => Role::Accept,
        other => return Err(format!("expected dial or accept, got {other:?}").into()),
    };

    let mut client = Client::default();
    // Both peers may be on one machine; otherwise the default is the better choice.
    client.config.spaces = AddrSpaces::ALL;
    let mut conn = client.connect(role, &url.parse()?, &token.parse()?)?;
    println!("connected to {}, relayed: {}", conn.peer_addr(), conn.is_relay());

    conn.write_all(format!("hello from the one with the role {role}\n").as_bytes())?;
    conn.shutdown(Shutdown::Write)?;
    let mut line = String::new();
    BufReader::new(conn).read_line(&mut line)?;
    println!("the peer says: {}", line.trim_end());
    Ok(())
}
