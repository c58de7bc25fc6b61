//! Cuts what is reported to what the schema takes.
//!
//! Must not drop anything that fits. A status that breaks its schema is refused as a whole, so one long message of
//! Azure's would otherwise hide everything else; whoever writes a status calls `bounded` once, last.

use crate::limits::{self, cut_in_place};
use crate::{
    Advice, AzureIdentityStatus, AzureResource, ComputeStatus, Condition, IdentityReport, OperationReport,
    PlannedChange, ProvisioningError, WorkspaceStatus,
};
use std::collections::BTreeSet;

impl WorkspaceStatus {
    /// The status, cut to what its schema takes.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let Self { observed_generation, conditions, location } = &mut self;
        bound_generation(observed_generation, -1);
        bound_conditions(conditions);
        cut_option(location, limits::AZURE_WORD);
        self
    }
}

impl AzureIdentityStatus {
    /// The status, cut to what its schema takes.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let Self { observed_generation, conditions } = &mut self;
        bound_generation(observed_generation, -1);
        bound_conditions(conditions);
        self
    }
}

impl ComputeStatus {
    /// Cuts the part that every compute reports; a kind cuts its own part beside its type.
    pub(crate) fn bound(&mut self) {
        let Self { observed_generation, conditions, azure, provisioning_errors, operation, identity, plan, advice } =
            self;
        bound_generation(observed_generation, -1);
        bound_conditions(conditions);
        if let Some(azure) = azure {
            azure.bound();
        }
        bound_errors(provisioning_errors);
        if let Some(OperationReport { name, started_at: _ }) = operation {
            cut_in_place(name, limits::WORD);
        }
        if let Some(IdentityReport { principal_id, tenant_id, client_ids }) = identity {
            cut_option(principal_id, limits::WORD);
            cut_option(tenant_id, limits::WORD);
            while client_ids.len() > limits::USER_ASSIGNED {
                client_ids.pop_last();
            }
            client_ids.values_mut().for_each(|id| cut_in_place(id, limits::WORD));
        }
        plan.truncate(limits::PLAN);
        for PlannedChange { field, from, to, how: _ } in plan {
            for text in [field, from, to] {
                cut_in_place(text, limits::VALUE);
            }
        }
        bound_advice(advice);
    }
}

impl AzureResource {
    fn bound(&mut self) {
        let Self {
            resource_id,
            location,
            provisioning_state,
            created_at,
            first_ready_at: _,
            owned: _,
            applied_generation,
            managed_tags,
            sent_fingerprint,
            managed_identity: _,
        } = self;
        cut_in_place(resource_id, limits::ARM_ID);
        cut_option(location, limits::AZURE_WORD);
        cut_option(provisioning_state, limits::WORD);
        cut_option(created_at, limits::TIME);
        cut_option(sent_fingerprint, limits::WORD);
        if let Some(generation) = applied_generation {
            bound_generation(generation, 0);
        }
        // A key that was cut would name another tag: what is too long was never ours, because the spec refuses it.
        managed_tags.retain(|key| key.chars().count() <= limits::TAG_KEY);
        // The list is a set; a second entry would make the API server refuse the status.
        let mut seen = BTreeSet::new();
        managed_tags.retain(|key| seen.insert(key.clone()));
        managed_tags.truncate(limits::MANAGED_TAGS);
    }
}

fn bound_conditions(conditions: &mut Vec<Condition>) {
    // The list is a map by type: a second condition of a type would make the API server refuse the status.
    let mut seen = BTreeSet::new();
    conditions.retain(|condition| seen.insert(condition.kind));
    conditions.truncate(limits::CONDITIONS);
    for Condition { kind: _, status: _, last_transition_time: _, observed_generation, reason, message } in conditions {
        if let Some(generation) = observed_generation {
            bound_generation(generation, 0);
        }
        cut_in_place(reason, limits::WORD);
        cut_in_place(message, limits::MESSAGE);
    }
}

/// Cuts errors as Azure gives them.
pub(crate) fn bound_errors(errors: &mut Vec<ProvisioningError>) {
    errors.truncate(limits::PROVISIONING_ERRORS);
    for ProvisioningError { code, message, target } in errors {
        cut_in_place(code, limits::WORD);
        cut_in_place(message, limits::MESSAGE);
        cut_option(target, limits::VALUE);
    }
}

fn bound_advice(advice: &mut Vec<Advice>) {
    for Advice { reason, message } in advice.iter_mut() {
        cut_in_place(reason, limits::WORD);
        cut_in_place(message, limits::VALUE);
    }
    // The list is a map by reason, as above.
    let mut seen = BTreeSet::new();
    advice.retain(|hint| seen.insert(hint.reason.clone()));
    advice.truncate(limits::ADVICE);
}

fn bound_generation(generation: &mut i64, min: i64) {
    *generation = (*generation).clamp(min, limits::GENERATION);
}

/// Cuts in place, where there is a text that is too long.
pub(crate) fn cut_option(text: &mut Option<String>, max: usize) {
    if let Some(text) = text {
        cut_in_place(text, max);
    }
}

#[cfg(test)]
mod tests;
