//! Makes a world from a seed, or says in words what is wrong with the seed. Reads no file.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::{
    aad::Directory,
    checks,
    compute::{
        Compute, State,
        identity::{Identity, Issuer},
        instance::{power::Power, settings::User},
    },
    faults::Faults,
    inspection,
    locks::Locks,
    operations::Operations,
    outages::Outages,
    quota::Quotas,
    random::{self, Random},
    resources::Resources,
    route::normal_location,
    seed::{Seed, SubscriptionSeed, WorkspaceSeed},
    throttle::Throttle,
    time::Now,
    workspace::Workspace,
    world::{Subscription, World},
};

/// The operating system image that instances are made with until a newer one is released (recorded 2024-07-24).
const IMAGE: &str = "24.06.10";

impl World {
    /// The world of a seed at `now`. It takes the seed, and gives up each body when its compute is made: ten thousand of both
    /// would be held otherwise.
    ///
    /// # Errors
    /// What is wrong with the seed, with the path of the member.
    pub(crate) fn new(seed: Seed, now: Now) -> Result<Self, String> {
        Self::build(seed, now).map_err(|why| format!("seed: {why}"))
    }

    fn build(seed: Seed, now: Now) -> Result<Self, String> {
        inspection::inspect(&seed)?;
        let mut random = Random::new(seed.random);
        let mut world = Self {
            seed: seed.random,
            page_size: seed.page_size,
            directory: Directory::new(&seed)?,
            subscriptions: BTreeMap::new(),
            workspaces: BTreeMap::new(),
            resources: Resources::new(&seed.resources, seed.only_listed_resources)?,
            locks: Locks::default(),
            outages: Outages::default(),
            quotas: Quotas::new(&seed.quotas),
            operations: Operations::new(&mut random),
            throttle: Throttle::new(seed.throttle.clone()),
            faults: Faults::default(),
            agenda: BTreeSet::new(),
            wakes: 0,
            random,
            image: IMAGE.into(),
        };
        for (index, subscription) in seed.subscriptions.into_iter().enumerate() {
            world.add_subscription(subscription, now).map_err(|why| format!("subscriptions[{index}].{why}"))?;
        }
        for (index, lock) in seed.locks.iter().enumerate() {
            let scope = world.known_scope(&lock.scope).map_err(|why| format!("locks[{index}].scope: {why}"))?;
            world.locks.change(&scope, Some(lock.lock));
        }
        Ok(world)
    }

    fn add_subscription(&mut self, seed: SubscriptionSeed, now: Now) -> Result<(), String> {
        let groups = seed.resource_groups.iter().map(|group| (group.name.to_ascii_lowercase(), group.name.clone()));
        let subscription = Subscription {
            id: seed.id.clone(),
            tenant: seed.tenant.clone(),
            groups: groups.collect(),
            policies: seed.policies.clone(),
        };
        self.subscriptions.insert(seed.id.to_ascii_lowercase(), subscription);
        for (index, group) in seed.resource_groups.into_iter().enumerate() {
            self.locks.change(&format!("/subscriptions/{}/resourceGroups/{}", seed.id, group.name), group.lock);
            for (place, workspace) in group.workspaces.into_iter().enumerate() {
                let made = self.add_workspace((&seed.id, &seed.tenant), &group.name, workspace, now);
                made.map_err(|why| format!("resourceGroups[{index}].workspaces[{place}].{why}"))?;
            }
        }
        Ok(())
    }

    /// Makes a workspace, in the subscription of that id and tenant.
    ///
    /// # Errors
    /// What is wrong with it, with the member.
    pub(crate) fn add_workspace(
        &mut self,
        (subscription, tenant): (&str, &str),
        group: &str,
        seed: WorkspaceSeed,
        now: Now,
    ) -> Result<(), String> {
        inspection::workspace(&seed)?;
        let mut workspace = Workspace {
            subscription: subscription.to_owned(),
            group: group.to_owned(),
            name: seed.name.clone(),
            location: normal_location(&seed.location),
            tenant: tenant.to_owned(),
            tags: seed.tags,
            created_on: now.service,
            computes: BTreeMap::new(),
            detached: BTreeMap::new(),
            ghosts: BTreeMap::new(),
        };
        let key = format!("{subscription}/{group}/{}", seed.name).to_ascii_lowercase();
        if self.workspaces.contains_key(&key) {
            return Err(format!("name: '{}' is there twice in group '{group}'", seed.name));
        }
        let mut names = Vec::new();
        for (index, body) in seed.computes.into_iter().enumerate() {
            let at = |why: String| format!("computes[{index}]{why}");
            let compute = self.existing(&workspace, &body.body(), now).map_err(at)?;
            let lower = compute.name.to_ascii_lowercase();
            if workspace.computes.contains_key(&lower) {
                return Err(at(format!(".name: '{}' is there twice", compute.name)));
            }
            names.push(lower.clone());
            workspace.computes.insert(lower, Box::new(compute));
        }
        self.workspaces.insert(key.clone(), workspace);
        self.claim_in_order(&key, &names);
        for name in names {
            self.nudge(&(key.clone(), name), now.service);
        }
        Ok(())
    }

    /// A compute that is there from the start.
    fn existing(&mut self, workspace: &Workspace, body: &Value, now: Now) -> Result<Compute, String> {
        let name = body.get("name").and_then(Value::as_str).ok_or(".name: it is missing, or no text")?;
        inspection::named(name, "-_").map_err(|why| format!(".{why}"))?;
        let created = match body.pointer("/properties/createdOn").and_then(Value::as_str) {
            None => now.service,
            Some(text) => text.parse().map_err(|_| format!(".properties.createdOn: '{text}' is no timestamp"))?,
        };
        let read = checks::compute_body(body).map_err(|refusal| format!(": {}", refusal.message))?;
        let location = read.location.unwrap_or_else(|| workspace.location.clone());
        let id = workspace.compute_id(name).to_ascii_lowercase();
        let system = random::uuid_for(self.seed, &format!("system identity of {id}")).to_string();
        let lookup = |id: &str| self.directory.identity(id);
        let issuer = Issuer { tenant: &workspace.tenant, system: &system, lookup: &lookup };
        let identity = read.identity.as_ref().map(|request| Identity::apply(None, request, true, &issuer));
        let mut machine = read.machine;
        machine.born(created);
        machine.complete();
        if let Some(instance) = machine.instance_mut() {
            let creator = self.directory.principals().iter().find(|known| known.tenant == workspace.tenant);
            let object = creator.map_or_else(|| uuid::Uuid::nil().to_string(), |known| known.object_id.clone());
            self.endow(instance, User { object, tenant: workspace.tenant.clone() }, &id, created);
            instance.settled(seeded_power(body)?, now.service);
        }
        let compute_location = read.compute_location.unwrap_or_else(|| location.clone());
        if let Some(attached) = machine.attached_mut() {
            let attach = self.attach_seeded(workspace, name, &compute_location, attached);
            attach.map_err(|refusal| format!(": {}", refusal.message))?;
        }
        let trouble = machine.attached().and_then(|attached| attached.trouble.clone());
        Ok(Compute {
            name: name.to_owned(),
            compute_location,
            location,
            tags: read.tags.or_else(|| (!machine.is_attached()).then(Default::default)),
            identity: identity.transpose().map_err(|refusal| format!(": {}", refusal.message))?,
            description: read.description,
            disable_local_auth: read.disable_local_auth,
            created_on: created,
            modified_on: created,
            state: if trouble.is_some() { State::Failed } else { State::Succeeded },
            errors: trouble.into_iter().collect(),
            machine,
            born: true,
            pending: None,
            wake: None,
            hidden_reads: 0,
            previous: None,
        })
    }
}

/// The state of an instance that is there from the start: Running if it says nothing else.
fn seeded_power(body: &Value) -> Result<Power, String> {
    match body.pointer("/properties/properties/state").and_then(Value::as_str) {
        None | Some("Running") => Ok(Power::Running),
        Some("Stopped") => Ok(Power::Stopped),
        Some(other) => Err(format!("'properties.properties.state' '{other}' is neither Running nor Stopped")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn build(text: &str) -> Result<World, String> {
        let now = Now { wall: Timestamp::UNIX_EPOCH, service: Timestamp::UNIX_EPOCH };
        World::new(Seed::from_json(text)?, now)
    }

    fn with_workspace(workspace: &str) -> String {
        format!(
            r#"{{"subscriptions": [{{"id": "{0}", "tenant": "{0}", "resourceGroups": [{{"name": "g", "workspaces": [{workspace}]}}]}}]}}"#,
            crate::seed::SUBSCRIPTION
        )
    }

    #[test]
    fn seeded_computes_exist_and_may_have_old_names() {
        let compute = r#"{"name": "cpu-cluster-1", "location": "eastus", "properties": {"computeType": "AmlCompute",
            "properties": {"vmSize": "Standard_D2_v2", "scaleSettings": {"maxNodeCount": 4}}}}"#;
        let world =
            build(&with_workspace(&format!(r#"{{"name": "w", "location": "East US", "computes": [{compute}]}}"#)));
        let world = world.unwrap();
        let workspace = world.workspaces.values().next().unwrap();
        assert_eq!(workspace.computes["cpu-cluster-1"].state, State::Succeeded);
    }

    #[test]
    fn wrong_seeds_are_refused_with_the_place() {
        for (text, part) in [
            (r#"{"location": "atlantis"}"#, ".location: 'atlantis' is no region"),
            (r#"{"computes": [{}]}"#, ".computes[0].name: it is missing"),
            (r#"{"computes": [{"name": "a/b"}]}"#, ".computes[0].name: 'a/b' is no name"),
            (r#"{"computes": [{"name": "a"}]}"#, ".computes[0]: The request must have 'properties'."),
            (
                r#"{"computes": [{"name": "a", "properties": {"createdOn": "yesterday"}}]}"#,
                ".computes[0].properties.createdOn: 'yesterday' is no timestamp",
            ),
            (
                r#"{"computes": [{"name": "a", "properties": {"computeType": "DataFactory"}}, {"name": "A", "properties": {"computeType": "DataFactory"}}]}"#,
                ".computes[1].name: 'A' is there twice",
            ),
        ] {
            let mut workspace: Value = serde_json::from_str(text).unwrap();
            workspace["name"] = "w".into();
            if workspace.get("location").is_none() {
                workspace["location"] = "eastus".into();
            }
            let error = build(&with_workspace(&workspace.to_string())).unwrap_err();
            let path = "seed: subscriptions[0].resourceGroups[0].workspaces[0]";
            assert!(error.starts_with(&format!("{path}{part}")), "{error}");
        }
        let role = r#"{"principals": [{"tenant": "t", "clientId": "c", "clientSecret": "s", "roleAssignments": [{"scope": "x"}]}]}"#;
        assert!(build(role).unwrap_err().starts_with("seed: principals[0].roleAssignments[0].role: "));
        let lock = r#"{"locks": [{"scope": "/subscriptions/x", "lock": "ReadOnly"}]}"#;
        assert!(build(lock).unwrap_err().starts_with("seed: locks[0].scope: there is nothing"));
    }
}
