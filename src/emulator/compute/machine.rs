//! What a compute is beside the envelope that all have: a cluster, or something attached. The one place where types are told apart;
//! what a type is stands in its own file. Owns no clock and no quota.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Compute,
    amlcompute::Settings,
    attached::{self, Attached},
    nodes::{Pool, Scale},
};
use crate::{errors::Refusal, fields::Fields};

/// The part of a compute that its type decides.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Machine {
    Cluster(Box<Cluster>),
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
        attached::read(kind, base).map(|attached| Self::Attached(Box::new(attached)))
    }

    /// `computeType`, in the API's spelling.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Cluster(_) => "AmlCompute",
            Self::Attached(attached) => attached.kind.name,
        }
    }

    /// `properties.properties`.
    pub(crate) fn describe(&self, _of: &Compute, look: Look) -> Value {
        match self {
            Self::Cluster(cluster) => match look {
                Look::Answer | Look::Unborn => cluster.settings.echo(),
                Look::Born => cluster.settings.show(&cluster.pool),
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
            Self::Cluster(_) => Value::Null,
            Self::Attached(attached) => json!(attached.resource_id),
        }
    }

    /// `properties.isAttachedCompute`.
    pub(crate) fn is_attached(&self) -> bool {
        match self {
            Self::Cluster(_) => false,
            Self::Attached(_) => true,
        }
    }

    /// The VM size that a body asks for.
    pub(crate) fn vm_size(&self) -> Option<&str> {
        match self {
            Self::Cluster(cluster) => Some(&cluster.settings.vm_size),
            Self::Attached(_) => None,
        }
    }

    /// The subnet that it joins.
    pub(crate) fn subnet(&self) -> Option<&str> {
        match self {
            Self::Cluster(cluster) => cluster.settings.subnet.as_deref(),
            Self::Attached(_) => None,
        }
    }

    /// How long its changes take.
    pub(crate) fn times(&self) -> Times {
        match self {
            Self::Cluster(_) => CLUSTER,
            Self::Attached(_) => attached::TIMES,
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
            Self::Attached(_) => None,
        }
    }

    /// It is made, as the service noticed at `at`.
    pub(crate) fn born(&mut self, at: Timestamp) {
        match self {
            Self::Cluster(cluster) => cluster.pool = Pool::new(at),
            Self::Attached(_) => {}
        }
    }

    /// Fills in what a body left open, as the service does once the compute exists.
    pub(crate) fn complete(&mut self) {
        match self {
            Self::Cluster(cluster) => cluster.settings.complete(),
            Self::Attached(_) => {}
        }
    }

    /// It could not be made.
    pub(crate) fn stillborn(&mut self) {
        match self {
            Self::Cluster(cluster) => {
                cluster.settings.vm_priority.get_or_insert("Dedicated");
            }
            Self::Attached(_) => {}
        }
    }

    /// What a failed change puts back.
    pub(crate) fn keep(&self) -> Kept {
        match self {
            Self::Cluster(cluster) => Kept::Scale(cluster.settings.scale),
            Self::Attached(attached) => Kept::Attached(attached.clone()),
        }
    }

    /// Puts back what was kept.
    pub(crate) fn restore(&mut self, kept: Kept) {
        match (self, kept) {
            (Self::Cluster(cluster), Kept::Scale(scale)) => cluster.settings.scale = scale,
            (Self::Attached(attached), Kept::Attached(before)) => *attached = before,
            (Self::Cluster(_), Kept::Attached(_)) | (Self::Attached(_), Kept::Scale(_)) => {}
        }
    }

    /// Takes over from a PUT what can change: of a cluster only its scale, the rest is answered as sent and forgotten
    /// (azureml-api f.2).
    pub(crate) fn change(&mut self, asked: &Self) {
        match (self, asked) {
            (Self::Cluster(cluster), Self::Cluster(asked)) => cluster.settings.scale = asked.settings.scale,
            (Self::Attached(attached), Self::Attached(asked)) => attached.clone_from(asked),
            (Self::Cluster(_), Self::Attached(_)) | (Self::Attached(_), Self::Cluster(_)) => {}
        }
    }

    /// Whether something of it lives on when it is detached and is found again by a compute of its name (azureml-api f.3).
    pub(crate) fn survives_detach(&self) -> bool {
        match self {
            Self::Cluster(_) => true,
            Self::Attached(_) => false,
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
            (Self::Cluster(_), Self::Attached(_)) | (Self::Attached(_), Self::Cluster(_) | Self::Attached(_)) => {}
        }
    }

    /// What `listKeys` answers.
    ///
    /// # Errors
    /// 400 for types without secrets (recorded 2022-06-05 of a cluster).
    pub(crate) fn keys(&self) -> Result<Value, Refusal> {
        let secrets = match self {
            Self::Cluster(_) => &Value::Null,
            Self::Attached(attached) => &attached.secrets,
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

    /// Whether a DELETE may take the thing itself away, not only its entry in the workspace (azureml-api f.3).
    pub(crate) fn is_deletable(&self) -> bool {
        match self {
            Self::Cluster(_) => true,
            Self::Attached(attached) => attached.kind.deletable,
        }
    }

    /// The cluster, if it is one.
    pub(crate) fn cluster(&self) -> Option<&Cluster> {
        match self {
            Self::Cluster(cluster) => Some(cluster),
            Self::Attached(_) => None,
        }
    }

    /// The cluster, if it is one, to change it.
    pub(crate) fn cluster_mut(&mut self) -> Option<&mut Cluster> {
        match self {
            Self::Cluster(cluster) => Some(cluster),
            Self::Attached(_) => None,
        }
    }
}
