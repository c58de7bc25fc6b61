//! What the tests and the playground rely on in a plane; it must not test Kubernetes itself.

use std::path::Path;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Api;
use kube::api::{DeleteParams, ListParams};
use support::guard::Guard;
use support::plane::{Options, Plane};
use support::wait;

const SOON: Duration = Duration::from_secs(60);

const CONFIG_MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {a: b}}";

const READER: &str = r"
apiVersion: v1
kind: ServiceAccount
metadata: {name: reader}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reads-config-maps}
rules: [{apiGroups: [''], resources: [configmaps], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reads-config-maps}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reads-config-maps}
subjects: [{kind: ServiceAccount, name: reader, namespace: operator-system}]
";

#[tokio::test]
async fn plane_tells_the_version_it_was_built_from() {
    let plane = Plane::shared().await.unwrap();

    let version = plane.admin().await.unwrap().apiserver_version().await.unwrap();

    assert_eq!(version.major, "1");
    assert!(version.git_version.starts_with("v1."), "{}", version.git_version);
    assert!(!version.git_version.contains("master"), "{}", version.git_version);
}

#[tokio::test]
async fn namespaces_are_apart_and_usable_when_two_are_made_with_one_prefix() {
    let plane = Plane::shared().await.unwrap();
    let (first, second) = (plane.namespace("apart").await.unwrap(), plane.namespace("apart").await.unwrap());

    plane.apply_in(&first, CONFIG_MAP).await.unwrap();

    let client = plane.admin().await.unwrap();
    let there = Api::<ConfigMap>::namespaced(client.clone(), &first).get_opt("one").await.unwrap();
    let not_there = Api::<ConfigMap>::namespaced(client, &second).get_opt("one").await.unwrap();
    assert!(there.is_some() && not_there.is_none());
}

#[tokio::test]
async fn token_is_denied_when_no_role_grants_the_verb() {
    let plane = Plane::shared().await.unwrap();
    let namespace = plane.namespace("denied").await.unwrap();
    let token = plane.service_account_token(&namespace, "default").await.unwrap();
    let kubeconfig =
        plane.kubeconfig_for_token("denied.kubeconfig", &token, &namespace, plane.url(), Some(plane.ca_pem())).unwrap();

    let client = plane.client_for(&kubeconfig).await.unwrap();
    let error = Api::<ConfigMap>::namespaced(client, &namespace).list(&ListParams::default()).await.unwrap_err();

    let kube::Error::Api(status) = &error else { panic!("{error}") };
    assert_eq!(status.code, 403);
    assert!(status.message.contains(&format!("system:serviceaccount:{namespace}:default")), "{}", status.message);
}

#[tokio::test]
async fn installed_operator_may_do_what_its_manifests_grant_and_nothing_else() {
    let plane = Plane::shared().await.unwrap();
    let namespace = plane.namespace("granted").await.unwrap();
    plane.apply_in(&namespace, CONFIG_MAP).await.unwrap();

    let kubeconfig =
        plane.install_operator("operator-system", "reader", READER, plane.url(), Some(plane.ca_pem())).await.unwrap();

    let maps = Api::<ConfigMap>::namespaced(plane.client_for(&kubeconfig).await.unwrap(), &namespace);
    assert!(maps.get_opt("one").await.unwrap().is_some());
    let error = maps.delete("one", &DeleteParams::default()).await.unwrap_err();
    assert!(matches!(&error, kube::Error::Api(status) if status.code == 403), "{error}");
}

#[tokio::test]
async fn namespace_with_objects_is_gone_when_it_is_deleted() {
    let plane = Plane::shared().await.unwrap();
    let namespace = plane.namespace("deleted").await.unwrap();
    plane.apply_in(&namespace, CONFIG_MAP).await.unwrap();
    let namespaces: Api<Namespace> = Api::all(plane.admin().await.unwrap());

    namespaces.delete(&namespace, &DeleteParams::default()).await.unwrap();

    wait::until("the namespace is gone", SOON, async || match namespaces.get_opt(&namespace).await {
        Ok(None) => Ok(()),
        Ok(Some(left)) => Err(format!("{:?}", left.status)),
        Err(error) => Err(error.to_string()),
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn refused_manifest_gives_the_message_that_people_see() {
    let plane = Plane::shared().await.unwrap();

    let message =
        plane.apply_expecting_refusal("{apiVersion: v1, kind: ConfigMap, metadata: {name: Not_A_Name}}").await.unwrap();
    let accepted = plane.apply_expecting_refusal("{apiVersion: v1, kind: ConfigMap, metadata: {name: fine}}").await;

    assert!(message.contains("Not_A_Name") && message.contains("RFC 1123"), "{message}");
    assert!(accepted.is_err());
}

#[tokio::test]
async fn object_is_collected_when_its_owner_is_gone() {
    let plane = Plane::shared().await.unwrap();
    let namespace = plane.namespace("owned").await.unwrap();
    plane.apply_in(&namespace, CONFIG_MAP).await.unwrap();
    let maps = Api::<ConfigMap>::namespaced(plane.admin().await.unwrap(), &namespace);
    let uid = maps.get("one").await.unwrap().metadata.uid.unwrap();
    let owned = format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: two, ownerReferences: \
         [{{apiVersion: v1, kind: ConfigMap, name: one, uid: {uid}}}]}}}}"
    );
    plane.apply_in(&namespace, &owned).await.unwrap();

    maps.delete("one", &DeleteParams::default()).await.unwrap();

    wait::until("the owned object is collected", SOON, async || match maps.get_opt("two").await {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err("still there".to_owned()),
        Err(error) => Err(error.to_string()),
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn two_planes_know_nothing_of_each_other_and_leave_nothing_when_dropped() {
    let started = Instant::now();
    let (one, other) = tokio::join!(Plane::start(Options::default()), Plane::start(Options::default()));
    let (one, other) = (one.unwrap(), other.unwrap());
    println!("two planes at once were ready after {:?}", started.elapsed());
    let namespace = one.namespace("mine").await.unwrap();
    let there: Api<Namespace> = Api::all(other.admin().await.unwrap());
    assert!(there.get_opt(&namespace).await.unwrap().is_none());

    for plane in [one, other] {
        let (dir, pids) = (plane.dir().to_owned(), plane.pids());
        assert!(dir.is_dir() && pids.iter().all(|&pid| runs(pid)));

        drop(plane);

        assert!(!dir.exists(), "{} is left", dir.display());
        assert!(!pids.iter().any(|&pid| runs(pid)), "one of {pids:?} still runs");
    }
}

#[test]
fn guarded_processes_and_folder_are_gone_when_their_maker_is_killed() {
    let guard = Guard::new("amlco-test-outer").unwrap();
    let mut maker = std::process::Command::new(std::env::current_exe().unwrap());
    maker.args(["--exact", "maker_of_a_guarded_process", "--nocapture", "--ignored"]).env("AMLCO_TEST_MAKER", "1");
    let maker = guard.spawn("maker", &maker).unwrap();
    let (pid, dir) = wait::blocking_until("the maker has a guarded process", SOON, || {
        let out = maker.out();
        let line = out.lines().find_map(|line| line.strip_prefix("made ")).ok_or(format!("{out}{}", maker.log()))?;
        let (pid, dir) = line.split_once(' ').ok_or("no pid")?;
        Ok((pid.parse::<u32>().map_err(|error| error.to_string())?, dir.to_owned()))
    })
    .unwrap();
    assert!(runs(pid) && Path::new(&dir).is_dir());

    maker.kill().unwrap();

    wait::blocking_until("process and folder are gone", SOON, || {
        if runs(pid) || Path::new(&dir).exists() { Err(format!("{pid} or {dir} is left")) } else { Ok(()) }
    })
    .unwrap();
}

#[test]
#[ignore = "run by guarded_processes_and_folder_are_gone_when_their_maker_is_killed, as a process to be killed"]
fn maker_of_a_guarded_process() {
    if std::env::var_os("AMLCO_TEST_MAKER").is_none() {
        return;
    }
    let guard = Guard::new("amlco-test-inner").unwrap();
    let mut sleeper = std::process::Command::new("sleep");
    sleeper.arg("600");
    let sleeper = guard.spawn("sleeper", &sleeper).unwrap();
    println!("made {} {}", sleeper.pid(), guard.dir().display());
    drop(sleeper.try_wait());
    std::thread::sleep(Duration::from_secs(600));
}

/// Whether a process runs; one that has ended and waits to be reaped does not.
fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}
