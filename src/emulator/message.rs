//! Requests and responses as the world sees them: no sockets, no streams, bodies whole. Holds no routing and no rules.

use hyper::body::Bytes;
use serde_json::Value;

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Request {
    /// Upper case.
    pub(crate) method: String,
    /// Undecoded, with its leading slashes.
    pub(crate) path: String,
    /// Undecoded, without the question mark; empty if there is none.
    pub(crate) query: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// `scheme://authority` by which the caller reached the emulator; operation URLs and tokens name it.
    pub(crate) base: String,
}

impl Request {
    /// The first value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names as Azure spells them.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Headers that a fault asks for, with names of its own.
    pub(crate) extra: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Response {
    /// A JSON answer.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        let body = Bytes::from(body.to_string());
        let response = Self { status, headers: Vec::new(), extra: Vec::new(), body };
        response.with("Content-Type", "application/json; charset=utf-8")
    }

    /// An answer with no body at all.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), extra: Vec::new(), body: Bytes::new() }
    }

    /// An answer of another kind than JSON.
    pub(crate) fn text(status: u16, kind: &str, body: String) -> Self {
        Self { body: Bytes::from(body), ..Self::empty(status) }.with("Content-Type", kind)
    }

    /// The same answer with one more header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The first value of a header, its name in any letter case.
    #[cfg(test)]
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
