//! Who a request comes from: the holder of an API key, or an address.

use super::App;
use super::auth::{is_admin, key_of};
use crate::client::Client;
use crate::problem::Problem;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use sha2::{Digest, Sha256};
use std::net::IpAddr;

/// The address that a connection came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const LIMIT: HeaderName = HeaderName::from_static("ratelimit");

impl FromRequestParts<App> for Client {
    type Rejection = Problem;

    /// Refuses (401) keys that are none, and, where a key is required, requests without one.
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if is_admin(app, &parts.headers) {
            return Ok(Self::default());
        }
        if let Some(key) = key_of(app, &parts.headers).await? {
            return Ok(Self::from(&key));
        }
        let config = &app.pipeline.quotas;
        if config.key_required {
            let detail = "This server takes songs with an API key only (Authorization: Bearer …); ask its operator for one.";
            return Err(Problem::new(401, "Key needed", detail));
        }
        let quotas = config.quotas();
        if quotas.is_unlimited() {
            return Ok(Self::default());
        }
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.0);
        let address = forwarded(&parts.headers).filter(|_| config.trust_forwarded).or(peer);
        let Some(address) = address else { return Ok(Self { name: Some("address:unknown".into()), quotas }) };
        // Addresses are people's: what is kept can be compared, and not read.
        let secret = app.pipeline.store.secret("addresses").await?;
        let digest = Sha256::new().chain_update(secret).chain_update(network(address)).finalize();
        Ok(Self { name: Some(format!("address:{}", hex::encode(&digest[..12]))), quotas })
    }
}

/// The last address that a proxy has written: the only one that a client cannot make up.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    last.rsplit(',').next()?.trim().parse().ok()
}

/// What of an address belongs to one client: in IPv6 everybody has a whole /64.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// Tells a client what is left of its quotas (draft-ietf-httpapi-ratelimit-headers), and, where it was refused, when to
/// come again.
pub(super) async fn with_limits(app: &App, client: &Client, mut response: Response) -> Response {
    let allowances = match app.pipeline.allowances(client).await {
        Ok(allowances) => allowances,
        Err(_) => return response,
    };
    let is_refused = response.status() == StatusCode::TOO_MANY_REQUESTS;
    let headers = response.headers_mut();
    for a in &allowances {
        let policy = match a.name {
            "tracks" | "audio-minutes" => format!("\"{}\";q={};w=86400", a.name, a.limit),
            _ => format!("\"{}\";q={}", a.name, a.limit),
        };
        let reset = a.reset_s.map(|s| format!(";t={s}")).unwrap_or_default();
        let left = format!("\"{}\";r={}{reset}", a.name, a.left);
        for (name, value) in [(POLICY, policy), (LIMIT, left)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.append(name, value);
            }
        }
    }
    if is_refused {
        let used_up = allowances.iter().find(|a| a.is_used_up);
        let wait = used_up.and_then(|a| a.reset_s).unwrap_or(60);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(wait));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_one_client() {
        let of = |text: &str| network(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn only_the_last_proxy_is_believed() {
        let mut headers = HeaderMap::new();
        assert_eq!(forwarded(&headers), None);
        headers.append("x-forwarded-for", "1.2.3.4, 5.6.7.8".parse().unwrap());
        assert_eq!(forwarded(&headers), Some("5.6.7.8".parse().unwrap()));
        headers.append("x-forwarded-for", "9.9.9.9".parse().unwrap());
        assert_eq!(forwarded(&headers), Some("9.9.9.9".parse().unwrap()));
        headers.append("x-forwarded-for", "unknown".parse().unwrap());
        assert_eq!(forwarded(&headers), None);
    }
}
