//! Faults on request: which requests they meet and what is done to those. Chooses effects; the world and the host carry them out.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{message::Request, pattern};

/// A fault, as `POST /faults` takes it: `{"match": {"method": "PUT", "path": "/computes/cpu"}, "nth": 2, "times": 1,
/// "effect": {"kind": "dropConnection", "when": "afterEffect"}}`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Which requests it counts.
    #[serde(default, rename = "match")]
    pub matches: Match,
    /// The first counted request that it meets, from 1.
    #[serde(default = "one")]
    pub nth: u32,
    /// How many requests it meets, from the `nth` on; 0 means all.
    #[serde(default = "one")]
    pub times: u32,
    /// What it does.
    pub effect: Effect,
}

fn one() -> u32 {
    1
}

/// The most that an answer is padded with.
const HUGEST: usize = 256 * 1024 * 1024;

impl Fault {
    /// Whether its effect can be had.
    ///
    /// # Errors
    /// A status that is no final answer, more bytes than memory should hold, a delay of less than nothing.
    pub(crate) fn possible(&self) -> Result<(), String> {
        if let Effect::Respond { status, .. } | Effect::Html { status, .. } = &self.effect
            && !(200..=599).contains(status)
        {
            return Err(format!("effect.status: {status} ends no request; give 200 to 599"));
        }
        if let Effect::HugeBody { bytes } = &self.effect
            && *bytes > HUGEST
        {
            return Err(format!("effect.bytes: {bytes} is more than {HUGEST}"));
        }
        if let Effect::Delay { by, .. } = &self.effect
            && by.is_negative()
        {
            return Err(format!("effect.by: {by} is less than nothing"));
        }
        Ok(())
    }
}

/// Conditions on a request; absent ones hold.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Match {
    /// The method, in any letter case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Text that the path contains, in any letter case. With a `*` in it, it is a pattern for the whole path in which `*` stands
    /// for any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Text that the query contains, in any letter case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Text that the body contains.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum When {
    /// Before the request takes effect, which it then does not.
    BeforeEffect,
    /// After it took effect, instead of the answer.
    AfterEffect,
}

/// What a fault does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Effect {
    /// Another answer. An object or list as `body` is sent as JSON, a text as it is.
    Respond {
        /// HTTP status.
        status: u16,
        /// Headers, over those that Azure sends.
        #[serde(default)]
        headers: std::collections::BTreeMap<String, String>,
        /// Body; absent: none.
        #[serde(default)]
        body: Option<Value>,
        /// Whether the request takes effect all the same.
        #[serde(default = "before")]
        when: When,
    },
    /// The answer comes late.
    Delay {
        /// Wall time, ISO 8601 (`PT2S`).
        by: jiff::SignedDuration,
        /// Whether the effect comes late too.
        #[serde(default = "after")]
        when: When,
    },
    /// The connection ends without an answer.
    DropConnection {
        /// Whether the request takes effect.
        when: When,
    },
    /// The connection ends within the body.
    TruncateBody {
        /// How many bytes are sent.
        bytes: usize,
    },
    /// An HTML page, as a proxy sends.
    Html {
        /// HTTP status.
        status: u16,
        /// Whether the request takes effect all the same.
        #[serde(default = "before")]
        when: When,
    },
    /// The right answer with white space before it.
    HugeBody {
        /// How many bytes are added.
        bytes: usize,
    },
    /// `Azure-AsyncOperation` names another host.
    ForeignOperationUrl {
        /// Scheme and authority, such as `https://example.org`.
        origin: String,
    },
    /// The operation that the request starts fails.
    OperationFails {
        /// Its error's code.
        code: String,
        /// Its error's message.
        message: String,
    },
    /// The operation that the request starts stays InProgress, and the compute as it is.
    OperationNeverEnds,
    /// The operation that the request starts cannot be asked about: 404.
    OperationUrlGone,
    /// The operation that the request starts takes another time than Azure's.
    OperationLasts {
        /// Virtual time, ISO 8601 (`PT5M`).
        time: jiff::SignedDuration,
    },
    /// The right answer with parts of it changed. Tests show with it that they would notice an answer that is not Azure's.
    Alter {
        /// Another HTTP status.
        #[serde(default)]
        status: Option<u16>,
        /// Headers by name: another value, or `null` to leave them out.
        #[serde(default)]
        headers: std::collections::BTreeMap<String, Option<String>>,
        /// JSON pointers into the body of what is left out; what is not there stays so.
        #[serde(default)]
        remove: Vec<String>,
        /// JSON pointers into the body and what stands there instead; their parents must be there. Done after `remove`.
        #[serde(default)]
        set: std::collections::BTreeMap<String, Value>,
    },
    /// The answer shows another provisioning state.
    ProvisioningState {
        /// The state shown.
        value: String,
    },
    /// A read shows a compute as it was before its latest change.
    StaleRead,
    /// A compute that the request makes is absent to the first reads.
    HideAfterCreate {
        /// Number of reads.
        reads: u32,
    },
    /// A compute that the request deletes is present to the first reads after it is gone.
    LingerAfterDelete {
        /// Number of reads.
        reads: u32,
    },
}

fn before() -> When {
    When::BeforeEffect
}

fn after() -> When {
    When::AfterEffect
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Armed {
    fault: Fault,
    counted: u32,
}

/// The faults that are set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Faults {
    armed: Vec<Armed>,
}

impl Faults {
    /// Sets one.
    pub(crate) fn add(&mut self, fault: Fault) {
        self.armed.push(Armed { fault, counted: 0 });
    }

    /// Takes all away.
    pub(crate) fn clear(&mut self) {
        self.armed.clear();
    }

    /// The faults that can still strike.
    pub(crate) fn list(&self) -> Vec<Fault> {
        self.armed.iter().map(|armed| armed.fault.clone()).collect()
    }

    /// Counts a request and returns what strikes it. Faults that have struck as often as they should are taken away.
    pub(crate) fn strike(&mut self, request: &Request) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.armed.retain_mut(|armed| {
            if !meets(&armed.fault.matches, request) {
                return true;
            }
            armed.counted = armed.counted.saturating_add(1);
            let (first, times) = (armed.fault.nth.max(1), armed.fault.times);
            if armed.counted < first {
                return true;
            }
            effects.push(armed.fault.effect.clone());
            times == 0 || armed.counted - first + 1 < times
        });
        effects
    }
}

fn meets(conditions: &Match, request: &Request) -> bool {
    let within = |part: &Option<String>, whole: &str| {
        part.as_ref().is_none_or(|part| contains(&whole.to_ascii_lowercase(), &part.to_ascii_lowercase()))
    };
    conditions.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(&request.method))
        && within(&conditions.path, &request.path)
        && within(&conditions.query, &request.query)
        && conditions.body.as_ref().is_none_or(|part| String::from_utf8_lossy(&request.body).contains(part.as_str()))
}

/// Whether `whole` contains `part`, or fits it if it has a `*`.
fn contains(whole: &str, part: &str) -> bool {
    if part.contains('*') { pattern::fits(whole, part) } else { whole.contains(part) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, path: &str) -> Request {
        Request { method: method.into(), path: path.into(), ..Request::default() }
    }

    fn fault(text: &str) -> Fault {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn fault_strikes_from_the_nth_match_for_so_many_times() {
        let mut faults = Faults::default();
        faults.add(fault(r#"{"match": {"method": "put", "path": "/computes/CPU"}, "nth": 2, "times": 2, "effect": {"kind": "staleRead"}}"#));
        let struck: Vec<usize> = (0..5).map(|_| faults.strike(&request("PUT", "/x/computes/cpu")).len()).collect();
        assert_eq!(struck, [0, 1, 1, 0, 0]);
        assert!(faults.list().is_empty());
    }

    #[test]
    fn fault_leaves_other_requests_alone_and_lasts_if_told_so() {
        let mut faults = Faults::default();
        faults.add(fault(
            r#"{"match": {"path": "*/computes/*/stop"}, "times": 0, "effect": {"kind": "html", "status": 502}}"#,
        ));
        assert!(faults.strike(&request("POST", "/x/computes/cpu/start")).is_empty());
        for _ in 0..3 {
            assert_eq!(faults.strike(&request("POST", "/x/computes/cpu/stop")).len(), 1);
        }
    }

    #[test]
    fn impossible_effects_are_told() {
        for (effect, part) in [
            (r#"{"kind": "respond", "status": 101}"#, "effect.status: 101"),
            (r#"{"kind": "html", "status": 700}"#, "effect.status: 700"),
            (r#"{"kind": "hugeBody", "bytes": 9000000000}"#, "effect.bytes: 9000000000 is more than"),
            (r#"{"kind": "delay", "by": "-PT1S"}"#, "less than nothing"),
        ] {
            let why = fault(&format!(r#"{{"effect": {effect}}}"#)).possible().unwrap_err();
            assert!(why.contains(part), "{why}");
        }
        assert!(fault(r#"{"effect": {"kind": "respond", "status": 503}}"#).possible().is_ok());
    }

    #[test]
    fn misspelled_fault_is_refused_by_name() {
        let error = serde_json::from_str::<Fault>(r#"{"effect": {"kind": "explode"}}"#).unwrap_err();
        assert!(error.to_string().contains("unknown variant `explode`"), "{error}");
        assert!(serde_json::from_str::<Fault>(r#"{"effect": {"kind": "delay", "by": "soon"}}"#).is_err());
    }
}
