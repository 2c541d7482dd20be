//! The default gateway. Linux tells.

use std::fs::File;
use std::io::{self, Read};
use std::net::Ipv4Addr;

/// The IPv4 gateway of the default route, where the system tells and there is one.
pub(crate) fn default_gateway() -> Option<Ipv4Addr> {
    if !cfg!(any(target_os = "linux", target_os = "android")) {
        return None;
    }
    parsed(&read().unwrap_or_default())
}

fn read() -> io::Result<String> {
    let mut text = Vec::new();
    // Namespaces belong to threads.
    File::open("/proc/thread-self/net/route")?.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// Lines such as `eth0 00000000 0101A8C0 0003 0 0 100 00000000 0 0 0`: the interface; destination, gateway and flags in
/// hex; two counters; the metric; the mask in hex. Addresses are numbers of this machine's byte order.
pub(crate) fn parsed(text: &str) -> Option<Ipv4Addr> {
    let route = |line: &str| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let &[_, destination, gateway, flags, _, _, metric, mask, ..] = &columns[..] else { return None };
        let hex = |text| u32::from_str_radix(text, 16).ok();
        let is_default = hex(destination)? == 0 && hex(mask)? == 0;
        let is_usable = hex(flags)? & (UP | GATEWAY) == UP | GATEWAY;
        let gateway = Ipv4Addr::from(hex(gateway)?.to_ne_bytes());
        (is_default && is_usable).then_some((metric.parse::<u32>().ok()?, gateway))
    };
    text.lines().filter_map(route).min_by_key(|(metric, _)| *metric).map(|(_, gateway)| gateway)
}

/// RTF_ of linux/route.h.
const UP: u32 = 0x1;
const GATEWAY: u32 = 0x2;

/// Some 8,000 routes.
const MOST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::parsed;

    const HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    fn line(destination: u32, gateway: [u8; 4], flags: &str, metric: u32, mask: u32) -> String {
        let gateway = u32::from_ne_bytes(gateway);
        format!("eth0\t{destination:08X}\t{gateway:08X}\t{flags}\t0\t0\t{metric}\t{mask:08X}\t0\t0\t0\n")
    }

    #[test]
    fn the_default_route_of_the_least_metric_has_the_gateway() {
        let routes = HEAD.to_owned()
            + &line(0, [10, 0, 0, 1], "0003", 600, 0)
            + &line(0, [192, 168, 1, 1], "0003", 100, 0)
            + &line(0x1A8C0, [0; 4], "0001", 0, 0xFFFFFF)
            + &line(0, [10, 9, 9, 9], "0003", 0, 0x80) // half of the internet, as VPNs have it
            + &line(0, [10, 9, 9, 9], "0002", 0, 0) // down
            + &line(0, [0; 4], "0001", 0, 0); // no gateway, as on a line from point to point
        assert_eq!(parsed(&routes), Some([192, 168, 1, 1].into()));
    }

    #[test]
    fn what_is_no_table_has_none() {
        for text in ["", HEAD, "eth0", "eth0 x y z 0 0 0 0", "eth0 0 123456789 3 0 0 0 0"] {
            assert_eq!(parsed(text), None, "{text:?}");
        }
    }
}
