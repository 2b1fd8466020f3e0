//! From a name to addresses: the public ones only, unless the endpoint may be at a private one.
//! Asked by the HTTP client whenever it connects, and the client connects to what it is told here: a name that leads
//! elsewhere at the second look gains nothing. Never asked for addresses that stand in a URL: `endpoint` looks at those.

use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// A name that leads to private addresses only. The operator corrects the name, or grants it.
#[derive(Debug, thiserror::Error)]
#[error("{host} is at private addresses only: set `private = true` for the endpoint if that is meant")]
pub(super) struct Private {
    pub(super) host: String,
}

/// The resolver of one endpoint.
pub(super) struct Resolver {
    /// Whether private addresses are granted.
    pub(super) private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let private = self.private;
        Box::pin(async move {
            let host = name.as_str();
            let mut found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            if !private {
                found.retain(|address| is_public(address.ip()));
                if found.is_empty() {
                    return Err(Private { host: host.into() }.into());
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}
