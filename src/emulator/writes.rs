//! Writes of computes: PUT and PATCH. What ARM checks first is done before; what time does comes after.

use serde_json::{Value, json};

use crate::{
    checks::{self, ComputeBody, PatchBody},
    compute::{
        Before, Change, Compute, State,
        amlcompute::Settings,
        identity::{Identity, IdentityRequest, Issuer},
        instance::power::{Trigger, Verb},
        machine::{Cluster, Machine},
        nodes::Pool,
    },
    computes::remember,
    errors::Refusal,
    message::Response,
    quota::Limit,
    random,
    route::WorkspacePath,
    time, versions,
    world::{Call, ComputeKey, World},
};

/// The action of PUT and PATCH on a compute.
pub(crate) const WRITE: &str = "Microsoft.MachineLearningServices/workspaces/computes/write";

impl World {
    /// PUT: always 201 with `Azure-AsyncOperation`, be the compute new or not (recorded 2022, 2025).
    pub(crate) fn put_compute(
        &mut self,
        call: &Call<'_>,
        path: &WorkspacePath,
        name: &str,
    ) -> Result<Response, Refusal> {
        let key = self.workspace(call, path, true)?;
        let id = self.resource_id(&key, name);
        let compute_key = (key, name.to_ascii_lowercase());
        let mut sent = checks::json_body(call.request)?;
        self.keep_size(&compute_key, &mut sent);
        let mut body = checks::compute_body(&sent)?;
        if !body.machine.is_known_to(&call.version) {
            return Err(checks::unknown_type(body.machine.kind()));
        }
        self.allowed_by_policy(call, &body, name)?;
        linked(call, &id, body.machine.subnet().as_deref(), body.identity.as_ref())?;
        if let Some(present) = self.compute(&compute_key) {
            if let (Some(asked), Some(attached)) = (body.machine.attached_mut(), present.machine.attached()) {
                asked.recall(attached);
            }
            self.replace(call, &compute_key, &id, body)
        } else {
            self.admit_attachment(call, &compute_key.0, name, &mut body)?;
            self.create(call, &compute_key, &id, name, body)
        }
    }

    /// A cluster that is there keeps its size if a PUT names none, as the specification's example of an update does.
    fn keep_size(&self, key: &ComputeKey, sent: &mut Value) {
        let size = self.compute(key).filter(|compute| compute.machine.cluster().is_some());
        let size = size.and_then(|compute| compute.machine.vm_size());
        let settings = sent.pointer_mut("/properties/properties").and_then(Value::as_object_mut);
        if let (Some(size), Some(settings)) = (size, settings) {
            settings.entry("vmSize").or_insert(json!(size));
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
        if body.machine.attached().is_none() {
            self.room_for_one_more(call, &compute_location)?;
        }
        let identity = self.identity(call, id, None, body.identity.as_ref(), true)?;
        let mut machine = body.machine;
        let doom = self.admit_instance(call, key, name, &compute_location, &mut machine)?;
        let soon = doom.as_ref().and_then(|(_, soon)| *soon);
        let mut pending = self.begin(call, key, id, "create", soon.unwrap_or(machine.times().create), Change::Create);
        pending.failure = pending.failure.or(doom.map(|(error, _)| error));
        let (operation, ends) = (pending.operation, pending.ends);
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
            machine,
            born: false,
            pending: Some(pending.into()),
            wake: None,
            hidden_reads: call.plan.hidden_reads,
            previous: None,
        };
        let answer = compute.created(id);
        let Some(workspace) = self.workspaces.get_mut(&key.0) else { return Ok(Response::empty(404)) };
        // A cluster that was detached lives on, and a new compute of its name takes it over as it is (azureml-api f.3).
        if let Some((left, location)) = workspace.detached.get(&key.1)
            && left.kind() == compute.machine.kind()
        {
            compute.machine.inherit(left.clone());
            (compute.compute_location, compute.born) = (location.clone(), true);
            workspace.detached.remove(&key.1);
        }
        if let Some(instance) = compute.machine.instance_mut() {
            instance.begin(Verb::Create, Trigger::User, call.now.service, ends);
            compute.wake = instance.next(call.now.service);
        }
        workspace.ghosts.remove(&key.1);
        workspace.computes.insert(key.1.clone(), Box::new(compute));
        self.schedule(key);
        Ok(self.accepted(call, Response::json(201, &answer), operation))
    }

    /// Tags, identity and what the type lets change are changed; the rest is answered as sent and forgotten (azureml-api f.2).
    fn replace(&mut self, call: &Call<'_>, key: &ComputeKey, id: &str, body: ComputeBody) -> Result<Response, Refusal> {
        let present = self.changeable(key)?;
        let (kind, times) = (present.machine.kind(), present.machine.times());
        if kind != body.machine.kind() {
            let text = format!(
                "The computeType of compute '{}' is {kind} and cannot be changed to {}.",
                present.name,
                body.machine.kind()
            );
            return Err(Refusal::user_error(text).target("properties.computeType"));
        }
        let before = before(present);
        let identity = self.identity(call, id, before.identity.as_ref(), body.identity.as_ref(), true)?;
        let change = Change::Update(Box::new(before));
        let pending = self.begin(call, key, id, "update", times.update, change);
        let operation = pending.operation;
        let Some(compute) = self.compute_mut(key) else { return Ok(Response::empty(404)) };
        remember(compute);
        compute.machine.change(&body.machine);
        if compute.machine.replaces_envelope() {
            compute.tags = body.tags.or_else(|| (!compute.machine.is_attached()).then(Default::default));
            compute.identity = identity;
        }
        compute.modified_on = call.now.service;
        compute.state = State::Creating;
        compute.pending = Some(pending.into());
        let mut answer = compute.changed(id, &body.machine);
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
        let body = checks::patch_body(&checks::json_body(call.request)?, &call.version)?;
        if self.compute(&key).is_none_or(|compute| !compute.machine.is_known_to(&call.version)) {
            return Ok(Response::empty(404));
        }
        let present = self.changeable(&key)?;
        let Some(cluster) = present.machine.cluster() else {
            let text = format!("ComputeUpdate with computeType {} is not supported.", present.machine.kind());
            return Err(Refusal::user_error(text));
        };
        if body.is_empty() {
            return Ok(Response::json(200, &present.show(&id)));
        }
        let PatchBody { min, max, idle, identity } = body;
        let (before, times) = (before(present), present.machine.times());
        let mut scale = cluster.settings.scale;
        (scale.min, scale.max) = (min.unwrap_or(scale.min), max.unwrap_or(scale.max));
        scale.idle = idle.or(scale.idle);
        checks::ordered(scale.min, scale.max)?;
        linked(call, &id, None, identity.as_ref())?;
        let identity = match &identity {
            None => before.identity.clone(),
            asked => self.identity(call, &id, before.identity.as_ref(), asked.as_ref(), false)?,
        };
        let pending = self.begin(call, &key, &id, "update", times.update, Change::Update(Box::new(before)));
        let operation = pending.operation;
        let Some(compute) = self.compute_mut(&key) else { return Ok(Response::empty(404)) };
        remember(compute);
        compute.identity = identity;
        compute.modified_on = call.now.service;
        compute.state = State::Updating;
        compute.pending = Some(pending.into());
        let Some(cluster) = compute.machine.cluster_mut() else { return Ok(Response::empty(404)) };
        cluster.settings.scale = scale;
        let mut settings = Settings { remote_login: "NotSpecified", ..cluster.settings.clone() };
        settings.scale.idle = idle;
        let echo = Cluster { settings, pool: Pool::new(call.now.service) };
        let answer = compute.changed(&id, &Machine::Cluster(Box::new(echo)));
        self.schedule(&key);
        Ok(self.accepted(call, Response::json(versions::patch_status(&call.version), &answer), operation))
    }

    /// The compute, if it can be changed now.
    ///
    /// # Errors
    /// 409 while an operation runs; 400 over one that failed to be made (azureml-api c.1, e.2).
    fn changeable(&self, key: &ComputeKey) -> Result<&Compute, Refusal> {
        let compute = self.at_rest(key)?;
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
        let used = self.clusters_in(&call.subscription, location);
        if i64::try_from(used).unwrap_or(i64::MAX) < limit {
            return Ok(());
        }
        let text = format!(
            "Operation results in exceeding quota limits of Microsoft.BatchAI clusters. Maximum allowed: {limit}, Current in use: {used}, Additional requested: 1."
        );
        Err(Refusal::provider(400, "BadRequest", text))
    }

    fn allowed_by_policy(&self, call: &Call<'_>, body: &ComputeBody, name: &str) -> Result<(), Refusal> {
        let subscription = self.subscriptions.get(&call.subscription.to_ascii_lowercase());
        for policy in subscription.iter().flat_map(|subscription| &subscription.policies) {
            let asked = body.machine.vm_size();
            let size =
                policy.denied_vm_sizes.iter().any(|size| asked.is_some_and(|asked| size.eq_ignore_ascii_case(asked)));
            let has = |tag: &String| body.tags.as_ref().is_some_and(|tags| tags.contains(tag));
            if size || !policy.required_tags.iter().all(has) {
                return Err(disallowed(&call.subscription, &policy.name, name));
            }
        }
        Ok(())
    }
}

/// What is put back if a change of a compute fails.
fn before(present: &Compute) -> Before {
    Before { kept: present.machine.keep(), tags: present.tags.clone(), identity: present.identity.clone() }
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
