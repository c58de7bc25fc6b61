//! How computes hang on what stands behind them: the checks of an attach, what its end does, what changes of a resource do to its
//! attachments. What a type asks for is in its own file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    checks::{self, ComputeBody},
    compute::{
        ArmError, Change, Ended, State,
        attached::{Attached, Lacking, Near},
    },
    errors::Refusal,
    random,
    resources::{self, Resource, ResourceSeed, ResourceState},
    workspace::Workspace,
    world::{Call, ComputeKey, World},
    writes::WRITE,
};

impl World {
    /// Checks the attach that a body asks for, and fills in what Azure ML reads off the resource at once. Other bodies pass.
    ///
    /// # Errors
    /// 400 for a wrong name, region or id, for a resource that is not there, and for what the type refuses; 403 and 500 for a
    /// caller who may not use the resource.
    pub(crate) fn admit_attachment(
        &mut self,
        call: &Call<'_>,
        workspace: &str,
        name: &str,
        body: &mut ComputeBody,
    ) -> Result<(), Refusal> {
        let Some(here) = self.workspaces.get(workspace) else { return Ok(()) };
        let Some(attached) = body.machine.attached_mut() else { return Ok(()) };
        checks::new_name(name)?;
        let (kind, longest) = (attached.kind.name, attached.kind.longest_name);
        if name.len() > longest {
            let text = format!("Compute name is invalid. Names of type {kind} have at most {longest} characters.");
            return Err(Refusal::user_error(text));
        }
        if body.location.as_ref().is_some_and(|location| *location != here.location) {
            let text =
                format!("The location of a compute of type {kind} must be that of its workspace, '{}'.", here.location);
            return Err(Refusal::user_error(text).target("location"));
        }
        let resource = self.behind(here, attached)?;
        if let Some(resource) = &resource {
            authorize(call, &here.compute_id(name), attached, resource)?;
        }
        (attached.kind.check)(attached, resource.as_ref())?;
        if let Some(resource) = resource {
            self.resources.keep(resource);
        }
        Ok(())
    }

    /// Attaches what a seed attaches, and makes what it leaves to Azure ML.
    ///
    /// # Errors
    /// What a PUT would be refused for.
    pub(crate) fn attach_seeded(
        &mut self,
        here: &Workspace,
        name: &str,
        location: &str,
        attached: &mut Attached,
    ) -> Result<(), Refusal> {
        let resource = self.behind(here, attached)?;
        (attached.kind.check)(attached, resource.as_ref())?;
        if let Some(resource) = resource {
            attached.trouble = attached.trouble_with(&resource);
            self.resources.keep(resource);
        }
        if let Some(resource) = make(self.seed, here, (name, location), here.created_on, attached) {
            self.resources.keep(resource);
        }
        Ok(())
    }

    /// What stands behind an attachment, read off. None: Azure ML is to make it, or the body names nothing.
    fn behind(&self, here: &Workspace, attached: &mut Attached) -> Result<Option<Resource>, Refusal> {
        let target = "properties.resourceId";
        let (id, kind) = match (&attached.resource_id, attached.resource_key()) {
            (Some(id), _) => {
                let kind = resources::kind_of(id).ok_or_else(|| Refusal::linked_id(id, target))?;
                let fit = attached.kind.resources.iter().find(|known| known.eq_ignore_ascii_case(&kind));
                let Some(fit) = fit else {
                    let (name, fits) = (attached.kind.name, attached.kind.resources.join(" or "));
                    let text = format!("The resource '{id}' is not valid for computeType {name}: {fits} is expected.");
                    return Err(Refusal::user_error(text).target(target));
                };
                (id.clone(), *fit)
            }
            (None, Some(host)) => (host, ""),
            (None, None) if attached.kind.makes.is_some() => {
                attached.made = true;
                return Ok(None);
            }
            (None, None) if attached.kind.cares.address => return Ok(None),
            (None, None) => {
                let text = format!("A compute of type {} must name a resource.", attached.kind.name);
                return Err(Refusal::user_error(text).target(target));
            }
        };
        let Some(mut resource) = self.resources.find(&id, kind) else {
            let gone = Resource { state: ResourceState::Deleted, ..Resource::new(&id, kind) };
            let error = attached.trouble_with(&gone).unwrap_or_else(|| ArmError::new("ResourceNotFound", id.clone()));
            return Err(Refusal::provider(400, &error.code, error.message).target(target));
        };
        if !kind.is_empty() {
            resource.location.get_or_insert_with(|| here.location.clone());
            attached.read_off(&resource, self.seed);
            near(here, attached, &resource)?;
        }
        Ok(Some(resource))
    }

    /// Why the change that runs on an attachment fails, if it does.
    pub(crate) fn attachment_verdict(&self, key: &ComputeKey) -> Option<ArmError> {
        let compute = self.compute(key)?;
        let attached = compute.machine.attached()?;
        match &compute.pending.as_ref()?.change {
            Change::Create => self.trouble_of(attached),
            Change::Update(_) if attached.is_renewed() => self.trouble_of(attached),
            Change::Delete { detach: false, .. } => {
                let refusal = self.locks.allow("DELETE", attached.resource_id.as_deref()?).err()?;
                Some(ArmError::new(&refusal.code, refusal.message))
            }
            Change::Update(_) | Change::Power(_) | Change::Delete { .. } => None,
        }
    }

    /// What the end of a change does beside the compute: resources are made and deleted, older attachments break.
    pub(crate) fn attachment_ended(
        &mut self,
        key: &ComputeKey,
        before: (&Change, Option<Attached>),
        ended: &Ended,
        at: Timestamp,
    ) {
        let (change, Some(attached)) = before else { return };
        match (change, ended) {
            (Change::Create, Ended::Succeeded) => {
                self.make_for(key, at);
                self.claim(key);
            }
            (Change::Update(_), Ended::Succeeded) => {
                if attached.is_renewed() {
                    self.claim(key);
                }
                self.look_again(key, at);
            }
            (Change::Delete { detach: false, .. }, Ended::Removed { .. }) if attached.made => {
                if let Some(id) = &attached.resource_id {
                    // It is known: Azure ML made it.
                    let _ = self.delete_resource(id, at);
                }
            }
            (_, Ended::Failed(_)) => {
                let born = self.compute(key).filter(|compute| compute.born);
                let Some(attached) = born.and_then(|compute| compute.machine.attached()) else { return };
                let trouble = self.trouble_of(attached);
                if let Some(attached) = self.compute_mut(key).and_then(|compute| compute.machine.attached_mut()) {
                    attached.trouble = trouble;
                }
            }
            (_, Ended::Succeeded | Ended::Removed { .. }) => {}
        }
    }

    /// A success does not tell that the resource is well: a PUT that changes nothing succeeds whatever it is like.
    fn look_again(&mut self, key: &ComputeKey, at: Timestamp) {
        let found = self.compute_mut(key).and_then(|compute| compute.machine.attached_mut());
        let Some(attached) = found else { return };
        attached.trouble = None;
        if let Some(resource) = attached.resource_key() {
            self.examine(&resource, at);
        }
    }

    fn trouble_of(&self, attached: &Attached) -> Option<ArmError> {
        let resource = self.resources.get(&attached.resource_key()?)?;
        attached.trouble_with(resource)
    }

    /// Makes the resource that the body of an attachment left to Azure ML, if it did.
    fn make_for(&mut self, key: &ComputeKey, at: Timestamp) {
        let Some((here, compute)) = self.workspaces.get(&key.0).zip(self.compute(key)) else { return };
        let Some(mut attached) = compute.machine.attached().cloned() else { return };
        let place = (compute.name.as_str(), compute.compute_location.as_str());
        let Some(resource) = make(self.seed, here, place, at, &mut attached) else { return };
        self.resources.keep(resource);
        if let Some(known) = self.compute_mut(key).and_then(|compute| compute.machine.attached_mut()) {
            *known = attached;
        }
    }

    /// An attachment is made: older ones of the same workspace that hold the same break, and nobody is told ("Each new attachment
    /// will break the previous existing attachment(s)", how-to-attach-compute-targets).
    pub(crate) fn claim(&mut self, key: &ComputeKey) {
        let Some(workspace) = self.workspaces.get_mut(&key.0) else { return };
        let Some(compute) = workspace.computes.get_mut(&key.1) else { return };
        let name = compute.name.clone();
        let Some(attached) = compute.machine.attached_mut() else { return };
        attached.broken_by = None;
        let claims = (attached.kind.claims)(attached);
        for (_, other) in workspace.computes.iter_mut().filter(|(other, compute)| **other != key.1 && compute.born) {
            if let Some(other) = other.machine.attached_mut()
                && (other.kind.claims)(other).iter().any(|claim| claims.contains(claim))
            {
                other.broken_by = Some(name.clone());
            }
        }
    }

    /// The same for computes that are there from the start, by their keys in the workspace and in the order in which they were
    /// attached: once for all, because each by itself looks at all others.
    pub(crate) fn claim_in_order(&mut self, workspace: &str, names: &[String]) {
        let Some(workspace) = self.workspaces.get_mut(workspace) else { return };
        let mut claimed: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, name) in names.iter().enumerate() {
            let Some(attached) = workspace.computes.get(name).and_then(|compute| compute.machine.attached()) else {
                continue;
            };
            for claim in (attached.kind.claims)(attached) {
                claimed.entry(claim).or_default().push(index);
            }
        }
        let mut breaks: BTreeMap<usize, usize> = BTreeMap::new();
        for claimants in claimed.values() {
            let Some((last, earlier)) = claimants.split_last() else { continue };
            for index in earlier.iter().filter(|index| *index != last) {
                let breaker = breaks.entry(*index).or_default();
                *breaker = (*breaker).max(*last);
            }
        }
        for (broken, by) in breaks {
            let by = workspace.computes.get(&names[by]).map(|compute| compute.name.clone());
            if let Some(attached) =
                workspace.computes.get_mut(&names[broken]).and_then(|own| own.machine.attached_mut())
            {
                attached.broken_by = by;
            }
        }
    }

    /// Changes a resource, or brings it into being; its attachments notice at once.
    ///
    /// # Errors
    /// What is wrong with it, beginning with the member.
    pub(crate) fn change_resource(&mut self, seed: &ResourceSeed, at: Timestamp) -> Result<String, String> {
        let key = self.resources.change(seed)?;
        self.examine(&key, at);
        Ok("resource changed".into())
    }

    /// Deletes a resource; its attachments stay and notice at once.
    ///
    /// # Errors
    /// There is no such resource.
    pub(crate) fn delete_resource(&mut self, id: &str, at: Timestamp) -> Result<String, String> {
        let key = id.to_ascii_lowercase();
        let known = self.resources.get(&key).filter(|known| known.state != ResourceState::Deleted);
        let Some(known) = known else { return Err(format!("there is no resource '{id}'")) };
        self.resources.keep(Resource { state: ResourceState::Deleted, ..known.clone() });
        self.examine(&key, at);
        Ok("resource deleted".into())
    }

    /// Lets the attachments of a resource notice how it is.
    fn examine(&mut self, key: &str, at: Timestamp) {
        let Some(resource) = self.resources.get(key).cloned() else { return };
        let seed = self.seed;
        let computes = self.workspaces.values_mut().flat_map(|workspace| workspace.computes.values_mut());
        for compute in computes {
            let settled = compute.born && compute.pending.is_none();
            let Some(attached) = compute.machine.attached_mut() else { continue };
            if !settled || attached.resource_key().as_deref() != Some(key) {
                continue;
            }
            if attached.resource_id.is_some() {
                attached.read_off(&resource, seed);
            }
            let trouble = attached.trouble_with(&resource);
            if attached.trouble == trouble {
                continue;
            }
            attached.trouble.clone_from(&trouble);
            compute.modified_on = at;
            compute.state = if trouble.is_some() { State::Failed } else { State::Succeeded };
            compute.errors = trouble.into_iter().collect();
        }
    }

    /// All resources that were named, with the computes that use them.
    pub(crate) fn show_resources(&self) -> Value {
        let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for workspace in self.workspaces.values() {
            for compute in workspace.computes.values() {
                let key = compute.machine.attached().and_then(Attached::resource_key);
                if let Some(key) = key {
                    users.entry(key).or_default().push(workspace.compute_id(&compute.name));
                }
            }
        }
        let nobody = Vec::new();
        let shown = self
            .resources
            .all()
            .map(|(key, resource)| (resource.id.clone(), resource.show(users.get(key).unwrap_or(&nobody))));
        Value::Object(shown.collect::<Map<String, Value>>())
    }
}

/// What `GET /world` tells of an attachment beside what Azure answers.
pub(crate) fn show_attachment(attached: &Attached) -> Value {
    json!({"resource": attached.resource_key(), "brokenBy": attached.broken_by})
}

/// The resource that a body left to Azure ML, for a compute of that name and location; `None`: it left none, or it is there. Its name
/// is as an example of the specification has it: `compute123-56826-c9b00420020b2`.
fn make(
    seed: u64,
    here: &Workspace,
    (name, location): (&str, &str),
    at: Timestamp,
    attached: &mut Attached,
) -> Option<Resource> {
    let makes = attached.kind.makes.as_ref().filter(|_| attached.made && attached.resource_id.is_none())?;
    let compute = here.compute_id(name);
    let drawn = random::hash(seed, &format!("made for {compute} {at}"));
    let id = format!(
        "/subscriptions/{}/resourcegroups/{}/providers/{}/{name}-{:05}-{:013x}",
        here.subscription,
        here.group,
        makes.kind,
        drawn % 100_000,
        drawn >> 12
    );
    attached.resource_id = Some(id.clone());
    let mut resource = Resource::new(&id, makes.kind);
    resource.location = Some(location.to_owned());
    resource.reports = (makes.facts)(attached);
    resource.made_by = Some(compute);
    attached.read_off(&resource, seed);
    Some(resource)
}

/// Checks what the caller may do with the resource.
fn authorize(call: &Call<'_>, id: &str, attached: &Attached, resource: &Resource) -> Result<(), Refusal> {
    if resource.kind.is_empty() {
        return Ok(());
    }
    let read = format!("{}/read", resource.kind);
    call.caller.authorize_linked(WRITE, id, (&read, &resource.id))?;
    let lacks =
        |(kind, action, _): &&(&str, &str, Lacking)| *kind == resource.kind && !call.caller.may(action, &resource.id);
    match attached.kind.rights.iter().find(lacks).map(|(_, _, lacking)| lacking) {
        None => Ok(()),
        Some(Lacking::InternalError) => {
            Err(Refusal::provider(500, "InternalServerError", "An internal server error occurred."))
        }
        Some(Lacking::NoExtension) => {
            let text = "The Azure Machine Learning extension is not installed in the cluster.";
            Err(Refusal::user_error(text).target("properties.resourceId"))
        }
    }
}

/// Checks where the resource is.
fn near(here: &Workspace, attached: &Attached, resource: &Resource) -> Result<(), Refusal> {
    let refuse = |text: String| Err(Refusal::user_error(text).target("properties.resourceId"));
    let kind = attached.kind.name;
    let subscription = resources::part_of(&resource.id, "subscriptions").unwrap_or_default();
    if attached.kind.near == Near::SameRegionAndSubscription && !subscription.eq_ignore_ascii_case(&here.subscription) {
        return refuse(format!(
            "The resource of a compute of type {kind} must be in the subscription of the workspace, '{}'. '{}' is in '{subscription}'.",
            here.subscription, resource.id
        ));
    }
    let location = resource.location.as_deref().unwrap_or(&here.location);
    if attached.kind.near != Near::Anywhere && location != here.location {
        return refuse(format!(
            "The resource of a compute of type {kind} must be in the region of the workspace, '{}'. '{}' is in '{location}'.",
            here.location, resource.id
        ));
    }
    Ok(())
}
