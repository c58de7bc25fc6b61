//! What stands behind attached computes: clusters, machines and accounts that live outside of Azure ML, in the shapes of the seed
//! file too. Attaches nothing and answers no request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{compute::attached, inspection, route::normal_location};

/// Something outside of Azure ML, as the seed and the event `resourceChanged` write it. What an event leaves out stays as it is,
/// but for `error`, which each change without one takes away.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceSeed {
    /// Its ARM id, or `host:port` of what is attached by its address.
    pub id: String,
    /// Its region; that of the workspace it is attached to if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Whether it works; `Running` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ResourceState>,
    /// What opens it; absent or empty: anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// Of a virtual machine; `Linux` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operating_system: Option<OperatingSystem>,
    /// Whether what is reached by SSH has a public address; it has if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_address: Option<bool>,
    /// Of a Kubernetes cluster: how Azure ML's extension stands on it; `Installed` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Extension>,
    /// Members of `properties.properties` that Azure ML reads off it, such as `virtualMachineSize`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub reports: Map<String, Value>,
    /// An error that Azure ML reports of it, whatever its state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ResourceError>,
}

/// Whether a resource works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResourceState {
    /// It works.
    Running,
    /// It is shut down.
    Stopped,
    /// It works, but Azure ML cannot reach it.
    Unreachable,
    /// It does not exist any more.
    Deleted,
}

/// What a virtual machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum OperatingSystem {
    /// Ubuntu, which Azure ML can use.
    Linux,
    /// Windows, which it cannot.
    Windows,
}

/// How Azure ML's extension stands on a Kubernetes cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Extension {
    /// It works.
    Installed,
    /// It is not there.
    Missing,
    /// It is there, and its identity is not assigned.
    WithoutIdentity,
}

/// An error that Azure ML reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceError {
    /// Its code, such as `ComputeNotAccessible`.
    pub code: String,
    /// Its message.
    pub message: String,
}

/// What opens a resource. The secrets of an emulator open nothing else.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Credentials {
    /// User, or the client id of an application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password, or the secret of an application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// SSH private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_key: Option<String>,
    /// Passphrase of the private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<String>,
    /// Access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials(..)")
    }
}

impl Credentials {
    /// Whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `given` opens what these open: anything does if these are empty, otherwise each member that is given must be the
    /// right one.
    fn admit(&self, given: &Self) -> bool {
        let right = |mine: &Option<String>, theirs: &Option<String>| theirs.is_none() || mine == theirs;
        let user = self.username.is_none() || right(&self.username, &given.username);
        self.is_empty()
            || user
                && right(&self.password, &given.password)
                && right(&self.private_key, &given.private_key)
                && (self.passphrase.is_none() || self.passphrase == given.passphrase)
                && right(&self.access_token, &given.access_token)
    }
}

/// Something outside of Azure ML.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Resource {
    /// ARM id as first named, or `host:port`.
    pub(crate) id: String,
    /// ARM type as Azure spells it; empty for what has no ARM id.
    pub(crate) kind: String,
    pub(crate) location: Option<String>,
    pub(crate) state: ResourceState,
    pub(crate) credentials: Credentials,
    pub(crate) operating_system: OperatingSystem,
    pub(crate) public_address: bool,
    pub(crate) extension: Extension,
    pub(crate) reports: Map<String, Value>,
    pub(crate) error: Option<ResourceError>,
    /// The compute that Azure ML made it for, if it did.
    pub(crate) made_by: Option<String>,
}

impl Resource {
    /// One that works, of which nothing special is known. `kind` as in [`kind_of`].
    pub(crate) fn new(id: &str, kind: &str) -> Self {
        Self {
            id: id.to_owned(),
            kind: kind.to_owned(),
            location: None,
            state: ResourceState::Running,
            credentials: Credentials::default(),
            operating_system: OperatingSystem::Linux,
            public_address: true,
            extension: Extension::Installed,
            reports: Map::new(),
            error: None,
            made_by: None,
        }
    }

    /// Whether these credentials open it.
    pub(crate) fn admits(&self, given: &Credentials) -> bool {
        self.credentials.admit(given)
    }

    /// What is attached of it has no use for some facts; naming them is a mistake.
    fn change(&mut self, seed: &ResourceSeed) -> Result<(), String> {
        let cares = attached::cares_for(&self.kind);
        let useless = [
            ("credentials", seed.credentials.is_some() && !cares.credentials),
            ("operatingSystem", seed.operating_system.is_some() && !cares.system),
            ("publicAddress", seed.public_address.is_some() && !cares.address),
            ("extension", seed.extension.is_some() && !cares.extension),
        ];
        if let Some((name, _)) = useless.into_iter().find(|(_, useless)| *useless) {
            return Err(format!("{name}: a resource of type '{}' has none", self.kind));
        }
        let read_off = attached::read_off(&self.kind);
        if let Some(name) = seed.reports.keys().find(|name| !read_off.contains(name)) {
            let known = read_off.join(", ");
            return Err(format!("reports.{name}: Azure ML reads no such member off it; it reads: {known}"));
        }
        if let Some(location) = &seed.location {
            inspection::located(location)?;
            self.location = Some(normal_location(location));
        }
        self.state = seed.state.unwrap_or(self.state);
        self.operating_system = seed.operating_system.unwrap_or(self.operating_system);
        self.public_address = seed.public_address.unwrap_or(self.public_address);
        self.extension = seed.extension.unwrap_or(self.extension);
        self.reports.extend(seed.reports.clone());
        self.error.clone_from(&seed.error);
        if let Some(credentials) = &seed.credentials {
            self.credentials.clone_from(credentials);
        }
        Ok(())
    }

    /// As `GET /world` tells it, without secrets. `attachments` are the ARM ids of the computes that use it.
    pub(crate) fn show(&self, attachments: &[String]) -> Value {
        let cares = attached::cares_for(&self.kind);
        let mut shown = json!({
            "type": self.kind,
            "location": self.location,
            "state": self.state,
            "madeBy": self.made_by,
            "reports": self.reports,
            "error": self.error,
            "attachments": attachments
        });
        if cares.credentials {
            shown["credentials"] = json!(if self.credentials.is_empty() { "any" } else { "set" });
        }
        if cares.system {
            shown["operatingSystem"] = json!(self.operating_system);
        }
        if cares.address {
            shown["publicAddress"] = json!(self.public_address);
        }
        if cares.extension {
            shown["extension"] = json!(self.extension);
        }
        shown
    }
}

/// All resources that were ever named.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Resources {
    /// Whether ids that were not named do not exist.
    only_listed: bool,
    /// By id in lower case. In boxes, because a node of the map has room for eleven.
    known: BTreeMap<String, Box<Resource>>,
}

impl Resources {
    /// The resources of a seed.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub(crate) fn new(seeds: &[ResourceSeed], only_listed: bool) -> Result<Self, String> {
        let mut resources = Self { only_listed, known: BTreeMap::new() };
        for (index, seed) in seeds.iter().enumerate() {
            resources.change(seed).map_err(|why| format!("resources[{index}].{why}"))?;
        }
        Ok(resources)
    }

    /// Makes or changes a resource; returns its key.
    ///
    /// # Errors
    /// What is wrong with it, beginning with the member.
    pub(crate) fn change(&mut self, seed: &ResourceSeed) -> Result<String, String> {
        let key = seed.id.to_ascii_lowercase();
        let kind = match kind_of(&seed.id) {
            Some(kind) => attached::spelled(&kind)
                .ok_or_else(|| format!("id: nothing of type '{kind}' can be attached"))?
                .to_owned(),
            None if is_host(&seed.id) => String::new(),
            None => return Err(format!("id: '{}' is neither an ARM id nor 'host:port'", seed.id)),
        };
        let mut resource = self.known.get(&key).cloned().unwrap_or_else(|| Resource::new(&seed.id, &kind).into());
        resource.change(seed)?;
        self.known.insert(key.clone(), resource);
        Ok(key)
    }

    /// The resource of that id, be it only because every id exists. None: there is no such thing.
    pub(crate) fn find(&self, id: &str, kind: &str) -> Option<Resource> {
        match self.known.get(&id.to_ascii_lowercase()) {
            Some(resource) => Some(Resource::clone(resource)).filter(|known| known.state != ResourceState::Deleted),
            None if self.only_listed => None,
            None => Some(Resource::new(id, kind)),
        }
    }

    /// A resource that was named.
    pub(crate) fn get(&self, key: &str) -> Option<&Resource> {
        self.known.get(key).map(Box::as_ref)
    }

    /// Keeps a resource.
    pub(crate) fn keep(&mut self, resource: Resource) {
        self.known.insert(resource.id.to_ascii_lowercase(), resource.into());
    }

    /// All resources that were ever named, with their keys.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&String, &Resource)> {
        self.known.iter().map(|(key, resource)| (key, &**resource))
    }
}

/// The type of an ARM id of a resource in a group, as the id spells it: `Microsoft.Compute/virtualMachines`. None if it is no such
/// id.
pub(crate) fn kind_of(id: &str) -> Option<String> {
    let parts: Vec<&str> = id.strip_prefix('/')?.split('/').collect();
    let (head, rest) = parts.split_at_checked(6)?;
    let fixed = [(0, "subscriptions"), (2, "resourcegroups"), (4, "providers")];
    let whole = parts.iter().all(|part| !part.is_empty()) && !rest.is_empty() && rest.len() % 2 == 0;
    if !whole || !fixed.iter().all(|(at, word)| head[*at].eq_ignore_ascii_case(word)) {
        return None;
    }
    let types: Vec<&str> = rest.iter().step_by(2).copied().collect();
    Some(format!("{}/{}", head[5], types.join("/")))
}

/// Whether an ARM id is that of a resource of this type, in any letter case.
pub(crate) fn is_a(id: &str, kind: &str) -> bool {
    kind_of(id).is_some_and(|known| known.eq_ignore_ascii_case(kind))
}

/// A part of an ARM id: what stands after a word such as `subscriptions`.
pub(crate) fn part_of<'a>(id: &'a str, word: &str) -> Option<&'a str> {
    let mut parts = id.split('/');
    parts.find(|part| part.eq_ignore_ascii_case(word))?;
    parts.next()
}

fn is_host(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    !host.is_empty() && !host.contains(['/', ' ']) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const VM: &str = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachines/vm";

    fn seed(text: &Value) -> ResourceSeed {
        serde_json::from_value(text.clone()).unwrap()
    }

    #[test]
    fn types_are_read_off_ids() {
        assert_eq!(kind_of(VM).as_deref(), Some("microsoft.compute/virtualmachines"));
        let pool = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Synapse/workspaces/w/bigDataPools/p";
        assert_eq!(kind_of(pool).as_deref(), Some("Microsoft.Synapse/workspaces/bigDataPools"));
        assert_eq!(part_of(pool, "workspaces"), Some("w"));
        assert!(is_a(VM, "Microsoft.Compute/virtualMachines") && !is_a(pool, "Microsoft.Synapse/workspaces"));
        for wrong in ["", "vm", "/subscriptions/s", &VM[1..], &format!("{VM}/x"), &VM.replace("/g/", "//")] {
            assert_eq!(kind_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn credentials_open_what_they_are_right_for() {
        let right = Credentials {
            username: Some("u".into()),
            password: Some("p".into()),
            private_key: Some("k".into()),
            ..Credentials::default()
        };
        let given = |username: &str, password: Option<&str>, key: Option<&str>| Credentials {
            username: Some(username.into()),
            password: password.map(str::to_owned),
            private_key: key.map(str::to_owned),
            ..Credentials::default()
        };
        assert!(right.admit(&given("u", Some("p"), None)) && right.admit(&given("u", None, Some("k"))));
        for wrong in [given("x", Some("p"), None), given("u", Some("x"), None), given("u", None, Some("x"))] {
            assert!(!right.admit(&wrong));
            assert!(Credentials::default().admit(&wrong));
        }
        let locked = Credentials { passphrase: Some("open".into()), ..right };
        assert!(!locked.admit(&given("u", None, Some("k"))));
    }

    #[test]
    fn resources_are_made_changed_and_gone() {
        let mut resources = Resources::default();
        assert!(resources.find(VM, "t").is_some());
        let key = resources.change(&seed(&json!({"id": VM, "state": "Stopped", "location": "East US"}))).unwrap();
        resources.change(&seed(&json!({"id": VM.to_uppercase(), "operatingSystem": "Windows"}))).unwrap();
        let known = resources.get(&key).unwrap();
        assert_eq!((known.kind.as_str(), known.state), ("Microsoft.Compute/virtualMachines", ResourceState::Stopped));
        assert_eq!((known.location.as_deref(), known.operating_system), (Some("eastus"), OperatingSystem::Windows));
        resources.change(&seed(&json!({"id": VM, "state": "Deleted"}))).unwrap();
        assert!(resources.find(VM, "t").is_none() && resources.all().count() == 1);
        assert!(Resources::new(&[], true).unwrap().find(VM, "t").is_none());
    }

    #[test]
    fn facts_that_a_type_does_not_have_are_refused_by_name() {
        for (text, part) in [
            (json!({"id": VM, "extension": "Missing"}), "extension: a resource of type"),
            (json!({"id": VM, "reports": {"nodeCount": 3}}), "reports.nodeCount: Azure ML reads no such member"),
            (json!({"id": VM, "location": "atlantis"}), "location: 'atlantis' is no region"),
            (json!({"id": "vm"}), "id: 'vm' is neither an ARM id nor 'host:port'"),
            (json!({"id": VM.replace("virtualmachines", "disks")}), "id: nothing of type 'microsoft.compute/disks'"),
        ] {
            let error = Resources::default().change(&seed(&text)).unwrap_err();
            assert!(error.starts_with(part), "{error}");
        }
    }
}
