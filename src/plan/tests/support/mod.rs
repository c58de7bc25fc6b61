//! Cases for the decision core, built from small JSON through the real types, and the checks every plan must pass.
//!
//! Must not repeat the core's logic: expectations stand in the tests.

// Each test crate uses its own part of this module.
#![allow(dead_code, unreachable_pub)]

use api::{ComputeCluster, ComputeClusterStatus, Condition, ConditionStatus, ConditionType, find_condition};
use arm::{ArmError, Compute, WorkspaceId};
use jiff::{SignedDuration, Timestamp};
use plan::{
    Action, Attempt, Case, Cause, Failure, Kind, Memory, Observation, Plan, Refs, Seen, Settings, Verdict,
    WorkspaceFacts, WorkspaceState, check_kstatus, decide, generation, report,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

pub const WORKSPACE: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo";
pub const UID: &str = "uid-1";
pub const FINALIZER: &str = "compute.azureml.dev/finalizer";
pub const CLAIM: &str = "compute.azureml.dev/claim";
pub const PAUSED: &str = "compute.azureml.dev/paused";
pub const OWNER_UID: &str = "azureml-operator-uid";
pub const OWNER_OBJECT: &str = "azureml-operator-object";
pub const CREATED_ON: &str = "2026-01-01T00:00:05.1234567+00:00";

/// A fixed moment, an hour after every object's creation.
pub fn now() -> Timestamp {
    "2026-01-01T01:00:00Z".parse().unwrap()
}

pub fn secs(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// One recorded answer of `tests/data`.
pub fn recorded(name: &str) -> Value {
    let path = format!("{}/tests/data/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Lays `over` onto `base`: objects are merged, everything else is replaced; null removes a key.
pub fn overlay(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(key);
                } else {
                    overlay(base.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}

/// A cluster object: the tutorial's cpu-cluster with `spec` laid over it.
pub fn cluster(spec: &Value) -> ComputeCluster {
    let mut object = json!({
        "apiVersion": "compute.azureml.dev/v1alpha1", "kind": "ComputeCluster",
        "metadata": {"name": "cpu-cluster", "namespace": "team-a", "uid": UID, "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"workspaceRef": {"name": "research"}, "vmSize": "STANDARD_D2_V2", "scale": {"maxNodes": 4}},
    });
    overlay(&mut object["spec"], spec);
    serde_json::from_value(object).unwrap()
}

pub fn claim_of(uid: &str) -> String {
    format!("{uid} {WORKSPACE}/computes/cpu-cluster")
}

pub fn workspace() -> WorkspaceFacts {
    WorkspaceFacts {
        id: WorkspaceId::parse(WORKSPACE).unwrap(),
        location: Some("westeurope".into()),
        trouble: None,
        held: true,
        deleting: false,
        observe_interval: secs(60),
    }
}

/// What Azure answers for the cluster of [`cluster`] when all is well and it is ours, with `over` laid over it.
pub fn azure(over: &Value) -> Value {
    let mut body = recorded("created");
    overlay(
        &mut body,
        &json!({
            "id": format!("{WORKSPACE}/computes/cpu-cluster"), "name": "cpu-cluster", "location": "westeurope",
            "tags": {OWNER_UID: UID, OWNER_OBJECT: "team-a/cpu-cluster"},
            "properties": {"createdOn": CREATED_ON, "computeLocation": "westeurope",
                "properties": {"vmSize": "STANDARD_D2_V2", "scaleSettings": {"maxNodeCount": 4}}},
        }),
    );
    overlay(&mut body, over);
    body
}

pub fn compute(body: Value) -> Compute {
    Compute::from_value(body).unwrap()
}

pub fn http(attempt: Attempt, status: u16, code: &str, message: &str) -> Failure {
    let error = ArmError { code: code.into(), message: message.into(), ..ArmError::default() };
    Failure { attempt, cause: Cause::Http { status, error }, retry_after: None }
}

pub fn timeout(attempt: Attempt) -> Failure {
    Failure { attempt, cause: Cause::Timeout, retry_after: None }
}

/// A case under construction.
#[derive(Clone)]
pub struct Given<K = ComputeCluster> {
    pub object: K,
    pub refs: Refs,
    pub observation: Observation,
    pub memory: Memory,
    pub settings: Settings,
    pub now: Timestamp,
}

/// The object as declared by `spec`, its workspace ready, nothing looked at yet.
pub fn given(spec: &Value) -> Given {
    of(cluster(spec))
}

/// Any object, its workspace ready, nothing looked at yet.
pub fn of<K>(object: K) -> Given<K> {
    Given {
        object,
        refs: Refs::of(WorkspaceState::Ready(Box::new(workspace()))),
        observation: Observation { seen: Seen::Unknown, looked: false, at: None, trouble: None },
        memory: Memory::default(),
        settings: Settings::default(),
        now: now(),
    }
}

/// An object that holds its compute and has reported this very incarnation as ready.
pub fn holding(spec: &Value) -> Given {
    given(spec).claimed().reporting(&json!({}))
}

impl<K: Kind + Serialize + DeserializeOwned> Given<K> {
    pub fn claimed(self) -> Self {
        let id = format!("{WORKSPACE}/computes/{}", plan::azure_name(&self.object));
        let mut given = self.annotate(CLAIM, &format!("{UID} {id}"));
        given.object.meta_mut().finalizers = Some(vec![FINALIZER.into()]);
        given
    }

    pub fn annotate(mut self, name: &str, value: &str) -> Self {
        self.object.meta_mut().annotations.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// A status that reports our compute as ready, with `over` laid over its `azure`.
    pub fn reporting(self, over: &Value) -> Self {
        let id = format!("{WORKSPACE}/computes/{}", plan::azure_name(&self.object));
        let mut azure = json!({"resourceId": id, "location": "westeurope",
            "provisioningState": "Succeeded", "createdAt": CREATED_ON, "firstReadyAt": "2026-01-01T00:05:00Z",
            "owned": true, "appliedGeneration": 1});
        overlay(&mut azure, over);
        self.status(&json!({"observedGeneration": 1, "azure": azure}))
    }

    fn changed(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let mut whole = serde_json::to_value(&self.object).unwrap();
        change(&mut whole);
        self.object = serde_json::from_value(whole).unwrap();
        self
    }

    pub fn status(self, status: &Value) -> Self {
        self.changed(|object| object["status"] = status.clone())
    }

    /// The status, with this laid over it.
    pub fn status_with(self, over: &Value) -> Self {
        self.changed(|object| overlay(&mut object["status"], over))
    }

    /// The spec changes, and with it the generation.
    pub fn edited(self, spec: &Value) -> Self {
        let mut given = self.changed(|object| overlay(&mut object["spec"], spec));
        given.object.meta_mut().generation = given.object.meta().generation.map(|g| g + 1);
        given
    }

    /// Somebody deleted the object so many seconds ago; the API server counts that as a generation.
    pub fn deleted(mut self, seconds_ago: i64) -> Self {
        let at = self.now.checked_sub(secs(seconds_ago)).unwrap();
        let meta = self.object.meta_mut();
        meta.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at));
        meta.generation = meta.generation.map(|g| g + 1);
        self
    }

    fn seen(mut self, seen: Seen, looked: bool) -> Self {
        self.observation = Observation { seen, looked, at: Some(self.now), trouble: None };
        self
    }

    /// A GET of this pass shows this body.
    pub fn sees(self, body: Value) -> Self {
        self.seen(Seen::Present(Box::new(compute(body))), true)
    }

    /// The shared LIST shows this body.
    pub fn lists(self, body: Value) -> Self {
        self.seen(Seen::Present(Box::new(compute(body))), false)
    }

    /// A GET of this pass says 404.
    pub fn sees_nothing(self) -> Self {
        self.seen(Seen::Absent, true)
    }

    /// The shared LIST does not have it.
    pub fn lists_nothing(self) -> Self {
        self.seen(Seen::Absent, false)
    }

    /// A GET of this pass failed.
    pub fn look_fails(mut self, failure: Failure) -> Self {
        self.observation.looked = true;
        self.observation.trouble = Some(failure);
        self
    }

    /// Changes any of it.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    pub fn facts(&mut self) -> &mut WorkspaceFacts {
        match &mut self.refs.workspace {
            WorkspaceState::Ready(facts) => facts,
            WorkspaceState::Missing | WorkspaceState::Unready { .. } => panic!("the workspace is not ready"),
        }
    }

    pub fn case(&self) -> Case<'_, K> {
        Case {
            object: &self.object,
            refs: &self.refs,
            observation: &self.observation,
            memory: &self.memory,
            settings: &self.settings,
            now: self.now,
        }
    }

    /// Decides, and checks what must hold of every plan and every report.
    pub fn decide(&self) -> Plan {
        let plan = decide(&self.case());
        assert_eq!(plan, decide(&self.case()), "equal inputs give an equal plan");
        self.check_action(&plan);
        let status = self.applied(&plan);
        let moves = matches!(plan.action, Action::Claim { .. } | Action::Unclaim | Action::Release);
        if !moves && !matches!(plan.action, Action::Delete | Action::Detach) {
            // Those change what the next pass starts from; nothing is at rest.
            self.check_silence(&plan, &status);
        }
        plan
    }

    /// The status that is reported for the plan, as it is applied.
    pub fn applied(&self, plan: &Plan) -> Value {
        let (status, broken) = report(&self.case(), plan);
        assert_eq!(broken, None, "kstatus: {plan:?}");
        status
    }

    /// The next pass, with what this one reported and remembered.
    pub fn reported(self) -> Self {
        let status = self.applied(&self.decide());
        self.status(&status)
    }

    fn check_action(&self, plan: &Plan) {
        if plan.action.operation().is_none() {
            return;
        }
        assert!(self.observation.looked && self.observation.trouble.is_none(), "written without a look: {plan:?}");
        assert!(plan::has_finalizer(&self.object, FINALIZER), "written without finalizer: {plan:?}");
        assert!(self.object.meta().annotations.as_ref().is_some_and(|a| a.contains_key(CLAIM)), "{plan:?}");
        assert!(!matches!(plan.verdict, Verdict::Ready(_)), "Ready while there is work: {plan:?}");
    }

    /// Feeding the reported status back must change nothing that is reported: else every pass would write.
    fn check_silence(&self, plan: &Plan, status: &Value) {
        let mut again = self.clone().status(status);
        again.now = self.now.checked_add(secs(1)).unwrap();
        let next = decide(&again.case());
        assert_eq!(&again.applied(&next), status, "the report changes while nothing changes: {plan:?} then {next:?}");
        let common = again.object.common_status().unwrap();
        check_kstatus(&common.conditions, common.observed_generation, generation(&self.object)).unwrap();
        for condition in &common.conditions {
            assert!(condition.message.chars().count() <= 1024 && !condition.message.ends_with('.'), "{condition:?}");
        }
    }
}

impl Given {
    pub fn report(&self, plan: &Plan) -> ComputeClusterStatus {
        serde_json::from_value(self.applied(plan)).unwrap()
    }

    /// The status that is reported for the decision.
    pub fn reports(&self) -> ComputeClusterStatus {
        self.report(&self.decide())
    }
}

pub fn condition(status: &ComputeClusterStatus, kind: ConditionType) -> Option<&Condition> {
    find_condition(&status.common.conditions, kind)
}

pub fn holds(status: &ComputeClusterStatus, kind: ConditionType) -> bool {
    condition(status, kind).is_some_and(|condition| condition.status == ConditionStatus::True)
}

#[track_caller]
pub fn ready(plan: &Plan) -> &str {
    match &plan.verdict {
        Verdict::Ready(because) => &because.reason,
        other @ (Verdict::Working(_) | Verdict::Stalled(_) | Verdict::Paused) => panic!("not ready: {other:?}"),
    }
}

#[track_caller]
pub fn working(plan: &Plan) -> &str {
    match &plan.verdict {
        Verdict::Working(because) => &because.reason,
        other @ (Verdict::Ready(_) | Verdict::Stalled(_) | Verdict::Paused) => panic!("not working: {other:?}"),
    }
}

#[track_caller]
pub fn stalled(plan: &Plan) -> &str {
    match &plan.verdict {
        Verdict::Stalled(because) => &because.reason,
        other @ (Verdict::Ready(_) | Verdict::Working(_) | Verdict::Paused) => panic!("not stalled: {other:?}"),
    }
}

pub fn message(plan: &Plan) -> &str {
    match &plan.verdict {
        Verdict::Ready(because) | Verdict::Working(because) | Verdict::Stalled(because) => &because.message,
        Verdict::Paused => "",
    }
}

/// The body an action sends.
#[track_caller]
pub fn body(plan: &Plan) -> &Value {
    match &plan.action {
        Action::Create { body }
        | Action::Scale { body }
        | Action::Update { body }
        | Action::Post { body: Some(body), .. } => body.expose(),
        other @ (Action::Nothing
        | Action::Look
        | Action::Claim { .. }
        | Action::Unclaim
        | Action::Post { body: None, .. }
        | Action::Delete
        | Action::Detach
        | Action::Release) => panic!("sends no body: {other:?}"),
    }
}

/// The fields a plan would change.
pub fn fields(plan: &Plan) -> Vec<&str> {
    plan.changes.iter().map(|change| change.field.as_str()).collect()
}
