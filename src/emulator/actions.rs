//! POST actions on computes and on a workspace's names, and the workspaces themselves. Changes no compute.

use serde_json::{Value, json};

use crate::{
    checks,
    compute::nodes,
    errors::Refusal,
    fields::Fields,
    message::Response,
    route::WorkspacePath,
    time, versions,
    world::{Call, World},
};

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

    /// POST of an action: a cluster has `listNodes` only (recorded 2022, 2024), an instance all but that.
    pub(crate) fn act_on_compute(
        &mut self,
        call: &Call<'_>,
        path: &WorkspacePath,
        name: &str,
        action: &str,
    ) -> Result<Response, Refusal> {
        let key = (self.workspace(call, path, true)?, name.to_ascii_lowercase());
        let Some(word) = versions::action(action, &call.version) else {
            let text = format!(
                "The resource type 'workspaces/computes/{action}' could not be found in the namespace 'Microsoft.MachineLearningServices' for api version '{}'.",
                call.version
            );
            return Err(Refusal::gateway(404, "InvalidResourceType", text));
        };
        let workspace = self.workspaces.get(&key.0);
        let compute = workspace.and_then(|workspace| workspace.computes.get(&key.1));
        let compute = compute.filter(|compute| compute.machine.is_known_to(&call.version));
        let Some((workspace, compute)) = workspace.zip(compute) else { return Ok(Response::empty(404)) };
        let (kind, lower) = (compute.machine.kind(), action.to_ascii_lowercase());
        if lower == "listkeys" {
            return compute.machine.keys().map(|keys| Response::json(200, &keys));
        }
        if compute.machine.instance().is_some() {
            return self.act_on_instance(call, &key, &lower, word);
        }
        let cluster = compute.machine.cluster().filter(|_| lower == "listnodes");
        let Some(cluster) = cluster else {
            return Err(Refusal::user_error(format!("{word} with computeType {kind} is not supported.")));
        };
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
            return Err(fields.missing("Name"));
        };
        let location = self.workspaces.get(&key).map_or("", |workspace| workspace.location.as_str());
        // Azure ML asks before it makes an instance. Other computes share a name space only within their workspace.
        let here = self.workspaces.get(&key).is_some_and(|here| here.computes.contains_key(&name.to_ascii_lowercase()));
        let taken = here || self.instance_named(location, name);
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
