//! Azure away for minutes while people go on: nothing is lost or forgotten, and all is carried out when it is back.
//!
//! Must not look inside the operator. Minutes are the emulator's; the operator's intervals are as much shorter. In the
//! first half of an outage connections end at once, then the operator is killed and started again, and in the second
//! half each request ends without an answer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "what a test stands on fails as the test itself does")]

#[path = "crash/health.rs"]
mod health;
#[path = "crash/rig.rs"]
mod rig;
mod stage;
#[path = "crash/workload.rs"]
mod workload;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use kube::api::{ApiResource, DeleteParams};
use rig::Rig;
use serde_json::{Value, json};
use stage::{PATIENCE, cluster};
use support::proxy::{Fault, Point, Times};
use support::wait::until;
use workload::{CLUSTER, Subject, Workload, object, rested};

/// How long Azure is away, by its own clock, before the operator is started again.
const AWAY: SignedDuration = SignedDuration::from_mins(5);
/// How many requests are then lost: several rounds of every retry.
const LOST: usize = 25;

fn now(rig: &Rig) -> Timestamp {
    let clock = &rig.emulator.world()["clock"]["service"];
    clock.as_str().and_then(|text| text.parse().ok()).unwrap()
}

/// The outage goes on for minutes, through a new start of the operator.
async fn outage_lasts(rig: &mut Rig) {
    let until_then = now(rig) + AWAY;
    let passed = until("azure has been away for minutes", PATIENCE, async || match now(rig) {
        now if now >= until_then => Ok(()),
        now => Err(now.to_string()),
    });
    passed.await.unwrap();
    let lost = rig.azure.fault(Point::any(), Times::Always, Fault::Drop);
    rig.azure.mend();
    rig.restart_operator().await.unwrap();
    let tried = until("requests go on being tried", PATIENCE, async || match lost.count() {
        count if count >= LOST => Ok(()),
        count => Err(format!("{count} requests\n{}", rig.log())),
    });
    tried.await.unwrap();
}

/// Azure is back.
fn end_of_outage(rig: &Rig) {
    rig.azure.clear();
}

/// A cluster that is Ready, and Azure gone.
async fn ready_then_gone(name: &str) -> Rig {
    let mut rig = Rig::new(name).await.unwrap();
    Workload::Delete.prepare(&mut rig).await.unwrap();
    rig.azure.cut();
    rig
}

async fn present<K: kube::Resource<DynamicType = ()>>(rig: &Rig, name: &str) -> Value {
    let found = object::<K>(rig, name).await.unwrap();
    assert!(!found.is_null(), "{name} is gone\n{}", rig.log());
    found
}

async fn delete<K: kube::Resource<DynamicType = ()>>(rig: &Rig, name: &str) {
    let objects = rig.objects(&ApiResource::erase::<K>(&()));
    objects.delete(name, &DeleteParams::default()).await.unwrap();
}

async fn until_gone<K: kube::Resource<DynamicType = ()>>(rig: &Rig, name: &str) {
    let what = format!("{name} is gone");
    let gone = until(&what, PATIENCE, async || {
        let found = object::<K>(rig, name).await?;
        if found.is_null() { Ok(()) } else { Err(found.to_string()) }
    });
    if let Err(error) = gone.await {
        panic!("{error}\nthe operator's log:\n{}", rig.log());
    }
}

/// Methods of all writes that Azure has seen.
fn writes(rig: &Rig) -> Vec<String> {
    let journal = rig.emulator.journal();
    journal.iter().filter(|e| e.method != "GET" && e.path.contains("/computes/")).map(|e| e.method.clone()).collect()
}

async fn azure_status(rig: &Rig) -> u16 {
    stage::azure(rig.emulator.url(), "GET", &stage::path(CLUSTER), None).await.0
}

async fn healthy(rig: &Rig) {
    let health = health::examine(rig, Subject::Cluster).await.unwrap();
    assert!(health.faults.is_empty(), "{}\n{}", health.faults.join("\n"), rig.log());
}

async fn done(rig: &Rig, workload: Workload) {
    rested(rig, "it is carried out when azure is back", async |rig| workload.done(rig).await).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_created_in_an_outage_is_made_when_azure_is_back() {
    let mut rig = Rig::new("outage-create").await.unwrap();
    rig.azure.cut();
    rig.start_operator(None).await.unwrap();
    rig.apply(&cluster(CLUSTER, &json!({}))).await.unwrap();
    outage_lasts(&mut rig).await;
    let waiting = present::<api::ComputeCluster>(&rig, CLUSTER).await;
    assert!(!stage::is_ready(&waiting), "{waiting}");
    end_of_outage(&rig);
    done(&rig, Workload::Create).await;
    assert_eq!(writes(&rig), ["PUT"]);
    healthy(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_scaled_in_an_outage_is_scaled_when_azure_is_back() {
    let mut rig = Rig::new("outage-scale").await.unwrap();
    Workload::Scale.prepare(&mut rig).await.unwrap();
    let before = writes(&rig).len();
    rig.azure.cut();
    Workload::Scale.act(&rig).await.unwrap();
    outage_lasts(&mut rig).await;
    let waiting = present::<api::ComputeCluster>(&rig, CLUSTER).await;
    assert!(!stage::is_ready(&waiting), "{waiting}");
    end_of_outage(&rig);
    done(&rig, Workload::Scale).await;
    assert_eq!(writes(&rig)[before..], ["PATCH"]);
    healthy(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cluster_deleted_in_an_outage_goes_from_azure_before_its_object() {
    let mut rig = ready_then_gone("outage-delete").await;
    Workload::Delete.act(&rig).await.unwrap();
    outage_lasts(&mut rig).await;
    let waiting = present::<api::ComputeCluster>(&rig, CLUSTER).await;
    assert!(waiting["metadata"]["finalizers"].to_string().contains("compute.azureml.dev/finalizer"), "{waiting}");
    assert_eq!(stage::ready_reason(&waiting), "DeletionBlocked", "{waiting}");
    assert_eq!(azure_status(&rig).await, 200);
    end_of_outage(&rig);
    done(&rig, Workload::Delete).await;
    assert_eq!(writes(&rig), ["PUT", "DELETE"]);
    assert_eq!(azure_status(&rig).await, 404);
    healthy(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_deleted_in_an_outage_stays_until_the_delete_that_needs_it_is_done() {
    let mut rig = ready_then_gone("outage-secret").await;
    delete::<Secret>(&rig, "azure").await;
    Workload::Delete.act(&rig).await.unwrap();
    outage_lasts(&mut rig).await;
    let secret = present::<Secret>(&rig, "azure").await;
    assert!(!secret["metadata"]["deletionTimestamp"].is_null() && !secret["data"]["clientSecret"].is_null());
    end_of_outage(&rig);
    done(&rig, Workload::Delete).await;
    assert_eq!(azure_status(&rig).await, 404);
    // It is held for the Workspace, in which another cluster may be made; it goes with it.
    present::<Secret>(&rig, "azure").await;
    delete::<api::Workspace>(&rig, "research").await;
    delete::<api::AzureIdentity>(&rig, &rig.namespace).await;
    until_gone::<api::Workspace>(&rig, "research").await;
    until_gone::<api::AzureIdentity>(&rig, &rig.namespace).await;
    until_gone::<Secret>(&rig, "azure").await;
    healthy(&rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn namespace_deleted_in_an_outage_goes_when_azure_is_back_and_leaves_nothing_there() {
    let mut rig = ready_then_gone("outage-namespace").await;
    let namespaces: Api<Namespace> = Api::all(rig.client.clone());
    namespaces.delete(&rig.namespace, &DeleteParams::default()).await.unwrap();
    outage_lasts(&mut rig).await;
    present::<api::ComputeCluster>(&rig, CLUSTER).await;
    present::<Secret>(&rig, "azure").await;
    assert_eq!(azure_status(&rig).await, 200);
    end_of_outage(&rig);
    let gone = until("the namespace is gone", PATIENCE, async || {
        let found = namespaces.get_opt(&rig.namespace).await.map_err(|error| error.to_string())?;
        found.map_or(Ok(()), |namespace| Err(json!(namespace.status).to_string()))
    });
    if let Err(error) = gone.await {
        panic!("{error}\nthe operator's log:\n{}", rig.log());
    }
    assert_eq!(azure_status(&rig).await, 404);
    assert_eq!(writes(&rig), ["PUT", "DELETE"]);
    healthy(&rig).await;
}
