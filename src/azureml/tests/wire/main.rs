//! The client against a server that answers byte for byte what a test says.
//!
//! Must not reach the network beyond loopback, and must not use anything but the crate's public API.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what surrounds a test fails it by panicking, as the test itself does"
)]

mod absence;
mod bodies;
mod hostile;
mod operations;
mod pages;
mod proxy;
mod requests;
mod server;
mod throttling;
mod tokens;

use amlco_azureml::arm::{ComputeId, WorkspaceId};
use amlco_azureml::{Call, Client, Cloud, Error, Observer, Options, Outcome, Token, TokenSource};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use server::{Reply, Seen, Server};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

const SUBSCRIPTION: &str = "11111111-1111-1111-1111-111111111111";
const COMPUTES: &str = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/ml/providers/Microsoft.MachineLearningServices/workspaces/demo/computes";

fn workspace() -> WorkspaceId {
    WorkspaceId::parse(COMPUTES.trim_end_matches("/computes")).unwrap()
}

fn compute() -> ComputeId {
    workspace().compute("cpu-cluster").unwrap()
}

fn operation(server: &Server, query: &str) -> String {
    let path = "providers/Microsoft.MachineLearningServices/locations/eastus/computeOperationsStatus/04e1";
    format!("{}subscriptions/{SUBSCRIPTION}/{path}?{query}", server.url())
}

/// Tokens `token-1`, `token-2` …: the next one after the last was refused.
#[derive(Default)]
struct Numbered(AtomicU32);

impl TokenSource for Numbered {
    fn token(&self) -> BoxFuture<'_, Result<Token, Error>> {
        let name = format!("token-{}", self.0.load(Ordering::SeqCst) + 1);
        std::future::ready(Ok(Token::new(name.into(), Timestamp::now() + SignedDuration::from_hours(1)))).boxed()
    }

    fn forget(&self, _refused: &Token) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn principal(&self) -> String {
        "tests".into()
    }
}

/// Remembers every request's end.
#[derive(Default)]
struct Watcher(Mutex<Vec<(Call, Outcome, Option<u16>)>>);

impl Observer for Watcher {
    fn request(&self, call: Call, outcome: Outcome, status: Option<u16>, _took: Duration) {
        self.0.lock().unwrap().push((call, outcome, status));
    }
}

impl Watcher {
    fn outcomes(&self) -> Vec<Outcome> {
        self.0.lock().unwrap().iter().map(|(_, outcome, _)| *outcome).collect()
    }
}

fn client(server: &Server) -> Client {
    client_with(server, Options::default())
}

fn client_with(server: &Server, options: Options) -> Client {
    let authority = Url::parse("https://localhost:1").unwrap();
    let cloud = Cloud::custom(server.url().clone(), authority, None).unwrap();
    rustls::crypto::ring::default_provider().install_default().ok();
    Client::new(&cloud, Arc::new(Numbered::default()), options).unwrap()
}

/// A server that gives the same answer to everything.
async fn always(reply: Reply) -> Server {
    Server::start(move |_: &Seen, _| reply.clone()).await
}
