//! The object is being deleted: what is ours in Azure goes first, then the object.
//!
//! Must not give up, and must not touch what is not ours. The finalizer goes only after proven absence, or because
//! policy says that the compute stays.

use crate::action::{Action, Because, Plan, Verdict};
use crate::case::{Case, parent_is_gone};
use crate::classify::classify;
use crate::decide::compute_id;
use crate::inputs::{OperationKind, Seen, WorkspaceFacts, WorkspaceState};
use crate::kind::{Kind, Removal, has_finalizer};
use crate::ownership::{Owner, adopted, may_adopt, owner};
use crate::present::name_of;
use crate::rivals::is_certain;
use api::ManagementPolicy;
use api::annotations::FINALIZER;
use arm::{Compute, ComputeId, ProvisioningState, UnderlyingAction};
use jiff::SignedDuration;

/// Decides for an object that is being deleted.
pub(crate) fn decide<K: Kind>(case: &Case<'_, K>) -> Plan {
    let head = case.object.head();
    if !has_finalizer(case.object, FINALIZER) {
        return case.say(Verdict::Working(Because::new("Deleting", "the object is going")), case.settings.requeue);
    }
    if case.is_paused() {
        return case.say(Verdict::Paused, case.settings.requeue);
    }
    if head.management == ManagementPolicy::Observe || head.removal == Removal::Retain {
        return release(case, "the compute stays in azure, as the policies say");
    }
    let workspace = match &case.refs.workspace {
        WorkspaceState::Ready(facts) => facts,
        WorkspaceState::Missing => return blocked(case, &without_workspace(case)),
        WorkspaceState::Unready { message, .. } => {
            let name = &head.workspace_ref.name;
            return blocked(case, &format!("Workspace {name} cannot be used: {message}"));
        }
    };
    match compute_id(case, workspace) {
        Ok(id) => remove(case, workspace, &id),
        Err(_) => release(case, "the object's name is no compute's name, so nothing was ever made"),
    }
}

fn without_workspace<K: Kind>(case: &Case<'_, K>) -> String {
    format!(
        "Workspace {} is not in this namespace, so the compute {} cannot be {}; create the Workspace again, or set deletionPolicy: Retain to leave the compute in azure",
        case.object.head().workspace_ref.name,
        name_of(case),
        match wish(case) {
            UnderlyingAction::Delete => "deleted",
            UnderlyingAction::Detach => "detached",
        }
    )
}

fn remove<K: Kind>(case: &Case<'_, K>, workspace: &WorkspaceFacts, id: &ComputeId) -> Plan {
    if let Some(write) = case.running().filter(|write| write.kind.removes()) {
        return case.progressing(write.kind);
    }
    if let Some(failure) = case.observation.trouble.as_ref().filter(|_| case.observation.looked) {
        if parent_is_gone(failure) {
            return release(case, "the workspace is gone from azure, and everything in it");
        }
        return Plan { next: case.failed(failure).next, ..blocked(case, &classify(failure).because.message) };
    }
    if !case.observation.is_fresh() {
        return case.look();
    }
    match &case.observation.seen {
        Seen::Unknown => blocked(case, &format!("workspace {} has not been looked at yet", workspace.id.name())),
        Seen::Absent if case.create_may_show() => {
            case.working("Deleting", "a compute that azure may just have accepted is removed as soon as it shows")
        }
        Seen::Absent => release(case, "the compute is gone"),
        Seen::Present(seen) => delete(case, id, seen),
    }
}

fn delete<K: Kind>(case: &Case<'_, K>, id: &ComputeId, seen: &Compute) -> Plan {
    if !is_certain(case) {
        return case.look();
    }
    let right_type = seen.compute_type == case.object.compute_type();
    let owner = owner(case, id, seen);
    if right_type && owner != Owner::Us && takeover_may_run(case, id, &owner, seen) {
        return case
            .working("Deleting", "a compute that is perhaps being taken over is waited for before it is judged");
    }
    if !right_type || owner != Owner::Us {
        return release(case, "the compute is not this object's and is left alone");
    }
    if seen.provisioning_state == ProvisioningState::Deleting {
        return case.progressing(leave(case, seen, wish(case)).1);
    }
    if let Some(held) = case.held() {
        return match held.verdict {
            Verdict::Working(because) | Verdict::Stalled(because) => {
                Plan { next: held.next, ..blocked(case, &because.message) }
            }
            Verdict::Ready(_) | Verdict::Paused => case.look(),
        };
    }
    let (action, kind) = leave(case, seen, wish(case));
    Plan { owned: true, action, ..case.progressing(kind) }
}

/// What is wished for what lies under the compute.
fn wish<K: Kind>(case: &Case<'_, K>) -> UnderlyingAction {
    match case.object.head().removal {
        Removal::Delete => UnderlyingAction::Delete,
        Removal::Detach | Removal::Retain => UnderlyingAction::Detach,
    }
}

/// The action by which a compute goes, and its name: as wished, where its type has both. What lies under a compute that
/// was adopted by claim was made by somebody else, and stays.
pub(crate) fn leave<K: Kind>(case: &Case<'_, K>, seen: &Compute, wish: UnderlyingAction) -> (Action, OperationKind) {
    let wish = if adopted(case.object, seen) { UnderlyingAction::Detach } else { wish };
    match seen.compute_type.leaves_by(wish) {
        UnderlyingAction::Delete => (Action::Delete, OperationKind::Delete),
        UnderlyingAction::Detach => (Action::Detach, OperationKind::Detach),
    }
}

/// How long a takeover may run: Azure's longest operations take about half an hour (azureml-api.md a.4).
const LONGEST_TAKEOVER: SignedDuration = SignedDuration::from_mins(45);

/// Whether a takeover of ours, sent before the delete, may still be under way: released now, the compute would get the
/// tags of an object that is gone.
fn takeover_may_run<K: Kind>(case: &Case<'_, K>, id: &ComputeId, owner: &Owner, seen: &Compute) -> bool {
    let moves = match seen.provisioning_state {
        ProvisioningState::Creating | ProvisioningState::Updating => true,
        ProvisioningState::Succeeded
        | ProvisioningState::Failed
        | ProvisioningState::Canceled
        | ProvisioningState::Deleting
        | ProvisioningState::Unknown(_) => false,
    };
    let since = case.object.meta().deletion_timestamp.as_ref();
    let recent = since.is_some_and(|time| case.now.duration_since(time.0) < LONGEST_TAKEOVER);
    moves && recent && case.is_claimed(id) && may_adopt(case.object.head().adoption, owner)
}

fn release<K: Kind>(case: &Case<'_, K>, message: &str) -> Plan {
    case.act(Action::Release, "Released", message)
}

/// A delete that cannot go on is said as such and tried for ever.
fn blocked<K: Kind>(case: &Case<'_, K>, message: &str) -> Plan {
    let verdict = Verdict::Working(Because::new("DeletionBlocked", message));
    case.say(verdict, case.settings.transition)
}
