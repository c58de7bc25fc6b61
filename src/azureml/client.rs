//! The client: which cloud, whose tokens, what limits, and the methods that answer with Azure's vocabulary.
//!
//! Must not retry, wait for long operations, or decide anything; every method is one question (a list: one per page).

use crate::call::{Call, Observer, Verb};
use crate::cloud::Cloud;
use crate::error::{Error, ErrorKind};
use crate::gate::Gate;
use crate::operation::{Accepted, Header, OperationUrl, Progress};
use crate::token::TokenSource;
use crate::transport::{Answer, Request};
use arm::{
    Compute, ComputeAction, ComputeId, Dialect, Node, Operation, OperationStatus, UnderlyingAction, Usage, VmSize,
    Workspace, WorkspaceId,
};
use reqwest::header::HeaderValue;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Settings of a [`Client`], of which every one has a default.
#[derive(Clone)]
pub struct Options {
    /// Longest that one request may take, its token included. 30 s.
    pub timeout: Duration,
    /// Longest that a list may take with all its pages. 5 min.
    pub list_timeout: Duration,
    /// `User-Agent`. `azureml-compute-operator/<version>`.
    pub user_agent: String,
    /// ARM's budgets. Clients of one process should share one gate.
    pub gate: Gate,
    /// Who is told of every request. Nobody.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            list_timeout: Duration::from_secs(300),
            user_agent: concat!("azureml-compute-operator/", env!("CARGO_PKG_VERSION")).to_owned(),
            gate: Gate::new(),
            observer: None,
        }
    }
}

/// A client for one cloud and one identity. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
    dialect: Dialect,
}

pub(crate) struct Inner {
    pub(crate) cloud: Cloud,
    pub(crate) http: reqwest::Client,
    pub(crate) tokens: Arc<dyn TokenSource>,
    pub(crate) options: Options,
}

impl Client {
    /// A client that speaks to `cloud` with tokens of `tokens`. Opens no connection yet.
    ///
    /// # Errors
    /// `Invalid` when no rustls provider is installed in the process, when there are no CA certificates, or when a
    /// setting cannot be used.
    pub fn new(cloud: &Cloud, tokens: Arc<dyn TokenSource>, options: Options) -> Result<Self, Error> {
        if HeaderValue::from_str(&options.user_agent).is_err() {
            return Err(Error::new(ErrorKind::Invalid, "the user agent has characters that no header may have"));
        }
        if options.timeout.is_zero() || options.list_timeout.is_zero() {
            return Err(Error::new(ErrorKind::Invalid, "a timeout of zero lets no request end"));
        }
        let http = cloud.resource_manager_http()?;
        let inner = Arc::new(Inner { cloud: cloud.clone(), http, tokens, options });
        Ok(Self { inner, dialect: Dialect::Newest })
    }

    /// The same client, speaking the api-version that knows a compute type: LIST, GET, PUT and DELETE of computes.
    #[must_use]
    pub fn speaking(&self, dialect: Dialect) -> Self {
        Self { inner: self.inner.clone(), dialect }
    }

    /// The cloud it speaks to, for [`OperationUrl::parse`].
    pub fn cloud(&self) -> &Cloud {
        &self.inner.cloud
    }

    /// The workspace.
    ///
    /// # Errors
    /// `ParentNotFound` when the workspace, its group or its subscription does not exist, and every other kind.
    pub async fn workspace(&self, id: &WorkspaceId) -> Result<Workspace, Error> {
        let (call, target) = (Call::GetWorkspace, workspace_name(id));
        let answer = self.ask(call, &id.to_string(), &[], id.subscription(), &target, None).await?;
        let seen = doing(call, &target);
        let answer = expect_ok(answer, None).map_err(&seen)?;
        let missing = answer.unexpected("the answer is no workspace: it has no id or no location");
        Workspace::from_value(&answer.json().map_err(&seen)?).ok_or(missing).map_err(&seen)
    }

    /// Every compute of the workspace. An item that cannot be read as a compute is left out and logged: before anything
    /// is made or removed, [`Client::compute`] has to be asked anyway.
    ///
    /// # Errors
    /// `ParentNotFound` when the workspace does not exist, `EndlessList`, `ForeignUrl`, and every other kind. Pages are
    /// never lost silently: if one fails, the list fails.
    pub async fn list_computes(&self, id: &WorkspaceId) -> Result<Vec<Compute>, Error> {
        let (call, target) = (Call::ListComputes.in_dialect(self.dialect), workspace_name(id));
        let path = format!("{id}/computes");
        let items = self.pages(call, &path, id.subscription(), &target, "value").await?;
        let total = items.len();
        let computes: Vec<Compute> = items.into_iter().filter_map(|item| Compute::from_value(item).ok()).collect();
        log_lost(call, &target, total - computes.len());
        Ok(computes)
    }

    /// The compute, or `None` if the workspace has none of that name.
    ///
    /// # Errors
    /// `ParentNotFound` when the workspace, its group or its subscription does not exist; `Http` with 404 when the
    /// answer does not say what is missing (a proxy's page, say): absence is never concluded from that.
    pub async fn compute(&self, id: &ComputeId) -> Result<Option<Compute>, Error> {
        let (call, target) = (Call::GetCompute.in_dialect(self.dialect), compute_name(id));
        let answer = self.ask(call, &id.to_string(), &[], subscription(id), &target, None).await?;
        if is_absent(&answer, id) {
            return Ok(None);
        }
        let seen = doing(call, &target);
        let answer = expect_ok(answer, Some(id)).map_err(&seen)?;
        let odd = answer.unexpected("the answer is no compute: it has no name or no properties");
        Compute::from_value(answer.json().map_err(&seen)?).map(Some).map_err(|error| seen(odd.with_source(error)))
    }

    /// Creates the compute, or replaces it whole if it exists. Azure overwrites without asking: look first.
    ///
    /// # Errors
    /// Every kind. `ForeignOperationUrl` and what [`Error::may_have_taken_effect`] marks: look before asking again.
    pub async fn put_compute(&self, id: &ComputeId, body: &Value) -> Result<Accepted, Error> {
        self.write(Call::PutCompute.in_dialect(self.dialect), id, &id.to_string(), &[], Some(body)).await
    }

    /// Changes parts of the compute (Azure: scale settings of a cluster, identity).
    ///
    /// # Errors
    /// As [`Client::put_compute`].
    pub async fn patch_compute(&self, id: &ComputeId, body: &Value) -> Result<Accepted, Error> {
        self.write(Call::PatchCompute, id, &id.to_string(), &[], Some(body)).await
    }

    /// Deletes the compute. `Accepted::Absent` when there is none.
    ///
    /// # Errors
    /// As [`Client::put_compute`]; `ParentNotFound` when the workspace is gone too.
    pub async fn delete_compute(&self, id: &ComputeId, action: UnderlyingAction) -> Result<Accepted, Error> {
        let call = Call::DeleteCompute.in_dialect(self.dialect);
        self.write(call, id, &id.to_string(), &[("underlyingResourceAction", action.as_str())], None).await
    }

    /// Asks something of the compute by its own POST. Power takes minutes; everything else is done when it is answered.
    ///
    /// # Errors
    /// As [`Client::put_compute`]. What Azure refuses for the compute's state, it may also refuse only once the
    /// operation runs (azureml-api.md e.2): look before asking again.
    pub async fn act_on_compute(
        &self,
        id: &ComputeId,
        action: ComputeAction,
        body: Option<&Value>,
    ) -> Result<Accepted, Error> {
        self.write(action.into(), id, &format!("{id}/{}", action.segment()), &[], body).await
    }

    /// The nodes of a cluster. Spends the write budget: for people who ask, not for loops.
    ///
    /// # Errors
    /// Every kind; `Http` with 400 for a compute that is no cluster.
    pub async fn list_nodes(&self, id: &ComputeId) -> Result<Vec<Node>, Error> {
        let (call, target) = (Call::ListNodes, compute_name(id));
        let items = self.pages(call, &format!("{id}/listNodes"), subscription(id), &target, "nodes").await?;
        let nodes: Vec<Node> = items.iter().filter_map(Node::from_value).collect();
        log_lost(call, &target, items.len() - nodes.len());
        Ok(nodes)
    }

    /// The VM sizes of a location.
    ///
    /// # Errors
    /// `Invalid` when subscription or location cannot stand in a path, and every other kind.
    pub async fn vm_sizes(&self, subscription: &str, location: &str) -> Result<Vec<VmSize>, Error> {
        let (path, target) = location_path(subscription, location, "vmSizes")?;
        let items = self.pages(Call::ListVmSizes, &path, subscription, &target, "value").await?;
        let sizes: Vec<VmSize> = items.iter().filter_map(VmSize::from_value).collect();
        log_lost(Call::ListVmSizes, &target, items.len() - sizes.len());
        Ok(sizes)
    }

    /// How much of each quota of a location is in use.
    ///
    /// # Errors
    /// As [`Client::vm_sizes`].
    pub async fn usages(&self, subscription: &str, location: &str) -> Result<Vec<Usage>, Error> {
        let (path, target) = location_path(subscription, location, "usages")?;
        let items = self.pages(Call::ListUsages, &path, subscription, &target, "value").await?;
        let usages: Vec<Usage> = items.iter().filter_map(Usage::from_value).collect();
        log_lost(Call::ListUsages, &target, items.len() - usages.len());
        Ok(usages)
    }

    /// Looks at a long operation once.
    ///
    /// # Errors
    /// Every kind. 403 is possible under role assignments narrower than the subscription (azureml-api.md a.4): then the
    /// resource itself tells.
    pub async fn poll(&self, url: &OperationUrl) -> Result<Progress, Error> {
        let (call, target) = (Call::PollOperation, format!("operation {}", url.id()));
        let seen = doing(call, &target);
        if !url.is_of(&self.inner.cloud) {
            let detail = "the operation's URL is not followed: it belongs to another cloud";
            return Err(seen(Error::new(ErrorKind::ForeignOperationUrl, detail)));
        }
        let subscription = url.subscription();
        let request =
            Request { call, verb: Verb::Get, url: url.url().clone(), subscription, target: &target, body: None };
        let answer = self.inner.send(&request).await?;
        if matches!(answer.status, 404 | 410) {
            return Ok(Progress::Gone);
        }
        if !answer.is_success() {
            return Err(seen(answer.into_error()));
        }
        let retry_after = answer.retry_after;
        let operation = progress(answer, url.header()).map_err(seen)?;
        Ok(Progress::Reported { operation, retry_after })
    }

    /// One request to a path of ours.
    pub(crate) async fn ask(
        &self,
        call: Call,
        path: &str,
        query: &[(&str, &str)],
        subscription: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Answer, Error> {
        let url = self.url(call, path, query);
        let request = Request { call, verb: call.row().verb, url, subscription, target, body };
        self.inner.send(&request).await
    }

    /// A URL on the resource manager; `path` is made of checked segments.
    pub(crate) fn url(&self, call: Call, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.inner.cloud.resource_manager().clone();
        url.set_path(path);
        let version = call.row().version.map(|(version, _)| ("api-version", version));
        url.query_pairs_mut().extend_pairs(version.iter().chain(query));
        url
    }

    async fn write(
        &self,
        call: Call,
        id: &ComputeId,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Accepted, Error> {
        let target = compute_name(id);
        let seen = doing(call, &target);
        let answer = self.ask(call, path, query, subscription(id), &target, body).await?;
        if matches!(call, Call::DeleteCompute | Call::DeleteLegacyCompute)
            && (answer.status == 204 || is_absent(&answer, id))
        {
            return Ok(Accepted::Absent);
        }
        if !answer.is_success() {
            return Err(seen(refused(answer, Some(id))));
        }
        self.accepted(call, id, answer).map_err(seen)
    }

    /// Reads a write's success. Its body only matters where no operation's URL came, and an unreadable one does not
    /// undo the write.
    fn accepted(&self, call: Call, id: &ComputeId, answer: Answer) -> Result<Accepted, Error> {
        let url = OperationUrl::from_answer(answer.status, &answer.headers, &self.inner.cloud, subscription(id))
            .map_err(|error| error.with_ids(None, &answer.client_request_id).with_possible_effect(true))?;
        let (status, retry_after) = (answer.status, answer.retry_after);
        let client_request_id = answer.client_request_id.clone();
        let state = answer.json().ok().and_then(|body| {
            let state = body.pointer("/properties/provisioningState")?.as_str()?;
            Some(arm::ProvisioningState::parse(state))
        });
        let at_rest = match (status, state) {
            (202, _) => false,
            (_, Some(state)) => state.is_terminal(),
            // A PATCH that changes nothing, a DELETE or POST that is done, may come back bare; a PUT always shows a state.
            (_, None) => !matches!(call, Call::PutCompute | Call::PutLegacyCompute),
        };
        if url.is_none() && at_rest {
            return Ok(Accepted::Done);
        }
        Ok(Accepted::Running { url, retry_after, client_request_id })
    }
}

fn progress(answer: Answer, header: Header) -> Result<Operation, Error> {
    let running = answer.status == 202;
    let odd = answer.unexpected("the answer is no operation: it has no status");
    let body = answer.json();
    let reported = body.as_ref().ok().and_then(Operation::from_value);
    match (reported, header, body) {
        (Some(operation), _, _) => Ok(operation),
        (None, Header::Location, _) => {
            let status = if running { OperationStatus::InProgress } else { OperationStatus::Succeeded };
            Ok(Operation { status, error: None })
        }
        (None, Header::AsyncOperation, Err(error)) => Err(error),
        (None, Header::AsyncOperation, Ok(_)) => Err(odd),
    }
}

/// Whether a 404 says that this very compute is absent: no body at all (as recorded), or an error that names it. What
/// names something else, or nothing, proves no absence; a wrong conclusion here would leak a billed machine.
fn is_absent(answer: &Answer, id: &ComputeId) -> bool {
    if answer.status != 404 {
        return false;
    }
    if answer.body.as_ref().is_ok_and(|body| body.trim_ascii().is_empty()) {
        return true;
    }
    let Some(error) = answer.arm_error() else { return false };
    let codes = ["ResourceNotFound", "NotFound", "ComputeNotFound"];
    codes.iter().any(|code| error.has_code(code)) && names(&error.message, id)
}

/// Whether the message names the compute, as a path (`…/computes/name`) or in quotes.
fn names(message: &str, id: &ComputeId) -> bool {
    let (message, name) = (message.to_ascii_lowercase(), id.name().to_ascii_lowercase());
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    let named = |before: String| {
        let ends = |at: usize| !message[at + before.len()..].starts_with(is_part);
        message.match_indices(&before).any(|(at, _)| ends(at))
    };
    named(format!("/computes/{name}")) || named(format!("'{name}'")) || named(format!("\"{name}\""))
}

/// Success of a GET: 200 and nothing else.
pub(crate) fn expect_ok(answer: Answer, id: Option<&ComputeId>) -> Result<Answer, Error> {
    match answer.status {
        200 => Ok(answer),
        201..=299 => Err(answer.unexpected(&format!("Azure answered {} where 200 was expected", answer.status))),
        _ => Err(refused(answer, id)),
    }
}

/// The error of an answer, with a 404 of a parent told apart.
fn refused(answer: Answer, id: Option<&ComputeId>) -> Error {
    let arm = (answer.status == 404).then(|| answer.arm_error()).flatten();
    let parents = ["ParentResourceNotFound", "ResourceGroupNotFound", "SubscriptionNotFound", "WorkspaceNotFound"];
    let Some(arm) = arm else { return answer.into_error() };
    let code = parents.into_iter().find(|code| arm.has_code(code));
    // ResourceNotFound speaks of whatever was looked up last: of the workspace unless it names the compute.
    let workspace = arm.has_code("ResourceNotFound") && !id.is_some_and(|id| names(&arm.message, id));
    match code.or(workspace.then_some("ResourceNotFound")) {
        Some(code) => answer.to_error(ErrorKind::ParentNotFound { code: code.to_owned() }),
        None => answer.into_error(),
    }
}

fn location_path(subscription: &str, location: &str, what: &str) -> Result<(String, String), Error> {
    let plain = |text: &str| {
        (1..=90).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let location: String = location.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    if !plain(subscription) || !plain(&location) {
        let detail = "a subscription is a GUID and a location a word such as westeurope; check both";
        return Err(Error::new(ErrorKind::Invalid, detail));
    }
    let path = format!(
        "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}/{what}"
    );
    Ok((path, format!("location {location}")))
}

fn subscription(id: &ComputeId) -> &str {
    id.workspace().subscription()
}

fn workspace_name(id: &WorkspaceId) -> String {
    format!("workspace {}", id.name())
}

fn compute_name(id: &ComputeId) -> String {
    format!("compute {} of workspace {}", id.name(), id.workspace().name())
}

fn doing(call: Call, target: &str) -> impl Fn(Error) -> Error {
    move |error| error.doing(call, target)
}

fn log_lost(call: Call, target: &str, lost: usize) {
    if lost > 0 {
        tracing::warn!(call = call.row().name, target, lost, "Left out list items that could not be read");
    }
}
