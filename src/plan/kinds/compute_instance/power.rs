//! Power as state: which start, stop or restart the declaration and the annotation call for.
//!
//! Must not send anything, and must not call for an action in a state from which Azure does not take it.

use crate::change::was_accepted;
use crate::rules::{Change, Difference};
use crate::standing::Known;
use api::annotations::RESTART_REQUESTED_AT;
use api::{ComputeInstance, PowerPolicy, PowerState};
use arm::{Compute, ComputeAction, InstanceOperation, InstanceState, LastOperation, OperationTrigger};
use jiff::{SignedDuration, Timestamp};

/// How far Azure's clock may be behind that of whoever wrote a restart's time.
const BEHIND: SignedDuration = SignedDuration::from_secs(60);
/// How far it may be ahead of ours. Times further ahead are of another clock (an emulator that runs fast), and tell
/// nothing when compared with a value.
const AHEAD: SignedDuration = SignedDuration::from_secs(5);

/// What an instance's state says of its power.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Power {
    /// It runs: it can be stopped and restarted.
    On,
    /// It is stopped: it can be started.
    Off,
    /// It should have started: Azure says no more, so both are tried.
    Unstarted,
    /// It does not work, and may run: only a stop is of use (azureml-api.md c.2).
    Stuck,
    /// It is on its way, or nobody knows: nothing can be asked of it.
    Unclear,
}

fn power(state: Option<&InstanceState>) -> Power {
    use InstanceState as S;
    match state {
        Some(S::Running | S::Ready | S::JobRunning) => Power::On,
        Some(S::Stopped) => Power::Off,
        Some(S::StartFailed) => Power::Unstarted,
        Some(S::SetupFailed | S::UserSetupFailed | S::StopFailed | S::RestartFailed | S::ResizeFailed) => Power::Stuck,
        Some(S::ReimageFailed | S::Unusable) => Power::Stuck,
        Some(
            S::Creating
            | S::CreateFailed
            | S::Deleting
            | S::Restarting
            | S::Resizing
            | S::Reimaging
            | S::SettingUp
            | S::UserSettingUp
            | S::Starting
            | S::Stopping
            | S::Unknown(_),
        )
        | None => Power::Unclear,
    }
}

/// The declared power state that Azure has now, if it has it.
fn reached(object: &ComputeInstance, power: Power) -> Option<PowerState> {
    match (object.spec.power_state?, power) {
        (PowerState::Running, Power::On) => Some(PowerState::Running),
        (PowerState::Stopped, Power::Off) => Some(PowerState::Stopped),
        (
            PowerState::Running | PowerState::Stopped,
            Power::On | Power::Off | Power::Unstarted | Power::Stuck | Power::Unclear,
        ) => None,
    }
}

/// The declared power state that was last reached, to be remembered.
pub(super) fn applied(object: &ComputeInstance, known: Option<&Known<'_>>) -> Option<PowerState> {
    let wanted = object.spec.power_state?;
    let state = known.and_then(|known| known.seen.compute_instance()?.state);
    let before = object.status.as_ref().and_then(|status| status.applied_power_state);
    reached(object, power(state.as_ref())).or(before.filter(|before| *before == wanted))
}

/// Whether Azure is not as declared because a schedule or the idle shutdown did what the policy respects. A power state
/// that was not reached since it was declared is carried out, whoever stopped or started the instance before.
fn is_respected(object: &ComputeInstance, last: Option<&LastOperation>) -> bool {
    let wanted = object.spec.power_state;
    let applied = object.status.as_ref().and_then(|status| status.applied_power_state);
    let by_itself = last.is_some_and(|last| match (&last.trigger, wanted) {
        (Some(OperationTrigger::Schedule | OperationTrigger::IdleShutdown), Some(PowerState::Running)) => {
            last.name == InstanceOperation::Stop
        }
        (Some(OperationTrigger::Schedule | OperationTrigger::IdleShutdown), Some(PowerState::Stopped)) => {
            last.name == InstanceOperation::Start
        }
        (Some(OperationTrigger::User | OperationTrigger::Unknown(_)) | None, _) | (Some(_), None) => false,
    });
    object.spec.power_policy == PowerPolicy::RespectSchedules && by_itself && wanted == applied
}

/// What of Azure differs from the declared power state, with the one action that carries it out.
pub(super) fn wish(object: &ComputeInstance, known: &Known<'_>) -> Option<Difference> {
    let wanted = object.spec.power_state?;
    let instance = known.seen.compute_instance()?;
    let state = instance.state.as_ref()?;
    let action = match (wanted, power(Some(state))) {
        (PowerState::Running, Power::Off | Power::Unstarted) => ComputeAction::Start,
        (PowerState::Stopped, Power::On | Power::Unstarted | Power::Stuck) => ComputeAction::Stop,
        (PowerState::Running, Power::On | Power::Stuck | Power::Unclear)
        | (PowerState::Stopped, Power::Off | Power::Unclear) => return None,
    };
    let last = instance.last_operation.as_ref();
    if is_respected(object, last) {
        return None;
    }
    Some(Difference {
        field: "spec.powerState".into(),
        from: last.map_or(state.to_string(), |last| format!("{state} ({})", by_whom(last))),
        to: format!("{wanted:?}"),
        change: Change::Post(action),
    })
}

/// What happened last, for people: "Stop by Schedule, 2026-01-05T18:00:00Z".
fn by_whom(last: &LastOperation) -> String {
    let trigger = last.trigger.as_ref().map(|trigger| format!(" by {trigger}")).unwrap_or_default();
    let time = last.time.as_ref().map(|time| format!(", {time}")).unwrap_or_default();
    format!("{}{trigger}{time}", last.name)
}

/// What is worth saying of an instance that rests as declared.
pub(super) fn note(object: &ComputeInstance, seen: &Compute) -> Option<String> {
    let instance = seen.compute_instance()?;
    let power = power(instance.state.as_ref());
    let last = instance.last_operation.as_ref();
    if object.spec.power_state.is_some() && reached(object, power).is_none() && is_respected(object, last) {
        let state = instance.state.as_ref()?;
        let last = by_whom(last?);
        return Some(format!("it is {state} ({last}), which powerPolicy: RespectSchedules leaves as it is"));
    }
    let waits = match asked(object) {
        // What is stopped was not booted last, so no clock matters.
        Asked::At(value, at) => !is_done(object, last, (value, at), Timestamp::MAX),
        Asked::Nothing | Asked::Nonsense => false,
    };
    (waits && power == Power::Off).then(|| "the restart that was asked for waits until it runs".to_owned())
}

/// What the restart annotation asks for.
pub(super) enum Asked<'a> {
    /// Nothing.
    Nothing,
    /// Something that is no time: nothing is restarted.
    Nonsense,
    /// A restart, at that time.
    At(&'a str, Timestamp),
}

/// Reads the restart annotation.
pub(super) fn asked(object: &ComputeInstance) -> Asked<'_> {
    let value = object.metadata.annotations.as_ref().and_then(|all| all.get(RESTART_REQUESTED_AT));
    match value.map(|value| (value, value.trim().parse())) {
        None => Asked::Nothing,
        Some((value, Ok(at))) => Asked::At(value, at),
        Some((_, Err(_))) => Asked::Nonsense,
    }
}

fn restart(value: &str) -> Difference {
    Difference {
        field: format!("metadata.annotations[{RESTART_REQUESTED_AT}]"),
        from: "not restarted since".into(),
        to: value.to_owned(),
        change: Change::Post(ComputeAction::Restart),
    }
}

/// When the last operation that booted the instance began.
fn booted(last: Option<&LastOperation>) -> Option<(Timestamp, &InstanceOperation)> {
    let last = last?;
    let boots = match last.name {
        InstanceOperation::Restart
        | InstanceOperation::Start
        | InstanceOperation::Create
        | InstanceOperation::Reimage => true,
        InstanceOperation::Stop
        | InstanceOperation::Resize
        | InstanceOperation::Delete
        | InstanceOperation::Unknown(_) => false,
    };
    boots.then(|| Some((last.time.as_deref()?.parse().ok()?, &last.name))).flatten()
}

/// Whether the restart was carried out, as Azure or an earlier report tells. A boot that began after the value is as
/// good as a restart. Clocks differ: a restart that began a little before the value counts if nothing was reported of
/// it yet, because then it came after what was last seen.
fn is_done(
    object: &ComputeInstance,
    last: Option<&LastOperation>,
    (value, at): (&str, Timestamp),
    now: Timestamp,
) -> bool {
    let status = object.status.as_ref();
    if status.and_then(|status| status.restart_served.as_deref()) == Some(value) {
        return true;
    }
    let Some((began, name)) = booted(last) else { return false };
    let reported = status.and_then(|status| status.last_operation.as_ref()?.time.as_deref()?.parse::<Timestamp>().ok());
    let news = reported.is_some_and(|reported| reported < began);
    let comparable = began.duration_since(now) <= AHEAD;
    (comparable && began >= at) || (*name == InstanceOperation::Restart && news && began.duration_since(at) >= -BEHIND)
}

/// The restart that is asked for, due, not done, and possible now.
pub(super) fn request(object: &ComputeInstance, known: &Known<'_>) -> Option<Difference> {
    let Asked::At(value, at) = asked(object) else { return None };
    let instance = known.seen.compute_instance()?;
    let possible = power(instance.state.as_ref()) == Power::On && wish(object, known).is_none();
    let sent = known.write.is_some_and(|write| was_accepted(write, ComputeAction::Restart, &restart(value)));
    let done = sent || is_done(object, instance.last_operation.as_ref(), (value, at), known.now);
    (possible && !done && at <= known.now).then(|| restart(value))
}

/// How long until the restart that is asked for is due.
pub(super) fn due(object: &ComputeInstance, now: Timestamp) -> Option<SignedDuration> {
    match asked(object) {
        Asked::At(_, at) if at > now => Some(at.duration_since(now)),
        Asked::At(..) | Asked::Nonsense | Asked::Nothing => None,
    }
}

/// The newest value that was carried out, to be remembered.
pub(super) fn served(object: &ComputeInstance, known: Option<&Known<'_>>) -> Option<String> {
    let before = object.status.as_ref().and_then(|status| status.restart_served.clone());
    let Asked::At(value, at) = asked(object) else { return before };
    let Some(known) = known else { return before };
    let last = known.seen.compute_instance().and_then(|instance| instance.last_operation);
    let sent = known.write.is_some_and(|write| was_accepted(write, ComputeAction::Restart, &restart(value)));
    if sent || is_done(object, last.as_ref(), (value, at), known.now) { Some(value.to_owned()) } else { before }
}
