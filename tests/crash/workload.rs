//! What is done in a run, and how it ends well; must not know of crashes.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "every test target uses a part of it; names say it all")]

use crate::rig::{CALM, QUIET, Rig, Silence};
use crate::stage;
use jiff::Timestamp;
use kube::api::{ApiResource, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use support::error::{Context, Error, Result};
use support::wait::until;

/// The cluster's name, in Kubernetes and in Azure.
pub const CLUSTER: &str = "cpu-cluster";
/// The instance's.
pub const INSTANCE: &str = "workstation";
/// The attachment's.
pub const ATTACHMENT: &str = "dsvm";
/// What is attached.
pub const MACHINE: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/data/providers/Microsoft.Compute/virtualMachines/dsvm";
/// The Secret with the password of its account.
pub const SECRET: &str = "ssh";
/// That password; nothing else has it.
pub const PASSWORD: &str = "Crashing-Password-4409";

/// What a workload is done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    Cluster,
    Instance,
    /// A virtual machine that is attached by its id, with a password.
    Attachment,
}

impl Subject {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cluster, Self::Instance, Self::Attachment];

    /// Its name, in Kubernetes and in Azure.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cluster => CLUSTER,
            Self::Instance => INSTANCE,
            Self::Attachment => ATTACHMENT,
        }
    }

    /// Its kind.
    pub fn resource(self) -> ApiResource {
        match self {
            Self::Cluster => ApiResource::erase::<api::ComputeCluster>(&()),
            Self::Instance => ApiResource::erase::<api::ComputeInstance>(&()),
            Self::Attachment => ApiResource::erase::<api::AttachedCompute>(&()),
        }
    }

    /// The object with these further lines of spec.
    pub fn manifest(self, spec: &Value) -> String {
        match self {
            Self::Cluster => stage::cluster(self.name(), spec),
            Self::Instance => stage::instance(self.name(), spec),
            Self::Attachment => {
                let password = json!({"secretRef": {"name": SECRET, "key": "password"}});
                let machine = json!({"type": "VirtualMachine", "virtualMachine":
                    {"resourceId": MACHINE, "credentials": {"username": "azureuser", "password": password}}});
                stage::compute("AttachedCompute", self.name(), &[&machine, spec])
            }
        }
    }

    /// What has to be there before the object.
    fn needs(self) -> Option<String> {
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": {"password": PASSWORD}});
        match self {
            Self::Cluster | Self::Instance => None,
            Self::Attachment => Some(secret.to_string()),
        }
    }

    /// What a DELETE of it says becomes of what is behind it.
    pub fn underlying_action(self) -> &'static str {
        match self {
            Self::Cluster | Self::Instance => "Delete",
            Self::Attachment => "Detach",
        }
    }

    /// The object; null if there is none.
    pub async fn object(self, rig: &Rig) -> Result<Value, String> {
        let found = rig.objects(&self.resource()).get_opt(self.name()).await.map_err(|error| error.to_string())?;
        Ok(found.map_or(Value::Null, |object| json!(object)))
    }
}
/// A tag that somebody else set, and its value.
pub const FOREIGN_TAG: (&str, &str) = ("cost-center", "research");

/// Something a person does with a cluster, an instance or an attachment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Workload {
    Create,
    Scale,
    Identity,
    Recreate,
    Delete,
    /// An instance is made.
    Boot,
    Stop,
    Start,
    /// An instance that runs is restarted by annotation.
    Restart,
    /// An instance's object is deleted.
    Discard,
    Attach,
    /// An attachment's object is deleted.
    Detach,
}

/// How many of each change Azure has to accept for a workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effects {
    pub puts: usize,
    pub patches: usize,
    pub deletes: usize,
    pub posts: usize,
    /// Computes that came to be.
    pub incarnations: usize,
}

impl Workload {
    /// Its name, which is part of a namespace's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Scale => "scale",
            Self::Identity => "identity",
            Self::Recreate => "recreate",
            Self::Delete => "delete",
            Self::Boot => "boot",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Discard => "discard",
            Self::Attach => "attach",
            Self::Detach => "detach",
        }
    }

    /// What it is done with.
    pub fn subject(self) -> Subject {
        match self {
            Self::Create | Self::Scale | Self::Identity | Self::Recreate | Self::Delete => Subject::Cluster,
            Self::Boot | Self::Stop | Self::Start | Self::Restart | Self::Discard => Subject::Instance,
            Self::Attach | Self::Detach => Subject::Attachment,
        }
    }

    /// Whether nothing is left of what it is done with.
    pub fn removes(self) -> bool {
        matches!(self, Self::Delete | Self::Discard | Self::Detach)
    }

    /// Whether the operator starts with it, so that it dies while it starts as well.
    pub fn starts_operator(self) -> bool {
        self == Self::Create
    }

    /// What Azure is to accept.
    pub fn effects(self) -> Effects {
        let none = Effects { puts: 0, patches: 0, deletes: 0, posts: 0, incarnations: 0 };
        match self {
            Self::Create | Self::Boot | Self::Attach => Effects { puts: 1, incarnations: 1, ..none },
            Self::Scale => Effects { patches: 1, ..none },
            Self::Identity => Effects { puts: 1, ..none },
            Self::Recreate => Effects { puts: 1, deletes: 1, incarnations: 1, ..none },
            Self::Delete | Self::Discard | Self::Detach => Effects { deletes: 1, ..none },
            Self::Stop | Self::Start | Self::Restart => Effects { posts: 1, ..none },
        }
    }

    /// Whether somebody else sets a tag before.
    pub fn has_foreign_tag(self) -> bool {
        self == Self::Scale || self == Self::Identity
    }

    /// Brings the rig to where the workload begins.
    pub async fn prepare(self, rig: &mut Rig) -> Result<()> {
        let subject = self.subject();
        if let Some(needs) = subject.needs() {
            rig.apply(&needs).await?;
        }
        let spec = match self {
            Self::Create => return Ok(()),
            Self::Boot | Self::Attach => {
                rig.start_operator(None).await?;
                return still(rig, "the operator has connected", CALM, connected).await;
            }
            Self::Recreate => json!({"replacePolicy": "Recreate"}),
            Self::Scale | Self::Identity | Self::Delete | Self::Restart | Self::Discard | Self::Detach => json!({}),
            Self::Stop => json!({"powerState": "Running"}),
            Self::Start => json!({"powerState": "Stopped"}),
        };
        rig.apply(&subject.manifest(&spec)).await?;
        rig.start_operator(None).await?;
        let begun = async |rig: &Rig| {
            connected(rig).await?;
            ready(rig, subject, 1).await
        };
        still(rig, "it is Ready before anything happens", CALM, begun).await?;
        if self.has_foreign_tag() {
            set_foreign_tag(rig).await?;
            still(rig, "it is Ready with somebody's tag", CALM, async |rig| ready(rig, subject, 1).await).await?;
        }
        Ok(())
    }

    /// Does it.
    pub async fn act(self, rig: &Rig) -> Result<()> {
        let subject = self.subject();
        let objects = rig.objects(&subject.resource());
        let patch = match self {
            Self::Create | Self::Boot | Self::Attach => return rig.apply(&subject.manifest(&json!({}))).await,
            Self::Delete | Self::Discard | Self::Detach => {
                let deleted = objects.delete(subject.name(), &DeleteParams::default()).await;
                return deleted.map(|_| ()).context(|| "cannot delete the object".to_owned());
            }
            Self::Scale => json!({"spec": {"scale": {"maxNodes": 8}}}),
            Self::Identity => json!({"spec": {"identity": {"type": "SystemAssigned"}}}),
            Self::Recreate => json!({"spec": {"vmSize": "STANDARD_D3_V2"}}),
            Self::Stop => json!({"spec": {"powerState": "Stopped"}}),
            Self::Start => json!({"spec": {"powerState": "Running"}}),
            Self::Restart => {
                let world = rig.emulator.world();
                let now = &world["clock"]["service"];
                json!({"metadata": {"annotations": {api::annotations::RESTART_REQUESTED_AT: now}}})
            }
        };
        let patched = objects.patch(subject.name(), &PatchParams::default(), &Patch::Merge(patch)).await;
        patched.map(|_| ()).context(|| format!("cannot change the object ({})", self.name()))
    }

    /// Whether it is done, or what is missing.
    pub async fn done(self, rig: &Rig) -> Result<(), String> {
        match self {
            Self::Create | Self::Boot | Self::Attach => ready(rig, self.subject(), 1).await,
            Self::Scale | Self::Identity | Self::Recreate | Self::Stop | Self::Start => {
                ready(rig, self.subject(), 2).await
            }
            Self::Restart => restarted(rig).await,
            Self::Delete | Self::Discard | Self::Detach => gone(rig, self.subject()).await,
        }
    }
}

/// Waits for a fact, and for rest after it.
pub async fn rested(rig: &Rig, what: &str, fact: impl AsyncFnMut(&Rig) -> Result<(), String>) -> Result<()> {
    still(rig, what, QUIET, fact).await
}

/// Waits for a fact, and for silence after it.
async fn still(
    rig: &Rig,
    what: &str,
    silence: Silence,
    mut fact: impl AsyncFnMut(&Rig) -> Result<(), String>,
) -> Result<()> {
    let since = Timestamp::now();
    let waited = until(what, stage::PATIENCE, async || {
        fact(rig).await?;
        rig.is_quiet(since, silence)
    });
    waited.await.map_err(|error| Error::new(format!("{error}\nthe operator's log ends:\n{}", tail(&rig.log(), 40))))
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

/// The cluster object; null if there is none.
pub async fn object<K>(rig: &Rig, name: &str) -> Result<Value, String>
where
    K: kube::Resource<DynamicType = ()>,
{
    let found = rig.objects(&ApiResource::erase::<K>(&())).get_opt(name).await.map_err(|error| error.to_string())?;
    Ok(found.map_or(Value::Null, |object| json!(object)))
}

/// Whether the object is Ready as it is declared.
pub async fn ready(rig: &Rig, subject: Subject, generation: i64) -> Result<(), String> {
    let object = subject.object(rig).await?;
    if object["metadata"]["generation"] == generation && stage::is_ready(&object) {
        return Ok(());
    }
    Err(format!("metadata {} status {}", object["metadata"], object["status"]))
}

/// The operator has told of the Workspace and of the identity, so that none of it falls into the workload. A compute does
/// not wait for what is told of them.
async fn connected(rig: &Rig) -> Result<(), String> {
    let workspace = object::<api::Workspace>(rig, "research").await?;
    let identity = object::<api::AzureIdentity>(rig, &rig.namespace).await?;
    let waiting = [workspace, identity].into_iter().find(|object| !stage::is_ready(object));
    waiting.map_or(Ok(()), |object| Err(format!("{} status {}", object["kind"], object["status"])))
}

/// Azure has restarted the instance, and the object knows.
async fn restarted(rig: &Rig) -> Result<(), String> {
    ready(rig, Subject::Instance, 1).await?;
    let object = Subject::Instance.object(rig).await?;
    let last = &object["status"]["lastOperation"];
    if (&last["name"], &last["status"]) == (&json!("Restart"), &json!("Succeeded")) {
        return Ok(());
    }
    Err(format!("the last operation is {last}"))
}

/// The object is gone, its compute too, and the Workspace is held no more. Identity and Secret are held as long as a Workspace names
/// them.
async fn gone(rig: &Rig, subject: Subject) -> Result<(), String> {
    if !subject.object(rig).await?.is_null() {
        return Err("the object is there".to_owned());
    }
    if !rig.computes().is_empty() {
        return Err("the compute is there".to_owned());
    }
    let workspace = object::<api::Workspace>(rig, "research").await?;
    let finalizers = &workspace["metadata"]["finalizers"];
    if finalizers.is_null() { Ok(()) } else { Err(format!("the Workspace is held by {finalizers}")) }
}

/// Somebody adds a tag by GET and PUT, as the portal does.
async fn set_foreign_tag(rig: &Rig) -> Result<()> {
    let path = stage::path(CLUSTER);
    let (status, mut compute) = stage::azure(rig.emulator.url(), "GET", &path, None).await;
    compute["tags"][FOREIGN_TAG.0] = json!(FOREIGN_TAG.1);
    let (put, answer) = stage::azure(rig.emulator.url(), "PUT", &path, Some(&compute)).await;
    if (status, put) != (200, 201) {
        return Err(Error::new(format!("cannot set a tag: {status}, {put} {answer}")));
    }
    let settled = until("azure has set the tag", stage::PATIENCE, async || {
        let (_, compute) = stage::azure(rig.emulator.url(), "GET", &path, None).await;
        let state = compute["properties"]["provisioningState"].as_str().unwrap_or_default().to_owned();
        if state == "Succeeded" { Ok(()) } else { Err(state) }
    });
    settled.await
}
