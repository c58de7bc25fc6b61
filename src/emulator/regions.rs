//! Requests about a region: VM sizes, usages, quotas, operations. Changes nothing but workspace quotas.

use serde_json::{Value, json};

use crate::{
    checks::{self, LOCATIONS},
    errors::Refusal,
    fields::Fields,
    message::Response,
    quota::{Limit, localized_family},
    route::{self, ArmRoute, LocationResource, NAMESPACE, Route, Target, normal_location},
    sizes::Catalogue,
    versions,
    world::{Call, World, workspace_key, wrong_method},
};

impl World {
    /// Answers a request below `locations`.
    pub(crate) fn location(
        &mut self,
        call: &Call<'_>,
        location: &str,
        resource: &LocationResource,
    ) -> Result<Response, Refusal> {
        let region = normal_location(location);
        if !LOCATIONS.contains(&region.as_str()) {
            let text = format!(
                "No registered resource provider found for location '{location}' and API version '{}' for type 'locations'. The supported api-versions are '{}'. The supported locations are '{}'.",
                call.version,
                versions::SUPPORTED.join(", "),
                LOCATIONS.join(", ")
            );
            return Err(Refusal::gateway(400, "NoRegisteredProviderFound", text));
        }
        let method = call.request.method.as_str();
        let body = match (resource, method) {
            (LocationResource::VmSizes, "GET") => {
                json!({versions::sizes_member(&call.version): Catalogue::get().rows()})
            }
            (LocationResource::Usages, "GET") => json!({"value": self.usages(&call.subscription, &region)}),
            (LocationResource::Quotas, "GET") => json!({"value": self.quotas_of(&call.subscription, &region)}),
            (LocationResource::Operation(id), "GET") => {
                self.operations.signed(id, &call.request.query)?;
                self.operations.status(id, &call.subscription, &region)?
            }
            (LocationResource::UpdateQuotas, "POST") => self.update_quotas(call, &region)?,
            (LocationResource::UpdateQuotas, _) => return Err(wrong_method(method, "POST")),
            _ => return Err(wrong_method(method, "GET")),
        };
        Ok(Response::json(200, &body))
    }

    /// All usages of a region, in the order of the recording of 2025-11-04.
    fn usages(&self, subscription: &str, region: &str) -> Vec<Value> {
        let cores = self.cores(subscription, region);
        let root = format!("/subscriptions/{subscription}");
        let row = |current: i64, limit: i64, name: &str, text: &str, kind: &str, id: String| {
            json!({
                "id": id,
                "type": format!("{NAMESPACE}/{kind}/usages"),
                "unit": "Count",
                "currentValue": current,
                "limit": limit,
                "name": {"value": name, "localizedValue": text}
            })
        };
        let total = |limit| self.quotas.limit(subscription, region, limit);
        let clusters = i64::try_from(self.clusters_in(subscription, region)).unwrap_or(i64::MAX);
        let mut rows = vec![
            row(clusters, total(Limit::Clusters), "TotalClusters", "Total Clusters", "totalClusters", root.clone()),
            row(
                cores.dedicated,
                total(Limit::Dedicated),
                "TotalDedicatedCores",
                "Total Cluster Dedicated Regional vCPUs",
                "totalDedicatedCores",
                root.clone(),
            ),
        ];
        let families = Catalogue::get().families();
        let id = |family: &str| format!("{root}/usages/{}", family.replace(' ', "_"));
        for family in families {
            let used = cores.families.get(&family.to_ascii_lowercase()).copied().unwrap_or(0);
            let text = localized_family(family, false);
            rows.push(row(used, total(Limit::Family(family)), family, &text, "vmFamily/dedicatedCores", id(family)));
        }
        rows.push(row(
            cores.low_priority,
            total(Limit::LowPriority),
            "TotalLowPriorityCores",
            "Total Cluster Low Priority Regional vCPUs",
            "totalLowPriorityCores",
            root.clone(),
        ));
        for family in families {
            let used = cores.low_priority_families.get(&family.to_ascii_lowercase()).copied().unwrap_or(0);
            let text = localized_family(family, true);
            // One limit binds all families together, so each of them has none (recorded).
            rows.push(row(used, -1, family, &text, "vmFamily/lowPriorityCores", id(family)));
        }
        rows
    }

    /// Quotas of the subscription and of each workspace of the region, by family (recorded 2025-11-04).
    fn quotas_of(&self, subscription: &str, region: &str) -> Vec<Value> {
        let workspaces: Vec<_> = self
            .workspaces
            .iter()
            .filter(|(_, workspace)| workspace.subscription == subscription && workspace.location == region)
            .collect();
        let mut rows = Vec::new();
        for family in Catalogue::get().families() {
            let name = json!({"value": family, "localizedValue": localized_family(family, false)});
            let limit = self.quotas.limit(subscription, region, Limit::Family(family));
            let short = family.replace(' ', "_");
            rows.push(json!({
                "unit": "Count",
                "limit": limit,
                "name": name,
                "type": format!("{NAMESPACE}/vmFamily/dedicatedCores/quotas"),
                "id": format!("/subscriptions/{subscription}/quotas/{short}"),
                "location": null
            }));
            for (key, workspace) in &workspaces {
                rows.push(json!({
                    "unit": "Count",
                    "limit": self.quotas.workspace_limit(key, family).unwrap_or(limit),
                    "name": name,
                    "type": format!("{NAMESPACE}/workspaces/dedicatedCores/quotas"),
                    "id": format!("{}/quotas/{short}", workspace.id()),
                    "location": region
                }));
            }
        }
        rows
    }

    /// POST `updateQuotas`: each item is answered with its status (published example).
    fn update_quotas(&mut self, call: &Call<'_>, region: &str) -> Result<Value, Refusal> {
        let body = checks::json_body(call.request)?;
        Fields::of(&body)?;
        let Some(items) = body.get("value").and_then(Value::as_array) else {
            return Err(Refusal::user_error("The value of 'value' must be a list of quotas.").target("value"));
        };
        let mut answers = Vec::with_capacity(items.len());
        for item in items {
            let fields = Fields::of(item)?;
            let (id, limit) = (fields.text("id")?.unwrap_or_default(), fields.integer("limit")?);
            let status = self.update_quota(call, region, id, limit.map(i64::from));
            answers.push(json!({
                "id": id,
                "type": fields.text("type")?,
                "limit": limit,
                "unit": fields.text("unit")?.unwrap_or("Count"),
                "status": status
            }));
        }
        Ok(json!({"value": answers}))
    }

    fn update_quota(&mut self, call: &Call<'_>, region: &str, id: &str, limit: Option<i64>) -> &'static str {
        let Some((parent, name)) = id.rsplit_once("/quotas/") else { return "InvalidVMFamilyName" };
        let families = Catalogue::get().families();
        let text = |family: &String| localized_family(family, false).replace(' ', "_");
        let family = families.iter().find(|family| {
            family.replace(' ', "_").eq_ignore_ascii_case(name) || text(family).eq_ignore_ascii_case(name)
        });
        let Some(family) = family else { return "InvalidVMFamilyName" };
        let most = self.quotas.limit(&call.subscription, region, Limit::Family(family));
        let limit = match limit {
            Some(limit) if limit > most => return "InvalidQuotaExceedsSubscriptionLimit",
            Some(limit) if limit >= -1 => limit,
            _ => return "Failure",
        };
        let key = match route::parse(parent) {
            Ok(Route::Arm(ArmRoute { subscription, target: Target::Workspace(path) })) => {
                workspace_key(&subscription, &path)
            }
            Ok(_) | Err(_) => return "Failure",
        };
        if !self.workspaces.contains_key(&key) {
            return "Failure";
        }
        self.quotas.set_workspace_limit(&key, family, if limit < 0 { most } else { limit });
        versions::quota_success(&call.version)
    }
}
