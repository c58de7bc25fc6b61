//! The CEL rules of ComputeInstance alone.
//!
//! Must not say when a schedule fires: only whether Azure takes it.

use super::{forbid, matches, refuse};
use kube::core::Rule;

/// An instance that is made for somebody takes SSH only without a key: Azure lets nobody but that person set one
/// (issue text; how-to-create-compute-instance, "Set up an SSH key later").
pub(crate) fn no_key_for_others() -> Rule {
    refuse(
        "!has(self.assignedUser) || !has(self.ssh) || !has(self.ssh.publicKey)",
        "`ssh.publicKey` must be absent with `assignedUser`: on an instance that is made for somebody only that person \
         may set the SSH key; write `ssh.enabled: true` alone, and they set it in the studio",
    )
    .field_path(".ssh")
}

/// What is configured must not silently have no effect.
pub(crate) fn key_only_with_ssh() -> Rule {
    refuse("self.enabled || !has(self.publicKey)", "`ssh.publicKey` has an effect only with `ssh.enabled: true`")
        .field_path(".enabled")
}

/// A policy on power says how to hold a power state that is declared.
pub(crate) fn policy_only_with_state() -> Rule {
    refuse(
        "self.powerPolicy != 'Enforce' || has(self.powerState)",
        "`powerPolicy` Enforce has an effect only with `powerState`: say Running or Stopped, or leave the policy out",
    )
    .field_path(".powerPolicy")
}

/// A schedule fires in one way.
pub(crate) fn schedule_trigger() -> Rule {
    refuse(
        "has(self.cron) != has(self.recurrence)",
        "a schedule in `schedules` must have exactly one of `cron` and `recurrence`",
    )
}

/// Names of schedules, by which the list is merged.
pub(crate) fn schedule_name() -> Rule {
    matches("[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", "`name` must be letters, digits, dots, underscores and dashes")
}

/// The time zones that Azure takes, by the names people use.
pub(crate) fn time_zone() -> Rule {
    let names: Vec<String> = crate::time_zones::names().map(|name| format!("'{name}'")).collect();
    refuse(
        format!("self in [{}]", names.join(", ")),
        "`timeZone` must be the IANA name of a time zone that Windows knows, such as Europe/Berlin, America/New_York or \
         UTC: Azure takes only those",
    )
}

/// Five fields as Azure ML's documentation has them (how-to-create-compute-instance, "standard cron syntax"): each `*`,
/// or numbers and ranges divided by commas. Steps and names, which other programs know, are not in it.
pub(crate) fn cron() -> Rule {
    let field = |number: &str| format!(r"([*]|({number})(-({number}))?(,({number})(-({number}))?)*)");
    let minute = field("[0-5]?[0-9]");
    let hour = field("[01]?[0-9]|2[0-3]");
    let day = field("0?[1-9]|[12][0-9]|3[01]");
    let month = field("0?[1-9]|1[0-2]");
    let weekday = field("[0-6]");
    matches(
        &[minute, hour, day, month, weekday].join(" "),
        "`cron` must have five fields divided by single blanks, minute (0-59), hour (0-23), day of the month (1-31), month \
         (1-12) and day of the week (0-6, Sunday is 0), each * or numbers and ranges such as 1-5 or 8,12,18; steps and \
         names are not known to Azure",
    )
}

/// When a schedule begins to count: Azure ML's format, without a zone, because the schedule has one.
pub(crate) fn start_time() -> Rule {
    let date = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])";
    matches(
        &format!("{date}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"),
        "`startTime` must be a time without a zone, such as 2026-01-05T08:00:00: it counts in `timeZone`",
    )
}

/// Hours and minutes of the day belong to days and longer; Azure's schema has both or neither.
pub(crate) fn recurrence_times() -> Rule {
    refuse(
        "has(self.hours) == has(self.minutes) && (!has(self.hours) || self.frequency in ['Day', 'Week', 'Month'])",
        "`recurrence.hours` and `recurrence.minutes` must be given together, and only with `recurrence.frequency` Day, Week \
         or Month",
    )
    .field_path(".hours")
}

/// Days belong to their own frequency, and come with a time of the day.
pub(crate) fn recurrence_days(field: &str, frequency: &str) -> Rule {
    refuse(
        format!("!has(self.{field}) || (self.frequency == '{frequency}' && has(self.hours))"),
        format!(
            "`recurrence.{field}` must be given only with `recurrence.frequency` {frequency}, and with `recurrence.hours` \
             and `recurrence.minutes`"
        ),
    )
    .field_path(format!(".{field}"))
}

/// A script is in the object or in a ConfigMap.
pub(crate) fn script_source() -> Rule {
    refuse(
        "has(self.inline) != has(self.configMapRef)",
        "a script in `setupScripts` must have exactly one of `inline` and `configMapRef`",
    )
}

/// Arguments of a script: Azure takes one line of text. They may be secret, so they are not repeated.
pub(crate) fn script_arguments() -> Rule {
    forbid(
        "self.all(argument, !argument.matches('[[:cntrl:]]'))",
        "`arguments` must not hold line ends or other control characters",
    )
}

/// A port is taken once, whoever takes it.
pub(crate) fn published_once() -> Rule {
    refuse(
        "self.all(service, service.endpoints.all(endpoint, self.map(other, \
         size(other.endpoints.filter(taken, taken.published == endpoint.published))).sum() == 1))",
        "`published` must be a port that no other endpoint in `customServices` has",
    )
}

/// Names of custom applications.
pub(crate) fn service_name() -> Rule {
    matches(
        "[A-Za-z0-9]([A-Za-z0-9_-]*[A-Za-z0-9])?",
        "`name` must be letters, digits, underscores and dashes, and begin and end with a letter or digit",
    )
}

/// An image's reference: it stands on a command line.
pub(crate) fn image_reference() -> Rule {
    matches(
        "[A-Za-z0-9][A-Za-z0-9._:/@-]*",
        "`image.reference` must be the reference of a container image, such as ghcr.io/azure/rocker-rstudio-ml-verse:latest",
    )
}

/// Names of environment variables. Values may be secret, so nothing is repeated.
pub(crate) fn variable_names() -> Rule {
    forbid(
        "self.all(name, size(name) <= 128 && name.matches('^[A-Za-z_][A-Za-z0-9_]*$'))",
        "the names in `environment` must be letters, digits and underscores, begin with no digit, and have at most 128 \
         characters",
    )
}

/// A path on the instance or in the container.
pub(crate) fn absolute_path(field: &str) -> Rule {
    matches("/[^[:cntrl:]:]*", &format!("`{field}` must be an absolute path without colons"))
}

/// A setup script's timeout: Azure's own default is 15 minutes (how-to-customize-compute-instance).
pub(crate) fn script_timeout() -> Rule {
    super::duration("timeout", 60, 86_400, "1 minute to 1 day, in ISO 8601 or Go form, such as PT20M or 20m")
}
