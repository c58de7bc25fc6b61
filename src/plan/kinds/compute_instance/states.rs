//! What every state of an instance means, and the way out of those that do not work (azureml-api.md c.2).
//!
//! Must not name a state twice, and must not leave one out: `standing` matches all of them, the table is for people too.

use crate::action::Because;
use crate::classify::cut_tail;
use crate::standing::Standing;
use arm::{Compute, InstanceState};

/// What is said of an instance in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Ready, as far as power is as declared.
    Ready,
    /// Reconciling: it is waited for.
    Reconciling,
    /// Stalled: somebody is needed.
    Stalled,
    /// Stalled, but an instance that never worked is deleted and made again by itself.
    StalledUnlessNew,
}

/// One state.
#[derive(Clone, Copy, Debug)]
pub struct InstanceStateRow {
    /// As Azure writes it.
    pub state: &'static str,
    /// What it means.
    pub meaning: Meaning,
    /// The reason of Ready; empty where the instance works.
    pub reason: &'static str,
    /// What is going on, for people.
    pub what: &'static str,
    /// The way out; empty where nothing has to be done.
    pub way_out: &'static str,
}

const fn works(state: &'static str, what: &'static str) -> InstanceStateRow {
    InstanceStateRow { state, meaning: Meaning::Ready, reason: "", what, way_out: "" }
}

const fn moves(state: &'static str, reason: &'static str, what: &'static str) -> InstanceStateRow {
    InstanceStateRow { state, meaning: Meaning::Reconciling, reason, what, way_out: "" }
}

const fn fails(state: &'static str, meaning: Meaning, what: &'static str, way_out: &'static str) -> InstanceStateRow {
    InstanceStateRow { state, meaning, reason: state, what, way_out }
}

/// What is said of a state that this version does not know, and of none at all.
pub const UNKNOWN_STATE: InstanceStateRow =
    moves("any other", "UnknownState", "azure does not say what the instance is doing; it is waited for");

const RECREATE: &str = "set replacePolicy: Recreate and change what is wrong, or delete the object and create it again; both destroy the local disk";

/// Every state that Azure has for an instance.
pub const INSTANCE_STATES: &[InstanceStateRow] = &[
    works("Running", "it runs"),
    works("Ready", "it runs (a word of older versions)"),
    works("JobRunning", "it runs a job"),
    works("Stopped", "it is stopped"),
    moves("Creating", "Creating", "azure is making the compute"),
    moves("SettingUp", "SettingUp", "azure is setting the instance up"),
    moves("UserSettingUp", "UserSettingUp", "the setup script runs"),
    moves("Starting", "Starting", "azure is starting the compute"),
    moves("Stopping", "Stopping", "azure is stopping the compute"),
    moves("Restarting", "Restarting", "azure is restarting the compute"),
    moves("Resizing", "Resizing", "azure is changing the instance's size"),
    moves("Reimaging", "Reimaging", "azure is putting a new system onto the instance"),
    moves("Deleting", "Deleting", "azure is deleting the compute; what is declared is made again afterwards"),
    fails(
        "CreateFailed",
        Meaning::StalledUnlessNew,
        "azure could not make the instance",
        "mend what azure names; an instance that never worked is deleted and made again by itself",
    ),
    fails(
        "SetupFailed",
        Meaning::StalledUnlessNew,
        "azure could not set the instance up",
        "check the network of its subnet; an instance that never worked is deleted and made again by itself",
    ),
    fails(
        "UserSetupFailed",
        Meaning::Stalled,
        "the setup script failed",
        "correct spec.setupScripts or its ConfigMap; an instance that never worked is then made again by itself, any other only under replacePolicy: Recreate, which destroys its local disk",
    ),
    fails(
        "StartFailed",
        Meaning::Stalled,
        "azure could not start the instance",
        "it is started again while powerState is Running; otherwise start it in the studio",
    ),
    fails(
        "StopFailed",
        Meaning::Stalled,
        "azure could not stop the instance, which goes on billing",
        "it is stopped again while powerState is Stopped; otherwise stop it in the studio",
    ),
    fails(
        "RestartFailed",
        Meaning::Stalled,
        "azure could not restart the instance",
        "stop it and start it, by powerState or in the studio",
    ),
    fails("ResizeFailed", Meaning::Stalled, "azure could not change the instance's size", RECREATE),
    fails("ReimageFailed", Meaning::Stalled, "azure could not put a new system onto the instance", RECREATE),
    fails(
        "Unusable",
        Meaning::Stalled,
        "azure cannot use the instance, mostly because of its network or a full disk",
        "stop it and start it, by powerState or in the studio; if that does not help, set replacePolicy: Recreate and change what is wrong, or delete the object and create it again, which destroys the local disk",
    ),
];

/// The row of a state.
fn row(state: Option<&InstanceState>) -> &'static InstanceStateRow {
    match state {
        Some(InstanceState::Unknown(_)) | None => &UNKNOWN_STATE,
        Some(state) => INSTANCE_STATES.iter().find(|row| row.state == state.as_str()).unwrap_or(&UNKNOWN_STATE),
    }
}

/// Where the instance stands.
pub(super) fn standing(seen: &Compute, note: Option<String>) -> Standing {
    let instance = seen.compute_instance();
    let state = instance.as_ref().and_then(|instance| instance.state.as_ref());
    let row = row(state);
    let because = |message: String| Because::new(row.reason, message);
    match row.meaning {
        Meaning::Ready => Standing::Settled { note },
        Meaning::Reconciling => Standing::Moving(because(row.what.to_owned())),
        Meaning::Stalled | Meaning::StalledUnlessNew => Standing::Broken {
            because: because(format!("{}{}; {}", row.what, told(seen), row.way_out)),
            again: row.meaning == Meaning::StalledUnlessNew,
        },
    }
}

/// What Azure says of what does not work. Of long words the end counts: there a script says why it failed.
fn told(seen: &Compute) -> String {
    let errors = seen.compute_instance().map(|instance| instance.errors).unwrap_or_default();
    let Some(error) = seen.provisioning_errors.first().or(errors.first()) else { return String::new() };
    let message = cut_tail(error.message.trim_end_matches('.'));
    match (error.code.as_str(), message.as_str()) {
        ("", message) => format!(": azure says {message}"),
        (code, "") => format!(": azure says {code}"),
        (code, message) => format!(": azure says {code}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every state of the type, by a match that a new one breaks.
    fn all() -> Vec<InstanceState> {
        use InstanceState::*;
        let listed = |state: &InstanceState| match state {
            Creating | CreateFailed | Deleting | Running | Ready | JobRunning | Restarting | RestartFailed
            | Resizing | ResizeFailed | Reimaging | ReimageFailed | SettingUp | SetupFailed | UserSettingUp
            | UserSetupFailed | Starting | StartFailed | Stopping | StopFailed | Stopped | Unusable | Unknown(_) => (),
        };
        let states = vec![
            Creating,
            CreateFailed,
            Deleting,
            Running,
            Ready,
            JobRunning,
            Restarting,
            RestartFailed,
            Resizing,
            ResizeFailed,
            Reimaging,
            ReimageFailed,
            SettingUp,
            SetupFailed,
            UserSettingUp,
            UserSetupFailed,
            Starting,
            StartFailed,
            Stopping,
            StopFailed,
            Stopped,
            Unusable,
        ];
        states.iter().for_each(listed);
        states
    }

    #[test]
    fn every_state_has_one_row_that_agrees_with_whether_it_moves() {
        for state in all() {
            let rows: Vec<_> = INSTANCE_STATES.iter().filter(|row| row.state == state.as_str()).collect();
            assert_eq!(rows.len(), 1, "{state}");
            assert_eq!(rows[0].meaning == Meaning::Reconciling, state.is_moving(), "{state}");
            let needs_way = matches!(rows[0].meaning, Meaning::Stalled | Meaning::StalledUnlessNew);
            assert_eq!(!rows[0].way_out.is_empty(), needs_way, "{state}");
        }
        assert_eq!(INSTANCE_STATES.len(), all().len(), "a row without a state");
    }

    #[test]
    fn state_nobody_knows_is_waited_for() {
        assert_eq!(row(Some(&InstanceState::Unknown("Pondering".into()))).meaning, Meaning::Reconciling);
        assert_eq!(row(None).reason, "UnknownState");
    }
}
