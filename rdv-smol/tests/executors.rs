//! Any executor will do: a whole server and two clients, unchanged, under each.

mod common;

use std::net::TcpListener;

use rdv_smol::{Server, ServerConfig};
use smol::Async;
use smol::future::zip;

use common::{client, exchange, pair, soon};

/// A direct and a relayed connection, one after the other, with the server in the same future.
async fn all_of_it() {
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
    let url = format!("http://{}", listener.get_ref().local_addr().unwrap()).parse().unwrap();
    let (stop, stopped) = smol::channel::bounded::<()>(1);
    let serving = Server::new(ServerConfig::default()).serve(listener, async { _ = stopped.recv().await });
    let connecting = async {
        for spaces in ["loopback4", "none"] {
            let (mut accepted, mut dialed) = pair(&client(spaces), &url).await;
            assert_eq!(dialed.is_relay(), spaces == "none");
            exchange(&mut dialed, &mut accepted, b"request", b"answer").await;
        }
        drop(stop);
    };
    let (served, ()) = soon("all of it", zip(serving, connecting)).await;
    served.unwrap();
}

#[test]
fn smol_block_on() {
    smol::block_on(all_of_it());
}

#[test]
fn a_task_of_smol() {
    smol::block_on(smol::spawn(all_of_it()));
}

#[test]
fn an_executor_of_its_own() {
    let executor = smol::LocalExecutor::new();
    let task = executor.spawn(all_of_it());
    smol::future::block_on(executor.run(task));
}

/// Boxed, since without optimization async-std copies the future from one stack frame to the next, until there is no
/// room left on a test's stack.
#[test]
fn async_std_block_on() {
    async_std::task::block_on(Box::pin(all_of_it()));
}

#[test]
fn a_task_of_async_std() {
    async_std::task::block_on(async_std::task::spawn(Box::pin(all_of_it())));
}

/// Which knows nothing of async-io: that has a thread of its own then.
#[test]
fn bare_block_on() {
    futures_lite::future::block_on(all_of_it());
}
