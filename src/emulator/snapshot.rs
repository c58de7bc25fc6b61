//! The world as people read it: `GET /world`. Shows no secrets and changes nothing.

use serde_json::{Map, Value, json};

use crate::{attachments::show_attachment, compute::Compute, time, time::Now, world::World};

impl World {
    /// Everything that exists, by subscription, group and workspace, with what runs and when it is due.
    pub(crate) fn snapshot(&mut self, now: Now) -> Value {
        self.settle(now.service);
        let mut subscriptions = Map::new();
        for subscription in self.subscriptions.values() {
            let mut groups = Map::new();
            for group in subscription.groups.values() {
                let here = self.workspaces.values().filter(|workspace| {
                    workspace.subscription == subscription.id && workspace.group.eq_ignore_ascii_case(group)
                });
                let workspaces: Map<String, Value> = here
                    .map(|workspace| {
                        let computes: Map<String, Value> = workspace
                            .computes
                            .values()
                            .map(|compute| (compute.name.clone(), show(compute, &workspace.compute_id(&compute.name))))
                            .collect();
                        let detached: Vec<&String> = workspace.detached.keys().collect();
                        let shown = json!({
                            "id": workspace.id(),
                            "location": workspace.location,
                            "computes": computes,
                            "detachedClusters": detached
                        });
                        (workspace.name.clone(), shown)
                    })
                    .collect();
                let lock = self.locks.on(&format!("/subscriptions/{}/resourceGroups/{group}", subscription.id));
                groups.insert(group.clone(), json!({"lock": lock, "workspaces": workspaces}));
            }
            let shown = json!({
                "tenant": subscription.tenant,
                "policies": subscription.policies,
                "resourceGroups": groups
            });
            subscriptions.insert(subscription.id.clone(), shown);
        }
        let principals: Vec<Value> = self
            .directory
            .principals()
            .iter()
            .map(|known| {
                json!({
                    "tenant": known.tenant,
                    "clientId": known.client_id,
                    "objectId": known.object_id,
                    "denied": known.rights.denied(),
                    "roleAssignments": known.rights.given()
                })
            })
            .collect();
        json!({
            "clock": {"service": time::ticks(now.service), "wall": time::ticks(now.wall)},
            "resources": self.show_resources(),
            "locks": self.locks.all().map(|(scope, lock)| json!({"scope": scope, "lock": lock})).collect::<Vec<_>>(),
            "outages": self.outages.all().map(|(region, how)| json!({"location": region, "how": how})).collect::<Vec<_>>(),
            "principals": principals,
            "subscriptions": subscriptions
        })
    }
}

/// A compute as a GET shows it, and what runs on it.
fn show(compute: &Compute, id: &str) -> Value {
    let mut shown = compute.show(id);
    if let Some(pending) = &compute.pending {
        shown["operation"] = json!({
            "id": pending.operation.to_string(),
            "change": pending.change.word(),
            "ends": pending.ends.map(time::ticks)
        });
    }
    if let Some(attached) = compute.machine.attached() {
        shown["attachment"] = show_attachment(attached);
    }
    if let Some(instance) = compute.machine.instance() {
        shown["instance"] = json!({
            "jobs": instance.jobs(),
            "personActive": instance.active,
            "nextSchedule": instance.fires().map(time::ticks),
            "diskFull": instance.disk_full
        });
    }
    shown
}
