//! Answers that are no answers: server errors, pages of proxies, bodies cut short or without end, unknown words.

use crate::scene::{FAST, Phase, Scene, always, error, respond, times, unlimited};
use crate::stage::is_ready;
use emulator::{Effect, When};
use serde_json::{Value, json};

/// More than is ever read of one answer.
const HUGE: usize = 33 * 1024 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn server_errors_are_retried_fast_and_heal() {
    let scene = Scene::start("fivehundred").await;
    let statuses = [500, 502, 503, 504, 408];
    let name = |status: u16| format!("answers-{status}x");
    for status in statuses {
        let code = error(status, "InternalServerError", "Something went wrong on our side.");
        scene.fault(always("PUT", &format!("/computes/{}", name(status)), code));
        scene.cluster(&name(status), json!({})).await;
    }
    for status in statuses {
        let told = format!("InternalServerError ({status})");
        let words = ["cannot create the compute", &told, "it is tried again"];
        scene.cluster_says(&name(status), Phase::Working, "AzureUnavailable", &words).await;
    }
    scene.until_asked("PUT", &name(408), 2).await;
    scene.holds_still(10).await;
    statuses.iter().for_each(|status| scene.backed_off("PUT", &name(*status), FAST));
    scene.heal();
    for status in statuses {
        scene.ready(&name(status)).await;
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_answers_to_a_read_make_nothing_and_unmake_nothing() {
    // The answer of a compute that is absent has no body that could be cut short or filled up: there are two.
    let mut seed = unlimited();
    let properties = json!({"computeType": "AmlCompute",
        "properties": {"vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}}});
    for name in ["short", "huge"] {
        let theirs = json!({"name": name, "location": "eastus", "properties": properties});
        seed.subscriptions[0].resource_groups[0].workspaces[0].computes.push(theirs.into());
    }
    let scene = Scene::with("reads", seed, &[]).await;
    scene.cluster("at-rest", json!({})).await;
    scene.ready("at-rest").await;
    let bodies: [(&str, Effect, &str); 6] = [
        ("html", Effect::Html { status: 200, when: When::BeforeEffect }, "UnexpectedAnswer"),
        ("empty", respond(200, &[], Value::Null), "UnexpectedAnswer"),
        ("other", respond(200, &[], json!({"hello": "world"})), "UnexpectedAnswer"),
        ("short", Effect::TruncateBody { bytes: 20 }, "AzureUnavailable"),
        ("huge", Effect::HugeBody { bytes: HUGE }, "UnexpectedAnswer"),
        // A proxy's 404 proves no absence.
        ("lost", Effect::Html { status: 404, when: When::BeforeEffect }, "NotFound"),
    ];
    for (name, effect, _) in &bodies {
        scene.fault(always("GET", &format!("/computes/{name}"), effect.clone()));
        scene.cluster(name, json!({"adoptionPolicy": "Adopt"})).await;
    }
    for (name, _, reason) in &bodies {
        scene.cluster_says(name, Phase::Working, reason, &["cannot look at the compute"]).await;
    }
    scene.holds_still(12).await;
    for (name, _, _) in &bodies {
        assert_eq!(scene.writes(name), [0, 0, 0], "{name} was written blindly");
    }
    scene.heal();
    for (name, _, _) in &bodies {
        scene.ready(name).await;
    }
    assert_eq!(scene.writes("at-rest"), [1, 0, 0]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_lists_leave_what_was_seen_then_say_so_and_heal() {
    let scene = Scene::start("lists").await;
    scene.cluster("cpu", json!({})).await;
    scene.ready("cpu").await;
    let bodies: [(Effect, &str); 6] = [
        (Effect::Html { status: 200, when: When::BeforeEffect }, "UnexpectedAnswer"),
        (Effect::Html { status: 502, when: When::BeforeEffect }, "AzureUnavailable"),
        (respond(200, &[], Value::Null), "UnexpectedAnswer"),
        (respond(200, &[], json!({"value": "none"})), "UnexpectedAnswer"),
        (Effect::TruncateBody { bytes: 20 }, "AzureUnavailable"),
        (Effect::HugeBody { bytes: HUGE }, "UnexpectedAnswer"),
    ];
    for (effect, reason) in bodies {
        scene.fault(always("GET", "*/computes", effect));
        scene.until_asked("GET", "/computes", 2).await;
        let soon = scene.get("ComputeCluster", "cpu").await.unwrap();
        assert!(is_ready(&soon), "two missed looks are no news yet: {}", soon["status"]);
        scene.cluster_says("cpu", Phase::Working, reason, &["cannot look at the compute"]).await;
        scene.holds_still(3).await;
        scene.heal();
        scene.ready("cpu").await;
    }
    assert_eq!(scene.writes("cpu"), [1, 0, 0]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_answers_to_a_create_that_happened_make_one_compute() {
    let scene = Scene::start("created").await;
    let bodies: [(&str, Effect); 5] = [
        ("html", Effect::Html { status: 201, when: When::AfterEffect }),
        ("gateway", Effect::Html { status: 502, when: When::AfterEffect }),
        ("empty", Effect::Respond { status: 201, headers: [].into(), body: None, when: When::AfterEffect }),
        ("short", Effect::TruncateBody { bytes: 20 }),
        ("huge", Effect::HugeBody { bytes: HUGE }),
    ];
    for (name, effect) in &bodies {
        scene.fault(times(1, "PUT", &format!("/computes/{name}"), effect.clone()));
        scene.cluster(name, json!({})).await;
    }
    for (name, _) in &bodies {
        scene.ready(name).await;
        assert_eq!(scene.writes(name), [1, 0, 0], "{name}");
    }
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_provisioning_state_is_waited_for_and_said() {
    let scene = Scene::start("unknown").await;
    scene.cluster("cpu", json!({})).await;
    scene.ready("cpu").await;
    let state = || Effect::ProvisioningState { value: "Defrosting".into() };
    scene.fault(always("GET", "*/computes", state()));
    scene.fault(always("GET", "*/computes/cpu", state()));
    let words = ["provisioning state Defrosting", "does not know", "waited for"];
    let object = scene.cluster_says("cpu", Phase::Working, "UnknownProvisioningState", &words).await;
    assert_eq!(object["status"]["azure"]["provisioningState"], "Defrosting");
    scene.holds_still(6).await;
    scene.heal();
    scene.ready("cpu").await;
    assert_eq!(scene.writes("cpu"), [1, 0, 0]);
    scene.end().await;
}
