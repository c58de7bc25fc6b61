//! What a compute is beside the envelope that all have: a cluster, an instance, or something attached. The one place where types are told apart;
//! what a type is stands in its own file. Owns no clock and no quota.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Compute,
    amlcompute::Settings,
    attached::{self, Attached},
    instance::{Instance, power::Verb, settings},
    nodes::{Pool, Scale},
};
use crate::{errors::Refusal, fields::Fields};

/// The part of a compute that its type decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Machine {
    Cluster(Box<Cluster>),
    Instance(Box<Instance>),
    Attached(Box<Attached>),
}

/// An AmlCompute cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Cluster {
    pub(crate) settings: Settings,
    pub(crate) pool: Pool,
}

/// Which answer a compute is described for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// The answer to a PUT or PATCH.
    Answer,
    /// A GET before it ever was Succeeded.
    Unborn,
    /// A GET.
    Born,
}

/// What is put back if a change fails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Kept {
    Scale(Scale),
    /// An instance is not changed by a PUT.
    Nothing,
    Attached(Box<Attached>),
}

/// How long changes of a type take, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Times {
    pub(crate) create: (f64, f64),
    pub(crate) update: (f64, f64),
    pub(crate) delete: (f64, f64),
    pub(crate) detach: (f64, f64),
}

/// Ranges of the recordings (azureml-api a.4). A cluster's detach was not recorded; it leaves the nodes alone and is given the
/// time of an update.
const CLUSTER: Times = Times { create: (10.0, 22.0), update: (3.0, 6.0), delete: (31.0, 63.0), detach: (3.0, 6.0) };

/// vCPUs that quota is held for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reserved<'a> {
    pub(crate) vm_size: &'a str,
    pub(crate) machines: u32,
    pub(crate) low_priority: bool,
}

impl Machine {
    /// Reads `properties` of a body whose `computeType` is `kind`, in the API's spelling.
    ///
    /// # Errors
    /// What the provider refuses at once; a type that is not served.
    pub(crate) fn read(kind: &str, base: &Fields<'_>) -> Result<Self, Refusal> {
        if kind == "AmlCompute" {
            let settings = Settings::read(&base.object("properties")?)?;
            return Ok(Self::Cluster(Box::new(Cluster { settings, pool: Pool::new(Timestamp::UNIX_EPOCH) })));
        }
        if kind == "ComputeInstance" {
            let settings = settings::Settings::read(&base.object("properties")?)?;
            return Ok(Self::Instance(Box::new(Instance::new(settings))));
        }
        attached::read(kind, base).map(|attached| Self::Attached(Box::new(attached)))
    }

    /// `computeType`, in the API's spelling.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "AmlCompute",
            Self::Instance(_) => "ComputeInstance",
            Self::Attached(attached) => attached.kind.name,
        }
    }

    /// `properties.properties`.
    pub(crate) fn describe(&self, of: &Compute, look: Look) -> Value {
        match self {
            Self::Cluster(cluster) => match look {
                Look::Answer | Look::Unborn => cluster.settings.echo(),
                Look::Born => cluster.settings.show(&cluster.pool),
            },
            Self::Instance(instance) => match look {
                Look::Answer => instance.echo(false),
                Look::Unborn => instance.echo(true),
                Look::Born => instance.show(&of.name, &of.compute_location),
            },
            Self::Attached(attached) => (attached.kind.show)(attached),
        }
    }

    /// `properties.resourceId`. An answer to a change of a cluster tells the id of the Batch AI cluster behind it (recorded
    /// 2022-12-28, 2025-11-04).
    pub(crate) fn resource_id(&self, id: &str, changed: bool) -> Value {
        match self {
            Self::Cluster(_) if changed => json!(
                id.replace("/Microsoft.MachineLearningServices/workspaces/", "/Microsoft.BatchAI/workspaces/")
                    .replace("/computes/", "/clusters/")
            ),
            Self::Cluster(_) | Self::Instance(_) => Value::Null,
            Self::Attached(attached) => json!(attached.resource_id),
        }
    }

    /// `properties.isAttachedCompute`: what Azure ML made itself is not attached.
    pub(crate) fn is_attached(&self) -> bool {
        match self {
            Self::Cluster(_) | Self::Instance(_) => false,
            Self::Attached(attached) => !attached.made,
        }
    }

    /// The VM size that a body asks for.
    pub(crate) fn vm_size(&self) -> Option<&str> {
        match self {
            Self::Cluster(cluster) => Some(&cluster.settings.vm_size),
            Self::Instance(instance) => Some(&instance.settings.vm_size),
            Self::Attached(_) => None,
        }
    }

    /// The subnet that it joins.
    pub(crate) fn subnet(&self) -> Option<String> {
        match self {
            Self::Cluster(cluster) => cluster.settings.subnet.clone(),
            Self::Instance(instance) => instance.settings.subnet.clone(),
            Self::Attached(attached) => attached.subnet(),
        }
    }

    /// How long its changes take.
    pub(crate) fn times(&self) -> Times {
        match self {
            Self::Cluster(_) => CLUSTER,
            // A PUT on an instance, which changes nothing, is given the time that it takes on a cluster; a detach likewise.
            Self::Instance(instance) => {
                Times { create: instance.takes(Verb::Create), delete: instance.takes(Verb::Delete), ..CLUSTER }
            }
            Self::Attached(attached) => attached.times(),
        }
    }

    /// The vCPUs that it holds quota for.
    pub(crate) fn reserved(&self) -> Option<Reserved<'_>> {
        match self {
            Self::Cluster(cluster) => Some(Reserved {
                vm_size: &cluster.settings.vm_size,
                machines: cluster.pool.reserved(),
                low_priority: cluster.settings.is_low_priority(),
            }),
            Self::Instance(instance) => Some(Reserved {
                vm_size: &instance.settings.vm_size,
                machines: u32::from(instance.holds_quota()),
                low_priority: false,
            }),
            Self::Attached(_) => None,
        }
    }

    /// It is made, as the service noticed at `at`.
    pub(crate) fn born(&mut self, at: Timestamp) {
        match self {
            Self::Cluster(cluster) => cluster.pool = Pool::new(at),
            Self::Instance(_) | Self::Attached(_) => {}
        }
    }

    /// Fills in what a body left open, as the service does once the compute exists.
    pub(crate) fn complete(&mut self) {
        match self {
            Self::Cluster(cluster) => cluster.settings.complete(),
            Self::Instance(_) | Self::Attached(_) => {}
        }
    }

    /// It could not be made.
    pub(crate) fn stillborn(&mut self) {
        match self {
            Self::Cluster(cluster) => {
                cluster.settings.vm_priority.get_or_insert("Dedicated");
            }
            Self::Instance(_) | Self::Attached(_) => {}
        }
    }

    /// What a failed change puts back.
    pub(crate) fn keep(&self) -> Kept {
        match self {
            Self::Cluster(cluster) => Kept::Scale(cluster.settings.scale),
            Self::Instance(_) => Kept::Nothing,
            Self::Attached(attached) => Kept::Attached(attached.clone()),
        }
    }

    /// Puts back what was kept.
    pub(crate) fn restore(&mut self, kept: Kept) {
        match (self, kept) {
            (Self::Cluster(cluster), Kept::Scale(scale)) => cluster.settings.scale = scale,
            (Self::Attached(attached), Kept::Attached(before)) => *attached = before,
            // What is kept of a type fits that type; an instance has nothing to put back.
            (Self::Cluster(_) | Self::Instance(_) | Self::Attached(_), _) => {}
        }
    }

    /// Takes over from a PUT what can change: of a cluster only its scale, the rest is answered as sent and forgotten
    /// (azureml-api f.2).
    pub(crate) fn change(&mut self, asked: &Self) {
        match (self, asked) {
            (Self::Cluster(cluster), Self::Cluster(asked)) => cluster.settings.scale = asked.settings.scale,
            (Self::Attached(attached), Self::Attached(asked)) => attached.change(asked),
            // A PUT cannot change the type, and of an instance nothing (bicep issue 17617).
            (Self::Cluster(_) | Self::Instance(_) | Self::Attached(_), _) => {}
        }
    }

    /// Whether something of it lives on when it is detached and is found again by a compute of its name (azureml-api f.3).
    pub(crate) fn survives_detach(&self) -> bool {
        match self {
            Self::Cluster(_) | Self::Instance(_) => true,
            Self::Attached(_) => false,
        }
    }

    /// Whether a PUT on it replaces tags and identity. Those of an instance are taken to be fixed, as Terraform's provider takes
    /// them (azureml-api f.1).
    pub(crate) fn replaces_envelope(&self) -> bool {
        match self {
            Self::Instance(_) => false,
            Self::Cluster(_) | Self::Attached(_) => true,
        }
    }

    /// Takes over what a detached compute of its name left behind, all but the scale that was just asked for.
    pub(crate) fn inherit(&mut self, left: Self) {
        match (self, left) {
            (Self::Cluster(cluster), Self::Cluster(left)) => {
                let scale = cluster.settings.scale;
                *cluster = left;
                cluster.settings.scale = scale;
            }
            (Self::Instance(instance), Self::Instance(left)) => *instance = left,
            (Self::Cluster(_) | Self::Instance(_) | Self::Attached(_), _) => {}
        }
    }

    /// What `listKeys` answers.
    ///
    /// # Errors
    /// 400 for types without secrets (recorded 2022-06-05 of a cluster).
    pub(crate) fn keys(&self) -> Result<Value, Refusal> {
        let secrets = match self {
            Self::Cluster(_) | Self::Instance(_) => Value::Null,
            Self::Attached(attached) => attached.keys()?,
        };
        let kind = self.kind();
        let Some(secrets) = secrets.as_object() else {
            return Err(Refusal::user_error(format!(
                "{kind} computes do not have any secrets associated with them. This operation is not supported."
            )));
        };
        let mut keys = secrets.clone();
        keys.insert("computeType".into(), json!(kind));
        Ok(Value::Object(keys))
    }

    /// Whether a DELETE may take the thing itself away, not only its entry in the workspace: Azure ML must have made it
    /// (azureml-api f.3; documentation of `delete` of azureml-core's types).
    pub(crate) fn is_deletable(&self) -> bool {
        match self {
            Self::Cluster(_) | Self::Instance(_) => true,
            Self::Attached(attached) => attached.made,
        }
    }

    /// The cluster, if it is one.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        match self {
            Self::Cluster(cluster) => Some(cluster),
            Self::Instance(_) | Self::Attached(_) => None,
        }
    }

    /// The cluster, if it is one, to change it.
    pub(crate) fn cluster_mut(&mut self) -> Option<&mut Cluster> {
        match self {
            Self::Cluster(cluster) => Some(cluster),
            Self::Instance(_) | Self::Attached(_) => None,
        }
    }

    /// The attachment, if it is one.
    pub(crate) fn attached(&self) -> Option<&Attached> {
        match self {
            Self::Attached(attached) => Some(attached),
            Self::Cluster(_) | Self::Instance(_) => None,
        }
    }

    /// The attachment, if it is one, to change it.
    pub(crate) fn attached_mut(&mut self) -> Option<&mut Attached> {
        match self {
            Self::Attached(attached) => Some(attached),
            Self::Cluster(_) | Self::Instance(_) => None,
        }
    }

    /// Whether an API version knows the type.
    pub(crate) fn is_known_to(&self, version: &str) -> bool {
        self.attached().and_then(|attached| attached.kind.only_version).is_none_or(|only| only == version)
    }

    /// The instance, if it is one.
    pub(crate) fn instance(&self) -> Option<&Instance> {
        match self {
            Self::Instance(instance) => Some(instance),
            Self::Cluster(_) | Self::Attached(_) => None,
        }
    }

    /// The instance, if it is one, to change it.
    pub(crate) fn instance_mut(&mut self) -> Option<&mut Instance> {
        match self {
            Self::Instance(instance) => Some(instance),
            Self::Cluster(_) | Self::Attached(_) => None,
        }
    }
}
