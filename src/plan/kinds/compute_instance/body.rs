//! The body that makes an instance, and those of its own actions (azureml-api.md a.2, b.4).
//!
//! Must not send what the owner did not write, but for two switches that say what nobody wrote: whose the instance is
//! (`personal`, the only value there is) and that there is no SSH.

use crate::action::Because;
use crate::inputs::{ConfigMapState, Refs, WorkspaceFacts};
use crate::kinds::wire::{public_key, put, subnet_id};
use api::{
    ApplicationSharing, ComputeInstance, CustomService, PowerAction, Recurrence, RecurrenceFrequency, Schedule,
    SetupScript, WeekDay, limits, windows_zone,
};
use arm::{ComputeAction, format_iso, parse_duration};
use k8s_openapi::ByteString;
use serde_json::{Map, Value, json};

/// Lists that are emptied when they leave the spec, by their names in `status.managedLists`.
pub(super) const SCHEDULES: &str = "schedules";
pub(super) const CUSTOM_SERVICES: &str = "customServices";

/// The PUT body.
pub(super) fn desired(object: &ComputeInstance, refs: &Refs, workspace: &WorkspaceFacts) -> Result<Value, Because> {
    let spec = &object.spec;
    let mut own = Map::new();
    own.insert("vmSize".into(), json!(spec.vm_size));
    own.insert("computeInstanceAuthorizationType".into(), json!("personal"));
    put(&mut own, "applicationSharingPolicy", spec.application_sharing.map(sharing));
    put(&mut own, "subnet", spec.subnet.as_ref().map(|subnet| json!({"id": subnet_id(subnet, workspace)})));
    put(&mut own, "enableNodePublicIp", spec.node_public_ip);
    put(&mut own, "enableRootAccess", spec.root_access);
    put(&mut own, "enableOSPatching", spec.os_patching);
    put(&mut own, "releaseQuotaOnStop", spec.release_quota_on_stop);
    // Azure switches it off there whatever is sent, and only the assigned user may switch it on.
    put(&mut own, "enableSSO", spec.sso.filter(|_| !sso_is_the_users(object)));
    let user = spec.assigned_user.as_ref();
    let user = user.map(|user| json!({"assignedUser": {"objectId": user.object_id, "tenantId": user.tenant_id}}));
    put(&mut own, "personalComputeInstanceSettings", user);
    put(&mut own, "idleTimeBeforeShutdown", idle_time(object)?);
    if !spec.schedules.is_empty() || was_set(object, SCHEDULES) {
        own.insert("schedules".into(), json!({"computeStartStop": schedules(&spec.schedules)?}));
    }
    if !spec.custom_services.is_empty() || was_set(object, CUSTOM_SERVICES) {
        let services: Vec<Value> = spec.custom_services.iter().map(custom_service).collect();
        own.insert("customServices".into(), services.into());
    }
    put(&mut own, "setupScripts", setup_scripts(object, refs)?);
    if let Some(ssh) = &spec.ssh {
        let mut settings = Map::new();
        settings.insert("sshPublicAccess".into(), json!(if ssh.enabled { "Enabled" } else { "Disabled" }));
        let key = ssh.public_key.as_ref().filter(|_| ssh.enabled).and_then(|key| public_key(refs, key));
        put(&mut settings, "adminPublicKey", key);
        own.insert("sshSettings".into(), settings.into());
    }
    let mut properties = Map::new();
    put(&mut properties, "description", spec.description.clone());
    let ssh = spec.ssh.as_ref().is_some_and(|ssh| ssh.enabled);
    properties.insert("disableLocalAuth".into(), json!(!ssh));
    properties.insert("properties".into(), own.into());
    Ok(json!({ "properties": properties }))
}

/// Whether only its user decides on single sign-on: Azure switches it off on an instance that is made for somebody and
/// runs what somebody else wrote.
pub(super) fn sso_is_the_users(object: &ComputeInstance) -> bool {
    let spec = &object.spec;
    let scripts = spec.setup_scripts.as_ref();
    let scripts = scripts.is_some_and(|scripts| scripts.creation.is_some() || scripts.startup.is_some());
    spec.assigned_user.is_some() && (scripts || !spec.custom_services.is_empty())
}

/// Whether this object once set the list.
pub(super) fn was_set(object: &ComputeInstance, list: &str) -> bool {
    object.status.as_ref().is_some_and(|status| status.managed_lists.iter().any(|name| name == list))
}

fn sharing(sharing: ApplicationSharing) -> &'static str {
    match sharing {
        ApplicationSharing::Personal => "Personal",
        ApplicationSharing::Shared => "Shared",
    }
}

fn invalid(field: &str, value: &str, must: &str) -> Because {
    Because::new("InvalidSpec", format!("`{field}` {value} must be {must}"))
}

/// Whole minutes, as the SDK writes them; other durations as Azure answers them.
fn idle_time(object: &ComputeInstance) -> Result<Option<Value>, Because> {
    let Some(text) = &object.spec.idle_time_before_shutdown else { return Ok(None) };
    let must = "a duration such as PT30M, 30m or 1h30m, without months or years";
    let idle = parse_duration(text).ok_or_else(|| invalid("spec.idleTimeBeforeShutdown", text, must))?;
    let whole = idle.as_secs() % 60 == 0;
    Ok(Some(json!(if whole { format!("PT{}M", idle.as_mins()) } else { format_iso(idle) })))
}

fn setup_scripts(object: &ComputeInstance, refs: &Refs) -> Result<Option<Value>, Because> {
    let Some(scripts) = &object.spec.setup_scripts else { return Ok(None) };
    let mut both = Map::new();
    for (key, field, script) in [
        ("creationScript", "spec.setupScripts.creation", &scripts.creation),
        ("startupScript", "spec.setupScripts.startup", &scripts.startup),
    ] {
        let Some(script) = script else { continue };
        put(&mut both, key, setup_script(script, field, refs)?);
    }
    Ok((!both.is_empty()).then(|| json!({ "scripts": both })))
}

/// One script, whole in the body: `inline` with its text in base64 (the ARM templates of Microsoft's documentation). A
/// script whose ConfigMap is not there is neither sent nor compared.
fn setup_script(script: &SetupScript, field: &str, refs: &Refs) -> Result<Option<Value>, Because> {
    let text = match (&script.inline, &script.config_map_ref) {
        (Some(text), _) => text.as_str(),
        (None, Some(wanted)) => match refs.config_maps.get(wanted) {
            Some(ConfigMapState::Value(script)) => script.expose(),
            Some(ConfigMapState::Missing | ConfigMapState::KeyMissing | ConfigMapState::Forbidden) | None => {
                return Ok(None);
            }
        },
        (None, None) => return Ok(None),
    };
    if text.len() > limits::SCRIPT {
        // One that is written in the object is refused when it is applied.
        let message =
            format!("`{field}` has {} bytes in its ConfigMap; at most {} are sent", text.len(), limits::SCRIPT);
        return Err(Because::new("InvalidSpec", message));
    }
    let mut body = Map::new();
    body.insert("scriptSource".into(), json!("inline"));
    body.insert("scriptData".into(), json!(ByteString(text.as_bytes().to_vec())));
    if !script.arguments.is_empty() {
        body.insert("scriptArguments".into(), json!(command_line(&script.arguments)));
    }
    if let Some(text) = &script.timeout {
        let must = "a duration of whole minutes such as PT20M, 20m or 1h30m";
        let timeout = parse_duration(text).filter(|timeout| timeout.as_secs() % 60 == 0);
        let timeout = timeout.ok_or_else(|| invalid(&format!("{field}.timeout"), text, must))?;
        body.insert("timeout".into(), json!(format!("{}m", timeout.as_mins())));
    }
    Ok(Some(body.into()))
}

/// Arguments as one line, which is all that Azure takes: what a shell would read otherwise stands in quotes.
fn command_line(arguments: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%_+=:,./-".contains(c);
    let quoted = |argument: &String| match argument.chars().all(plain) {
        true => argument.clone(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    };
    arguments.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn schedules(schedules: &[Schedule]) -> Result<Vec<Value>, Because> {
    schedules.iter().map(schedule).collect()
}

fn schedule(schedule: &Schedule) -> Result<Value, Because> {
    let iana = schedule.time_zone.as_deref().unwrap_or("UTC");
    let field = format!("spec.schedules[{}].timeZone", schedule.name);
    let must = "the IANA name of a time zone that Windows knows, such as Europe/Berlin: azure takes only those";
    let zone = windows_zone(iana).ok_or_else(|| invalid(&field, iana, must))?;
    let mut trigger = Map::new();
    trigger.insert("timeZone".into(), json!(zone));
    put(&mut trigger, "startTime", schedule.start_time.clone());
    let kind = match (&schedule.cron, &schedule.recurrence) {
        (Some(expression), _) => {
            trigger.insert("expression".into(), json!(expression));
            "Cron"
        }
        (None, Some(recurrence)) => {
            trigger.extend(pattern(recurrence));
            "Recurrence"
        }
        (None, None) => {
            let field = format!("spec.schedules[{}]", schedule.name);
            return Err(invalid(&field, "", "given a cron or a recurrence"));
        }
    };
    trigger.insert("triggerType".into(), json!(kind));
    let action = match schedule.action {
        PowerAction::Start => "Start",
        PowerAction::Stop => "Stop",
    };
    let status = if schedule.enabled { "Enabled" } else { "Disabled" };
    let mut item = json!({"action": action, "status": status, "triggerType": kind});
    item[kind.to_ascii_lowercase()] = trigger.into();
    Ok(item)
}

fn pattern(recurrence: &Recurrence) -> Map<String, Value> {
    let frequency = match recurrence.frequency {
        RecurrenceFrequency::Minute => "Minute",
        RecurrenceFrequency::Hour => "Hour",
        RecurrenceFrequency::Day => "Day",
        RecurrenceFrequency::Week => "Week",
        RecurrenceFrequency::Month => "Month",
    };
    // Both lists are always there, as the schema demands hours and the SDK sends both.
    let mut schedule = json!({"hours": recurrence.hours, "minutes": recurrence.minutes});
    if !recurrence.week_days.is_empty() {
        schedule["weekDays"] = recurrence.week_days.iter().copied().map(week_day).collect();
    }
    if !recurrence.month_days.is_empty() {
        schedule["monthDays"] = json!(recurrence.month_days);
    }
    let mut pattern = Map::new();
    pattern.insert("frequency".into(), json!(frequency));
    pattern.insert("interval".into(), json!(recurrence.interval));
    pattern.insert("schedule".into(), schedule);
    pattern
}

fn week_day(day: WeekDay) -> Value {
    json!(match day {
        WeekDay::Monday => "Monday",
        WeekDay::Tuesday => "Tuesday",
        WeekDay::Wednesday => "Wednesday",
        WeekDay::Thursday => "Thursday",
        WeekDay::Friday => "Friday",
        WeekDay::Saturday => "Saturday",
        WeekDay::Sunday => "Sunday",
    })
}

/// One application, in the form that the SDK sends (sdk-wire-notes.md 5).
fn custom_service(service: &CustomService) -> Value {
    let endpoint = |target: i32, published: i32| json!({"name": "connect", "protocol": "http", "target": target, "published": published});
    let endpoints: Vec<Value> = service.endpoints.iter().map(|e| endpoint(e.target, e.published)).collect();
    let mut body = json!({
        "name": service.name,
        "type": "docker",
        "image": {"type": "docker", "reference": service.image.reference},
        "endpoints": endpoints,
        "docker": {"privileged": true},
    });
    if !service.environment.is_empty() {
        let variable = |(name, value): (&String, &String)| (name.clone(), json!({"type": "local", "value": value}));
        body["environmentVariables"] = service.environment.iter().map(variable).collect::<Map<_, _>>().into();
    }
    if !service.volumes.is_empty() {
        let volume = |v: &api::CustomVolume| json!({"type": "bind", "source": v.source, "target": v.target, "readOnly": v.read_only});
        body["volumes"] = service.volumes.iter().map(volume).collect();
    }
    body
}

/// The body of an action: what the PUT would carry, in the form the action takes (azureml-api.md a.2).
pub(super) fn post(action: ComputeAction, desired: &Value) -> Option<Value> {
    let own = |key: &str| desired.pointer(&format!("/properties/properties/{key}")).cloned();
    match action {
        ComputeAction::Start | ComputeAction::Stop | ComputeAction::Restart => None,
        ComputeAction::SetIdleShutdown => Some(json!({"idleTimeBeforeShutdown": own("idleTimeBeforeShutdown")?})),
        ComputeAction::SetSchedules => own("schedules"),
        ComputeAction::SetCustomServices => own("customServices"),
        ComputeAction::SetSso => Some(json!({"enableSSO": own("enableSSO")?})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_become_one_line_that_a_shell_reads_back() {
        for (arguments, line) in [
            (vec!["arg1", "arg2"], "arg1 arg2"),
            (vec!["--name", "two words"], "--name 'two words'"),
            (vec!["it's", "$HOME", "a;b"], r"'it'\''s' '$HOME' 'a;b'"),
        ] {
            let arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
            assert_eq!(command_line(&arguments), line);
        }
    }
}
