//! POST actions on computes and on a workspace's names, and the workspaces themselves. Changes no compute.

use serde_json::{Value, json};

use crate::{
    checks,
    compute::nodes,
    errors::Refusal,
    fields::Fields,
    message::Response,
    route::WorkspacePath,
    time,
    world::{Call, World},
};

/// Actions that exist for other compute types, and the words with which the service names them in refusals.
const FOREIGN_ACTIONS: [(&str, &str); 10] = [
    ("start", "ComputeStart"),
    ("stop", "ComputeStop"),
    ("restart", "ComputeRestart"),
    ("resize", "ComputeResize"),
    ("getallowedvmsizesforresize", "ComputeGetAllowedVmSizesForResize"),
    ("updateidleshutdownsetting", "ComputeUpdateIdleShutdownSetting"),
    ("customservices", "ComputeUpdateCustomServices"),
    ("updatedatamounts", "ComputeUpdateDataMounts"),
    ("updateschedules", "ComputeUpdateSchedules"),
    ("enablesso", "ComputeEnableSso"),
];

impl World {
    /// GET of all workspaces of a subscription or group.
    pub(crate) fn list_workspaces(&self, call: &Call<'_>, group: Option<&str>) -> Result<Response, Refusal> {
        if let Some(group) = group {
            self.group(call, group)?;
        }
        let value: Vec<Value> = self
            .workspaces
            .values()
            .filter(|workspace| {
                workspace.subscription == call.subscription
                    && call.caller.may("Microsoft.MachineLearningServices/workspaces/read", &workspace.id())
                    && group.is_none_or(|group| group.eq_ignore_ascii_case(&workspace.group))
            })
            .map(|workspace| workspace.show(&call.request.base, self.seed))
            .collect();
        Ok(Response::json(200, &json!({"value": value})))
    }

    /// GET of one workspace.
    pub(crate) fn get_workspace(&self, call: &Call<'_>, path: &WorkspacePath) -> Result<Response, Refusal> {
        let key = self.workspace(call, path, false)?;
        Ok(match self.workspaces.get(&key) {
            Some(workspace) => Response::json(200, &workspace.show(&call.request.base, self.seed)),
            None => Response::empty(404),
        })
    }

    /// POST of an action: a cluster has `listNodes` only (recorded 2022, 2024).
    pub(crate) fn act_on_compute(
        &self,
        call: &Call<'_>,
        path: &WorkspacePath,
        name: &str,
        action: &str,
    ) -> Result<Response, Refusal> {
        let key = self.workspace(call, path, true)?;
        let lower = action.to_ascii_lowercase();
        let foreign = FOREIGN_ACTIONS.iter().find(|(known, _)| *known == lower);
        if foreign.is_none() && lower != "listnodes" && lower != "listkeys" {
            let text = format!(
                "The resource type 'workspaces/computes/{action}' could not be found in the namespace 'Microsoft.MachineLearningServices' for api version '{}'.",
                call.version
            );
            return Err(Refusal::gateway(404, "InvalidResourceType", text));
        }
        // A read-only lock bars every POST, be it a mere list.
        let workspace = self.workspaces.get(&key);
        let compute = workspace.and_then(|workspace| workspace.computes.get(&name.to_ascii_lowercase()));
        let Some((workspace, compute)) = workspace.zip(compute) else { return Ok(Response::empty(404)) };
        let kind = compute.machine.kind();
        let unfit = |word: &str| {
            let text = format!("{word} with computeType {kind} is not supported.");
            Err(Refusal::user_error(text))
        };
        if let Some((_, word)) = foreign {
            return unfit(word);
        }
        if lower == "listkeys" {
            return compute.machine.keys().map(|keys| Response::json(200, &keys));
        }
        let Some(cluster) = compute.machine.cluster() else { return unfit("ComputeListNodes") };
        let node_key = node_key(&workspace.compute_id(&compute.name), &time::ticks(compute.created_on));
        let identity = nodes::Identity { seed: self.seed, key: &node_key };
        let settings = &cluster.settings;
        let nodes = cluster.pool.list(identity, settings.is_low_priority(), settings.is_public());
        Ok(Response::json(200, &json!({"computeType": "AmlCompute", "nodes": nodes})))
    }

    /// POST `checkComputeNameAvailability`: a name must be free in the whole region (azureml-api h).
    pub(crate) fn check_name(&self, call: &Call<'_>, path: &WorkspacePath) -> Result<Response, Refusal> {
        let key = self.workspace(call, path, false)?;
        let body = checks::json_body(call.request)?;
        let fields = Fields::of(&body)?;
        let name = match fields.text("Name")? {
            Some(name) => Some(name),
            None => fields.text("name")?,
        };
        let Some(name) = name else {
            return Err(Refusal::user_error("The value of 'Name' must be specified.").target("Name"));
        };
        let location = self.workspaces.get(&key).map_or("", |workspace| workspace.location.as_str());
        let taken =
            self.computes_in(&call.subscription, location).any(|(_, compute)| compute.name.eq_ignore_ascii_case(name));
        let answer = match checks::new_name(name) {
            Err(refusal) => json!({"nameAvailable": false, "reason": "Invalid", "message": refusal.message}),
            Ok(()) if taken => json!({
                "nameAvailable": false,
                "reason": "AlreadyExists",
                "message": format!("The specified name {name} is already in use and is therefore unavailable.")
            }),
            Ok(()) => json!({"nameAvailable": true, "reason": null, "message": null}),
        };
        Ok(Response::json(200, &answer))
    }
}

/// What the ids of a cluster's nodes are derived from: a cluster made again has other nodes.
pub(crate) fn node_key(id: &str, created: &str) -> String {
    id.to_ascii_lowercase() + created
}
