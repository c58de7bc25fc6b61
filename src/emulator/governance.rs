//! Events about what is around computes: rights, secrets, locks, policies, budgets, regions, workspaces. Carries them out; answers
//! no request.

use std::{sync::Arc, time::Duration};

use crate::{
    inspection,
    operations::Outcome,
    outages::Manner,
    rights::Rights,
    route::normal_location,
    seed::{Lock, PolicySeed, QuotaSeed, ThrottleSeed, WorkspaceSeed},
    time::Now,
    world::{Subscription, World},
};

impl World {
    pub(crate) fn change_rights(
        &mut self,
        client_id: &str,
        change: impl Fn(&Rights) -> Result<Rights, String>,
    ) -> Result<String, String> {
        let mut changed = Err(no_principal(client_id));
        for principal in self.directory.principals_mut(client_id) {
            principal.rights = Arc::new(change(&principal.rights)?);
            changed = Ok("access changed".into());
        }
        changed
    }

    pub(crate) fn rotate_secret(&mut self, client_id: &str, secret: &str) -> Result<String, String> {
        let changed = self.directory.principals_mut(client_id).map(|known| known.client_secret = secret.to_owned());
        if changed.count() > 0 { Ok("secret rotated".into()) } else { Err(no_principal(client_id)) }
    }

    /// Locks a group by its name, or any scope by its ARM id.
    pub(crate) fn change_lock(
        &mut self,
        group: Option<&str>,
        scope: Option<&str>,
        lock: Option<Lock>,
    ) -> Result<String, String> {
        let scope = match (group, scope) {
            (Some(group), None) => self.group_id(group)?,
            (None, Some(scope)) => self.known_scope(scope)?,
            (Some(_), Some(_)) | (None, None) => return Err("give either the group or the scope of the lock".into()),
        };
        self.locks.change(&scope, lock);
        Ok(format!("lock of '{scope}' changed"))
    }

    fn group_id(&self, group: &str) -> Result<String, String> {
        let lower = group.to_ascii_lowercase();
        let found: Vec<_> = self
            .subscriptions
            .values()
            .filter_map(|subscription| subscription.groups.get(&lower).map(|group| (&subscription.id, group)))
            .collect();
        match found.as_slice() {
            [(subscription, name)] => Ok(format!("/subscriptions/{subscription}/resourceGroups/{name}")),
            [] => Err(format!("there is no resource group '{group}'")),
            _ => Err(format!("several subscriptions have a resource group '{group}'; give its ARM id as scope")),
        }
    }

    /// A scope that something stands for: a subscription, a group, a workspace or a compute.
    pub(crate) fn known_scope(&self, scope: &str) -> Result<String, String> {
        let wanted = scope.trim_end_matches('/').to_ascii_lowercase();
        let subscriptions = self.subscriptions.values().flat_map(|subscription| {
            let id = format!("/subscriptions/{}", subscription.id);
            let groups: Vec<_> =
                subscription.groups.values().map(|group| format!("{id}/resourceGroups/{group}")).collect();
            std::iter::once(id).chain(groups)
        });
        let resources = self.workspaces.values().flat_map(|workspace| {
            let computes = workspace.computes.values().map(|compute| workspace.compute_id(&compute.name));
            std::iter::once(workspace.id()).chain(computes)
        });
        let found = subscriptions.chain(resources).find(|known| known.to_ascii_lowercase() == wanted);
        found.ok_or_else(|| format!("there is nothing with the ARM id '{scope}'"))
    }

    /// Assigns a policy, in place of one of the same name.
    pub(crate) fn assign_policy(&mut self, subscription: Option<&str>, policy: PolicySeed) -> Result<String, String> {
        let policies = &mut self.one_subscription(subscription)?.policies;
        policies.retain(|known| !known.name.eq_ignore_ascii_case(&policy.name));
        let said = format!("policy '{}' assigned", policy.name);
        policies.push(policy);
        Ok(said)
    }

    pub(crate) fn remove_policy(&mut self, subscription: Option<&str>, name: &str) -> Result<String, String> {
        let policies = &mut self.one_subscription(subscription)?.policies;
        let before = policies.len();
        policies.retain(|known| !known.name.eq_ignore_ascii_case(name));
        if policies.len() < before { Ok("policy removed".into()) } else { Err(format!("there is no policy '{name}'")) }
    }

    fn one_subscription(&mut self, id: Option<&str>) -> Result<&mut Subscription, String> {
        match id {
            Some(id) => self
                .subscriptions
                .get_mut(&id.to_ascii_lowercase())
                .ok_or_else(|| format!("there is no subscription '{id}'")),
            None if self.subscriptions.len() == 1 => {
                self.subscriptions.values_mut().next().ok_or_else(|| "there is no subscription".into())
            }
            None => Err("give the subscription: there is not exactly one".into()),
        }
    }

    pub(crate) fn begin_outage(&mut self, location: &str, manner: Manner, after: Duration) -> Result<String, String> {
        inspection::located(location)?;
        let region = normal_location(location);
        let said = format!("region '{region}' is out of order");
        self.outages.begin(region, manner, after);
        Ok(said)
    }

    pub(crate) fn end_outage(&mut self, location: &str) -> Result<String, String> {
        if self.outages.end(&normal_location(location)) {
            return Ok("region recovered".into());
        }
        Err(format!("region '{location}' is not out of order"))
    }

    pub(crate) fn change_quota(&mut self, quota: &QuotaSeed) -> Result<String, String> {
        inspection::quota_of(quota)?;
        self.one_subscription(Some(&quota.subscription))?;
        self.quotas.set(quota);
        Ok("quota changed".into())
    }

    pub(crate) fn change_throttle(&mut self, limits: ThrottleSeed) -> Result<String, String> {
        inspection::throttle(&limits)?;
        self.throttle.change(limits);
        Ok("budgets changed".into())
    }

    /// Deletes a workspace with all that is in it: deletes that run succeed, all else that runs is canceled.
    pub(crate) fn delete_workspace(&mut self, workspace: &str) -> Result<String, String> {
        let key = self.find_workspace(workspace)?;
        let Some(gone) = self.workspaces.remove(&key) else { return Err("it is gone already".into()) };
        for compute in gone.computes.values() {
            if let Some(pending) = &compute.pending {
                let outcome = if compute.is_leaving() { Outcome::Succeeded } else { Outcome::Canceled };
                self.operations.end(pending.operation, outcome);
            }
        }
        self.quotas.forget_workspace(&key);
        self.locks.forget(&gone.id());
        Ok("workspace deleted".into())
    }

    /// Makes a workspace in a group, which is made too if it does not exist.
    pub(crate) fn create_workspace(
        &mut self,
        subscription: Option<&str>,
        group: &str,
        seed: &WorkspaceSeed,
        now: Now,
    ) -> Result<String, String> {
        let home = self.one_subscription(subscription)?;
        let known = home.groups.entry(group.to_ascii_lowercase()).or_insert_with(|| group.to_owned());
        let (id, tenant, group) = (home.id.clone(), home.tenant.clone(), known.clone());
        self.add_workspace((&id, &tenant), &group, seed.clone(), now)?;
        Ok("workspace created".into())
    }
}

fn no_principal(client_id: &str) -> String {
    format!("no principal has client id '{client_id}'")
}
