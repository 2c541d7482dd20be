//! UPnP's Internet Gateway Device: its description, and the three actions that it takes (WANIPConnection:1, sections
//! 2.4.16 to 2.4.18). XML is read by roxmltree, without DTDs and with a bound on the nodes.

use std::net::Ipv4Addr;

use roxmltree::{Document, Node, ParsingOptions};

use super::Refusal;
use super::http::Url;

/// A service that maps ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its kind, in full; one of those that are known here.
    pub kind: &'static str,
    /// Where its actions go.
    pub control: Url,
}

/// The services of a device that map ports, at most four, the best kinds first. `from` is where its description was.
pub fn services(description: &[u8], from: &Url) -> Vec<Service> {
    let Some(document) = str::from_utf8(description).ok().and_then(parsed) else { return Vec::new() };
    let root = document.root_element();
    let base = child(root, "URLBase").and_then(|base| from.join(base)).unwrap_or_else(|| from.clone());
    let found = root.descendants().filter(|node| node.tag_name().name() == "service").filter_map(|service| {
        let kind = child(service, "serviceType")?.trim();
        let rank = KINDS.iter().position(|known| *known == kind)?;
        let control = base.join(child(service, "controlURL")?)?;
        Some((rank, Service { kind: KINDS[rank], control }))
    });
    let mut found: Vec<_> = found.take(MOST_SERVICES).collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, service)| service).collect()
}

/// What a service can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The external address.
    Address,
    /// To map a TCP port for so many seconds to a port of this client.
    Add {
        /// The port outside.
        external_port: u16,
        /// The port here.
        internal_port: u16,
        /// The address here.
        client: Ipv4Addr,
        /// In seconds. 0 would be for good.
        lifetime: u32,
    },
    /// To undo that.
    Delete {
        /// The port outside.
        external_port: u16,
    },
}

impl Action {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Action::Address => "GetExternalIPAddress",
            Action::Add { .. } => "AddPortMapping",
            Action::Delete { .. } => "DeletePortMapping",
        }
    }

    /// What is said to a service of this kind: the SOAPAction header, and the body.
    pub fn request(&self, kind: &str) -> (String, String) {
        let name = self.name();
        let port = |port: &u16| {
            format!(
                "<NewRemoteHost></NewRemoteHost><NewExternalPort>{port}</NewExternalPort>\
                 <NewProtocol>TCP</NewProtocol>"
            )
        };
        let arguments = match self {
            Action::Address => String::new(),
            Action::Add { external_port, internal_port, client, lifetime } => format!(
                "{}<NewInternalPort>{internal_port}</NewInternalPort>\
                 <NewInternalClient>{client}</NewInternalClient><NewEnabled>1</NewEnabled>\
                 <NewPortMappingDescription>rdv</NewPortMappingDescription>\
                 <NewLeaseDuration>{lifetime}</NewLeaseDuration>",
                port(external_port)
            ),
            Action::Delete { external_port } => port(external_port),
        };
        let body = format!(
            "<?xml version=\"1.0\"?>\r\n\
             <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
             s:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">\
             <s:Body><u:{name} xmlns:u=\"{kind}\">{arguments}</u:{name}></s:Body></s:Envelope>\r\n"
        );
        (format!("{kind}#{name}"), body)
    }
}

/// The external address in the answer to [`Action::Address`], if there is one.
pub fn address(answer: &[u8]) -> Option<Ipv4Addr> {
    text_of(answer, "NewExternalIPAddress")?.parse().ok()
}

/// The error in an answer that is a fault.
pub fn fault(answer: &[u8]) -> Option<Refusal> {
    let code = text_of(answer, "errorCode")?.parse().ok()?;
    let meaning = match code {
        401 => "it does not know this action",
        402 => "it does not take these arguments",
        501 => "it has failed to",
        606 => "not authorized",
        718 => "the port is somebody else's",
        724 => "the ports outside and inside must be equal",
        725 => "it makes only mappings that last for good",
        _ => "",
    };
    Some(Refusal { code, meaning })
}

/// The text of the first element of this name.
fn text_of(document: &[u8], name: &str) -> Option<String> {
    let document = parsed(str::from_utf8(document).ok()?)?;
    let node = document.descendants().find(|node| node.tag_name().name() == name)?;
    node.text().map(|text| text.trim().to_owned())
}

fn child<'a>(node: Node<'a, '_>, name: &str) -> Option<&'a str> {
    node.children().find(|child| child.tag_name().name() == name)?.text()
}

fn parsed(text: &str) -> Option<Document<'_>> {
    // Some end with zeros.
    let text = text.trim_matches(|char: char| char.is_whitespace() || char == '\0' || char == '\u{feff}');
    // Each element gets all that are above it, at a cost that is their product.
    if text.matches("xmlns").nth(MOST_NAMESPACES).is_some() {
        return None;
    }
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..ParsingOptions::default() };
    Document::parse_with_options(text, options).ok()
}

/// The error code for a port that is mapped for somebody else.
pub const CONFLICT: u16 = 718;
/// The error code of a gateway whose mappings last for good. Those would outlive a program that is killed.
pub const ONLY_PERMANENT: u16 = 725;

/// Services that map ports: the best first.
const KINDS: [&str; 3] = [
    "urn:schemas-upnp-org:service:WANIPConnection:2",
    "urn:schemas-upnp-org:service:WANIPConnection:1",
    "urn:schemas-upnp-org:service:WANPPPConnection:1",
];
const MOST_SERVICES: usize = 4;
/// Of a document. A description has one or two.
const MOST_NAMESPACES: usize = 64;
/// Of a document: elements, texts and comments. A description has some 300.
const MOST_NODES: u32 = 10_000;
