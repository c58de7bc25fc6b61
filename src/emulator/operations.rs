//! Long-running operations and the URLs that report on them. Does not carry them out: whoever ends one says so here.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    errors::Refusal,
    random::{self, Random},
    route,
};

/// How many operations are remembered; older ones answer 404, as Azure's do in time.
const KEPT: usize = 20_000;

/// How an operation stands. Spelling of the states: recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Outcome {
    InProgress,
    Succeeded,
    Failed { code: String, message: String },
    Canceled,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Operation {
    subscription: String,
    location: String,
    outcome: Outcome,
    gone: bool,
}

/// All operations, oldest forgotten first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operations {
    known: HashMap<Uuid, Operation>,
    order: VecDeque<Uuid>,
    certificate: String,
    /// What signatures depend on beside the URL.
    key: u64,
}

impl Operations {
    /// None yet. `random` gives the stand-in for ARM's signing certificate, the same in every URL.
    pub(crate) fn new(random: &mut Random) -> Self {
        let certificate = format!("MII{}", random.base64url(2_600));
        Self { known: HashMap::new(), order: VecDeque::new(), certificate, key: random.next() }
    }

    /// Begins an operation.
    pub(crate) fn begin(&mut self, id: Uuid, subscription: &str, location: &str) {
        let operation = Operation {
            subscription: subscription.into(),
            location: location.into(),
            outcome: Outcome::InProgress,
            gone: false,
        };
        self.known.insert(id, operation);
        self.order.push_back(id);
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Ends an operation; one that ended before keeps its end.
    pub(crate) fn end(&mut self, id: Uuid, outcome: Outcome) {
        if let Some(operation) = self.known.get_mut(&id)
            && operation.outcome == Outcome::InProgress
        {
            operation.outcome = outcome;
        }
    }

    /// Makes its URL answer 404 from now on.
    pub(crate) fn vanish(&mut self, id: Uuid) {
        if let Some(operation) = self.known.get_mut(&id) {
            operation.gone = true;
        }
    }

    /// The status answer: always 200 while it is known, `percentComplete` only at the end (recorded 2025-11-04).
    ///
    /// # Errors
    /// 404 if no such operation is known in that subscription and region.
    pub(crate) fn status(&self, id: &str, subscription: &str, location: &str) -> Result<Value, Refusal> {
        let known = Uuid::parse_str(id).ok().and_then(|id| self.known.get(&id)).filter(|operation| {
            !operation.gone
                && operation.subscription.eq_ignore_ascii_case(subscription)
                && operation.location == route::normal_location(location)
        });
        let Some(operation) = known else {
            return Err(Refusal::provider(404, "UserError", format!("Operation {id} was not found.")));
        };
        Ok(match &operation.outcome {
            Outcome::InProgress => json!({"status": "InProgress"}),
            Outcome::Succeeded => json!({"status": "Succeeded", "percentComplete": 100.0}),
            Outcome::Canceled => json!({"status": "Canceled"}),
            Outcome::Failed { code, message } => {
                json!({"status": "Failed", "error": {"code": code, "message": message}})
            }
        })
    }

    /// The URL of `Azure-AsyncOperation`, 3.2 kB with what ARM appends since 2024: ticks, signing certificate, signature, hash
    /// (azureml-api a.4).
    pub(crate) fn url(&self, base: &str, id: Uuid, version: &str, at: Timestamp) -> String {
        let operation = self.known.get(&id);
        let subscription = operation.map_or("", |operation| operation.subscription.as_str());
        let location = operation.map_or("", |operation| operation.location.as_str());
        // .NET ticks: 100 ns since the year 1.
        let ticks = at.as_nanosecond() / 100 + 621_355_968_000_000_000;
        let (signature, hash) = self.signature(&id.to_string(), version, &ticks.to_string());
        let certificate = &self.certificate;
        format!(
            "{base}/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}/computeOperationsStatus/{id}?api-version={version}&service=new&t={ticks}&c={certificate}&s={signature}&h={hash}"
        )
    }

    fn signature(&self, id: &str, version: &str, ticks: &str) -> (String, String) {
        let mut random = Random::new(random::hash(self.key, &format!("{} {version} {ticks}", id.to_ascii_lowercase())));
        (random.base64url(342), random.base64url(43))
    }

    /// Checks the signed parameters of a poll. A URL without any of them is one of the time before 2024, and is answered.
    ///
    /// # Errors
    /// 400 if they were altered, cut short, or belong to another operation or version.
    pub(crate) fn signed(&self, id: &str, query: &str) -> Result<(), Refusal> {
        let [ticks, certificate, signature, hash] = ["t", "c", "s", "h"].map(|name| route::query_value(query, name));
        if [&ticks, &certificate, &signature, &hash].iter().all(|value| value.is_none()) {
            return Ok(());
        }
        let version = route::query_value(query, "api-version").unwrap_or_default();
        let (good_signature, good_hash) = self.signature(id, &version, ticks.as_deref().unwrap_or_default());
        let good = ticks.is_some()
            && certificate.as_deref() == Some(self.certificate.as_str())
            && signature == Some(good_signature)
            && hash == Some(good_hash);
        if good {
            return Ok(());
        }
        let text = "The request URI is invalid: its signed parameters are not those that were given out with the operation. Use the URL of Azure-AsyncOperation unaltered.";
        Err(Refusal::gateway(400, "InvalidRequestUri", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operation_reports_each_state_as_recorded() {
        let mut random = Random::new(1);
        let mut operations = Operations::new(&mut random);
        let id = random.uuid();
        operations.begin(id, "S", "eastus");
        let status = |operations: &Operations| operations.status(&id.to_string(), "s", "East US").unwrap();
        assert_eq!(status(&operations).to_string(), r#"{"status":"InProgress"}"#);
        operations.end(id, Outcome::Succeeded);
        operations.end(id, Outcome::Canceled);
        assert_eq!(status(&operations), json!({"status": "Succeeded", "percentComplete": 100.0}));
        assert!(operations.status(&id.to_string(), "S", "westus").is_err());
        operations.vanish(id);
        assert_eq!(operations.status(&id.to_string(), "S", "eastus").unwrap_err().status, 404);
    }

    #[test]
    fn url_is_as_long_as_azures_and_carries_the_callers_version() {
        let mut random = Random::new(1);
        let mut operations = Operations::new(&mut random);
        let id = random.uuid();
        operations.begin(id, "S", "eastus");
        let at = "2025-11-04T09:40:52.0958590Z".parse().unwrap();
        let url = operations.url("https://h:1", id, "2026-05-01", at);
        assert!((3_200..4_100).contains(&url.len()), "{}", url.len());
        assert!(
            url.starts_with(
                "https://h:1/subscriptions/S/providers/Microsoft.MachineLearningServices/locations/eastus/"
            )
        );
        assert!(url.contains("?api-version=2026-05-01&service=new&t=638978460520958590&c=MII"));
    }

    #[test]
    fn signed_parameters_are_good_whole_or_not_at_all() {
        let mut random = Random::new(1);
        let mut operations = Operations::new(&mut random);
        let (id, other) = (random.uuid(), random.uuid());
        operations.begin(id, "S", "eastus");
        let url = operations.url("https://h:1", id, "2026-05-01", Timestamp::UNIX_EPOCH);
        let query = url.split_once('?').unwrap().1;
        let check = |id: Uuid, query: &str| operations.signed(&id.to_string(), query).is_ok();
        assert!(check(id, query) && check(id, "api-version=2026-05-01&service=new"));
        assert!(check(id, &query.replace("_", "%5F")), "another spelling of the same");
        let without = |name: &str| {
            let kept = query.split('&').filter(|pair| !pair.starts_with(&format!("{name}=")));
            kept.collect::<Vec<_>>().join("&")
        };
        for name in ["t", "c", "s", "h"] {
            assert!(!check(id, &without(name)), "without {name}");
        }
        assert!(!check(id, &query[..query.len() - 1]) && !check(id, &query.replace("2026-05-01", "2024-04-01")));
        assert!(!check(other, query) && !check(id, &query.replace("&t=6", "&t=7")));
    }

    #[test]
    fn oldest_operations_are_forgotten() {
        let mut random = Random::new(1);
        let mut operations = Operations::new(&mut random);
        let first = random.uuid();
        operations.begin(first, "S", "eastus");
        for _ in 0..KEPT {
            operations.begin(random.uuid(), "S", "eastus");
        }
        assert_eq!(operations.known.len(), KEPT);
        assert!(operations.status(&first.to_string(), "S", "eastus").is_err());
    }
}
