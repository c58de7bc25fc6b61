//! What happens between two requests of one pass: an object deleted, or another one of its name. Must not kill anybody.
//!
//! A proxy holds one request, somebody acts, the request goes on.

use crate::rig::{Rig, Side};
use crate::stage::{self, PATIENCE, cluster};
use crate::workload::{CLUSTER, Workload, object, rested};
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use serde_json::{Value, json};
use support::proxy::{Fault, FaultHandle, Point, Times};
use support::wait::until;

const FINALIZER: &str = "compute.azureml.dev/finalizer";

fn clusters(rig: &Rig) -> Api<DynamicObject> {
    rig.objects(&ApiResource::erase::<api::ComputeCluster>(&()))
}

async fn read(rig: &Rig) -> Value {
    object::<api::ComputeCluster>(rig, CLUSTER).await.unwrap()
}

/// Holds one request to come.
fn hold(rig: &Rig, side: Side, point: Point) -> FaultHandle {
    rig.proxy(side).fault(point, Times::First(1), Fault::Hold)
}

async fn until_held(rig: &Rig, held: &FaultHandle) {
    let came = until("the request waits", PATIENCE, async || match held.count() {
        1 => Ok(()),
        count => Err(format!("{count}\n{}", rig.log())),
    });
    came.await.unwrap();
}

/// GET of the compute alone, which comes before every write.
fn look() -> Point {
    Point::new("GET", &stage::path(CLUSTER))
}

/// Somebody takes the finalizer off, and the object of this name is another one from now on.
async fn replace_object(rig: &Rig, finalizers: &[&str]) -> Value {
    let strip = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    clusters(rig).patch(CLUSTER, &PatchParams::default(), &strip).await.unwrap();
    // It may be gone with its finalizer.
    drop(clusters(rig).delete(CLUSTER, &DeleteParams::default()).await);
    let gone = until("the old object is gone", PATIENCE, async || {
        let found = read(rig).await;
        if found.is_null() { Ok(()) } else { Err(found.to_string()) }
    });
    gone.await.unwrap();
    let mut new: Value = serde_json::from_str(&cluster(CLUSTER, &json!({}))).unwrap();
    new["metadata"]["finalizers"] = json!(finalizers);
    rig.apply(&new.to_string()).await.unwrap();
    read(rig).await
}

async fn compute(rig: &Rig) -> (u16, Value) {
    stage::azure(rig.emulator.url(), "GET", &stage::path(CLUSTER), None).await
}

fn writes(rig: &Rig) -> Vec<String> {
    let journal = rig.emulator.journal();
    journal.iter().filter(|e| e.method != "GET" && e.path.contains("/computes/")).map(|e| e.method.clone()).collect()
}

/// The new object says that the compute of the old one is not its own.
async fn says_not_ours(rig: &Rig) {
    rested(rig, "the new object says what it found", async |rig| {
        let object = object::<api::ComputeCluster>(rig, CLUSTER).await?;
        if stage::ready_reason(&object) == "NotOurs" { Ok(()) } else { Err(object["status"].to_string()) }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn object_deleted_between_look_and_write_makes_nothing_in_azure() {
    let mut rig = Rig::new("race-create").await.unwrap();
    rig.start_operator(None).await.unwrap();
    // The first look comes before the claim, the second before the write.
    let held = hold(&rig, Side::Azure, look().nth(2));
    rig.apply(&cluster(CLUSTER, &json!({}))).await.unwrap();
    until_held(&rig, &held).await;
    assert!(read(&rig).await["metadata"]["finalizers"].to_string().contains(FINALIZER));
    clusters(&rig).delete(CLUSTER, &DeleteParams::default()).await.unwrap();
    held.release();
    rested(&rig, "the object is gone", async |rig| Workload::Delete.done(rig).await).await.unwrap();
    assert_eq!(writes(&rig), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_meant_for_an_object_spares_the_compute_when_another_has_its_name() {
    let mut rig = Rig::new("race-delete").await.unwrap();
    Workload::Delete.prepare(&mut rig).await.unwrap();
    let held = hold(&rig, Side::Azure, look());
    Workload::Delete.act(&rig).await.unwrap();
    until_held(&rig, &held).await;
    replace_object(&rig, &[]).await;
    held.release();
    says_not_ours(&rig).await;
    assert_eq!((writes(&rig), compute(&rig).await.0), (vec!["PUT".to_owned()], 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn finalizer_of_another_object_of_the_name_is_not_taken_off() {
    let mut rig = Rig::new("race-release").await.unwrap();
    Workload::Delete.prepare(&mut rig).await.unwrap();
    let path = format!("/apis/compute.azureml.dev/v1alpha1/namespaces/{}/computeclusters/{CLUSTER}", rig.namespace);
    let held = hold(&rig, Side::Kubernetes, Point::new("PATCH", &path));
    Workload::Delete.act(&rig).await.unwrap();
    until_held(&rig, &held).await;
    let new = replace_object(&rig, &[FINALIZER]).await;
    held.release();
    rested(&rig, "the new object is made", async |rig| Workload::Create.done(rig).await).await.unwrap();
    let uid = &new["metadata"]["uid"];
    let revisions = rig.history.revisions().unwrap();
    let of_new: Vec<&Value> = revisions.iter().map(|r| &r.object).filter(|o| o["metadata"]["uid"] == *uid).collect();
    assert!(of_new.len() > 1, "{}", of_new.len());
    for object in of_new {
        assert!(object["metadata"]["finalizers"].to_string().contains(FINALIZER), "{object}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn object_made_anew_while_nobody_looked_is_not_taken_for_the_old_one() {
    let mut rig = Rig::new("race-anew").await.unwrap();
    Workload::Delete.prepare(&mut rig).await.unwrap();
    let before = compute(&rig).await.1;
    rig.operator().unwrap().signal("STOP").unwrap();
    replace_object(&rig, &[]).await;
    rig.operator().unwrap().signal("CONT").unwrap();
    says_not_ours(&rig).await;
    assert_eq!((writes(&rig), compute(&rig).await.1), (vec!["PUT".to_owned()], before));
    let adopt = Patch::Merge(json!({"spec": {"adoptionPolicy": "Adopt"}}));
    clusters(&rig).patch(CLUSTER, &PatchParams::default(), &adopt).await.unwrap();
    rested(&rig, "it is adopted", async |rig| Workload::Scale.done(rig).await).await.unwrap();
    assert_eq!(compute(&rig).await.1["tags"]["azureml-operator-uid"], read(&rig).await["metadata"]["uid"]);
}
