//! A control plane of its own: etcd, kube-apiserver and kube-controller-manager with TLS and RBAC on 127.0.0.1.
//!
//! It must not know the operator's objects, and must not hold anything bound to one async runtime: every test has its
//! own, and they share one plane.

mod kubeconfig;
mod kubectl;
mod launch;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::sync::OnceCell;

pub use self::kubeconfig::Credential;
use self::launch::Launched;
use crate::error::{Context, Error, Result};
use crate::guard::Guard;
use crate::wait;

/// How long a plane may take until it answers: 3 s on two idle cores, much more while a compiler has both.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How long the service account controller may take for a new namespace: it is told by a watch, within a second.
const NAMESPACE_USABLE_WITHIN: Duration = Duration::from_secs(60);

/// How long a token of [`Plane::service_account_token`] is good for, in seconds: longer than any test or playground day.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;

/// What a plane is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// How chatty kube-apiserver's log is (klog's `--v`): 0 has little more than faults, 1 also every flag.
    pub verbosity: u8,
    /// How long the whole start may take.
    pub ready_within: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { verbosity: 0, ready_within: READY_WITHIN }
    }
}

/// A running control plane. Dropping it ends its processes and removes its folder; so does the death of this process.
pub struct Plane {
    url: String,
    ca_pem: String,
    admin_kubeconfig: PathBuf,
    kubectl: PathBuf,
    namespaces: AtomicU32,
    // Declared in this order because fields drop in it: the processes end before the folder they write to goes.
    launched: Launched,
    guard: Guard,
}

impl Plane {
    /// Starts one and returns when it serves: its API is ready and its controllers run.
    ///
    /// # Errors
    /// When the programs cannot be had ([`crate::tools`]) or do not get ready; the error ends with their log.
    pub async fn start(options: Options) -> Result<Self> {
        crate::install_crypto();
        let launched = tokio::task::spawn_blocking(move || launch::launch(&options))
            .await
            .context(|| "the start of the control plane was interrupted".to_owned())??;
        let (plane, ready_within) = launched;
        let ready = plane.wait_until_ready(ready_within).await;
        match ready {
            Ok(()) => Ok(plane),
            Err(error) => Err(Error::because(
                format!("the control plane did not get ready; the end of its log:\n{}", plane.launched.log_tail(15)),
                error,
            )),
        }
    }

    /// The one plane of this process, started by the first caller and ended with the process.
    ///
    /// Tests keep apart by [`Plane::namespace`].
    ///
    /// # Errors
    /// As [`Plane::start`]; the next caller tries again.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Plane> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Self::start(Options::default())).await
    }

    /// The API server's URL, `https://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The certificate authority of the API server, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A kubeconfig of a cluster administrator (group `system:masters`): for the test, never for the operator.
    #[must_use]
    pub fn admin_kubeconfig(&self) -> &Path {
        &self.admin_kubeconfig
    }

    /// The plane's folder; files made in it go with the plane.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.guard.dir()
    }

    /// The pids of etcd, kube-apiserver and kube-controller-manager, in this order.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.launched.pids()
    }

    /// The log of the three programs so far, for a failure's message.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        self.launched.log_tail(lines)
    }

    /// An administrator's client for the calling test's runtime; a client must not be shared between runtimes.
    ///
    /// # Errors
    /// When the kubeconfig, which this crate wrote, cannot be used.
    pub async fn admin(&self) -> Result<Client> {
        client(&self.admin_kubeconfig).await
    }

    /// A client with the credentials of a kubeconfig, as [`Plane::kubeconfig_for_token`] writes them.
    ///
    /// It does not retry by itself, so that a test sees the first answer.
    ///
    /// # Errors
    /// When the file cannot be read or used.
    pub async fn client_for(&self, kubeconfig: &Path) -> Result<Client> {
        client(kubeconfig).await
    }

    /// Makes a namespace named `prefix` and a number, and returns its name when it can be used.
    ///
    /// # Errors
    /// When the prefix is no DNS label, or the namespace gets no ServiceAccount `default` in time.
    pub async fn namespace(&self, prefix: &str) -> Result<String> {
        let number = self.namespaces.fetch_add(1, Ordering::Relaxed);
        let name = format!("{prefix}-{number}");
        let client = self.admin().await?;
        let namespace =
            Namespace { metadata: ObjectMeta { name: Some(name.clone()), ..Default::default() }, ..Default::default() };
        Api::all(client.clone())
            .create(&PostParams::default(), &namespace)
            .await
            .context(|| format!("cannot create namespace {name}"))?;
        wait_for_default_account(&client, &name, NAMESPACE_USABLE_WITHIN).await?;
        Ok(name)
    }

    /// A token of a ServiceAccount, good for a day, as the TokenRequest API issues it to pods.
    ///
    /// # Errors
    /// When the account does not exist.
    pub async fn service_account_token(&self, namespace: &str, name: &str) -> Result<String> {
        let request = TokenRequest {
            spec: TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..Default::default() },
            ..Default::default()
        };
        let accounts: Api<ServiceAccount> = Api::namespaced(self.admin().await?, namespace);
        let answer = accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .context(|| format!("cannot get a token for ServiceAccount {namespace}/{name}"))?;
        answer
            .status
            .map(|status| status.token)
            .ok_or_else(|| Error::new(format!("the token request for ServiceAccount {namespace}/{name} has no token")))
    }

    /// Writes a kubeconfig for a bearer token and returns its path; `file` names it within the plane's folder.
    ///
    /// `namespace` is that of its context: where the operator takes itself to run. `server` is [`Plane::url`] or the URL
    /// of a proxy before it; `ca_pem` is the authority of an `https` one.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn kubeconfig_for_token(
        &self,
        file: &str,
        token: &str,
        namespace: &str,
        server: &str,
        ca_pem: Option<&str>,
    ) -> Result<PathBuf> {
        kubeconfig::write(&self.dir().join(file), server, ca_pem, &Credential::Token(token.to_owned()), namespace)
    }

    /// Applies the operator's own manifests (CRDs, RBAC, ServiceAccount) and returns a kubeconfig that authenticates
    /// as that ServiceAccount: what the operator may do is what the manifests grant, nothing more.
    ///
    /// `server` and `ca_pem` as in [`Plane::kubeconfig_for_token`]. The namespace is made if it does not exist.
    ///
    /// # Errors
    /// When the API server refuses a manifest or has no such account afterwards.
    pub async fn install_operator(
        &self,
        namespace: &str,
        service_account: &str,
        manifests: &str,
        server: &str,
        ca_pem: Option<&str>,
    ) -> Result<PathBuf> {
        self.ensure_namespace(namespace).await?;
        self.apply_in(namespace, manifests).await?;
        let token = self.service_account_token(namespace, service_account).await?;
        let file = format!("{namespace}-{service_account}.kubeconfig");
        let path = self.dir().join(file);
        kubeconfig::write(&path, server, ca_pem, &Credential::Token(token), namespace)
    }

    /// Makes a namespace unless it is there.
    ///
    /// # Errors
    /// When the API server refuses its name.
    pub async fn ensure_namespace(&self, name: &str) -> Result<()> {
        let client = self.admin().await?;
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let there = namespaces.get_opt(name).await.context(|| format!("cannot look for namespace {name}"))?;
        if there.is_none() {
            let metadata = ObjectMeta { name: Some(name.to_owned()), ..Default::default() };
            namespaces
                .create(&PostParams::default(), &Namespace { metadata, ..Default::default() })
                .await
                .context(|| format!("cannot create namespace {name}"))?;
        }
        wait_for_default_account(&client, name, NAMESPACE_USABLE_WITHIN).await
    }

    /// Ready is: `/readyz` says so (the bootstrap roles are among its checks), and the controllers gave the namespace
    /// `default` its ServiceAccount, which shows that they run with the rights they need.
    async fn wait_until_ready(&self, within: Duration) -> Result<()> {
        let client = self.admin().await?;
        self.unless_one_ends(wait::until("kube-apiserver answers /readyz", within, async || {
            let request = http_get("/readyz")?;
            client.request_text(request).await.map(|_| ()).map_err(|error| error.to_string())
        }))
        .await?;
        launch::launch_manager(self)?;
        self.unless_one_ends(wait_for_default_account(&client, "default", within)).await
    }

    /// Waits for `fact`, but not longer than all programs run.
    async fn unless_one_ends(&self, fact: impl Future<Output = Result<()>>) -> Result<()> {
        let ended = async {
            loop {
                if let Some(ended) = self.launched.first_end() {
                    return Err(Error::new(ended));
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::select! {
            result = fact => result,
            result = ended => result,
        }
    }
}

async fn wait_for_default_account(client: &Client, namespace: &str, within: Duration) -> Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    wait::until(&format!("namespace {namespace} has its ServiceAccount default"), within, async || {
        match accounts.get_opt("default").await {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err("there is none".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    })
    .await
}

async fn client(kubeconfig: &Path) -> Result<Client> {
    crate::install_crypto();
    let cannot = || format!("cannot use the kubeconfig {}", kubeconfig.display());
    let read = Kubeconfig::read_from(kubeconfig).context(cannot)?;
    let mut config = Config::from_custom_kubeconfig(read, &KubeConfigOptions::default()).await.context(cannot)?;
    config.default_retry = false;
    // A proxy of the machine has nothing to do with a server on 127.0.0.1.
    config.proxy_url = None;
    Client::try_from(config).context(cannot)
}

fn http_get(path: &str) -> Result<hyper::Request<Vec<u8>>, String> {
    hyper::Request::get(path).body(Vec::new()).map_err(|error| error.to_string())
}
