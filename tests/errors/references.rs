//! What an object refers to and is not there, or may not be read.

use crate::scene::{Phase, Scene};
use crate::stage::WORKSPACE;
use serde_json::{Value, json};

const TENANT: &str = "22222222-2222-2222-2222-222222222222";
const CLIENT: &str = "33333333-3333-3333-3333-333333333333";

fn workspace(identity: &str) -> Value {
    json!({"resourceId": WORKSPACE, "identityRef": {"kind": "AzureIdentity", "name": identity}})
}

fn identity(secret: &str) -> Value {
    let secret = json!({"secretRef": {"name": secret, "key": "clientSecret"}});
    json!({"type": "ServicePrincipal", "tenantId": TENANT, "clientId": CLIENT, "servicePrincipal": {"clientSecret": secret}})
}

/// A cluster on a Workspace of that name.
async fn on(scene: &Scene, cluster: &str, workspace: &str) {
    scene.cluster(cluster, json!({"workspaceRef": {"name": workspace}})).await;
}

async fn missing_workspace_is_waited_for_and_heals_when_it_appears(scene: &Scene) {
    on(scene, "no-workspace", "later").await;
    let words = ["Workspace later is not in this namespace", "create it", "`spec.workspaceRef`"];
    scene.cluster_says("no-workspace", Phase::Working, "WorkspaceNotFound", &words).await;
    scene.cluster_says("no-workspace", Phase::Stalled, "WorkspaceNotFound", &words).await;
    scene.put_ours("Workspace", "later", workspace(&scene.stage.namespace)).await;
    scene.ready("no-workspace").await;
}

async fn missing_identity_stalls_workspace_and_cluster_and_heals_when_it_appears(scene: &Scene) {
    scene.put_ours("Workspace", "orphan", workspace("later")).await;
    on(scene, "no-identity", "orphan").await;
    let words = ["AzureIdentity later is not in this namespace", "create it", "`spec.identityRef`"];
    scene.says(("Workspace", "orphan"), Phase::Stalled, "IdentityNotFound", &words).await;
    let words = ["Workspace orphan cannot be used", "AzureIdentity later is not in this namespace"];
    scene.cluster_says("no-identity", Phase::Stalled, "IdentityNotFound", &words).await;
    scene.put_ours("AzureIdentity", "later", identity("azure")).await;
    scene.ready("no-identity").await;
}

/// Identity, Workspace and cluster of one name over a Secret of that name.
async fn chain(scene: &Scene, name: &str) {
    scene.put_ours("AzureIdentity", name, identity(name)).await;
    scene.put_ours("Workspace", name, workspace(name)).await;
    on(scene, name, name).await;
}

async fn identity_without_secret_stalls_and_heals_when_it_appears(scene: &Scene) {
    chain(scene, "secretless").await;
    let words = ["Secret secretless is not in this namespace", "create it"];
    scene.says(("AzureIdentity", "secretless"), Phase::Stalled, "SecretNotFound", &words).await;
    scene.cluster_says("secretless", Phase::Stalled, "SecretNotFound", &["AzureIdentity secretless", words[0]]).await;
    scene.secret("secretless", "clientSecret", "emulator-client-secret").await;
    scene.ready("secretless").await;
}

async fn identity_without_its_key_stalls_and_heals_when_the_key_appears(scene: &Scene) {
    scene.secret("keyless", "other", "emulator-client-secret").await;
    chain(scene, "keyless").await;
    let words = ["Secret keyless has no key clientSecret", "add the key"];
    scene.says(("AzureIdentity", "keyless"), Phase::Stalled, "SecretKeyMissing", &words).await;
    scene.cluster_says("keyless", Phase::Stalled, "SecretKeyMissing", &words).await;
    scene.secret("keyless", "clientSecret", "emulator-client-secret").await;
    scene.ready("keyless").await;
}

async fn identity_whose_secret_may_not_be_read_heals_when_the_role_appears(scene: &Scene) {
    scene.secret("roleless", "clientSecret", "emulator-client-secret").await;
    chain(scene, "roleless").await;
    let words = ["may not read Secret roleless", "grant it by a Role in this namespace (get, watch and patch"];
    scene.says(("AzureIdentity", "roleless"), Phase::Stalled, "SecretForbidden", &words).await;
    scene.cluster_says("roleless", Phase::Stalled, "SecretForbidden", &words).await;
    scene.may_read("roleless", &["roleless"]).await;
    scene.ready("roleless").await;
}

fn with_key_from(secret: &str) -> Value {
    let key = json!({"secretRef": {"name": secret, "key": "id.pub"}});
    json!({"ssh": {"enabled": true, "publicKey": key}})
}

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtf4TzyTjUW3s0Yk0r8mV0gS2mXhQ0u0rS9v0sGqv9r person@example";

async fn cluster_without_its_ssh_secret_stalls_and_heals_when_it_appears(scene: &Scene) {
    scene.cluster("no-key", with_key_from("ssh-later")).await;
    let words = ["Secret ssh-later is not in this namespace", "create it"];
    scene.cluster_says("no-key", Phase::Stalled, "SecretNotFound", &words).await;
    scene.secret("ssh-later", "other", "x").await;
    let words = ["Secret ssh-later has no key id.pub", "add the key"];
    scene.cluster_says("no-key", Phase::Stalled, "SecretKeyMissing", &words).await;
    scene.secret("ssh-later", "id.pub", KEY).await;
    scene.ready("no-key").await;
    assert_eq!(scene.writes("no-key"), [1, 0, 0]);
}

async fn cluster_whose_ssh_secret_may_not_be_read_heals_when_the_role_appears(scene: &Scene) {
    scene.secret("ssh-hidden", "id.pub", KEY).await;
    scene.cluster("hidden-key", with_key_from("ssh-hidden")).await;
    let words = ["may not read Secret ssh-hidden", "Role in this namespace"];
    scene.cluster_says("hidden-key", Phase::Stalled, "SecretForbidden", &words).await;
    scene.may_read("ssh-hidden", &["ssh-hidden"]).await;
    scene.ready("hidden-key").await;
}

/// The names of Secrets that may be read from the start.
const READABLE: [&str; 3] = ["secretless", "keyless", "ssh-later"];

#[tokio::test(flavor = "multi_thread")]
async fn missing_references_stall_after_the_grace_and_heal_when_they_appear() {
    let scene = Scene::with("references", crate::scene::unlimited(), &[("reference-grace", "3s")]).await;
    scene.may_read("readable", &READABLE).await;
    tokio::join!(
        missing_workspace_is_waited_for_and_heals_when_it_appears(&scene),
        missing_identity_stalls_workspace_and_cluster_and_heals_when_it_appears(&scene),
        identity_without_secret_stalls_and_heals_when_it_appears(&scene),
        identity_without_its_key_stalls_and_heals_when_the_key_appears(&scene),
        identity_whose_secret_may_not_be_read_heals_when_the_role_appears(&scene),
        cluster_without_its_ssh_secret_stalls_and_heals_when_it_appears(&scene),
        cluster_whose_ssh_secret_may_not_be_read_heals_when_the_role_appears(&scene),
    );
    scene.holds_still(20).await;
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn references_that_appear_are_noticed_by_watches_and_not_by_waiting() {
    let scene = Scene::patient("watches", &[]).await;
    scene.may_read("readable", &READABLE).await;
    tokio::join!(
        missing_identity_stalls_workspace_and_cluster_and_heals_when_it_appears(&scene),
        identity_without_secret_stalls_and_heals_when_it_appears(&scene),
        identity_without_its_key_stalls_and_heals_when_the_key_appears(&scene),
        identity_whose_secret_may_not_be_read_heals_when_the_role_appears(&scene),
        cluster_without_its_ssh_secret_stalls_and_heals_when_it_appears(&scene),
        cluster_whose_ssh_secret_may_not_be_read_heals_when_the_role_appears(&scene),
    );
    scene.end().await;
}
