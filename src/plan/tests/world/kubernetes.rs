//! A small Kubernetes of one object's name: generations, finalizers, and who wrote how often.
//!
//! Must not know what the operator wants; it only keeps the rules of the API server.

use crate::support::{CLAIM, FINALIZER, cluster, overlay};
use api::ComputeCluster;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

#[derive(Default)]
pub(crate) struct Kubernetes {
    pub(crate) object: Option<ComputeCluster>,
    count: u32,
    /// How often the operator wrote.
    pub(crate) writes: usize,
    /// UIDs whose compute may stay behind: by policy, or because somebody took the finalizer.
    pub(crate) excused: Vec<String>,
}

impl Kubernetes {
    /// Makes an object, with a UID of its own; the admission's schema default of status is there.
    pub(crate) fn create(&mut self, spec: &Value, now: Timestamp) {
        if self.object.is_some() {
            return;
        }
        self.count += 1;
        let mut object = cluster(spec);
        object.metadata.uid = Some(format!("uid-{}", self.count));
        object.metadata.creation_timestamp = Some(Time(now));
        self.object = Some(object);
    }

    /// Changes the spec; an unchanged spec is no new generation.
    pub(crate) fn edit(&mut self, over: &Value) {
        let Some(object) = self.living() else { return };
        let mut spec = serde_json::to_value(&object.spec).unwrap();
        overlay(&mut spec, over);
        let spec = serde_json::from_value(spec).unwrap();
        if object.spec != spec {
            object.spec = spec;
            object.metadata.generation = object.metadata.generation.map(|generation| generation + 1);
        }
    }

    fn living(&mut self) -> Option<&mut ComputeCluster> {
        self.object.as_mut().filter(|object| object.metadata.deletion_timestamp.is_none())
    }

    pub(crate) fn annotate(&mut self, name: &str, value: Option<&str>) {
        let Some(object) = &mut self.object else { return };
        let annotations = object.metadata.annotations.get_or_insert_default();
        match value {
            Some(value) => drop(annotations.insert(name.into(), value.into())),
            None => drop(annotations.remove(name)),
        }
    }

    pub(crate) fn delete(&mut self, now: Timestamp) {
        let Some(object) = self.living() else { return };
        object.metadata.deletion_timestamp = Some(Time(now));
        object.metadata.generation = object.metadata.generation.map(|generation| generation + 1);
        if object.metadata.finalizers.as_ref().is_none_or(Vec::is_empty) {
            let uid = object.metadata.uid.clone().unwrap();
            self.excused.push(uid);
            self.object = None;
        }
    }

    /// A replace by somebody who did not know of claim and finalizer.
    pub(crate) fn strip(&mut self) {
        if let Some(object) = self.living() {
            object.metadata.finalizers = None;
            object.metadata.annotations = None;
        }
    }

    fn of(&mut self, uid: &str) -> Option<&mut ComputeCluster> {
        self.object.as_mut().filter(|object| object.metadata.uid.as_deref() == Some(uid))
    }

    /// Finalizer and claim, if the UID is still the one meant.
    pub(crate) fn claim(&mut self, uid: &str, claim: &str) {
        let Some(object) = self.of(uid).filter(|o| o.metadata.deletion_timestamp.is_none()) else { return };
        object.metadata.finalizers = Some(vec![FINALIZER.into()]);
        object.metadata.annotations.get_or_insert_default().insert(CLAIM.into(), claim.into());
        self.writes += 1;
    }

    pub(crate) fn release(&mut self, uid: &str) {
        let Some(object) = self.of(uid) else { return };
        object.metadata.finalizers = None;
        if object.metadata.deletion_timestamp.is_some() {
            self.object = None;
        }
        self.writes += 1;
    }

    pub(crate) fn report(&mut self, uid: &str, status: &Value) {
        let Some(object) = self.of(uid) else { return };
        object.status = Some(serde_json::from_value(status.clone()).unwrap());
        self.writes += 1;
    }
}
