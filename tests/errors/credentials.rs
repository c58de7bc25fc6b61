//! An identity that Microsoft Entra refuses: said with its code, healed by correcting what is wrong.

use crate::scene::{Phase, Scene, always, respond};
use crate::stage::{WORKSPACE, condition};
use emulator::{CLIENT_ID, CLIENT_SECRET, Effect, Event, TENANT};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Secret, identity, Workspace and cluster of one name.
async fn chain(scene: &Scene, name: &str, tenant: &str, client: &str, secret: &str) {
    scene.secret(name, "clientSecret", secret).await;
    scene.may_read(name, &[name]).await;
    scene.put_ours("AzureIdentity", name, identity(name, tenant, client)).await;
    let reference = json!({"kind": "AzureIdentity", "name": name});
    scene.put_ours("Workspace", name, json!({"resourceId": WORKSPACE, "identityRef": reference})).await;
    scene.cluster(name, json!({"workspaceRef": {"name": name}})).await;
}

fn identity(secret: &str, tenant: &str, client: &str) -> Value {
    let secret = json!({"secretRef": {"name": secret, "key": "clientSecret"}});
    json!({"type": "ServicePrincipal", "tenantId": tenant, "clientId": client, "servicePrincipal": {"clientSecret": secret}})
}

/// Identity, Workspace and cluster say the same.
async fn all_say(scene: &Scene, name: &str, words: &[&str]) {
    scene.says(("AzureIdentity", name), Phase::Working, "Unauthenticated", words).await;
    scene.says(("Workspace", name), Phase::Working, "Unauthenticated", words).await;
    scene.cluster_says(name, Phase::Working, "Unauthenticated", words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secret_is_said_with_its_code_and_heals_at_once_when_it_is_corrected() {
    // Nothing is tried again within the test but what the watch of the Secret asks for.
    let scene = Scene::patient("secret", &[("retry-fast", "1h")]).await;
    chain(&scene, "wrong", TENANT, CLIENT_ID, "not-the-secret").await;
    all_say(&scene, "wrong", &["AADSTS7000215", "check tenantId, clientId and the Secret"]).await;
    assert_eq!(scene.writes("wrong"), [0, 0, 0]);

    let corrected = Instant::now();
    scene.secret("wrong", "clientSecret", CLIENT_SECRET).await;
    let usable = |object: &Value| condition(object, "Ready").is_some_and(|ready| ready["status"] == "True");
    while !scene.get("AzureIdentity", "wrong").await.is_some_and(|identity| usable(&identity)) {
        assert!(corrected.elapsed() < Duration::from_secs(10), "a corrected Secret is not noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("a corrected Secret was noticed after {:?}", corrected.elapsed());
    scene.ready("wrong").await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_tenant_and_client_are_said_and_heal_when_the_identity_is_corrected() {
    let scene = Scene::start("identity").await;
    let nobody = "99999999-9999-4999-8999-999999999999";
    chain(&scene, "client", TENANT, nobody, CLIENT_SECRET).await;
    chain(&scene, "tenant", nobody, CLIENT_ID, CLIENT_SECRET).await;
    all_say(&scene, "client", &["AADSTS700016", "cannot authenticate"]).await;
    all_say(&scene, "tenant", &["AADSTS90002", "cannot authenticate"]).await;
    scene.holds_still(20).await;
    scene.put_ours("AzureIdentity", "client", identity("client", TENANT, CLIENT_ID)).await;
    scene.put_ours("AzureIdentity", "tenant", identity("tenant", TENANT, CLIENT_ID)).await;
    tokio::join!(scene.ready("client"), scene.ready("tenant"));
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_that_is_replaced_in_azure_first_is_said_and_heals_when_it_is_replaced_here() {
    let seed = emulator::Seed { token_lifetime_seconds: 310, ..crate::scene::unlimited() };
    let scene = Scene::with("rotated", seed, &[]).await;
    scene.cluster("cpu", json!({})).await;
    scene.ready("cpu").await;
    let event = Event::SecretRotated { client_id: CLIENT_ID.into(), client_secret: "the-second".into() };
    scene.stage.emulator.event(event).unwrap();
    // Tokens that were given out stay good, until Azure no longer takes them.
    let expired = respond(
        401,
        &[],
        json!({"error": {"code": "ExpiredAuthenticationToken", "message": "The access token has expired."}}),
    );
    scene.fault(always("GET", "/workspaces/demo*", expired.clone()));
    scene.fault(always("GET", "*/workspaces/demo*", expired));
    scene.cluster_says("cpu", Phase::Working, "Unauthenticated", &["AADSTS7000215"]).await;
    scene.heal();
    scene.secret("azure", "clientSecret", "the-second").await;
    scene.ready("cpu").await;
    assert_eq!(scene.writes("cpu"), [1, 0, 0]);
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_or_broken_authority_is_no_fault_of_the_secret() {
    let scene = Scene::start("authority").await;
    scene.fault(always("POST", "/oauth2/v2.0/token", Effect::Html { status: 503, when: emulator::When::BeforeEffect }));
    let name = scene.stage.namespace.clone();
    // The first identity may have its token already: a second one has none.
    let reference = json!({"kind": "AzureIdentity", "name": "fresh"});
    scene.put_ours("AzureIdentity", "fresh", identity("azure", TENANT, CLIENT_ID)).await;
    scene.put_ours("Workspace", "fresh", json!({"resourceId": WORKSPACE, "identityRef": reference})).await;
    scene.cluster("cpu", json!({"workspaceRef": {"name": "fresh"}})).await;
    scene.says(("AzureIdentity", "fresh"), Phase::Working, "AzureUnavailable", &["503", "it is tried again"]).await;
    let object = scene.cluster_says("cpu", Phase::Working, "AzureUnavailable", &["503"]).await;
    let message = crate::stage::ready_message(&object);
    assert!(!message.contains("check tenantId"), "{message}");
    scene.heal();
    scene.ready("cpu").await;
    assert!(scene.get("AzureIdentity", &name).await.is_some());
    scene.end().await;
}
