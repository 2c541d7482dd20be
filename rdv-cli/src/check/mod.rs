//! `rdv check`: how well a server works from here, and what to expect of direct connections.
//!
//! A check is made of ordinary attempts, two of ours at a time that meet each other, so any rdv/1 server will do. What
//! was seen ([`facts`]), what that means ([`findings`]) and how it is said ([`text`], [`json`]) are apart from each
//! other, and `gather` alone touches the network.

pub mod facts;
pub mod findings;
mod gather;
pub mod json;
pub mod text;

use std::io;

use clap::CommandFactory;
use log::error;

use self::facts::Facts;
use self::findings::Findings;
use self::text::Text;
use crate::exit::Exit;
use crate::flags::CheckArgs;
use crate::page::Page;
use crate::signals::{self, exit_now};

/// Checks, and says what came of it. Done if the server works, whatever it sees.
pub fn run<A: CommandFactory>(args: &CheckArgs) -> Exit {
    let (headers, tls) = match args.access.prepare::<A>("check") {
        Ok(prepared) => prepared,
        Err(exit) => return exit,
    };
    let proxies: Result<Vec<_>, Exit> =
        [&args.url].into_iter().chain(&args.also).map(|url| args.access.proxy(url)).collect();
    let proxies = match proxies {
        Ok(proxies) => proxies,
        Err(exit) => return exit,
    };
    // There is nothing to put in order: the server sees our connections end.
    signals::on_first("client", || exit_now());
    let (facts, exit) = gather::gather(args, headers, tls, &proxies);
    let findings = Findings::of(&facts);
    let printed = if args.json {
        Page::on_stdout().line(&json::object(&facts, &findings).to_string())
    } else {
        print(&mut Page::on_stdout(), &facts, &Text::new(&facts, &findings))
    };
    if let Some(failure) = &facts.failure {
        error!(target: "client", "{failure}");
    }
    match printed {
        Ok(()) => exit,
        Err(error) => {
            error!(target: "client", "{error}");
            Exit::Failed
        }
    }
}

fn print(page: &mut Page, facts: &Facts, text: &Text) -> io::Result<()> {
    page.title(&format!("Two clients of this machine meet through {}", facts.url))?;
    for (title, lines) in &text.parts {
        page.heading(title)?;
        for line in lines {
            page.item(line)?;
        }
    }
    page.verdict(text.is_good, &text.verdict)?;
    text.advice.map_or(Ok(()), |advice| page.text(advice))
}
