mod http;
mod igd;
mod packets;
mod ssdp;
