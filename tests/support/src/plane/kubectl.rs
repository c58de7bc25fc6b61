//! kubectl against a plane, as people use it; it must not interpret what kubectl prints.

use std::process::{ExitStatus, Stdio};

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::Plane;
use crate::error::{Context, Error, Result};

/// What one run of kubectl printed.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Plane {
    /// Runs kubectl as administrator with these arguments and waits for its end.
    ///
    /// # Errors
    /// When kubectl cannot be run; one that fails is `Ok` with its status.
    pub async fn kubectl(&self, args: &[&str]) -> Result<Output> {
        self.kubectl_with(args, "").await
    }

    /// [`Plane::kubectl`] with text on its standard input.
    ///
    /// # Errors
    /// When kubectl cannot be run.
    pub async fn kubectl_with(&self, args: &[&str], input: &str) -> Result<Output> {
        let failed = || format!("cannot run kubectl {}", args.join(" "));
        let mut child = Command::new(&self.kubectl)
            .arg("--kubeconfig")
            .arg(&self.admin_kubeconfig)
            .arg("--cache-dir")
            .arg(self.dir().join("kubectl-cache"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            // kubectl may end before it has read everything, as on an unknown flag; its own message says why.
            drop(stdin.write_all(input.as_bytes()).await);
        }
        let output = child.wait_with_output().await.context(failed)?;
        Ok(Output {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Applies manifests as `kubectl apply --server-side` does and returns what kubectl printed.
    ///
    /// If CRDs are among them, they can be used when this returns.
    ///
    /// # Errors
    /// When the API server refuses one; the error has kubectl's message.
    pub async fn apply(&self, yaml: &str) -> Result<String> {
        self.apply_in("default", yaml).await
    }

    /// [`Plane::apply`] for manifests that name no namespace: they go to this one.
    ///
    /// # Errors
    /// When the API server refuses one.
    pub async fn apply_in(&self, namespace: &str, yaml: &str) -> Result<String> {
        let output = self.kubectl_with(&["apply", "--server-side", "-n", namespace, "-f", "-"], yaml).await?;
        if !output.status.success() {
            return Err(Error::new(format!("kubectl apply was refused: {}", output.stderr.trim())));
        }
        if yaml.contains("kind: CustomResourceDefinition") {
            self.wait_for_crds().await?;
        }
        Ok(output.stdout)
    }

    /// Applies manifests that must be refused, and returns the message people see.
    ///
    /// # Errors
    /// When they are accepted.
    pub async fn apply_expecting_refusal(&self, yaml: &str) -> Result<String> {
        let output = self.kubectl_with(&["apply", "--server-side", "-f", "-"], yaml).await?;
        if output.status.success() {
            return Err(Error::new(format!("kubectl apply was to be refused, but: {}", output.stdout.trim())));
        }
        Ok(output.stderr)
    }

    async fn wait_for_crds(&self) -> Result<()> {
        let args = ["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"];
        let output = self.kubectl(&args).await?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::new(format!("the CRDs were not established: {}", output.stderr.trim())))
    }
}
