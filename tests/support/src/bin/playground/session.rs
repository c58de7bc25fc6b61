//! A running playground: control plane, emulator and operator, wired as an installation is; it must not show anything
//! but its progress.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use support::chart::{self, Rendered};
use support::emulator::Emulator;
use support::operator::{Launch, Operator};
use support::plane::{Options, Plane};
use support::{Context, Error, Result, tools};

use crate::Settings;
use crate::state::Held;
use crate::terminal::{say, step};

/// Where the chart is installed, and as what.
const NAMESPACE: &str = "azureml-system";
const RELEASE: &str = "amlco";

/// The operator lists its definitions and gets a token; the rest is a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// As long as the chart's terminationGracePeriodSeconds.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

/// Another try for each port that somebody else took between the asking and the listening.
const PORT_TRIES: usize = 3;

/// Everything that runs. The operator ends first, the control plane last.
pub(crate) struct Session {
    pub(crate) operator: Operator,
    pub(crate) emulator: Emulator,
    pub(crate) plane: Plane,
    launch: Launch,
    operator_url: String,
    binary: PathBuf,
}

impl Session {
    /// Starts everything and says what it does.
    pub(crate) async fn start(settings: &Settings) -> Result<Self> {
        let binary = std::fs::canonicalize(&settings.binary)
            .context(|| format!("{} does not exist; `make build` makes it", settings.binary.display()))?;
        let plane = step("etcd, kube-apiserver, kube-controller-manager", Plane::start(Options::default())).await?;
        let (scale, clock) = (settings.time_scale.to_string(), morning().to_string());
        let clocks = ["--time-scale", &scale, "--clock", &clock];
        let emulator = step("Azure ML emulator", Emulator::start(&binary, &clocks)).await?;
        let (operator, launch, operator_url) =
            step("operator, as the chart installs it", install(settings, &binary, &plane, &emulator)).await?;
        Ok(Self { operator, emulator, plane, launch, operator_url, binary })
    }

    /// Tells others how to reach it.
    pub(crate) fn publish(&self, held: &Held) -> Result<()> {
        let admin = self.plane.admin_kubeconfig();
        let kubeconfig = std::fs::read_to_string(admin).context(|| format!("cannot read {}", admin.display()))?;
        let kubeconfig = held.put("kubeconfig", &kubeconfig)?;
        let ca = held.put("emulator-ca.pem", self.emulator.ca_pem())?;
        let tls_url = self.emulator.tls_url().to_owned();
        let of_binary = self.binary.parent().unwrap_or(Path::new("/")).display().to_string();
        held.put_env(&[
            ("KUBECONFIG", kubeconfig.display().to_string()),
            ("EMULATOR_URL", self.emulator.url().to_owned()),
            ("EMULATOR_TLS_URL", tls_url.clone()),
            ("EMULATOR_CA", ca.display().to_string()),
            ("EMULATOR_MANAGEMENT_URL", self.emulator.management_url().to_owned()),
            ("OPERATOR_URL", self.operator_url.clone()),
            // So that `azureml-compute-operator nodes` talks to the emulator too.
            ("AMLCO_AZURE_CLOUD", "custom".to_owned()),
            ("AMLCO_AZURE_RESOURCE_MANAGER", tls_url.clone()),
            ("AMLCO_AZURE_AUTHORITY", tls_url),
            ("AMLCO_AZURE_CA_FILE", ca.display().to_string()),
            ("PATH", format!("{}:{of_binary}", tools::dir()?.display())),
        ])
    }

    /// Starts the operator again if it has ended, as a Deployment does.
    pub(crate) fn keep_operator_running(&mut self) -> Result<()> {
        if let Some(status) = self.operator.ended()? {
            say(format_args!("the operator ended with {status}; starting it again"));
            self.operator = Operator::spawn(&self.launch)?;
        }
        Ok(())
    }

    /// Ends the operator orderly; the rest ends when the session is dropped.
    pub(crate) async fn stop(self) -> Result<()> {
        let stopped = self.operator.stop(STOPS_WITHIN).await;
        drop(self);
        stopped.map(drop)
    }
}

/// Applies what the chart renders and starts the operator with the arguments, environment and account it names.
async fn install(
    settings: &Settings,
    binary: &Path,
    plane: &Plane,
    emulator: &Emulator,
) -> Result<(Operator, Launch, String)> {
    let mut tries = 0;
    loop {
        tries += 1;
        let port = free_port()?;
        let rendered = chart::render(&settings.chart, RELEASE, NAMESPACE, &values(emulator, port))?;
        let kubeconfig = plane
            .install_operator(
                NAMESPACE,
                &rendered.service_account,
                &rendered.manifests,
                plane.url(),
                Some(plane.ca_pem()),
            )
            .await?;
        let launch = launch(binary, &kubeconfig, rendered);
        let operator = Operator::spawn(&launch)?;
        match operator.wait_ready(READY_WITHIN).await {
            Ok(url) => return Ok((operator, launch, url)),
            Err(_) if tries < PORT_TRIES && operator.log().contains("in use") => {}
            Err(error) => return Err(error),
        }
    }
}

/// The chart's values for this machine: the emulator as a custom cloud, and intervals that people can watch.
fn values(emulator: &Emulator, port: u16) -> Vec<String> {
    vec![
        "azure.cloud=custom".to_owned(),
        format!("azure.resourceManager={}", emulator.tls_url()),
        format!("azure.authority={}", emulator.tls_url()),
        format!("azure.caFile={}", emulator.ca_file().display()),
        "intervals.transition=1s".to_owned(),
        "extraArgs={--observe-interval=10s}".to_owned(),
        // In a pod all addresses are the pod's own; here they would be the machine's.
        "listenAddress=127.0.0.1".to_owned(),
        format!("port={port}"),
    ]
}

fn launch(binary: &Path, kubeconfig: &Path, rendered: Rendered) -> Launch {
    let exact = Launch::exactly(binary, kubeconfig, rendered.args);
    rendered.env.iter().fold(exact, |launch, (name, value)| launch.env(name, value))
}

/// A port that is free now: the chart wants a number.
fn free_port() -> Result<u16> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| Error::because("no port is free on 127.0.0.1", error))
}

/// When the emulator's day begins: last week's Monday at nine. The samples' schedules then leave people some hours to look at
/// a workstation, and a restart asked for by the time of day is not in Azure's past.
fn morning() -> Timestamp {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let monday = today - i64::from(today.weekday().to_monday_zero_offset()).days() - 7.days();
    monday.at(9, 0, 0, 0).to_zoned(TimeZone::UTC).map_or_else(|_| Timestamp::now(), |start| start.timestamp())
}
