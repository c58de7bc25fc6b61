//! Reads and deletes of computes, and what all their changes share. What ARM checks first is done before; what time does comes after.

use jiff::SignedDuration;
use serde_json::json;

use crate::{
    compute::{
        Change, Compute, Pending, State,
        instance::power::{Trigger, Verb},
    },
    errors::Refusal,
    message::Response,
    operations::Outcome,
    random,
    route::{self, WorkspacePath},
    time,
    world::{Call, ComputeKey, World},
};

impl World {
    /// GET of all computes: `value`, and `nextLink` only if there is another page (recorded 2024-07-24).
    pub(crate) fn list_computes(&mut self, call: &Call<'_>, path: &WorkspacePath) -> Result<Response, Refusal> {
        let key = self.workspace(call, path, true)?;
        let skip = match route::query_value(&call.request.query, "$skip") {
            None => 0,
            Some(text) => text.parse::<usize>().map_err(|_| {
                Refusal::user_error(format!("The value '{text}' of '$skip' is not valid.")).target("$skip")
            })?,
        };
        let (stale, page_size, version) = (call.plan.stale, self.page_size, call.version.as_str());
        let Some(workspace) = self.workspaces.get_mut(&key) else { return Ok(Response::empty(404)) };
        let base_id = workspace.id();
        let id = |name: &str| format!("{base_id}/computes/{name}");
        let is_known = |compute: &Compute| compute.machine.is_known_to(version);
        // Both are sorted already, and nothing beyond this page is looked at.
        let most = skip.saturating_add(page_size + 1);
        let computes = workspace.computes.iter().filter(|(_, compute)| is_known(compute)).take(most);
        let ghosts = workspace.ghosts.iter().filter(|(_, (compute, _))| is_known(compute)).take(most);
        let mut names: Vec<&String> = computes.map(|(name, _)| name).chain(ghosts.map(|(name, _)| name)).collect();
        names.sort();
        names.dedup();
        let names: Vec<String> = names.into_iter().skip(skip).take(page_size + 1).cloned().collect();
        let more = names.len() > page_size;
        let mut value = Vec::new();
        for name in names.iter().take(page_size) {
            if let Some(compute) = workspace.computes.get_mut(name) {
                value.extend(seen(compute, stale).map(|compute| compute.show(&id(&compute.name))));
            } else if let Some((compute, reads)) = workspace.ghosts.get_mut(name) {
                *reads -= 1;
                value.push(compute.show(&id(&compute.name)));
            }
        }
        workspace.ghosts.retain(|_, (_, reads)| *reads > 0);
        let mut body = json!({"value": value});
        if more {
            let (base, skip) = (&call.request.base, skip + page_size);
            let service = if call.regional { "/rp/workspaces" } else { "" };
            body["nextLink"] = json!(format!("{base}{service}{base_id}/computes?api-version={version}&%24skip={skip}"));
        }
        Ok(Response::json(200, &body))
    }

    /// GET of one: 404 without a body if there is none (recorded 2022).
    pub(crate) fn get_compute(
        &mut self,
        call: &Call<'_>,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Response, Refusal> {
        let key = self.workspace(call, path, true)?;
        let stale = call.plan.stale;
        let Some(workspace) = self.workspaces.get_mut(&key) else { return Ok(Response::empty(404)) };
        let base_id = workspace.id();
        let lower = name.to_ascii_lowercase();
        let shown =
            |compute: &Compute| Response::json(200, &compute.show(&format!("{base_id}/computes/{}", compute.name)));
        let known = |compute: &Compute| compute.machine.is_known_to(&call.version);
        if let Some(compute) = workspace.computes.get_mut(&lower).filter(|compute| known(compute)) {
            return Ok(seen(compute, stale).map_or_else(|| Response::empty(404), shown));
        }
        let ghost = workspace.ghosts.get_mut(&lower).filter(|(compute, _)| known(compute));
        let Some((compute, reads)) = ghost else { return Ok(Response::empty(404)) };
        let response = shown(compute);
        *reads -= 1;
        workspace.ghosts.retain(|_, (_, reads)| *reads > 0);
        Ok(response)
    }

    /// DELETE: 202 without a body, 204 if there is nothing (azureml-api a.1). A create or update that runs is cancelled.
    pub(crate) fn delete_compute(
        &mut self,
        call: &Call<'_>,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Response, Refusal> {
        let key = (self.workspace(call, path, true)?, name.to_ascii_lowercase());
        let id = self.resource_id(&key.0, name);
        let action = route::query_value(&call.request.query, "underlyingResourceAction").unwrap_or_default();
        let detach = match action.to_ascii_lowercase().as_str() {
            "delete" => false,
            // Without the parameter the service was recorded to detach.
            "detach" | "" => true,
            _ => {
                let text = format!(
                    "The value '{action}' of 'underlyingResourceAction' is not valid. Valid values: Delete, Detach."
                );
                return Err(Refusal::user_error(text).target("underlyingResourceAction"));
            }
        };
        let known = self.compute_mut(&key).filter(|compute| compute.machine.is_known_to(&call.version));
        let Some(compute) = known else { return Ok(Response::empty(204)) };
        let times = compute.machine.times();
        if !detach && !compute.machine.is_deletable() {
            let kind = compute.machine.kind();
            let text = format!(
                "Delete of the underlying resource is not supported for this compute of type {kind}, because it was attached to the workspace and not made by it. Detach it."
            );
            return Err(Refusal::user_error(text).target("underlyingResourceAction"));
        }
        let running = compute.pending.as_ref().map(|pending| (pending.operation, pending.change.clone()));
        match running {
            Some((operation, Change::Delete { .. })) => {
                return Ok(self.accepted(call, Response::empty(202), operation));
            }
            Some((operation, _)) => self.operations.end(operation, Outcome::Canceled),
            None => {}
        }
        let change = Change::Delete { detach, linger: call.plan.lingering_reads };
        let pending = self.begin(call, &key, &id, "delete", if detach { times.detach } else { times.delete }, change);
        let operation = pending.operation;
        if let Some(compute) = self.compute_mut(&key) {
            remember(compute);
            compute.state = State::Deleting;
            if let Some(instance) = compute.machine.instance_mut() {
                instance.begin(Verb::Delete, Trigger::User, call.now.service, pending.ends);
            }
            compute.modified_on = call.now.service;
            compute.pending = Some(pending.into());
        }
        self.schedule(&key);
        Ok(self.accepted(call, Response::empty(202), operation))
    }

    /// Begins an operation that ends within a range of seconds, unless a fault has other plans.
    pub(crate) fn begin(
        &mut self,
        call: &Call<'_>,
        key: &ComputeKey,
        id: &str,
        what: &str,
        (low, high): (f64, f64),
        change: Change,
    ) -> Pending {
        let operation = self.random.uuid();
        let location = self.workspaces.get(&key.0).map_or("", |workspace| workspace.location.as_str());
        self.operations.begin(operation, &call.subscription, location);
        let takes = random::millis_between(self.seed, &format!("{what} {id} {operation}"), low, high);
        if call.plan.operation_gone {
            self.operations.vanish(operation);
        }
        let takes = call.plan.operation_time.unwrap_or_else(|| SignedDuration::from_millis(takes));
        let ends = time::after(call.now.service, takes);
        Pending {
            operation,
            ends: Some(ends).filter(|_| !call.plan.operation_endless),
            change,
            failure: call.plan.operation_failure.clone(),
        }
    }

    /// The answer with the URL of its operation.
    pub(crate) fn accepted(&mut self, call: &Call<'_>, response: Response, operation: uuid::Uuid) -> Response {
        let base = &call.request.base;
        let url = self.operations.url(base, operation, &call.version, call.now.service);
        response.with("Azure-AsyncOperation", url)
    }

    /// The ARM id of a compute, in the workspace's spelling.
    pub(crate) fn resource_id(&self, workspace: &str, name: &str) -> String {
        let Some(workspace) = self.workspaces.get(workspace) else { return String::new() };
        let known = workspace.computes.get(&name.to_ascii_lowercase());
        workspace.compute_id(known.map_or(name, |compute| &compute.name))
    }

    /// A compute that nothing is done to right now.
    ///
    /// # Errors
    /// 409 while an operation runs.
    pub(crate) fn at_rest(&self, key: &ComputeKey) -> Result<&Compute, Refusal> {
        let Some(compute) = self.compute(key) else {
            return Err(Refusal::provider(404, "UserError", "The compute was not found."));
        };
        if compute.pending.is_some() {
            let text = format!("There is already an active operation submitted for compute '{}'.", compute.name);
            return Err(Refusal::provider(409, "Conflict", text));
        }
        Ok(compute)
    }

    /// A compute.
    pub(crate) fn compute(&self, key: &ComputeKey) -> Option<&Compute> {
        Some(&**self.workspaces.get(&key.0)?.computes.get(&key.1)?)
    }

    /// A compute, to change it.
    pub(crate) fn compute_mut(&mut self, key: &ComputeKey) -> Option<&mut Compute> {
        Some(&mut **self.workspaces.get_mut(&key.0)?.computes.get_mut(&key.1)?)
    }
}

/// Keeps what a stale read will show.
pub(crate) fn remember(compute: &mut Compute) {
    compute.previous = None;
    compute.previous = Some(Box::new(compute.clone()));
}

/// What a read sees of a compute.
fn seen(compute: &mut Compute, stale: bool) -> Option<&Compute> {
    if compute.hidden_reads > 0 {
        compute.hidden_reads -= 1;
        return None;
    }
    match &compute.previous {
        Some(previous) if stale => Some(previous),
        _ => Some(compute),
    }
}
