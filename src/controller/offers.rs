//! What a location offers: VM sizes and usages, looked up once in a while and shared.
//!
//! Must not fail anything: what could not be read is unknown, and unknown refuses nothing.

use arm::{Usage, VmSize};
use azureml::Client;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How soon a failed lookup is tried again.
const RETRY: Duration = Duration::from_secs(60);

/// Subscription, location (folded), and whose eyes.
type Key = (String, String, Arc<str>);

#[derive(Clone, Default)]
struct Offer {
    sizes: Option<Vec<VmSize>>,
    sizes_until: Option<Instant>,
    usages: Option<Vec<Usage>>,
    usages_until: Option<Instant>,
}

/// Sizes and usages by location.
pub(crate) struct Offers {
    known: Mutex<HashMap<Key, Arc<Mutex<Offer>>>>,
    sizes_ttl: Duration,
    usages_ttl: Duration,
}

impl Offers {
    pub(crate) fn new(sizes_ttl: Duration, usages_ttl: Duration) -> Self {
        Self { known: Mutex::default(), sizes_ttl, usages_ttl }
    }

    /// Sizes and usages of a location, from memory while young, else asked for.
    pub(crate) async fn get(
        &self,
        client: &Client,
        whose: &Arc<str>,
        subscription: &str,
        location: &str,
    ) -> (Option<Vec<VmSize>>, Option<Vec<Usage>>) {
        let folded: String = location.chars().filter(char::is_ascii_alphanumeric).collect();
        let key = (subscription.to_ascii_lowercase(), folded.to_ascii_lowercase(), whose.clone());
        let offer = self.known.lock().await.entry(key.clone()).or_default().clone();
        let mut offer = offer.lock().await;
        let now = Instant::now();
        if offer.sizes_until.is_none_or(|until| until <= now) {
            let sizes = client.vm_sizes(subscription, &key.1).await;
            offer.sizes_until = Some(now + if sizes.is_ok() { self.sizes_ttl } else { RETRY });
            offer.sizes = sizes.map_err(|error| tracing::debug!(%error, location, "Cannot read VM sizes")).ok();
        }
        if offer.usages_until.is_none_or(|until| until <= now) {
            let usages = client.usages(subscription, &key.1).await;
            offer.usages_until = Some(now + if usages.is_ok() { self.usages_ttl } else { RETRY });
            offer.usages = usages.map_err(|error| tracing::debug!(%error, location, "Cannot read usages")).ok();
        }
        (offer.sizes.clone(), offer.usages.clone())
    }
}
