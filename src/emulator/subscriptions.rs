//! `GET /subscriptions`: the subscriptions that a caller sees, which azureml-core asks for before it opens a workspace. Serves no
//! other resource of Microsoft.Resources.

use serde_json::{Value, json};

use crate::{
    access,
    errors::Refusal,
    headers::{self, Trace},
    message::{Request, Response},
    route,
    time::Now,
    world::{Subscription, World, wrong_method},
};

impl World {
    /// Answers the list of the subscriptions of the caller's tenant, with ARM's checks and outside the budgets of any one of them.
    pub(crate) fn subscriptions(&mut self, request: &Request, now: Now) -> Response {
        let mut trace = Trace::new(request, &mut self.random, "global", now.wall);
        match self.visible(request, now, &mut trace) {
            Ok(body) => headers::forwarded(Response::json(200, &body), &trace),
            Err(refusal) => headers::refused(refusal, &trace, now),
        }
    }

    fn visible(&self, request: &Request, now: Now, trace: &mut Trace) -> Result<Value, Refusal> {
        let caller = access::authenticate(&self.directory, request, None, now.wall)?;
        trace.caller(&caller);
        if route::query_value(&request.query, "api-version").is_none_or(|version| version.is_empty()) {
            let text = "The api-version query parameter (?api-version=) is required for all requests.";
            return Err(Refusal::gateway(400, "MissingApiVersionParameter", text));
        }
        if request.method != "GET" {
            return Err(wrong_method(&request.method, "GET"));
        }
        let own = self.subscriptions.values().filter(|known| known.tenant.eq_ignore_ascii_case(&caller.tenant));
        let rows: Vec<Value> = own.map(show).collect();
        let count = json!({"type": "Total", "value": rows.len()});
        Ok(json!({"value": rows, "count": count}))
    }
}

/// A row as the reference of `Subscriptions - List` (2022-12-01) shows it; the display name is the emulator's own.
fn show(subscription: &Subscription) -> Value {
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant,
        "displayName": format!("emulated {}", subscription.id),
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off"
        }
    })
}
