//! Requests for computes: list, get, put, patch, delete. What ARM checks first is done before; what time does comes after.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    checks::{self, ComputeBody, PatchBody},
    compute::{
        Before, Change, Compute, Pending, State,
        amlcompute::Settings,
        identity::{Identity, IdentityRequest, Issuer},
        nodes::Pool,
    },
    errors::Refusal,
    faults::Effect,
    message::Response,
    quota::Limit,
    random,
    route::{self, WorkspacePath},
    seed::Lock,
    time, versions,
    world::{Call, ComputeKey, World},
};

/// How long changes take, in seconds: the ranges of the recordings (azureml-api a.4). A detach was not recorded; it leaves the
/// nodes alone and is given the time of an update.
const CREATE: (f64, f64) = (10.0, 22.0);
const UPDATE: (f64, f64) = (3.0, 6.0);
const DELETE: (f64, f64) = (31.0, 63.0);

const WRITE: &str = "Microsoft.MachineLearningServices/workspaces/computes/write";

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
        let stale = is_stale(call);
        let page_size = self.page_size;
        let Some(workspace) = self.workspaces.get_mut(&key) else { return Ok(Response::empty(404)) };
        let base_id = workspace.id();
        let id = |name: &str| format!("{base_id}/computes/{name}");
        let mut names: Vec<&String> = workspace.computes.keys().chain(workspace.ghosts.keys()).collect();
        names.sort_unstable();
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
            let (base, version, skip) = (&call.request.base, &call.version, skip + page_size);
            body["nextLink"] = json!(format!("{base}{base_id}/computes?api-version={version}&%24skip={skip}"));
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
        let stale = is_stale(call);
        let Some(workspace) = self.workspaces.get_mut(&key) else { return Ok(Response::empty(404)) };
        let base_id = workspace.id();
        let lower = name.to_ascii_lowercase();
        let shown =
            |compute: &Compute| Response::json(200, &compute.show(&format!("{base_id}/computes/{}", compute.name)));
        if let Some(compute) = workspace.computes.get_mut(&lower) {
            return Ok(seen(compute, stale).map_or_else(|| Response::empty(404), shown));
        }
        let Some((compute, reads)) = workspace.ghosts.get_mut(&lower) else { return Ok(Response::empty(404)) };
        let response = shown(compute);
        *reads -= 1;
        workspace.ghosts.retain(|_, (_, reads)| *reads > 0);
        Ok(response)
    }

    /// PUT: always 201 with `Azure-AsyncOperation`, be the compute new or not (recorded 2022, 2025).
    pub(crate) fn put_compute(
        &mut self,
        call: &Call<'_>,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Response, Refusal> {
        let key = self.workspace(call, path, true)?;
        let id = self.resource_id(&key, name);
        self.unlocked(call, path, &id)?;
        let body = checks::compute_body(&checks::json_body(call.request)?)?;
        self.allowed_by_policy(call, &body, name)?;
        linked(call, &id, body.settings.subnet.as_deref(), body.identity.as_ref())?;
        let compute_key = (key, name.to_ascii_lowercase());
        if self.compute_mut(&compute_key).is_some() {
            self.replace(call, &compute_key, &id, body)
        } else {
            self.create(call, &compute_key, &id, name, body)
        }
    }

    fn create(
        &mut self,
        call: &Call<'_>,
        key: &ComputeKey,
        id: &str,
        name: &str,
        body: ComputeBody,
    ) -> Result<Response, Refusal> {
        checks::new_name(name)?;
        let Some(location) = body.location else {
            let text = "The location property is required for this definition.";
            return Err(Refusal::gateway(400, "LocationRequired", text));
        };
        let compute_location = body.compute_location.unwrap_or_else(|| location.clone());
        self.room_for_one_more(call, &compute_location)?;
        let identity = self.identity(call, id, None, body.identity.as_ref(), true)?;
        let pending = self.begin(call, key, id, "create", CREATE, Change::Create);
        let operation = pending.operation;
        let mut compute = Compute {
            name: name.to_owned(),
            location,
            compute_location,
            tags: body.tags,
            identity,
            description: body.description,
            disable_local_auth: body.disable_local_auth,
            created_on: call.now.service,
            modified_on: call.now.service,
            state: State::Creating,
            errors: Vec::new(),
            settings: body.settings,
            pool: Pool::new(call.now.service),
            born: false,
            pending: Some(pending),
            wake: None,
            hidden_reads: hidden_reads(call),
            previous: None,
        };
        let answer = compute.created(id);
        let Some(workspace) = self.workspaces.get_mut(&key.0) else { return Ok(Response::empty(404)) };
        // A cluster that was detached lives on, and a new compute of its name takes it over as it is (azureml-api f.3).
        if let Some((settings, pool, location)) = workspace.detached.remove(&key.1) {
            compute.settings = Settings { scale: compute.settings.scale, ..settings };
            (compute.pool, compute.compute_location, compute.born) = (pool, location, true);
        }
        workspace.ghosts.remove(&key.1);
        workspace.computes.insert(key.1.clone(), compute);
        self.schedule(key);
        Ok(self.accepted(call, Response::json(201, &answer), operation))
    }

    /// Only scale, tags and identity change; the rest is answered as sent and forgotten (azureml-api f.2).
    fn replace(&mut self, call: &Call<'_>, key: &ComputeKey, id: &str, body: ComputeBody) -> Result<Response, Refusal> {
        let present = self.changeable(key)?;
        let before =
            Before { scale: present.settings.scale, tags: present.tags.clone(), identity: present.identity.clone() };
        let identity = self.identity(call, id, before.identity.as_ref(), body.identity.as_ref(), true)?;
        let change = Change::Update(Box::new(before));
        let pending = self.begin(call, key, id, "update", UPDATE, change);
        let operation = pending.operation;
        let Some(compute) = self.compute_mut(key) else { return Ok(Response::empty(404)) };
        remember(compute);
        compute.settings.scale = body.settings.scale;
        compute.tags = Some(body.tags.unwrap_or_default());
        compute.identity = identity;
        compute.modified_on = call.now.service;
        compute.state = State::Creating;
        compute.pending = Some(pending);
        let mut answer = compute.changed(id, &body.settings);
        answer["properties"]["description"] = json!(body.description);
        answer["properties"]["disableLocalAuth"] = json!(body.disable_local_auth);
        self.schedule(key);
        Ok(self.accepted(call, Response::json(201, &answer), operation))
    }

    /// PATCH: the whole resource as `Updating`; without a change no `Azure-AsyncOperation` (azureml-api a.3, d.3).
    pub(crate) fn patch_compute(
        &mut self,
        call: &Call<'_>,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Response, Refusal> {
        let key = (self.workspace(call, path, true)?, name.to_ascii_lowercase());
        let id = self.resource_id(&key.0, name);
        self.unlocked(call, path, &id)?;
        let body = checks::patch_body(&checks::json_body(call.request)?, &call.version)?;
        if self.compute_mut(&key).is_none() {
            return Ok(Response::empty(404));
        }
        let present = self.changeable(&key)?;
        if body.is_empty() {
            return Ok(Response::json(200, &present.show(&id)));
        }
        let PatchBody { min, max, idle, identity } = body;
        let before =
            Before { scale: present.settings.scale, tags: present.tags.clone(), identity: present.identity.clone() };
        let mut scale = before.scale;
        (scale.min, scale.max) = (min.unwrap_or(scale.min), max.unwrap_or(scale.max));
        scale.idle = idle.or(scale.idle);
        checks::ordered(scale.min, scale.max)?;
        linked(call, &id, None, identity.as_ref())?;
        let identity = match &identity {
            None => before.identity.clone(),
            asked => self.identity(call, &id, before.identity.as_ref(), asked.as_ref(), false)?,
        };
        let pending = self.begin(call, &key, &id, "update", UPDATE, Change::Update(Box::new(before)));
        let operation = pending.operation;
        let Some(compute) = self.compute_mut(&key) else { return Ok(Response::empty(404)) };
        remember(compute);
        compute.settings.scale = scale;
        compute.identity = identity;
        compute.modified_on = call.now.service;
        compute.state = State::Updating;
        compute.pending = Some(pending);
        let mut echo = Settings { remote_login: "NotSpecified", ..compute.settings.clone() };
        echo.scale.idle = idle;
        let answer = compute.changed(&id, &echo);
        self.schedule(&key);
        Ok(self.accepted(call, Response::json(versions::patch_status(&call.version), &answer), operation))
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
        if self.group(call, &path.group)?.lock.is_some() {
            return Err(locked(call, path, &id, "delete"));
        }
        let running = match self.compute_mut(&key) {
            None => return Ok(Response::empty(204)),
            Some(compute) => compute.pending.as_ref().map(|pending| (pending.operation, pending.change.clone())),
        };
        match running {
            Some((operation, Change::Delete { .. })) => {
                return Ok(self.accepted(call, Response::empty(202), operation));
            }
            Some((operation, _)) => self.operations.end(operation, crate::operations::Outcome::Canceled),
            None => {}
        }
        let linger = call.effects.iter().find_map(|effect| match effect {
            Effect::LingerAfterDelete { reads } => Some(*reads),
            _ => None,
        });
        let change = Change::Delete { detach, linger: linger.unwrap_or(0) };
        let pending = self.begin(call, &key, &id, "delete", if detach { UPDATE } else { DELETE }, change);
        let operation = pending.operation;
        if let Some(compute) = self.compute_mut(&key) {
            remember(compute);
            compute.state = State::Deleting;
            compute.modified_on = call.now.service;
            compute.pending = Some(pending);
        }
        self.schedule(&key);
        Ok(self.accepted(call, Response::empty(202), operation))
    }

    /// Begins an operation that ends within a range of seconds, unless a fault has other plans.
    fn begin(
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
        let mut pending = Pending {
            operation,
            ends: Some(time::after(call.now.service, SignedDuration::from_millis(takes))),
            change,
            failure: None,
        };
        for effect in call.effects {
            match effect {
                Effect::OperationFails { code, message } => {
                    pending.failure = Some(crate::compute::ArmError::new(code, message.clone()));
                }
                Effect::OperationNeverEnds => pending.ends = None,
                Effect::OperationUrlGone => self.operations.vanish(operation),
                _ => {}
            }
        }
        pending
    }

    /// The answer with the URL of its operation.
    fn accepted(&mut self, call: &Call<'_>, response: Response, operation: uuid::Uuid) -> Response {
        let base = &call.request.base;
        let url = self.operations.url(base, operation, &call.version, &mut self.random, call.now.service);
        response.with("Azure-AsyncOperation", url)
    }

    /// The compute, if it can be changed now.
    ///
    /// # Errors
    /// 409 while an operation runs; 400 over one that failed to be made (azureml-api c.1, e.2).
    fn changeable(&self, key: &ComputeKey) -> Result<&Compute, Refusal> {
        let compute = self.workspaces.get(&key.0).and_then(|workspace| workspace.computes.get(&key.1));
        let Some(compute) = compute else {
            return Err(Refusal::provider(404, "UserError", "The compute was not found."));
        };
        if compute.pending.is_some() {
            let text = format!("There is already an active operation submitted for compute '{}'.", compute.name);
            return Err(Refusal::provider(409, "Conflict", text));
        }
        if !compute.born {
            let text =
                format!("The compute '{}' is in Failed state. Delete it before creating it again.", compute.name);
            return Err(Refusal::provider(400, "BadRequest", text));
        }
        Ok(compute)
    }

    fn identity(
        &self,
        call: &Call<'_>,
        id: &str,
        before: Option<&Identity>,
        request: Option<&IdentityRequest>,
        replace: bool,
    ) -> Result<Option<Identity>, Refusal> {
        let Some(request) = request else { return Ok(None) };
        let made = format!("system identity of {} {}", id.to_ascii_lowercase(), time::ticks(call.now.service));
        let system = random::uuid_for(self.seed, &made).to_string();
        let lookup = |id: &str| self.directory.identity(id);
        let issuer = Issuer { tenant: &call.tenant, system: &system, lookup: &lookup };
        Identity::apply(before, request, replace, &issuer).map(Some)
    }

    fn room_for_one_more(&self, call: &Call<'_>, location: &str) -> Result<(), Refusal> {
        let limit = self.quotas.limit(&call.subscription, location, Limit::Clusters);
        let used = self.computes_in(&call.subscription, location).count();
        if i64::try_from(used).unwrap_or(i64::MAX) < limit {
            return Ok(());
        }
        let text = format!(
            "Operation results in exceeding quota limits of Microsoft.BatchAI clusters. Maximum allowed: {limit}, Current in use: {used}, Additional requested: 1."
        );
        Err(Refusal::provider(400, "BadRequest", text))
    }

    fn unlocked(&self, call: &Call<'_>, path: &WorkspacePath, id: &str) -> Result<(), Refusal> {
        match self.group(call, &path.group)?.lock {
            Some(Lock::ReadOnly) => Err(locked(call, path, id, "write")),
            Some(Lock::CanNotDelete) | None => Ok(()),
        }
    }

    fn allowed_by_policy(&self, call: &Call<'_>, body: &ComputeBody, name: &str) -> Result<(), Refusal> {
        let subscription = self.subscriptions.get(&call.subscription.to_ascii_lowercase());
        for policy in subscription.iter().flat_map(|subscription| &subscription.policies) {
            let size = policy.denied_vm_sizes.iter().any(|size| size.eq_ignore_ascii_case(&body.settings.vm_size));
            let has = |tag: &String| body.tags.as_ref().is_some_and(|tags| tags.contains_key(tag));
            if size || !policy.required_tags.iter().all(has) {
                return Err(disallowed(&call.subscription, &policy.name, name));
            }
        }
        Ok(())
    }

    /// The ARM id of a compute, in the workspace's spelling.
    pub(crate) fn resource_id(&self, workspace: &str, name: &str) -> String {
        let Some(workspace) = self.workspaces.get(workspace) else { return String::new() };
        let known = workspace.computes.get(&name.to_ascii_lowercase());
        workspace.compute_id(known.map_or(name, |compute| &compute.name))
    }

    /// A compute, to change it.
    pub(crate) fn compute_mut(&mut self, key: &ComputeKey) -> Option<&mut Compute> {
        self.workspaces.get_mut(&key.0)?.computes.get_mut(&key.1)
    }
}

/// Keeps what a stale read will show.
fn remember(compute: &mut Compute) {
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

fn is_stale(call: &Call<'_>) -> bool {
    call.effects.iter().any(|effect| matches!(effect, Effect::StaleRead))
}

fn hidden_reads(call: &Call<'_>) -> u32 {
    let hidden = call.effects.iter().find_map(|effect| match effect {
        Effect::HideAfterCreate { reads } => Some(*reads),
        _ => None,
    });
    hidden.unwrap_or(0)
}

/// Checks the actions on the subnet and the identities that a write names.
fn linked(call: &Call<'_>, id: &str, subnet: Option<&str>, identity: Option<&IdentityRequest>) -> Result<(), Refusal> {
    if let Some(subnet) = subnet {
        let action = "Microsoft.Network/virtualNetworks/subnets/join/action";
        call.caller.authorize_linked(WRITE, id, (action, subnet))?;
    }
    for user in identity.iter().flat_map(|identity| identity.used()) {
        let action = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action";
        call.caller.authorize_linked(WRITE, id, (action, user))?;
    }
    Ok(())
}

fn locked(call: &Call<'_>, path: &WorkspacePath, id: &str, verb: &str) -> Refusal {
    let text = format!(
        "The scope '{id}' cannot perform {verb} operation because following scope(s) are locked: '/subscriptions/{}/resourceGroups/{}'. Please remove the lock and try again.",
        call.subscription, path.group
    );
    Refusal::gateway(409, "ScopeLocked", text)
}

fn disallowed(subscription: &str, policy: &str, name: &str) -> Refusal {
    let scope = format!("/subscriptions/{subscription}");
    let assignment = format!("{scope}/providers/Microsoft.Authorization/policyAssignments/{policy}");
    let definition = format!("{scope}/providers/Microsoft.Authorization/policyDefinitions/{policy}");
    let identifiers: Value = json!([{
        "policyAssignment": {"name": policy, "id": assignment},
        "policyDefinition": {"name": policy, "id": definition}
    }]);
    let text = format!("Resource '{name}' was disallowed by policy. Policy identifiers: '{identifiers}'.");
    Refusal::gateway(403, "RequestDisallowedByPolicy", text).target(name).info(
        "PolicyViolation",
        &json!({
            "policyDefinitionDisplayName": policy,
            "policyAssignmentDisplayName": policy,
            "policyDefinitionId": definition,
            "policyDefinitionName": policy,
            "policyDefinitionEffect": "deny",
            "policyAssignmentId": assignment,
            "policyAssignmentName": policy,
            "policyAssignmentScope": scope
        }),
    )
}
