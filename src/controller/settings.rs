//! Settings of the engine, validated before anything starts.
//!
//! Must not read flags or environment; that is the command line's.

use azureml::Cloud;
use std::time::Duration;

/// How the operator runs.
#[derive(Clone)]
pub struct Settings {
    /// Namespaces that are served; none means all.
    pub namespaces: Vec<String>,
    /// The Azure cloud, from the operator's own configuration only.
    pub cloud: Cloud,
    /// Intervals and grace periods of the decision.
    pub plan: plan::Settings,
    /// How many objects of a kind are worked on at once.
    pub concurrency: u16,
    /// Longest time for one request to Kubernetes.
    pub kubernetes_timeout: Duration,
    /// Longest time for one request to Azure.
    pub azure_timeout: Duration,
    /// How long sizes of a location are believed.
    pub sizes_ttl: Duration,
    /// How long usages of a location are believed.
    pub usages_ttl: Duration,
    /// Overrides every Workspace's observeInterval; for tests and the playground.
    pub observe_interval: Option<Duration>,
    /// Name under which this process reports events.
    pub instance: String,
}

impl Settings {
    /// The defaults for a cloud.
    pub fn new(cloud: Cloud) -> Self {
        Self {
            namespaces: Vec::new(),
            cloud,
            plan: plan::Settings::default(),
            concurrency: 16,
            kubernetes_timeout: Duration::from_secs(10),
            azure_timeout: Duration::from_secs(30),
            sizes_ttl: Duration::from_secs(3600),
            usages_ttl: Duration::from_secs(600),
            observe_interval: None,
            instance: "azureml-compute-operator".into(),
        }
    }
}
