//! The regional workspace service, which azureml-core asks instead of ARM when it reads: its discovery document and computes.
//! It writes nothing and has none of ARM's budgets.

use serde_json::json;

use crate::{
    errors::Refusal,
    message::Response,
    route::Target,
    world::{Call, World, wrong_method},
};

/// The discovery document that a workspace's `discoveryUrl` leads to, asked without a token. azureml-core fails unless `api`,
/// `history`, `modelmanagement`, `experimentation`, `hyperdrive` and `studio` are there (sdk-wire-notes 1); `pipelines` and
/// `studiocoreservices` stand in the documented answer (how-to-manage-rest, 2020-2023). Azure names a host per service; here
/// all are this emulator, of which only `api` is served.
pub(crate) fn discovery(base: &str) -> Response {
    let names = [
        "api",
        "experimentation",
        "history",
        "hyperdrive",
        "modelmanagement",
        "pipelines",
        "studio",
        "studiocoreservices",
    ];
    let hosts: serde_json::Map<_, _> = names.into_iter().map(|name| (name.to_owned(), json!(base))).collect();
    Response::json(200, &json!(hosts))
}

impl World {
    /// Answers a read below `/rp/workspaces`: one compute or all of a workspace, in the bodies that ARM passes on.
    ///
    /// # Errors
    /// 404 for anything else that ARM would serve, 405 for a method that is no read.
    pub(crate) fn regional(&mut self, call: &Call<'_>, target: &Target) -> Result<Response, Refusal> {
        let method = call.request.method.as_str();
        match (target, method) {
            (Target::Computes(path), "GET") => self.list_computes(call, path),
            (Target::Compute(path, name), "GET") => self.get_compute(call, path, name),
            (Target::Computes(_) | Target::Compute(..), _) => Err(wrong_method(method, "GET")),
            (
                Target::Workspaces { .. }
                | Target::Workspace(_)
                | Target::ComputeAction(..)
                | Target::NameAvailability(_)
                | Target::Location { .. }
                | Target::Unknown { .. },
                _,
            ) => {
                let text = "The regional service of this emulator serves GET of computes only; ask ARM for the rest.";
                Err(Refusal::provider(404, "UserError", text))
            }
        }
    }
}
