//! ComputeInstances in the world: their names and creators, the POSTs that change them, what their schedules and idleness do. What
//! ARM checks first is done before.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    checks,
    compute::{
        ArmError, Change, Compute, Pending,
        instance::{
            Birth, Deed, Instance,
            power::{Trigger, Verb},
            schedule::Schedule,
            services,
            settings::{Idle, User},
        },
        machine::Machine,
    },
    computes::remember,
    errors::Refusal,
    fields::Fields,
    message::Response,
    operations::Outcome,
    random,
    sizes::Catalogue,
    time, versions,
    world::{Call, ComputeKey, World},
};

/// How soon an operation fails that has no room or no such size, in seconds: as a cluster's create does.
const DOOMED: (f64, f64) = (10.0, 22.0);

/// Why an operation will fail, and how soon if that is not at its usual end.
pub(crate) type Doom = (ArmError, Option<(f64, f64)>);

impl World {
    /// Checks and completes an instance that is to be made; does nothing to other types. What is returned makes its create fail.
    ///
    /// # Errors
    /// 400: another region than the workspace's, a name that an instance of the region has, a key for somebody else.
    pub(crate) fn admit_instance(
        &mut self,
        call: &Call<'_>,
        key: &ComputeKey,
        name: &str,
        location: &str,
        machine: &mut Machine,
    ) -> Result<Option<Doom>, Refusal> {
        let Some(instance) = machine.instance_mut() else { return Ok(None) };
        let home = self.workspaces.get(&key.0).map_or("", |workspace| workspace.location.as_str());
        if location != home {
            let text =
                format!("A compute instance must be in the region of its workspace, '{home}', not in '{location}'.");
            return Err(Refusal::user_error(text).target("location"));
        }
        if self.instance_named(location, name) {
            return Err(Refusal::user_error(
                "Compute with this name already exists. Compute name needs to be unique across all existing computes within an Azure region.",
            ));
        }
        instance.settings.for_creator(&call.caller.object_id)?;
        let creator = User { object: call.caller.object_id.clone(), tenant: call.caller.tenant.clone() };
        self.endow(instance, creator, &format!("{}/{}", key.0, key.1), call.now.service);
        let reserved = machine.reserved().map(|reserved| reserved.vm_size.to_owned()).unwrap_or_default();
        if let Some(error) = self.no_room(&key.0, location, &reserved, None) {
            return Ok(Some((error, Some(DOOMED))));
        }
        let failure = machine.instance().and_then(|instance| instance.script_failure(Verb::Create, name));
        Ok(failure.map(|error| (error, None)))
    }

    /// Gives a new instance its creator, address, image and the ids of its schedules.
    pub(crate) fn endow(&mut self, instance: &mut Instance, creator: User, key: &str, made: Timestamp) {
        let bits = random::hash(self.seed, &format!("address of {key} {made}")).to_be_bytes();
        instance.birth = Birth { creator, made, address: [20, bits[0] & 0x7f, bits[1], bits[2]] };
        instance.image = (self.image.clone(), self.image.clone());
        instance.name_schedules(|| self.random.uuid());
    }

    /// Whether an instance of a region has the name, in whatever workspace and subscription: it is a host name (azureml-api h).
    pub(crate) fn instance_named(&self, location: &str, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        let named = self.workspaces.values().filter_map(|workspace| workspace.computes.get(&lower));
        named.into_iter().any(|compute| compute.machine.instance().is_some() && compute.compute_location == location)
    }

    /// POST of an action that `word` names in refusals, on an instance.
    ///
    /// # Errors
    /// 400 for actions of other types; 409 while an operation runs; what the action itself refuses.
    pub(crate) fn act_on_instance(
        &mut self,
        call: &Call<'_>,
        key: &ComputeKey,
        action: &str,
        word: &str,
    ) -> Result<Response, Refusal> {
        let unfit = || Err(Refusal::user_error(format!("{word} with computeType ComputeInstance is not supported.")));
        match action {
            "start" => self.power(call, key, Verb::Start, None),
            "stop" => self.power(call, key, Verb::Stop, None),
            "restart" => self.power(call, key, Verb::Restart, None),
            "resize" => {
                let body = checks::json_body(call.request)?;
                let size = Fields::of(&body)?.required("targetVMSize")?.trim().to_ascii_uppercase();
                self.power(call, key, Verb::Resize, Some(size))
            }
            "getallowedvmsizesforresize" => self.sizes_for_resize(key),
            "updateidleshutdownsetting" => {
                let body = checks::json_body(call.request)?;
                let idle = Idle::read(&Fields::of(&body)?)?;
                self.set(call, key, |instance, at| {
                    instance.settings.idle = idle;
                    instance.restart_idle(at);
                })
            }
            "customservices" => {
                let body = checks::json_body(call.request)?;
                let read = services::read(&body, "customServices")?;
                self.set(call, key, |instance, _| instance.settings.services = read)
            }
            "updatedatamounts" => {
                let body = checks::json_body(call.request)?;
                let read = services::read_mounts(&body, &time::millis(call.now.service))?;
                self.set(call, key, |instance, _| instance.mounts = read)
            }
            "updateschedules" => self.set_schedules(call, key),
            "enablesso" => self.set_sso(call, key),
            _ => unfit(),
        }
    }

    /// How long an operation on an instance takes, in seconds, and why it will fail, if it will. `size`: the one it leads to, if that
    /// is another.
    fn prospects(
        &self,
        key: &ComputeKey,
        (name, location): (&str, &str),
        instance: &Instance,
        verb: Verb,
        size: Option<&str>,
    ) -> ((f64, f64), Option<ArmError>) {
        let own = instance.settings.vm_size.as_str();
        let held = instance.holds_quota().then_some(own);
        let grows = matches!(verb, Verb::Start | Verb::Resize);
        match grows.then(|| self.no_room(&key.0, location, size.unwrap_or(own), held)).flatten() {
            Some(error) => (DOOMED, Some(error)),
            None => (instance.takes(verb), instance.script_failure(verb, name)),
        }
    }

    /// Start, stop, restart, resize: 202 and an operation. What the state does not allow fails as an operation (recorded in
    /// vscode-tools-for-ai issue 2096); while another one runs it is 409 (issue 2673).
    fn power(
        &mut self,
        call: &Call<'_>,
        key: &ComputeKey,
        verb: Verb,
        size: Option<String>,
    ) -> Result<Response, Refusal> {
        let compute = self.at_rest(key)?;
        let (name, location) = (compute.name.clone(), compute.compute_location.clone());
        let Some(instance) = compute.machine.instance() else { return Ok(Response::empty(404)) };
        let status = versions::power_status(&call.version);
        if verb == Verb::Stop && instance.disk_full {
            // vscode-tools-for-ai issue 2605
            let text = "StopCompute is not allowed when ComputeInstance disk is full.";
            return Err(Refusal::provider(400, "BadRequest", text));
        }
        if !verb.allowed(instance.power) {
            let operation = self.random.uuid();
            self.operations.begin(operation, &call.subscription, &location);
            let (code, message) = verb.not_allowed(&name);
            self.operations.end(operation, Outcome::Failed { code: code.to_owned(), message });
            return Ok(self.accepted(call, Response::empty(status), operation));
        }
        let (takes, failure) = self.prospects(key, (&name, &location), instance, verb, size.as_deref());
        let id = self.resource_id(&key.0, &name);
        let mut pending = self.begin(call, key, &id, verb.word(), takes, Change::Power(verb));
        pending.failure = pending.failure.or(failure);
        let operation = pending.operation;
        if let Some(compute) = self.compute_mut(key) {
            remember(compute);
            run(compute, verb, Trigger::User, call.now.service, pending);
            if let Some(instance) = compute.machine.instance_mut() {
                instance.target = size;
            }
        }
        self.schedule(key);
        Ok(self.accepted(call, Response::empty(status), operation))
    }

    /// Lets an instance do what its schedules and its idleness make it do.
    pub(crate) fn settle_instance(&mut self, key: &ComputeKey, at: Timestamp) {
        let Some(compute) = self.compute_mut(key) else { return };
        let (busy, leaving) = (compute.pending.is_some(), compute.is_leaving());
        let Some(instance) = compute.machine.instance_mut() else { return };
        let deed = instance.advance(at, busy);
        if let Some(Deed { verb, trigger }) = deed {
            self.deed(key, verb, trigger, at);
        }
        if let Some(compute) = self.compute_mut(key) {
            compute.wake = compute.machine.instance().filter(|_| !leaving).and_then(|instance| instance.next(at));
        }
    }

    /// Starts or stops an instance without anybody's request.
    pub(crate) fn deed(&mut self, key: &ComputeKey, verb: Verb, trigger: Trigger, at: Timestamp) {
        let id = self.resource_id(&key.0, &key.1);
        let operation = self.random.uuid();
        let Some(compute) = self.compute(key) else { return };
        let Some(instance) = compute.machine.instance() else { return };
        let place = (compute.name.as_str(), compute.compute_location.as_str());
        let ((low, high), failure) = self.prospects(key, place, instance, verb, None);
        let takes = random::millis_between(self.seed, &format!("{} {id} {operation}", verb.word()), low, high);
        let ends = Some(time::after(at, SignedDuration::from_millis(takes)));
        let pending = Pending { operation, ends, change: Change::Power(verb), failure };
        if let Some(compute) = self.compute_mut(key) {
            remember(compute);
            run(compute, verb, trigger, at, pending);
        }
    }

    /// The sizes that an instance can be resized to: those for instances, its own left out.
    fn sizes_for_resize(&self, key: &ComputeKey) -> Result<Response, Refusal> {
        let own = self.compute(key).and_then(|compute| compute.machine.vm_size()).unwrap_or_default();
        let catalogue = Catalogue::get();
        let fits = |row: &&Value| {
            let name = row["name"].as_str().unwrap_or_default();
            let size = catalogue.size(name).is_some_and(|size| size.supports("ComputeInstance"));
            size && !name.eq_ignore_ascii_case(own)
        };
        let value: Vec<&Value> = catalogue.rows().iter().filter(fits).collect();
        Ok(Response::json(200, &json!({"value": value})))
    }

    /// Changes a setting at once: 200 without a body.
    fn set(
        &mut self,
        call: &Call<'_>,
        key: &ComputeKey,
        change: impl FnOnce(&mut Instance, Timestamp),
    ) -> Result<Response, Refusal> {
        let at = call.now.service;
        self.at_rest(key)?;
        let Some(compute) = self.compute_mut(key) else { return Ok(Response::empty(404)) };
        remember(compute);
        compute.modified_on = at;
        if let Some(instance) = compute.machine.instance_mut() {
            change(instance, at);
            compute.wake = instance.next(at);
        }
        self.schedule(key);
        Ok(Response::empty(200))
    }

    /// All schedules are replaced (published example of 2021-03-01-preview).
    fn set_schedules(&mut self, call: &Call<'_>, key: &ComputeKey) -> Result<Response, Refusal> {
        let body = checks::json_body(call.request)?;
        let fields = Fields::of(&body)?;
        let mut schedules = Schedule::read_all(&fields)?.ok_or_else(|| fields.missing("computeStartStop"))?;
        schedules.iter_mut().for_each(|schedule| schedule.id = self.random.uuid());
        self.set(call, key, |instance, at| {
            instance.settings.schedules = schedules;
            instance.plan_schedules(at);
        })
    }

    /// Only the user of an instance may switch single sign-on (how-to-create-compute-instance). The refusal is not recorded.
    fn set_sso(&mut self, call: &Call<'_>, key: &ComputeKey) -> Result<Response, Refusal> {
        let body = checks::json_body(call.request)?;
        let fields = Fields::of(&body)?;
        // azureml-core spells it EnableSSO (measured).
        let wanted = match fields.boolean("enableSSO")? {
            None => fields.boolean("EnableSSO")?,
            wanted => wanted,
        };
        let Some(wanted) = wanted else { return Err(fields.refuse("enableSSO", "a boolean")) };
        let compute = self.at_rest(key)?;
        let user = compute.machine.instance().map(Instance::user).unwrap_or_default();
        if !user.eq_ignore_ascii_case(&call.caller.object_id) {
            let name = &compute.name;
            let text =
                format!("Only the user that compute instance '{name}' is assigned to can change its single sign-on.");
            return Err(Refusal::provider(403, "UserError", text));
        }
        self.set(call, key, |instance, _| instance.settings.sso = Some(wanted))
    }
}

/// Has an operation run on an instance.
fn run(compute: &mut Compute, verb: Verb, trigger: Trigger, at: Timestamp, pending: Pending) {
    if let Some(instance) = compute.machine.instance_mut() {
        instance.begin(verb, trigger, at, pending.ends);
        compute.wake = instance.next(at);
    }
    compute.pending = Some(pending.into());
}
