//! What is counted: passes, requests to Azure, status writes, and what should never happen.
//!
//! Must not carry names of objects as labels: they are unbounded and tell tenants of each other.

use azureml::{Call, Observer, Outcome};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::time::Duration;

/// Labels of a pass.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct PassLabels {
    kind: &'static str,
    action: &'static str,
    outcome: &'static str,
}

/// Labels of a request to Azure.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    operation: &'static str,
    outcome: &'static str,
}

/// Labels by kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct KindLabels {
    kind: &'static str,
}

/// All counters of the engine.
#[derive(Clone)]
pub struct Metrics {
    passes: Family<PassLabels, Counter>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RequestLabels, Histogram, fn() -> Histogram>,
    status_writes: Family<KindLabels, Counter>,
    panics: Family<KindLabels, Counter>,
    contract_violations: Family<KindLabels, Counter>,
}

/// 5 ms to 40 s: a GET takes tens of milliseconds, a deadline is 30 s.
fn histogram() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 14))
}

impl Metrics {
    /// Makes and registers them.
    pub fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            passes: Family::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(histogram as fn() -> Histogram),
            status_writes: Family::default(),
            panics: Family::default(),
            contract_violations: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("amlco");
        registry.register("passes", "Passes over an object, by what was done", metrics.passes.clone());
        registry.register("azure_requests", "Requests to Azure, by operation and outcome", metrics.requests.clone());
        let help = "How long requests to Azure took";
        registry.register("azure_request_seconds", help, metrics.request_seconds.clone());
        registry.register("status_writes", "Writes of a status", metrics.status_writes.clone());
        registry.register("panics", "Passes that panicked; each is a bug", metrics.panics.clone());
        let help = "Statuses that broke the kstatus contract; each is a bug";
        registry.register("contract_violations", help, metrics.contract_violations.clone());
        metrics
    }

    pub(crate) fn passed(&self, kind: &'static str, action: &'static str, outcome: &'static str) {
        self.passes.get_or_create(&PassLabels { kind, action, outcome }).inc();
    }

    pub(crate) fn wrote_status(&self, kind: &'static str) {
        self.status_writes.get_or_create(&KindLabels { kind }).inc();
    }

    pub(crate) fn panicked(&self, kind: &'static str) {
        self.panics.get_or_create(&KindLabels { kind }).inc();
    }

    pub(crate) fn broke_contract(&self, kind: &'static str) {
        self.contract_violations.get_or_create(&KindLabels { kind }).inc();
    }
}

impl Observer for Metrics {
    fn request(&self, call: Call, outcome: Outcome, _status: Option<u16>, took: Duration) {
        let labels = RequestLabels { operation: call.row().name, outcome: outcome.as_str() };
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }
}
