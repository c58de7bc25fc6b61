//! The one table of calls: verb, api-version and ARM budget of everything this client ever asks.
//!
//! Must not build URLs or send anything; a call that is not a row here does not exist.

use arm::{ComputeAction, Dialect};
use std::fmt;
use std::time::Duration;

/// HTTP verb of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// `GET`.
    Get,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `POST`.
    Post,
    /// `DELETE`.
    Delete,
}

/// Which of ARM's three budgets a call spends (azureml-api.md d.1: every POST counts as a write, polls as reads).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Budget {
    /// GET, and polls of long operations.
    Reads,
    /// PUT, PATCH and POST.
    Writes,
    /// DELETE.
    Deletes,
}

impl Budget {
    /// The word for metrics, logs and the `x-ms-ratelimit-remaining-subscription-…` headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Deletes => "deletes",
        }
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Everything this client can ask Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// GET of a workspace.
    GetWorkspace,
    /// LIST of a workspace's computes.
    ListComputes,
    /// GET of a compute.
    GetCompute,
    /// PUT of a compute.
    PutCompute,
    /// PATCH of a compute.
    PatchCompute,
    /// DELETE of a compute.
    DeleteCompute,
    /// LIST of a workspace's computes with those that only the version of 2020 knows.
    ListLegacyComputes,
    /// GET of a compute that only the version of 2020 knows.
    GetLegacyCompute,
    /// PUT of a compute that only the version of 2020 knows.
    PutLegacyCompute,
    /// DELETE of a compute that only the version of 2020 knows.
    DeleteLegacyCompute,
    /// POST that lists a cluster's nodes.
    ListNodes,
    /// POST that starts an instance.
    StartCompute,
    /// POST that stops an instance.
    StopCompute,
    /// POST that restarts an instance.
    RestartCompute,
    /// POST that sets after how long an idle instance stops.
    SetIdleShutdown,
    /// POST that replaces an instance's schedules.
    SetSchedules,
    /// POST that replaces an instance's custom applications.
    SetCustomServices,
    /// POST that switches single sign-on to an instance's applications.
    SetSso,
    /// GET of a location's VM sizes.
    ListVmSizes,
    /// GET of a location's usages.
    ListUsages,
    /// GET of a long operation's status.
    PollOperation,
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Name in metrics and logs.
    pub name: &'static str,
    /// What it does, as it stands after "cannot" in an error.
    pub phrase: &'static str,
    /// HTTP verb.
    pub verb: Verb,
    /// ARM budget.
    pub budget: Budget,
    /// The api-version, and why this one; `None` where the URL comes from Azure and is used as it is.
    pub version: Option<(&'static str, &'static str)>,
}

/// The newest stable version (azureml-api.md a).
const STABLE: Option<(&str, &str)> = Some(("2026-05-01", "newest stable version"));

/// What no stable version has: the actions are published in this preview and serve all instances (azureml-api.md a.2).
const ACTIONS: Option<(&str, &str)> = Some(("2024-04-01-preview", "no stable version has this action"));
/// `updateSchedules` was published in this one preview and never again, though the right to it still exists.
const SCHEDULES: Option<(&str, &str)> = Some(("2021-03-01-preview", "the only version that has this action"));

/// Batch accounts: no newer version has their type, and the LIST of a newer one leaves them out (azureml-api.md b).
const LEGACY: Option<(&str, &str)> = Some(("2020-02-02", "the only version that knows attached Batch accounts"));

impl From<ComputeAction> for Call {
    fn from(action: ComputeAction) -> Self {
        match action {
            ComputeAction::Start => Self::StartCompute,
            ComputeAction::Stop => Self::StopCompute,
            ComputeAction::Restart => Self::RestartCompute,
            ComputeAction::SetIdleShutdown => Self::SetIdleShutdown,
            ComputeAction::SetSchedules => Self::SetSchedules,
            ComputeAction::SetCustomServices => Self::SetCustomServices,
            ComputeAction::SetSso => Self::SetSso,
        }
    }
}

impl Call {
    /// Every call there is.
    pub const ALL: [Self; 21] = [
        Self::GetWorkspace,
        Self::ListComputes,
        Self::GetCompute,
        Self::PutCompute,
        Self::PatchCompute,
        Self::DeleteCompute,
        Self::ListLegacyComputes,
        Self::GetLegacyCompute,
        Self::PutLegacyCompute,
        Self::DeleteLegacyCompute,
        Self::ListNodes,
        Self::StartCompute,
        Self::StopCompute,
        Self::RestartCompute,
        Self::SetIdleShutdown,
        Self::SetSchedules,
        Self::SetCustomServices,
        Self::SetSso,
        Self::ListVmSizes,
        Self::ListUsages,
        Self::PollOperation,
    ];

    /// The same call in the version that is spoken.
    pub(crate) fn in_dialect(self, dialect: Dialect) -> Self {
        match (dialect, self) {
            (Dialect::Legacy, Self::ListComputes) => Self::ListLegacyComputes,
            (Dialect::Legacy, Self::GetCompute) => Self::GetLegacyCompute,
            (Dialect::Legacy, Self::PutCompute) => Self::PutLegacyCompute,
            (Dialect::Legacy, Self::DeleteCompute) => Self::DeleteLegacyCompute,
            (Dialect::Newest | Dialect::Legacy, call) => call,
        }
    }

    /// The call's row in the table.
    pub const fn row(self) -> Row {
        use Budget::{Deletes, Reads, Writes};
        use Verb::{Delete, Get, Patch, Post, Put};
        let (name, phrase, verb, budget, version) = match self {
            Self::GetWorkspace => ("get_workspace", "read", Get, Reads, STABLE),
            Self::ListComputes => ("list_computes", "list the computes of", Get, Reads, STABLE),
            Self::GetCompute => ("get_compute", "read", Get, Reads, STABLE),
            Self::PutCompute => ("put_compute", "create or replace", Put, Writes, STABLE),
            Self::PatchCompute => ("patch_compute", "update", Patch, Writes, STABLE),
            Self::DeleteCompute => ("delete_compute", "delete", Delete, Deletes, STABLE),
            Self::ListLegacyComputes => ("list_legacy_computes", "list the computes of", Get, Reads, LEGACY),
            Self::GetLegacyCompute => ("get_legacy_compute", "read", Get, Reads, LEGACY),
            Self::PutLegacyCompute => ("put_legacy_compute", "create or replace", Put, Writes, LEGACY),
            Self::DeleteLegacyCompute => ("delete_legacy_compute", "delete", Delete, Deletes, LEGACY),
            Self::ListNodes => ("list_nodes", "list the nodes of", Post, Writes, STABLE),
            Self::StartCompute => ("start_compute", "start", Post, Writes, STABLE),
            Self::StopCompute => ("stop_compute", "stop", Post, Writes, STABLE),
            Self::RestartCompute => ("restart_compute", "restart", Post, Writes, STABLE),
            Self::SetIdleShutdown => ("set_idle_shutdown", "set the idle shutdown of", Post, Writes, ACTIONS),
            Self::SetSchedules => ("set_schedules", "set the schedules of", Post, Writes, SCHEDULES),
            Self::SetCustomServices => ("set_custom_services", "set the custom applications of", Post, Writes, ACTIONS),
            Self::SetSso => ("set_sso", "switch single sign-on of", Post, Writes, ACTIONS),
            Self::ListVmSizes => ("list_vm_sizes", "list the VM sizes of", Get, Reads, STABLE),
            Self::ListUsages => ("list_usages", "list the usages of", Get, Reads, STABLE),
            Self::PollOperation => ("poll_operation", "look at", Get, Reads, None),
        };
        Row { name, phrase, verb, budget, version }
    }

    /// Whether it may change something in Azure: `listNodes` spends the write budget but changes nothing.
    pub fn is_mutating(self) -> bool {
        match self {
            Self::PutCompute
            | Self::PatchCompute
            | Self::DeleteCompute
            | Self::PutLegacyCompute
            | Self::DeleteLegacyCompute
            | Self::StartCompute
            | Self::StopCompute
            | Self::RestartCompute
            | Self::SetIdleShutdown
            | Self::SetSchedules
            | Self::SetCustomServices
            | Self::SetSso => true,
            Self::GetWorkspace
            | Self::ListComputes
            | Self::GetCompute
            | Self::ListLegacyComputes
            | Self::GetLegacyCompute
            | Self::ListNodes
            | Self::ListVmSizes
            | Self::ListUsages
            | Self::PollOperation => false,
        }
    }
}

/// How one request ended, coarse enough for a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// 2xx.
    Success,
    /// 4xx other than 401 and 429.
    ClientError,
    /// 401.
    Unauthenticated,
    /// 429.
    Throttled,
    /// 5xx.
    ServerError,
    /// 3xx, which is never followed.
    Redirect,
    /// No whole answer in time.
    Timeout,
    /// No connection, or it broke.
    Transport,
    /// An answer too large to be read.
    BadAnswer,
    /// Not sent: Azure asked to wait and the wait has not ended.
    HeldBack,
    /// Not sent: there was no token.
    NoToken,
}

impl Outcome {
    /// The label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::ClientError => "client_error",
            Self::Unauthenticated => "unauthenticated",
            Self::Throttled => "throttled",
            Self::ServerError => "server_error",
            Self::Redirect => "redirect",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::BadAnswer => "bad_answer",
            Self::HeldBack => "held_back",
            Self::NoToken => "no_token",
        }
    }
}

/// Told of every request, so that a program can count and time them.
pub trait Observer: Send + Sync {
    /// One request ended, or was not sent (`HeldBack`, `NoToken`: no status). Called on the request's own task: must
    /// return at once.
    fn request(&self, call: Call, outcome: Outcome, status: Option<u16>, took: Duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_names_are_distinct_and_only_polls_have_no_version() {
        let mut names: Vec<_> = Call::ALL.iter().map(|call| call.row().name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Call::ALL.len());
        for call in Call::ALL {
            assert_eq!(call.row().version.is_none(), call == Call::PollOperation, "{call:?}");
        }
    }

    #[test]
    fn post_spends_the_write_budget_but_changes_nothing() {
        assert_eq!(Call::ListNodes.row().budget, Budget::Writes);
        assert!(!Call::ListNodes.is_mutating());
    }
}
