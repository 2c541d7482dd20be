//! `rdv demo`: a server and two clients in one process, and what becomes of them.
//!
//! Two acts: the clients meet directly, over loopback, and then through the relay. In both they send each other
//! data in both directions at once, and each transfer is proved by SHA-256.

mod size;
mod timeline;
mod traffic;

use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use log::error;
use rdv_blocking::{Client, Conn, Server, ServerConfig};
use rdv_core::{AddrSpaces, Config, Role, ServerUrl, Token};

pub(crate) use self::size::Size;
use self::traffic::{Flow, Payload};
use crate::args::DemoArgs;
use rdv_cli::exit::{Exit, explain};
use rdv_cli::page::Page;

/// Plays both acts. Done only if every byte has arrived.
pub(crate) fn run(args: &DemoArgs) -> Exit {
    match play(args.size, &mut Page::on_stdout()) {
        Ok(true) => Exit::Done,
        Ok(false) => Exit::Failed,
        Err(error) => {
            error!(target: "demo", "{error}");
            Exit::Failed
        }
    }
}

struct Act {
    title: &'static str,
    spaces: AddrSpaces,
    is_relay: bool,
}

fn play(size: Size, page: &mut Page) -> Result<bool, Box<dyn Error>> {
    let server = Server::bind(&"127.0.0.1:0".parse()?, ServerConfig::default())?;
    let addr = server.local_addrs().first().copied().ok_or("the server has no address")?;
    let url: ServerUrl = format!("http://{addr}").parse()?;
    let handle = server.handle();
    let serving = thread::spawn(move || server.run());

    page.title(&format!("Two clients meet through a server on {addr}, and send each other {size} at once."))?;
    let payloads = [Payload::new(1, size.bytes()), Payload::new(2, size.bytes())];
    let mut all_arrived = true;
    for (number, act) in ACTS.iter().enumerate() {
        page.heading(&format!("{}. {}", number + 1, act.title))?;
        let [dialer, accepter] = meet(&url, act.spaces)?;
        timeline::show(page, &dialer, &accepter)?;
        if dialer.is_relay() != act.is_relay || accepter.is_relay() != act.is_relay {
            page.verdict(false, "the clients did not meet on the route that was meant")?;
            all_arrived = false;
        }
        let flows = traffic::exchange(&Arc::new(dialer), &Arc::new(accepter), &payloads)?;
        show_flows(page, &flows)?;
        all_arrived &= flows.iter().all(Flow::is_whole);
    }
    handle.shutdown();
    serving.join().map_err(|_| "the server has panicked")??;

    if all_arrived {
        page.verdict(true, "Every byte arrived, in order, both ways and on both routes.")?;
        if cfg!(debug_assertions) {
            page.text(
                "This is a debug build: see the throughput of a release build, cargo run --release -- demo",
            )?;
        }
        page.text(NEXT)?;
    } else {
        page.verdict(false, "Not every byte arrived as it was sent.")?;
    }
    Ok(all_arrived)
}

/// Connects a dialer and an accepter.
fn meet(url: &ServerUrl, spaces: AddrSpaces) -> Result<[Conn; 2], Box<dyn Error>> {
    let mut config = Config::default();
    config.spaces = spaces;
    config.timeout = Some(PATIENCE);
    let client = Client::new(config);
    // Others on this machine can reach the server too, but can't know the token.
    let token: Token = format!("demo-{:016x}", RandomState::new().hash_one(url.port())).parse()?;
    let connect =
        |role| client.connect(role, url, &token).map_err(|error| format!("{role}: {}", explain(&error)));
    let (dialer, accepter) = thread::scope(|scope| {
        let accepter = scope.spawn(|| connect(Role::Accept));
        (connect(Role::Dial), accepter.join())
    });
    Ok([dialer?, accepter.map_err(|_| "the accepter has panicked")??])
}

fn show_flows(page: &mut Page, flows: &[Flow; 2]) -> io::Result<()> {
    let mut table = vec![["took", "data", "throughput", "SHA-256", ""].map(str::to_owned)];
    for (name, flow) in ["dialer to accepter", "accepter to dialer"].into_iter().zip(flows) {
        let verdict = if flow.is_whole() { "same at both ends" } else { "DIFFERS from what was sent" };
        table.push([flow.time(), name.to_owned(), flow.throughput(), flow.short_hash(), verdict.to_owned()]);
    }
    page.table(&table)
}

const ACTS: [Act; 2] = [
    Act {
        title: "Directly: every address space is enabled, loopback too",
        spaces: AddrSpaces::ALL,
        is_relay: false,
    },
    Act { title: "Relayed: no address space is enabled", spaces: AddrSpaces::NONE, is_relay: true },
];

const NEXT: &str = "\
Now on two machines, with a server that both can reach:
  rdv serve
  rdv accept http://SERVER:8080 TOKEN > copy
  rdv dial http://SERVER:8080 TOKEN < file";

/// On one machine, everything that works takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);
