//! The world: everything that exists, and the one way a request meets it. Pure: no sockets, no clock, no randomness of its own.
//! Each kind of resource is answered in a file of its own.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use serde::{Deserialize, Serialize};

use crate::{
    aad::Directory,
    access::{self, Caller},
    delivery::Plan,
    errors::Refusal,
    faults::Faults,
    headers::{self, Trace},
    locks::Locks,
    message::{Request, Response},
    operations::Operations,
    outages::Outages,
    quota::Quotas,
    random::Random,
    resources::Resources,
    route::{self, ArmRoute, LocationResource, NAMESPACE, Route, Target, WorkspacePath},
    seed::PolicySeed,
    throttle::{Kind, Throttle},
    time::Now,
    versions,
    workspace::Workspace,
};

/// A workspace by `subscription/group/name`, and a compute's name, all in lower case.
pub(crate) type ComputeKey = (String, String);

/// A subscription.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) id: String,
    pub(crate) tenant: String,
    /// Names of its resource groups, by name in lower case.
    pub(crate) groups: BTreeMap<String, String>,
    pub(crate) policies: Vec<PolicySeed>,
}

/// All there is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) page_size: usize,
    pub(crate) directory: Directory,
    /// By id in lower case.
    pub(crate) subscriptions: BTreeMap<String, Subscription>,
    /// By `subscription/group/name` in lower case.
    pub(crate) workspaces: BTreeMap<String, Workspace>,
    /// What stands behind attached computes.
    pub(crate) resources: Resources,
    pub(crate) locks: Locks,
    pub(crate) outages: Outages,
    pub(crate) quotas: Quotas,
    pub(crate) operations: Operations,
    pub(crate) throttle: Throttle,
    pub(crate) faults: Faults,
    /// What is due when; follows from the computes.
    #[serde(skip)]
    pub(crate) agenda: BTreeSet<(Timestamp, ComputeKey)>,
    /// How often time did something to a compute.
    #[serde(skip)]
    pub(crate) wakes: u64,
    pub(crate) random: Random,
    /// The newest operating system image of instances.
    pub(crate) image: String,
}

/// A request that passed ARM's first checks.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    /// Asked of the regional service, not of ARM.
    pub(crate) regional: bool,
    pub(crate) plan: &'a Plan,
    pub(crate) now: Now,
    pub(crate) version: String,
    pub(crate) caller: Caller,
    /// The subscription's id in its own spelling.
    pub(crate) subscription: String,
    /// The tenant of the subscription.
    pub(crate) tenant: String,
}

impl World {
    /// Answers a request at `now`, under what its faults do to it.
    pub(crate) fn answer(&mut self, request: &Request, plan: &Plan, now: Now) -> Response {
        self.settle(now.service);
        match route::parse(&request.path) {
            Ok(Route::Token { tenant }) => self.directory.token(&tenant, request, &mut self.random, now.wall),
            Ok(Route::OpenIdConfiguration { tenant }) => Directory::openid_configuration(&tenant, &request.base),
            Ok(Route::InstanceDiscovery) => Directory::instance_discovery(&request.base),
            Ok(Route::MachineToken) => crate::imds::token(&self.directory, request, now.wall),
            Ok(Route::CloudMetadata) => crate::metadata::endpoints(request),
            Ok(Route::Discovery) => crate::regional::discovery(&request.base),
            Ok(Route::Subscriptions) => self.subscriptions(request, now),
            Ok(Route::Arm(route)) => self.arm(request, plan, now, &route, false),
            Ok(Route::Regional(route)) => self.arm(request, plan, now, &route, true),
            Err(refusal) => {
                let trace = Trace::new(request, &mut self.random, "global", now.wall);
                headers::refused(refusal, &trace, now)
            }
        }
    }

    fn arm(&mut self, request: &Request, plan: &Plan, now: Now, route: &ArmRoute, regional: bool) -> Response {
        let region = self.region(route);
        let mut trace = Trace::new(request, &mut self.random, &region, now.wall);
        let outcome = self.admit(request, plan, now, route, &mut trace, regional).and_then(|call| {
            let asks_service = !matches!(route.target, Target::Workspaces { .. } | Target::Unknown { .. });
            let outage = if asks_service { self.outages.answer(&region)? } else { None };
            match outage {
                Some(page) => Ok(page),
                None if regional => self.regional(&call, &route.target),
                None => self.dispatch(&call, route),
            }
        });
        match outcome {
            Ok(response) => headers::answered(response, &trace),
            Err(refusal) => headers::refused(refusal, &trace, now),
        }
    }

    /// ARM's checks, in its order: who, which version, which subscription, how often, whether allowed.
    fn admit<'a>(
        &mut self,
        request: &'a Request,
        plan: &'a Plan,
        now: Now,
        route: &ArmRoute,
        trace: &mut Trace,
        regional: bool,
    ) -> Result<Call<'a>, Refusal> {
        let known = self.subscriptions.get(&route.subscription.to_ascii_lowercase());
        let tenant = known.map(|subscription| subscription.tenant.clone());
        let caller = access::authenticate(&self.directory, request, tenant.as_deref(), now.wall)?;
        trace.caller(&caller);
        let version = route::query_value(&request.query, "api-version");
        let version = versions::check(version, &type_of(&route.target), &trace.region)?;
        let Some(subscription) = known else {
            return Err(no_subscription(&route.subscription));
        };
        let (id, tenant) = (subscription.id.clone(), subscription.tenant.clone());
        if !regional {
            let kind = Kind::of(&request.method);
            trace.remaining = Some(self.throttle.admit(&id, &caller.object_id, kind, now.wall)?);
        }
        let call = Call { request, regional, plan, now, version, caller, subscription: id, tenant };
        if let Some((action, scope)) = action(&call, &route.target) {
            if matches!(route.target, Target::Workspaces { .. }) {
                call.caller.authorize_list(&action, &scope)?;
            } else {
                call.caller.authorize(&action, &scope)?;
            }
            self.locks.allow(&request.method, &scope)?;
        }
        Ok(call)
    }

    fn dispatch(&mut self, call: &Call<'_>, route: &ArmRoute) -> Result<Response, Refusal> {
        let method = call.request.method.as_str();
        match (&route.target, method) {
            (Target::Workspaces { group }, "GET") => self.list_workspaces(call, group.as_deref()),
            (Target::Workspace(path), "GET") => self.get_workspace(call, path),
            (Target::Computes(path), "GET") => self.list_computes(call, path),
            (Target::Compute(path, name), "GET") => self.get_compute(call, path, name),
            (Target::Compute(path, name), "PUT") => self.put_compute(call, path, name),
            (Target::Compute(path, name), "PATCH") => self.patch_compute(call, path, name),
            (Target::Compute(path, name), "DELETE") => self.delete_compute(call, path, name),
            (Target::ComputeAction(path, name, action), "POST") => self.act_on_compute(call, path, name, action),
            (Target::NameAvailability(path), "POST") => self.check_name(call, path),
            (Target::Location { location, resource }, _) => self.location(call, location, resource),
            (Target::Unknown { namespace, resource_type }, _) => Err(unknown_type(call, namespace, resource_type)),
            (target, _) => {
                // A group that is gone is told before a method that is not there (recorded 2023).
                if let Some(path) = workspace_of(target) {
                    self.group(call, &path.group)?;
                }
                Err(wrong_method(method, allowed_methods(target)))
            }
        }
    }

    /// How long a request hangs because the region that it asks is out of order.
    pub(crate) fn hang(&self, request: &Request) -> std::time::Duration {
        if self.outages.is_empty() {
            return std::time::Duration::ZERO;
        }
        match route::parse(&request.path) {
            Ok(Route::Arm(route) | Route::Regional(route)) => self.outages.hang(&self.region(&route)),
            Ok(_) | Err(_) => std::time::Duration::ZERO,
        }
    }

    /// The region whose instance of the service answers: the workspace's, or the one in the path.
    fn region(&self, route: &ArmRoute) -> String {
        if let Target::Location { location, .. } = &route.target {
            return route::normal_location(location);
        }
        let key = workspace_of(&route.target).map(|path| workspace_key(&route.subscription, path));
        let workspace = key.and_then(|key| self.workspaces.get(&key));
        workspace.map_or_else(|| "eastus".into(), |workspace| workspace.location.clone())
    }

    /// The key of the workspace of a path.
    ///
    /// # Errors
    /// 404 as ARM tells it: the group is missing, or the workspace, as the thing itself or as the parent.
    pub(crate) fn workspace(&self, call: &Call<'_>, path: &WorkspacePath, child: bool) -> Result<String, Refusal> {
        self.group(call, &path.group)?;
        let key = workspace_key(&call.subscription, path);
        if self.workspaces.contains_key(&key) {
            return Ok(key);
        }
        let WorkspacePath { group, name } = path;
        if child {
            let verb = match call.request.method.as_str() {
                "GET" => "read",
                "PUT" | "PATCH" => "write",
                "DELETE" => "delete",
                _ => "action",
            };
            let parent = format!(
                "/subscriptions/{}/resourceGroups/{group}/providers/{NAMESPACE}/workspaces/{name}",
                call.subscription
            );
            let text = format!(
                "Failed to perform '{verb}' on resource(s) of type 'workspaces/computes', because the parent resource '{parent}' could not be found."
            );
            return Err(Refusal::gateway(404, "ParentResourceNotFound", text));
        }
        let text = format!(
            "The Resource '{NAMESPACE}/workspaces/{name}' under resource group '{group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        );
        Err(Refusal::gateway(404, "ResourceNotFound", text))
    }

    /// A resource group.
    ///
    /// # Errors
    /// 404 `ResourceGroupNotFound`.
    pub(crate) fn group(&self, call: &Call<'_>, name: &str) -> Result<&str, Refusal> {
        let subscription = self.subscriptions.get(&call.subscription.to_ascii_lowercase());
        let known = subscription.and_then(|subscription| subscription.groups.get(&name.to_ascii_lowercase()));
        known.map(String::as_str).ok_or_else(|| {
            let text = format!("Resource group '{name}' could not be found.");
            Refusal::gateway(404, "ResourceGroupNotFound", text)
        })
    }
}

/// The workspace that a target is or lies below.
fn workspace_of(target: &Target) -> Option<&WorkspacePath> {
    match target {
        Target::Workspace(path)
        | Target::Computes(path)
        | Target::Compute(path, _)
        | Target::ComputeAction(path, _, _)
        | Target::NameAvailability(path) => Some(path),
        Target::Workspaces { .. } | Target::Location { .. } | Target::Unknown { .. } => None,
    }
}

/// The key of a workspace.
pub(crate) fn workspace_key(subscription: &str, path: &WorkspacePath) -> String {
    format!("{subscription}/{}/{}", path.group, path.name).to_ascii_lowercase()
}

fn no_subscription(id: &str) -> Refusal {
    if uuid::Uuid::parse_str(id).is_err() || id.len() != 36 {
        let text = format!("The provided subscription identifier '{id}' is malformed or invalid.");
        return Refusal::gateway(400, "InvalidSubscriptionId", text);
    }
    Refusal::gateway(404, "SubscriptionNotFound", format!("The subscription '{id}' could not be found."))
}

fn type_of(target: &Target) -> String {
    match target {
        Target::Workspaces { .. } | Target::Workspace(_) | Target::NameAvailability(_) => "workspaces".into(),
        Target::Computes(_) | Target::Compute(..) | Target::ComputeAction(..) => "workspaces/computes".into(),
        Target::Location { resource, .. } => match resource {
            LocationResource::VmSizes => "locations/vmSizes".into(),
            LocationResource::Usages => "locations/usages".into(),
            LocationResource::Quotas => "locations/quotas".into(),
            LocationResource::UpdateQuotas => "locations/updateQuotas".into(),
            LocationResource::Operation(_) => "locations/computeOperationsStatus".into(),
        },
        Target::Unknown { resource_type, .. } => resource_type.clone(),
    }
}

/// The action that a request needs and the scope it needs it on (azureml-api e.3).
fn action(call: &Call<'_>, target: &Target) -> Option<(String, String)> {
    let subscription = format!("/subscriptions/{}", call.subscription);
    let scope = |path: &WorkspacePath, rest: &str| {
        format!("{subscription}/resourceGroups/{}/providers/{NAMESPACE}/workspaces/{}{rest}", path.group, path.name)
    };
    let verb = match call.request.method.as_str() {
        "GET" | "HEAD" => "read",
        "DELETE" => "delete",
        "POST" => "action",
        _ => "write",
    };
    let kind = type_of(target);
    Some(match target {
        Target::Workspaces { group: None } => (format!("{NAMESPACE}/{kind}/{verb}"), subscription),
        Target::Workspaces { group: Some(group) } => {
            (format!("{NAMESPACE}/{kind}/{verb}"), format!("{subscription}/resourceGroups/{group}"))
        }
        Target::Workspace(path) => (format!("{NAMESPACE}/{kind}/{verb}"), scope(path, "")),
        Target::Computes(path) => (format!("{NAMESPACE}/{kind}/{verb}"), scope(path, "")),
        Target::Compute(path, name) => {
            (format!("{NAMESPACE}/{kind}/{verb}"), scope(path, &format!("/computes/{name}")))
        }
        Target::ComputeAction(path, name, action) => {
            (format!("{NAMESPACE}/{kind}/{action}/action"), scope(path, &format!("/computes/{name}")))
        }
        Target::NameAvailability(path) => {
            (format!("{NAMESPACE}/workspaces/checkComputeNameAvailability/action"), scope(path, ""))
        }
        Target::Location { location, resource } => {
            let place = format!("{subscription}/providers/{NAMESPACE}/locations/{location}");
            let scope = match resource {
                LocationResource::Operation(id) => format!("{place}/computeOperationsStatus/{id}"),
                LocationResource::VmSizes
                | LocationResource::Usages
                | LocationResource::Quotas
                | LocationResource::UpdateQuotas => place,
            };
            (format!("{NAMESPACE}/{kind}/{verb}"), scope)
        }
        Target::Unknown { .. } => return None,
    })
}

fn allowed_methods(target: &Target) -> &'static str {
    match target {
        Target::Compute(..) => "GET, PUT, PATCH, DELETE",
        Target::ComputeAction(..) | Target::NameAvailability(_) => "POST",
        Target::Location { resource: LocationResource::UpdateQuotas, .. } => "POST",
        Target::Workspaces { .. }
        | Target::Workspace(_)
        | Target::Computes(_)
        | Target::Location { .. }
        | Target::Unknown { .. } => "GET",
    }
}

/// 405 for a method that a resource does not have.
pub(crate) fn wrong_method(method: &str, allowed: &'static str) -> Refusal {
    let text = format!("The requested resource does not support http method '{method}'.");
    Refusal::gateway(405, "MethodNotAllowed", text).header("Allow", allowed)
}

fn unknown_type(call: &Call<'_>, namespace: &str, resource_type: &str) -> Refusal {
    if !namespace.eq_ignore_ascii_case(NAMESPACE) {
        let text = format!("The resource namespace '{namespace}' is invalid: this emulator serves {NAMESPACE} only.");
        return Refusal::gateway(404, "InvalidResourceNamespace", text);
    }
    Refusal::gateway(
        404,
        "InvalidResourceType",
        format!(
            "The resource type '{resource_type}' could not be found in the namespace '{namespace}' for api version '{}'. The supported api-versions are '{}'.",
            call.version,
            versions::SUPPORTED.join(",")
        ),
    )
}
