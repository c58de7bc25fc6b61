//! Access tokens: JSON web tokens with the claims that ARM looks at. They are not signed (`alg` is `none`): whoever can reach an
//! emulator may do all in it, so nothing here protects anything.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The claims of a token of an application (Entra ID's access token claims reference).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Audience: the resource the token is for.
    pub(crate) aud: String,
    /// Issuer.
    #[serde(default)]
    pub(crate) iss: String,
    #[serde(default)]
    pub(crate) iat: i64,
    #[serde(default)]
    pub(crate) nbf: i64,
    /// Seconds since 1970 at which it ends.
    pub(crate) exp: i64,
    /// Client id.
    pub(crate) appid: String,
    /// Object id.
    #[serde(default)]
    pub(crate) oid: String,
    #[serde(default)]
    pub(crate) sub: String,
    /// Tenant.
    pub(crate) tid: String,
    #[serde(default)]
    pub(crate) idtyp: String,
    #[serde(default)]
    pub(crate) ver: String,
}

impl Claims {
    /// The claims of an application's token, valid from `from` for `lifetime` seconds.
    pub(crate) fn of(audience: &str, tenant: &str, client: &str, object: &str, from: Timestamp, lifetime: u32) -> Self {
        let second = from.as_second();
        Self {
            aud: audience.into(),
            iss: format!("https://sts.windows.net/{tenant}/"),
            iat: second,
            nbf: second,
            exp: second + i64::from(lifetime),
            appid: client.into(),
            oid: object.into(),
            sub: object.into(),
            tid: tenant.into(),
            idtyp: "app".into(),
            ver: "1.0".into(),
        }
    }

    /// The compact form: header, claims and an empty signature.
    pub(crate) fn encode(&self) -> String {
        let header = encode(br#"{"typ":"JWT","alg":"none"}"#);
        let claims = encode(serde_json::json!(self).to_string().as_bytes());
        format!("{header}.{claims}.")
    }

    /// Reads a compact token; `None` if it is none.
    pub(crate) fn decode(token: &str) -> Option<Self> {
        let mut parts = token.split('.');
        let (_, claims, _, end) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
        if end.is_some() {
            return None;
        }
        serde_json::from_slice(&decode(claims)?).ok()
    }
}

/// Base64 with the URL-safe alphabet and no padding (RFC 4648 section 5).
fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_survives_a_round_trip_at_every_length() {
        for length in 0..70u8 {
            let bytes: Vec<u8> = (0..length).map(|n| n.wrapping_mul(37)).collect();
            assert_eq!(decode(&encode(&bytes)).unwrap(), bytes);
        }
        assert_eq!(encode(b"any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw");
    }

    #[test]
    fn token_survives_a_round_trip_and_nonsense_is_none() {
        let claims = Claims::of("https://management.azure.com", "t", "c", "o", Timestamp::UNIX_EPOCH, 60);
        assert_eq!(Claims::decode(&claims.encode()), Some(claims));
        for wrong in ["", "a.b", "a.b.c", "a.b.c.d", "....", "x.eyJhIjoxfQ."] {
            assert_eq!(Claims::decode(wrong), None, "{wrong}");
        }
    }
}
