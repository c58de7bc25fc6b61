//! Regions whose Azure ML service is out of order, and how that looks from outside. ARM itself works on: tokens, rights and
//! budgets are checked as ever.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{delivery, errors::Refusal, message::Response, route::NAMESPACE};

/// How an outage looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Manner {
    /// The service answers 503.
    #[default]
    Unavailable,
    /// A front door answers 502 with HTML.
    Html,
    /// Nobody answers ARM, which says so after a time: 504 `GatewayTimeout`.
    Timeout,
}

/// The regions that are out of order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outages {
    regions: BTreeMap<String, (Manner, Duration)>,
}

impl Outages {
    /// Begins an outage; `after` is how long ARM waits for an answer.
    pub(crate) fn begin(&mut self, region: String, manner: Manner, after: Duration) {
        self.regions.insert(region, (manner, after));
    }

    /// Ends one; whether there was one.
    pub(crate) fn end(&mut self, region: &str) -> bool {
        self.regions.remove(region).is_some()
    }

    /// The regions and how they fail.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, Manner)> {
        self.regions.iter().map(|(region, (manner, _))| (region.as_str(), *manner))
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// How long a request for a region hangs before it is answered.
    pub(crate) fn hang(&self, region: &str) -> Duration {
        match self.regions.get(region) {
            Some((Manner::Timeout, after)) => *after,
            Some((Manner::Unavailable | Manner::Html, _)) | None => Duration::ZERO,
        }
    }

    /// The answer of a region that is out of order.
    ///
    /// # Errors
    /// The refusal, where the answer is JSON.
    pub(crate) fn answer(&self, region: &str) -> Result<Option<Response>, Refusal> {
        let Some((manner, _)) = self.regions.get(region) else { return Ok(None) };
        match manner {
            Manner::Html => Ok(Some(delivery::page(502))),
            Manner::Unavailable => {
                let text = "The service is temporarily unavailable. Please retry the request.";
                Err(Refusal::provider(503, "ServiceError", text))
            }
            Manner::Timeout => Err(Refusal::gateway(
                504,
                "GatewayTimeout",
                format!("The gateway did not receive a response from '{NAMESPACE}' within the specified time period."),
            )),
        }
    }
}
