//! Computes that were made elsewhere and attached: what all of them share, and the list of their types. Each type is a file here
//! and a row of [`TYPES`]. Owns no clock and looks up no resource.

mod aks;
mod batch;
mod data_factory;
mod data_lake_analytics;
mod databricks;
mod hdinsight;
mod kubernetes;
mod kusto;
mod ssh;
mod synapse_spark;
mod trouble;
mod virtual_machine;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::{ArmError, machine::Times};
use crate::{
    checks,
    errors::Refusal,
    fields::Fields,
    packed::Packed,
    resources::{Credentials, Resource},
};

/// A type of compute that can be attached.
pub(crate) struct AttachedType {
    /// `computeType`.
    pub(crate) name: &'static str,
    /// The only API version that knows it; `None`: all do.
    pub(crate) only_version: Option<&'static str>,
    /// The longest name of a compute of it.
    pub(crate) longest_name: usize,
    /// ARM types of what can be attached.
    pub(crate) resources: &'static [&'static str],
    /// What such a resource can have.
    pub(crate) cares: Cares,
    /// Whether the resource must be in the workspace's region, and in its subscription.
    pub(crate) near: Near,
    /// How long an attach and a detach take.
    pub(crate) times: Times,
    /// How Azure ML makes the resource if a body names none; `None`: it does not.
    pub(crate) makes: Option<Makes>,
    /// Actions on the resource that the caller needs, beside reading it: ARM type, action, and what lacking it looks like.
    pub(crate) rights: &'static [(&'static str, &'static str, Lacking)],
    /// Reads `properties` of a body into what it keeps and what it keeps secret.
    pub(crate) read: fn(&Fields<'_>) -> Result<(Value, Credentials), Refusal>,
    /// What an attach needs of its body and its resource. Not asked of later changes.
    pub(crate) check: fn(&Attached, Option<&Resource>) -> Result<(), Refusal>,
    /// What Azure ML reads off a resource of which nothing special is known: all its members, and their values.
    pub(crate) facts: fn(&Place<'_>) -> Map<String, Value>,
    /// Why it does not work with its resource as it is.
    pub(crate) trouble: fn(&Attached, &Resource) -> Option<ArmError>,
    /// What it holds for itself: a second attachment that claims one of these breaks the first.
    pub(crate) claims: fn(&Attached) -> Vec<String>,
    /// What a PUT on it changes.
    pub(crate) change: Reput,
    /// `properties.properties` of an answer.
    pub(crate) show: fn(&Attached) -> Value,
    /// What `listKeys` answers beside `computeType`; null: the type has no secrets.
    pub(crate) keys: fn(&Attached) -> Value,
}

/// What a resource of a type can have, as seeds and events name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cares {
    pub(crate) credentials: bool,
    pub(crate) system: bool,
    pub(crate) address: bool,
    pub(crate) extension: bool,
}

/// How near to its workspace a resource must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Near {
    Anywhere,
    SameRegion,
    SameRegionAndSubscription,
}

/// What a caller sees who lacks a right on the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lacking {
    /// 500, as the documentation of Kubernetes attach warns.
    InternalError,
    /// 400: it looks as if the extension was not there (same source).
    NoExtension,
}

/// How Azure ML makes a resource itself.
pub(crate) struct Makes {
    /// How long that takes, in seconds.
    pub(crate) time: (f64, f64),
    /// Provider, type and the most letters of its name.
    pub(crate) kind: &'static str,
    /// What is read off it once it is made.
    pub(crate) facts: fn(&Attached) -> Map<String, Value>,
}

/// What a PUT on an existing attachment changes. What it leaves as it is was answered as sent and is forgotten.
pub(crate) enum Reput {
    /// Nothing: the answer is a success, the attachment stays (documentation of Kubernetes attach, known issue 1002).
    Nothing,
    /// The credentials, and the attachment is made anew (azureml-api f.1, inferred).
    Credentials,
    /// These settings, and the attachment is made anew.
    Settings(&'static [&'static str]),
}

/// Where a resource is, for what is read off it.
pub(crate) struct Place<'a> {
    pub(crate) id: &'a str,
    /// Region.
    pub(crate) location: &'a str,
    pub(crate) seed: u64,
}

impl Place<'_> {
    /// The last part of the id.
    pub(crate) fn name(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or_default()
    }
}

/// What a resource has of which Azure ML knows no more than that it exists.
const NOTHING: Cares = Cares { credentials: false, system: false, address: false, extension: false };

/// What a type has that has nothing of its own.
const PLAIN: AttachedType = AttachedType {
    name: "",
    only_version: None,
    longest_name: 24,
    resources: &[],
    cares: NOTHING,
    near: Near::Anywhere,
    times: TIMES,
    makes: None,
    rights: &[],
    read: |_| Ok((json!({}), Credentials::default())),
    check: |_, _| Ok(()),
    facts: |_| Map::new(),
    trouble: trouble::of_account,
    claims: |attached| attached.resource_id.iter().map(|id| id.to_ascii_lowercase()).collect(),
    change: Reput::Nothing,
    show: |_| Value::Null,
    keys: |_| Value::Null,
};

/// The types that are served.
const TYPES: [&AttachedType; 10] = [
    &aks::TYPE,
    &batch::TYPE,
    &data_factory::TYPE,
    &data_lake_analytics::TYPE,
    &databricks::TYPE,
    &hdinsight::TYPE,
    &kubernetes::TYPE,
    &kusto::TYPE,
    &synapse_spark::TYPE,
    &virtual_machine::TYPE,
];

/// How long an attach and a detach take: `modifiedOn` less `createdOn` in five recordings of virtual machines (1.3 to 7.6 s) and
/// the time to the poll that saw the detach end (2 to 3 s). The other types have these times unless their file says otherwise.
const TIMES: Times = Times { create: (1.3, 7.6), update: (1.3, 7.6), delete: (31.0, 63.0), detach: (1.3, 3.0) };

impl std::fmt::Debug for AttachedType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

impl PartialEq for AttachedType {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// An attached compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Attached {
    #[serde(serialize_with = "named", deserialize_with = "known")]
    pub(crate) kind: &'static AttachedType,
    /// The ARM id of what is attached, as sent, or of what Azure ML made.
    pub(crate) resource_id: Option<String>,
    /// Azure ML makes the resource itself, or has made it.
    pub(crate) made: bool,
    /// What the type keeps of `properties.properties`.
    pub(crate) settings: Packed,
    /// What Azure ML read off the resource: members by name.
    pub(crate) facts: Packed,
    pub(crate) credentials: Credentials,
    /// What is wrong with the resource, as far as it was noticed.
    pub(crate) trouble: Option<ArmError>,
    /// The compute whose attach to the same resource broke this one.
    pub(crate) broken_by: Option<String>,
}

fn named<S: Serializer>(kind: &&'static AttachedType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name)
}

fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<&'static AttachedType, D::Error> {
    let name = String::deserialize(deserializer)?;
    let kind = TYPES.into_iter().find(|known| known.name == name);
    kind.ok_or_else(|| serde::de::Error::custom(format!("'{name}' is no type that can be attached")))
}

impl Attached {
    /// The key of its resource among all: ARM id or `host:port`, in lower case. None if it is still to be made.
    pub(crate) fn resource_key(&self) -> Option<String> {
        self.resource_id.as_ref().map(|id| id.to_ascii_lowercase()).or_else(|| ssh::host(self))
    }

    /// What the body says, or else what Azure ML read off the resource.
    fn given(&self, name: &str) -> Value {
        let said = self.settings.member(name);
        if said.is_null() { self.known(name) } else { said }
    }

    /// What Azure ML read off the resource, or else what the body says.
    fn known(&self, name: &str) -> Value {
        match self.facts.open().get_mut(name) {
            Some(value) => value.take(),
            None => self.settings.member(name),
        }
    }

    /// The subnet that what Azure ML makes joins.
    pub(crate) fn subnet(&self) -> Option<String> {
        let settings = self.settings.open();
        settings.pointer("/aksNetworkingConfiguration/subnetId").and_then(Value::as_str).map(str::to_owned)
    }

    /// How long its changes take.
    pub(crate) fn times(&self) -> Times {
        match &self.kind.makes {
            Some(makes) if self.made => Times { create: makes.time, ..self.kind.times },
            Some(_) | None => self.kind.times,
        }
    }

    /// Takes over what can change from a PUT on it.
    pub(crate) fn change(&mut self, asked: &Self) {
        match self.kind.change {
            Reput::Nothing => return,
            Reput::Credentials => {
                if !asked.credentials.is_empty() {
                    self.credentials.clone_from(&asked.credentials);
                }
            }
            Reput::Settings(names) => {
                let mut settings = self.settings.open();
                for name in names {
                    settings[*name] = asked.settings.member(name);
                }
                self.settings = settings.into();
            }
        }
        self.broken_by = None;
    }

    /// Whether a PUT on it makes the attachment anew.
    pub(crate) fn is_renewed(&self) -> bool {
        match self.kind.change {
            Reput::Nothing => false,
            Reput::Credentials | Reput::Settings(_) => true,
        }
    }

    /// Fills in of the existing one what a PUT on it need not say, for the answer.
    pub(crate) fn recall(&mut self, of: &Self) {
        self.made = of.made;
        self.facts.clone_from(&of.facts);
        if self.resource_id.is_none() {
            self.resource_id.clone_from(&of.resource_id);
        }
    }

    /// What Azure ML reads off a resource.
    pub(crate) fn read_off(&mut self, resource: &Resource, seed: u64) {
        let location = resource.location.as_deref().unwrap_or_default();
        let mut facts = (self.kind.facts)(&Place { id: &resource.id, location, seed });
        for (name, value) in &mut facts {
            if let Some(told) = resource.reports.get(name) {
                value.clone_from(told);
            }
        }
        self.facts = facts.into();
    }

    /// Why it does not work with its resource as it is.
    pub(crate) fn trouble_with(&self, resource: &Resource) -> Option<ArmError> {
        match &resource.error {
            Some(error) => Some(ArmError::new(&error.code, error.message.clone())),
            None => (self.kind.trouble)(self, resource),
        }
    }

    /// What `listKeys` answers beside `computeType`; null: the type has no secrets.
    ///
    /// # Errors
    /// 400 once another attach of its resource broke it.
    pub(crate) fn keys(&self) -> Result<Value, Refusal> {
        match &self.broken_by {
            Some(name) => Err(Refusal::user_error(format!(
                "The attachment is not valid any more: its resource was attached again as '{name}'."
            ))),
            None => Ok((self.kind.keys)(self)),
        }
    }
}

/// Reads `properties` of a body whose `computeType` is `kind`.
///
/// # Errors
/// A type that is not served; what the provider refuses at once.
pub(crate) fn read(kind: &str, base: &Fields<'_>) -> Result<Attached, Refusal> {
    let Some(kind) = TYPES.iter().find(|known| known.name == kind) else {
        return Err(checks::unknown_type(kind));
    };
    let (settings, credentials) = (kind.read)(base)?;
    Ok(Attached {
        kind,
        resource_id: base.filled("resourceId")?.map(str::to_owned),
        made: false,
        settings: settings.into(),
        facts: Map::new().into(),
        credentials,
        trouble: None,
        broken_by: None,
    })
}

/// An ARM type that can be attached, as Azure spells it.
pub(crate) fn spelled(kind: &str) -> Option<&'static str> {
    TYPES.iter().flat_map(|known| known.resources).find(|known| known.eq_ignore_ascii_case(kind)).copied()
}

/// What a resource of an ARM type can have; the empty type stands for what is reached by its address alone.
pub(crate) fn cares_for(kind: &str) -> Cares {
    let mut cares = NOTHING;
    for known in TYPES {
        let fits = if kind.is_empty() { known.cares.address } else { known.resources.contains(&kind) };
        if fits {
            cares.credentials |= known.cares.credentials;
            cares.system |= known.cares.system && !kind.is_empty();
            cares.address |= known.cares.address;
            cares.extension |= known.cares.extension;
        }
    }
    cares
}

/// Members of `properties.properties` that are read off a resource of an ARM type.
pub(crate) fn read_off(kind: &str) -> Vec<String> {
    let nowhere = Place { id: "", location: "", seed: 0 };
    let fit = TYPES.into_iter().filter(|known| known.resources.contains(&kind));
    fit.flat_map(|known| (known.facts)(&nowhere)).map(|(name, _)| name).collect()
}

/// A map of facts.
fn facts<const N: usize>(members: [(&str, Value); N]) -> Map<String, Value> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
