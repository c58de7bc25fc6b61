//! A client of Azure Machine Learning's compute API, usable without Kubernetes.
//!
//! Must not know Kubernetes, keep state beside tokens and budgets, or decide anything: it asks, and says what Azure
//! said. Every method of [`Client`] is one question with a deadline. Nothing is retried but a call whose token was
//! refused, once; no redirect is followed; no token goes anywhere but to the cloud's resource manager.
//!
//! ```no_run
//! use amlco_azureml as azureml;
//! use azureml::{Accepted, Client, Cloud, Options, Progress};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // Once per process: the TLS provider.
//! rustls::crypto::ring::default_provider().install_default().ok();
//!
//! let cloud = Cloud::public();
//! let tokens = azureml::service_principal(&cloud, "my-tenant-id", "my-client-id", "my-secret".into())?;
//! let client = Client::new(&cloud, tokens, Options::default())?;
//!
//! let workspace = azureml::arm::WorkspaceId::parse(
//!     "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml\
//!      /providers/Microsoft.MachineLearningServices/workspaces/demo",
//! )?;
//! for compute in client.list_computes(&workspace).await? {
//!     println!("{} is {}", compute.name, compute.provisioning_state);
//! }
//!
//! // A write starts something; looking at it is a question of its own.
//! let cluster = workspace.compute("cpu-cluster")?;
//! let scale = serde_json::json!({"minNodeCount": 0, "maxNodeCount": 8, "nodeIdleTimeBeforeScaleDown": "PT2M"});
//! let body = serde_json::json!({"properties": {"properties": {"scaleSettings": scale}}});
//! if let Accepted::Running { url: Some(url), .. } = client.patch_compute(&cluster, &body).await? {
//!     match client.poll(&url).await? {
//!         Progress::Reported { operation, .. } => println!("{}", operation.status),
//!         Progress::Gone => println!("ask for the compute itself"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod call;
mod client;
mod cloud;
mod entra;
mod error;
mod gate;
mod operation;
mod pages;
mod retry_after;
mod token;
mod transport;

/// The types of what Azure answers.
pub use arm;
pub use arm::UnderlyingAction;
pub use call::{Budget, Call, Observer, Outcome, Row, Verb};
pub use client::{Client, Options};
pub use cloud::Cloud;
pub use entra::service_principal;
pub use error::{Error, ErrorKind};
pub use gate::{Allowance, Gate};
pub use operation::{Accepted, OperationUrl, Progress};
pub use token::{Token, TokenSource};
