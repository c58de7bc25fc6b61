//! Compares a recorded answer with ours in what clients act on; what may differ is listed with its reason. Sends nothing.

use std::{cell::RefCell, collections::BTreeMap};

use jiff::Timestamp;
use serde_json::Value;

/// What may differ: the end of a path, which side has it (or that values differ), and why.
pub(crate) const ALLOWED: [(&str, Difference, &str); 15] = [
    (
        "properties.provisioningWarnings",
        Difference::OnlyOurs,
        "the service began to send it between 2022-12 and 2023-10",
    ),
    ("properties.enableBatchPrivateLink", Difference::OnlyOurs, "the service began to send it in early 2023"),
    (
        "properties.osType",
        Difference::OnlyOurs,
        "the cluster of the failed create was made without it in 2022; ours is asked for Linux",
    ),
    (
        "properties.vmSize",
        Difference::Value,
        "the size of the failed create is retired; another one of a family without quota is used",
    ),
    (
        "header x-ms-correlation-request-id",
        Difference::OnlyOurs,
        "azure-service-operator takes ids out of what it records",
    ),
    ("header x-ms-routing-request-id", Difference::OnlyOurs, "azure-service-operator takes ids out of what it records"),
    ("properties.imageVersion", Difference::OnlyOurs, "the service began to send it between 2022 and 2024"),
    ("properties.enableNodePublicIp", Difference::OnlyOurs, "the service began to send it between 2022 and 2024"),
    ("properties.enableOSPatching", Difference::OnlyOurs, "the service began to send it between 2022 and 2024"),
    ("properties.releaseQuotaOnStop", Difference::OnlyOurs, "the service began to send it between 2022 and 2024"),
    ("properties.enableSSO", Difference::OnlyOurs, "the service began to send it between 2022 and 2024"),
    ("osImageMetadata.osPatchingStatus", Difference::OnlyOurs, "the service began to send it between 2022 and 2024"),
    ("sshSettings.sshPort", Difference::Value, "it was 4000 in 2022 and is 50000 since 2024 at the latest"),
    (
        "properties.applications",
        Difference::Value,
        "in 2022 Jupyter joined Jupyter Lab at the first start, in 2024 at once; the recorder spells its name ssh",
    ),
    ("userAssignedIdentities", Difference::Value, "its keys are ARM ids of the recording's own resource group"),
];

/// Headers that clients act on, present or absent alike.
const HEADERS: [&str; 12] = [
    "azure-asyncoperation",
    "location",
    "retry-after",
    "etag",
    "x-ms-failure-cause",
    "x-ms-response-type",
    "x-ms-correlation-request-id",
    "x-ms-routing-request-id",
    "cache-control",
    "pragma",
    "strict-transport-security",
    "x-content-type-options",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    OnlyOurs,
    OnlyRecorded,
    Value,
}

/// Compares, and remembers which allowances were needed.
#[derive(Default)]
pub(crate) struct Judge {
    pub(crate) used: RefCell<[bool; ALLOWED.len()]>,
    pub(crate) found: RefCell<Vec<String>>,
}

impl Judge {
    pub(crate) fn differs(&self, path: &str, kind: Difference, text: &str) {
        let allowed = ALLOWED.iter().position(|(end, allowed, _)| path.ends_with(end) && *allowed == kind);
        match allowed {
            Some(index) => self.used.borrow_mut()[index] = true,
            None => self.found.borrow_mut().push(format!("{path}: {kind:?}: {text}")),
        }
    }

    pub(crate) fn body(&self, path: &str, recorded: &Value, ours: &Value, counts: bool) {
        match (recorded, ours) {
            (Value::Object(recorded), Value::Object(ours)) => {
                if path.ends_with("userAssignedIdentities") {
                    self.differs(path, Difference::Value, "ids");
                    let (recorded, ours) = (recorded.values().next().unwrap(), ours.values().next().unwrap());
                    return self.body(&format!("{path}[0]"), recorded, ours, counts);
                }
                for (name, value) in recorded {
                    let path = format!("{path}.{name}");
                    match ours.get(name) {
                        Some(other) => self.body(&path, value, other, counts),
                        None => self.differs(&path, Difference::OnlyRecorded, &value.to_string()),
                    }
                }
                for (name, value) in ours.iter().filter(|(name, _)| !recorded.contains_key(*name)) {
                    self.differs(&format!("{path}.{name}"), Difference::OnlyOurs, &value.to_string());
                }
            }
            (Value::Array(_), Value::Array(_)) if counts && path.ends_with("properties.applications") => {
                self.differs(path, Difference::Value, "links");
            }
            (Value::Array(recorded), Value::Array(ours)) if counts && recorded.len() != ours.len() => {
                self.differs(path, Difference::Value, &format!("{} items, recorded {}", ours.len(), recorded.len()));
            }
            (Value::Array(recorded), Value::Array(ours)) => {
                for (index, (recorded, ours)) in recorded.iter().zip(ours).enumerate() {
                    self.body(&format!("{path}[{index}]"), recorded, ours, counts);
                }
            }
            (Value::Number(_), Value::Number(_)) if !counts => {}
            (Value::String(recorded), Value::String(ours)) => {
                if !alike(path, recorded, ours) {
                    self.differs(path, Difference::Value, &format!("{ours:?}, recorded {recorded:?}"));
                }
            }
            (recorded, ours) if recorded == ours => {}
            (recorded, ours) => self.differs(path, Difference::Value, &format!("{ours}, recorded {recorded}")),
        }
    }

    pub(crate) fn headers(&self, name: &str, recorded: &BTreeMap<String, String>, ours: &reqwest::header::HeaderMap) {
        if recorded.is_empty() {
            return;
        }
        for header in HEADERS {
            let path = format!("{name}: header {header}");
            match (recorded.contains_key(header), ours.contains_key(header)) {
                (true, false) => self.differs(&path, Difference::OnlyRecorded, ""),
                (false, true) => self.differs(&path, Difference::OnlyOurs, ""),
                (true, true) | (false, false) => {}
            }
        }
        for header in recorded.keys().filter(|header| header.starts_with("x-ms-ratelimit-remaining")) {
            if !ours.contains_key(header) {
                self.differs(&format!("{name}: header {header}"), Difference::OnlyRecorded, "");
            }
        }
        for header in ["content-type", "x-ms-response-type", "x-ms-failure-cause"] {
            let (recorded, ours) =
                (recorded.get(header).map(String::as_str), ours.get(header).map(|value| value.to_str().unwrap()));
            if recorded != ours {
                let text = format!("{ours:?}, recorded {recorded:?}");
                self.differs(&format!("{name}: header {header}"), Difference::Value, &text);
            }
        }
    }
}

/// Whether two texts say the same kind of thing: times, ids and sentences need not be equal.
fn alike(path: &str, recorded: &str, ours: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default();
    let time = |text: &str| text.ends_with("+00:00") && text.parse::<Timestamp>().is_ok();
    let guid = |text: &str| text.len() == 36 && text.matches('-').count() == 4;
    match last {
        "createdOn" | "modifiedOn" | "allocationStateTransitionTime" | "operationTime" | "time" => {
            time(recorded) && time(ours)
        }
        "principalId" | "clientId" | "tenantId" | "userId" | "userOrgId" => guid(recorded) && guid(ours),
        "operation" | "request" => recorded.len() == ours.len(),
        "publicIpAddress" => ours.parse::<std::net::Ipv4Addr>().is_ok(),
        "runtime" | "currentImageVersion" | "latestImageVersion" => {
            let digits = |text: &str| text.chars().filter(|letter| *letter == '.').count();
            digits(recorded) == digits(ours)
        }
        "name" => true,
        "message" => sentence(recorded) == sentence(ours),
        "location" | "computeLocation" | "environment" => !ours.is_empty() && ours.to_lowercase() == ours,
        _ => recorded == ours,
    }
}

/// A message without its names, numbers and node ids.
fn sentence(text: &str) -> String {
    let plain = |word: &&str| !word.chars().any(|letter| letter.is_ascii_digit() || matches!(letter, '/' | '_'));
    let words = text.split([' ', ',']).filter(plain).filter(|word| !word.starts_with("ND") && !word.starts_with("NC"));
    words.take(12).collect::<Vec<_>>().join(" ")
}
