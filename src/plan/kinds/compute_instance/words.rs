//! Hints for the owner of an instance: what bills, who can open it, what only its user can do.
//!
//! Must not block anything, and must not repeat what a person wrote.

use super::body::sso_is_the_users;
use super::power::{Asked, asked};
use crate::ownership::has_adopted;
use api::annotations::RESTART_REQUESTED_AT;
use api::{Advice, ComputeInstance, ManagedIdentityType};

const NO_USER: &str = "the instance belongs to the operator's azure principal, and no person can open its notebooks and terminal; set spec.assignedUser to the person who is to work on it";
const SSO: &str = "azure switches single sign-on off on an instance that is made for somebody and has a setup script or custom application; only its assigned user can switch it on, in the studio, so spec.sso is neither sent nor compared";
const SSO_LATER: &str = "on an instance that is made for somebody, azure lets only its assigned user switch single sign-on once it exists, in the studio";
const IDLE: &str = "with a managed identity azure stops the idle instance only if that identity is Contributor on the workspace; grant it that role";
const BILLS: &str =
    "the instance bills until somebody stops it; declare idleTimeBeforeShutdown, schedules or powerState";

pub(super) fn advice(object: &ComputeInstance) -> Vec<Advice> {
    let spec = &object.spec;
    let mut advice = Vec::new();
    let mut say = |reason: &str, message: &str| advice.push(Advice { reason: reason.into(), message: message.into() });
    if spec.assigned_user.is_none() && !has_adopted(object) {
        say("NoUserAssigned", NO_USER);
    }
    if sso_is_the_users(object) {
        say("SingleSignOnIsTheUsers", SSO);
    } else if spec.assigned_user.is_some() && spec.sso.is_some() {
        say("SingleSignOnIsTheUsers", SSO_LATER);
    }
    let has_identity = spec.identity.as_ref().is_some_and(|identity| identity.kind != ManagedIdentityType::None);
    if has_identity && spec.idle_time_before_shutdown.is_some() {
        say("IdleShutdownNeedsContributor", IDLE);
    }
    if spec.idle_time_before_shutdown.is_none() && spec.schedules.is_empty() && spec.power_state.is_none() {
        say("BillsUntilStopped", BILLS);
    }
    if let Asked::Nonsense = asked(object) {
        let message = format!(
            "the annotation {RESTART_REQUESTED_AT} is no time such as 2026-01-05T08:00:00Z, so nothing is restarted"
        );
        say("RestartNotUnderstood", &message);
    }
    advice
}
