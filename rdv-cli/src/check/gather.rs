//! Looks: at this machine's interfaces, at the servers, and at what becomes of two clients of ours that meet there.
//! Every step is bounded, and all of them together.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use rdv_blocking::{Canceller, Client, Conn, Error, Via};
use rdv_core::{
    AddrSpace, AddrSpaces, Config, ConnectError, Fate, Headers, Origin, Phase, Proxy, Role, ServerUrl, Token,
    WaitConstant,
};
use rdv_socket::{SharedPort, random_seed};
use rustls::ClientConfig;

use super::facts::{Endpoint, Facts, Meeting, Sighting, Unresolved};
use super::findings::Findings;
use crate::exit::{Exit, explain};
use crate::flags::CheckArgs;

/// All the facts, and what to exit with. The proxies are those of the URL, and of each of `--also`.
pub(super) fn gather(
    args: &CheckArgs,
    headers: Headers,
    tls: Option<Arc<ClientConfig>>,
    proxies: &[Option<Proxy>],
) -> (Facts, Exit) {
    let mut config = Config::default();
    config.headers = headers;
    config.proxy = proxies.first().cloned().flatten();
    let mut facts = Facts { url: args.url.to_string(), ..Facts::default() };
    facts.proxy = config.proxy.as_ref().map(Proxy::to_string);
    // Where one of the two is behind a proxy, to compare them tells nothing of a NAT.
    let is_left_out = |at: usize| config.proxy.is_some() || proxies.get(at + 1).is_some_and(Option::is_some);
    let (left_out, also): (Vec<_>, Vec<_>) = args.also.iter().enumerate().partition(|it| is_left_out(it.0));
    facts.left_out = left_out.into_iter().map(|(_, url)| url.to_string()).collect();
    let also: Vec<&ServerUrl> = also.into_iter().map(|(_, url)| url).collect();
    let mut client = Client::new(config);
    client.tls = tls;
    let check = Check { client, url: args.url.clone(), deadline: Instant::now() + args.timeout.0 };
    let exit = match check.look(&also, &mut facts) {
        Ok(()) => Exit::Done,
        Err(fault) => {
            facts.failure = Some(fault.text);
            fault.exit
        }
    };
    (facts, exit)
}

struct Check {
    client: Client,
    url: ServerUrl,
    deadline: Instant,
}

/// Why the server does not work for us.
struct Fault {
    exit: Exit,
    text: String,
}

/// The dialer and the accepter: each with its connection.
struct Pair([Conn; 2]);

impl Check {
    fn look(&self, also: &[&ServerUrl], facts: &mut Facts) -> Result<(), Fault> {
        let local = rdv_socket::local_addrs()
            .map_err(|error| failed(&format!("cannot list this machine's addresses: {error}")))?;
        facts.interfaces = local.into_iter().map(|addr| (addr.interface, addr.ip)).collect();
        let urls: Vec<&ServerUrl> =
            [&self.url].into_iter().chain(also.iter().copied()).take(URLS_MAX).collect();
        let reached = self.reach(&urls, facts);
        let main = self.main(&reached, facts)?;

        let (url, addr) = (urls[reached[main]], facts.endpoints[main].addr);
        let ports = [bind()?, bind()?];
        let first = self.pair(&ports, url, addr, AddrSpaces::NONE)?;
        note(&mut facts.endpoints[main], &ports, &first);
        facts.answers.extend(first.answer());
        for _ in 1..ROUNDS {
            let ports = [bind()?, bind()?];
            let pair = self.pair(&ports, url, addr, AddrSpaces::NONE)?;
            note(&mut facts.endpoints[main], &ports, &pair);
            facts.answers.extend(pair.answer());
            let relayed = self.relay(pair);
            facts.relay = Some(relayed.as_ref().map_err(|fault| fault.text.clone()).copied());
            relayed?;
        }
        self.meet(url, main, facts)?;

        // On the ports of the first pair, which is still there: so it is one mapping that is looked at, or many. Last,
        // since whoever does not answer takes all the time that is left.
        for at in (0..facts.endpoints.len()).filter(|at| *at != main) {
            let Endpoint { addr, connects: Ok(_), .. } = facts.endpoints[at] else { continue };
            match self.pair(&ports, urls[reached[at]], addr, AddrSpaces::NONE) {
                Ok(pair) => note(&mut facts.endpoints[at], &ports, &pair),
                Err(fault) => facts.endpoints[at].failure = Some(fault.text),
            }
        }
        Ok(())
    }

    /// Connects to every address of the servers, some of them at once. Returns for each the index of its URL.
    fn reach(&self, urls: &[&ServerUrl], facts: &mut Facts) -> Vec<usize> {
        let mut targets: Vec<(usize, SocketAddr)> = Vec::new();
        for (index, url) in urls.iter().enumerate() {
            match self.resolve(url) {
                Ok(addrs) => {
                    let is_new = |addr: &SocketAddr| targets.iter().all(|(_, other)| other != addr);
                    let new: Vec<_> = addrs.into_iter().filter(is_new).map(|addr| (index, addr)).collect();
                    targets.extend(new);
                }
                Err(error) => facts.unresolved.push(Unresolved {
                    url: facts.proxy.clone().unwrap_or_else(|| url.to_string()),
                    kind: error.kind(),
                    why: error.to_string(),
                }),
            }
        }
        let left = self.left(CONNECT_PATIENCE);
        let connected = thread::scope(|scope| {
            let connecting: Vec<_> =
                targets.iter().map(|(_, addr)| scope.spawn(|| connect(*addr, left))).collect();
            connecting
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|_| Err(ErrorKind::Other.into())))
                .collect()
        });
        let connected: Vec<io::Result<(Vec<Duration>, IpAddr)>> = connected;
        let mut indices = Vec::new();
        for ((index, addr), connected) in targets.into_iter().zip(connected) {
            let source = connected.as_ref().ok().map(|(_, source)| *source);
            facts.endpoints.push(Endpoint {
                url: urls[index].to_string(),
                is_also: index > 0,
                addr,
                source,
                connects: connected.map(|(times, _)| times).map_err(|error| error.kind()),
                sightings: Vec::new(),
                failure: None,
            });
            indices.push(index);
        }
        indices
    }

    /// The addresses of a server or of its proxy, IPv4 first as clients try them.
    fn resolve(&self, url: &ServerUrl) -> io::Result<Vec<SocketAddr>> {
        let (sender, receiver) = channel();
        let (host, port) = self.client.config.first_hop(url);
        let host = host.to_owned();
        // The system's resolver can't be interrupted: it is left behind if it takes too long.
        thread::Builder::new().name("rdv-resolve".to_owned()).spawn(move || {
            let resolved = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            drop(sender.send(resolved));
        })?;
        let resolved: io::Result<Vec<SocketAddr>> = receiver
            .recv_timeout(self.left(RESOLVE_PATIENCE))
            .unwrap_or_else(|_| Err(io::Error::new(ErrorKind::TimedOut, "not resolved in time")));
        let mut addrs = resolved?;
        addrs.sort_by_key(|addr| !addr.is_ipv4());
        addrs.dedup();
        addrs.truncate(ADDRS_MAX);
        Ok(addrs)
    }

    /// The first address of the URL that can be reached.
    fn main(&self, reached: &[usize], facts: &Facts) -> Result<usize, Fault> {
        let own = (0..reached.len()).filter(|at| reached[*at] == 0);
        if let Some(at) = own.clone().find(|at| facts.endpoints[*at].connects.is_ok()) {
            return Ok(at);
        }
        let of = facts.proxy.as_ref().unwrap_or(&facts.url);
        let exit_of = |is_timeout| if is_timeout { Exit::TimedOut } else { Exit::Failed };
        if let Some(Unresolved { kind, why, .. }) = facts.unresolved.iter().find(|it| it.url == *of) {
            let whose = if facts.proxy.is_some() { "proxy's" } else { "server's" };
            let text = format!("cannot find the {whose} address: {why}: is the URL right, and DNS working?");
            return Err(Fault { exit: exit_of(*kind == ErrorKind::TimedOut), text });
        }
        let kinds: Vec<(SocketAddr, ErrorKind)> = own
            .map(|at| &facts.endpoints[at])
            .filter_map(|endpoint| Some((endpoint.addr, *endpoint.connects.as_ref().err()?)))
            .collect();
        let exit = exit_of(!kinds.is_empty() && kinds.iter().all(|(_, kind)| *kind == ErrorKind::TimedOut));
        let tried: Vec<String> = kinds.iter().map(|(addr, kind)| format!("{addr} {kind}")).collect();
        let whom = match &facts.proxy {
            Some(proxy) => format!("proxy {proxy}"),
            None => "server".to_owned(),
        };
        let text =
            format!("cannot reach the {whom}: {}: is it running, and is the URL right?", tried.join(", "));
        Err(Fault { exit, text })
    }

    /// Two clients that meet at one address of a server.
    fn pair(
        &self,
        ports: &[SharedPort; 2],
        url: &ServerUrl,
        addr: SocketAddr,
        spaces: AddrSpaces,
    ) -> Result<Pair, Fault> {
        let mut client = self.client.clone();
        if url.host() != self.url.host() || url.is_https() != self.url.is_https() {
            // They may be secrets between us and the one server.
            client.config.headers = Headers::default();
        }
        client.config.spaces = spaces;
        client.config.picker =
            Arc::new(WaitConstant(if spaces.is_empty() { Duration::ZERO } else { MEETING }));
        client.config.timeout = Some(self.left(ATTEMPT_PATIENCE));
        // Nobody else knows it, and it is used once.
        let token = format!("check-{:016x}{:016x}", random_seed(), random_seed());
        let token: Token = token.parse().map_err(|_| failed("a random token is refused"))?;
        let vias = [via(&ports[0], addr)?, via(&ports[1], addr)?];
        let canceller = Canceller::new();
        let attempt = |role, via| {
            let result = client.connect_via(via, role, url, &token, &canceller);
            if result.is_err() {
                // The other one would wait for nobody.
                canceller.cancel();
            }
            result
        };
        let [via_dial, via_accept] = vias;
        let (dialer, accepter) = thread::scope(|scope| {
            let accepter = scope.spawn(|| attempt(Role::Accept, via_accept));
            (attempt(Role::Dial, via_dial), accepter.join())
        });
        let accepter = accepter.map_err(|_| failed("a client has panicked"))?;
        match (dialer, accepter) {
            (Ok(dialer), Ok(accepter)) => Ok(Pair([dialer, accepter])),
            (Err(Error::Cancelled) | Ok(_), Err(error)) | (Err(error), _) => Err(fault(&error)),
        }
    }

    /// Sends data through the relay, there and back. Nobody ends a direction in between: some relays end both then.
    fn relay(&self, Pair([dialer, accepter]): Pair) -> Result<(), Fault> {
        let payloads = [random_bytes(), random_bytes()];
        let [sent, answer] = payloads.clone();
        let (results, arrived) = channel();
        spawn(&results, move || {
            (&dialer).write_all(&sent)?;
            Ok(receive(&dialer)? == answer)
        })?;
        let [sent, answer] = payloads;
        spawn(&results, move || {
            let is_whole = receive(&accepter)? == sent;
            (&accepter).write_all(&answer)?;
            Ok(is_whole)
        })?;
        for _ in [Role::Accept, Role::Dial] {
            match arrived.recv_timeout(self.left(ATTEMPT_PATIENCE)) {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) => return Err(failed("data comes out of the relay other than it went in")),
                Ok(Err(error)) => return Err(failed(&format!("no data comes through the relay: {error}"))),
                Err(_) => return Err(failed("no data comes through the relay in time")),
            }
        }
        Ok(())
    }

    /// Has two ports of ours race for a direct connection, with our own addresses and the observed ones.
    fn meet(&self, url: &ServerUrl, main: usize, facts: &mut Facts) -> Result<(), Fault> {
        let findings = Findings::of(facts);
        let Endpoint { addr, ref sightings, .. } = facts.endpoints[main];
        let family = if addr.is_ipv4() { findings.ipv4 } else { findings.ipv6 };
        if !family.is_some_and(|family| family.is_us()) {
            // Whoever it is that the server sees must not be dialled.
            return Ok(());
        }
        let observed = sightings.iter().find_map(|sighting| sighting.observed);
        let space = observed.and_then(|observed| AddrSpace::of(observed.ip()));
        let spaces = AddrSpaces::DEFAULT.iter().chain(space).collect();
        let ports = [bind()?, bind()?];
        let pair = self.pair(&ports, url, addr, spaces)?;
        note(&mut facts.endpoints[main], &ports, &pair);
        let Pair(conns) = &pair;
        let listed = conns.iter().flat_map(|conn| &conn.report().candidates);
        let listed = listed.filter(|it| it.origin == Origin::Listed && it.dials > 0);
        facts.meeting = Some(Meeting {
            observed: conns.iter().filter_map(|conn| conn.meta().observed).collect(),
            candidates: listed
                .map(|it| (it.addr, matches!(it.fate, Fate::Ready | Fate::Discarded | Fate::Chosen)))
                .collect(),
        });
        Ok(())
    }

    /// As long as a step may take.
    fn left(&self, step: Duration) -> Duration {
        let left = self.deadline.saturating_duration_since(Instant::now());
        left.min(step).max(LEAST)
    }
}

impl Pair {
    /// How fast the server answered. Whichever of the two came second did not wait for its peer.
    fn answer(&self) -> Option<Duration> {
        let waits = self.0.iter().filter_map(|conn| Some(conn.report().matched? - conn.report().requested?));
        waits.min()
    }
}

/// What the server saw.
fn note(endpoint: &mut Endpoint, ports: &[SharedPort; 2], Pair(conns): &Pair) {
    let Some(source) = endpoint.source else { return };
    endpoint.sightings.extend(ports.iter().zip(conns).map(|(port, conn)| Sighting {
        local: SocketAddr::new(source, port.port()),
        observed: conn.meta().observed,
    }));
}

/// Connects some times, one after the other, from ports of the system's choice.
fn connect(addr: SocketAddr, patience: Duration) -> io::Result<(Vec<Duration>, IpAddr)> {
    let deadline = Instant::now() + patience;
    let mut times = Vec::new();
    loop {
        let started = Instant::now();
        let left = deadline.saturating_duration_since(started).max(LEAST);
        let stream = TcpStream::connect_timeout(&addr, left)?;
        times.push(started.elapsed());
        if times.len() == ROUNDS {
            return Ok((times, stream.local_addr()?.ip().to_canonical()));
        }
    }
}

/// On a thread, which is left behind if it takes too long.
fn spawn(
    results: &Sender<io::Result<bool>>,
    work: impl FnOnce() -> io::Result<bool> + Send + 'static,
) -> Result<(), Fault> {
    let results = results.clone();
    let spawned =
        thread::Builder::new().name("rdv-relay".to_owned()).spawn(move || drop(results.send(work())));
    spawned.map(drop).map_err(|error| failed(&format!("cannot start a thread: {error}")))
}

fn receive(mut conn: &Conn) -> io::Result<Vec<u8>> {
    let mut data = vec![0; PAYLOAD_LEN];
    conn.read_exact(&mut data)?;
    Ok(data)
}

fn bind() -> Result<SharedPort, Fault> {
    SharedPort::bind().map_err(no_port)
}

fn via(port: &SharedPort, addr: SocketAddr) -> Result<Via, Fault> {
    Ok(Via::new(port.try_clone().map_err(no_port)?, vec![addr]))
}

fn no_port(error: io::Error) -> Fault {
    failed(&format!("cannot listen on a port of this machine: {error}"))
}

fn failed(text: &str) -> Fault {
    Fault { exit: Exit::Failed, text: text.to_owned() }
}

fn fault(error: &Error) -> Fault {
    let text = match error.connect_error() {
        // We are both of the peers.
        Some(ConnectError::TimedOut(Phase::Waiting)) => {
            "the server does not answer in time: is it an rdv server, and is the URL right?".to_owned()
        }
        _ => explain(error),
    };
    Fault { exit: Exit::of(error), text }
}

fn random_bytes() -> Vec<u8> {
    (0..PAYLOAD_LEN / 8).flat_map(|_| random_seed().to_ne_bytes()).collect()
}

/// A timeout of nothing is an error, or none at all.
const LEAST: Duration = Duration::from_millis(1);
/// How often to measure what takes a time.
const ROUNDS: usize = 3;
/// More servers, and more addresses of one, tell nothing new.
const URLS_MAX: usize = 4;
const ADDRS_MAX: usize = 4;
const RESOLVE_PATIENCE: Duration = Duration::from_secs(3);
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
const ATTEMPT_PATIENCE: Duration = Duration::from_secs(3);
/// How long all candidates have: enough for a SYN to be sent once more.
const MEETING: Duration = Duration::from_millis(1_200);
/// More than what fits into one packet.
const PAYLOAD_LEN: usize = 16 * 1024;
