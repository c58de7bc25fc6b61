//! Flags and environment variables, nothing else: every flag has a variable of the same name.
//!
//! Must not check what needs more than one flag; that is `settings`.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Azure Machine Learning compute as Kubernetes objects.
#[derive(Debug, Parser)]
#[command(name = "azureml-compute-operator", version, about, max_term_width = 120)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the operator.
    Run(Box<RunArgs>),
    /// Run an emulator of Azure Machine Learning's REST API.
    Emulator(EmulatorArgs),
    /// List the nodes of a ComputeCluster, with ready-made ssh and scp commands.
    Nodes(NodesArgs),
    /// Print the custom resource definitions, or check those of the cluster.
    Crds(CrdsArgs),
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// One JSON object per line.
    Json,
    /// For people.
    Text,
}

/// Which Azure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lowercase")]
pub(crate) enum CloudName {
    /// The public cloud.
    Public,
    /// Azure US Government.
    UsGovernment,
    /// Azure in China.
    China,
    /// The endpoints given by the other flags, such as an emulator.
    Custom,
}

impl CloudName {
    /// The word on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::UsGovernment => "usgovernment",
            Self::China => "china",
            Self::Custom => "custom",
        }
    }
}

/// Which Azure, for every command that speaks to it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Azure")]
pub(crate) struct CloudArgs {
    /// The cloud.
    #[arg(long, env = "AMLCO_AZURE_CLOUD", value_enum, default_value = "public")]
    pub(crate) azure_cloud: CloudName,
    /// Address of Azure Resource Manager; only with --azure-cloud custom.
    #[arg(long, env = "AMLCO_AZURE_RESOURCE_MANAGER", value_name = "URL")]
    pub(crate) azure_resource_manager: Option<String>,
    /// Address of Microsoft Entra ID; only with --azure-cloud custom.
    #[arg(long, env = "AMLCO_AZURE_AUTHORITY", value_name = "URL")]
    pub(crate) azure_authority: Option<String>,
    /// PEM file with further certificate authorities; only with --azure-cloud custom.
    #[arg(long, env = "AMLCO_AZURE_CA_FILE", value_name = "FILE")]
    pub(crate) azure_ca_file: Option<PathBuf>,
    /// Longest time for one request to Azure.
    #[arg(long, env = "AMLCO_AZURE_TIMEOUT", value_name = "DURATION", default_value = "30s")]
    pub(crate) azure_timeout: String,
}

/// Flags of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) cloud: CloudArgs,

    /// Address for /livez, /readyz and /metrics; port 0 takes a free one.
    #[arg(long, env = "AMLCO_LISTEN", default_value = "0.0.0.0:8080", help_heading = "Process")]
    pub(crate) listen: SocketAddr,
    /// How log lines are written.
    #[arg(long, env = "AMLCO_LOG_FORMAT", value_enum, default_value = "json", help_heading = "Process")]
    pub(crate) log_format: LogFormat,
    /// Level, or target=level pairs with commas.
    #[arg(long, env = "AMLCO_LOG_LEVEL", default_value = "info", help_heading = "Process")]
    pub(crate) log_level: String,

    /// Namespaces to serve, with commas; all if not given.
    #[arg(long, env = "AMLCO_WATCH_NAMESPACES", value_delimiter = ',', help_heading = "Kubernetes")]
    pub(crate) watch_namespaces: Vec<String>,
    /// How many objects of a kind are worked on at once.
    #[arg(long, env = "AMLCO_CONCURRENCY", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Kubernetes")]
    pub(crate) concurrency: u16,
    /// Longest time for one request to Kubernetes.
    #[arg(
        long,
        env = "AMLCO_KUBERNETES_TIMEOUT",
        value_name = "DURATION",
        default_value = "10s",
        help_heading = "Kubernetes"
    )]
    pub(crate) kubernetes_timeout: String,

    #[command(flatten)]
    pub(crate) pace: PaceArgs,
}

/// How often, and how long.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub(crate) struct PaceArgs {
    /// How long an object at rest is left alone.
    #[arg(long, env = "AMLCO_REQUEUE_INTERVAL", value_name = "DURATION", default_value = "10m")]
    pub(crate) requeue_interval: String,
    /// How often something under way is asked for.
    #[arg(long, env = "AMLCO_TRANSITION_INTERVAL", value_name = "DURATION", default_value = "10s")]
    pub(crate) transition_interval: String,
    /// Overrides observeInterval of every Workspace.
    #[arg(long, env = "AMLCO_OBSERVE_INTERVAL", value_name = "DURATION")]
    pub(crate) observe_interval: Option<String>,
    /// How old an object must be before a missing reference stalls it.
    #[arg(long, env = "AMLCO_REFERENCE_GRACE", value_name = "DURATION", default_value = "15s")]
    pub(crate) reference_grace: String,
    /// How long a 403 is retried before it stalls.
    #[arg(long, env = "AMLCO_FORBIDDEN_GRACE", value_name = "DURATION", default_value = "10m")]
    pub(crate) forbidden_grace: String,
    /// How long after a create a 404 is read as "not visible yet".
    #[arg(long, env = "AMLCO_CONSISTENCY_GRACE", value_name = "DURATION", default_value = "30s")]
    pub(crate) consistency_grace: String,
    /// First wait after a failure that heals by itself; it doubles up to 16 times this.
    #[arg(long, env = "AMLCO_RETRY_FAST", value_name = "DURATION", default_value = "2s")]
    pub(crate) retry_fast: String,
    /// First wait after a failure that may need somebody.
    #[arg(long, env = "AMLCO_RETRY_SLOW", value_name = "DURATION", default_value = "30s")]
    pub(crate) retry_slow: String,
    /// First wait after a failure that needs somebody.
    #[arg(long, env = "AMLCO_RETRY_VERY_SLOW", value_name = "DURATION", default_value = "5m")]
    pub(crate) retry_very_slow: String,
}

/// Flags of `emulator`.
#[derive(Debug, Args)]
pub(crate) struct EmulatorArgs {
    /// Address of the data plane over HTTP; port 0 takes a free one.
    #[arg(long, env = "AMLCO_EMULATOR_LISTEN", default_value = "127.0.0.1:0")]
    pub(crate) listen: SocketAddr,
    /// Address of the data plane over HTTPS.
    #[arg(long, env = "AMLCO_EMULATOR_TLS_LISTEN", default_value = "127.0.0.1:0")]
    pub(crate) tls_listen: SocketAddr,
    /// Address of the management plane.
    #[arg(long, env = "AMLCO_EMULATOR_MANAGEMENT_LISTEN", default_value = "127.0.0.1:0")]
    pub(crate) management_listen: SocketAddr,
    /// Virtual seconds that pass in a second; 0 stops virtual time.
    #[arg(long, env = "AMLCO_EMULATOR_TIME_SCALE", default_value_t = 1.0)]
    pub(crate) time_scale: f64,
    /// Where virtual time starts, such as 2026-01-05T08:00:00Z; the seed's clock, or the wall's time, if not given.
    #[arg(long, env = "AMLCO_EMULATOR_CLOCK", value_name = "TIME")]
    pub(crate) clock: Option<jiff::Timestamp>,
    /// JSON file with what exists at the start; the default world if not given.
    #[arg(long, env = "AMLCO_EMULATOR_SEED", value_name = "FILE")]
    pub(crate) seed: Option<PathBuf>,
    /// File in which the world is kept: read at the start, in place of the seed, if it exists, and written while it runs.
    #[arg(long, env = "AMLCO_EMULATOR_STATE", value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// How many exchanges the journal keeps, at most 32 MB of them.
    #[arg(long, env = "AMLCO_EMULATOR_JOURNAL", value_name = "NUMBER", default_value_t = 10_000)]
    pub(crate) journal: usize,
    /// Directory in which ca.pem is written; a temporary one, removed at the end, if not given.
    #[arg(long, env = "AMLCO_EMULATOR_CA_DIR", value_name = "DIR")]
    pub(crate) ca_dir: Option<PathBuf>,
}

/// Flags of `nodes`.
#[derive(Debug, Args)]
pub(crate) struct NodesArgs {
    /// Name of the ComputeCluster.
    pub(crate) cluster: String,
    /// Its namespace; that of the current context if not given.
    #[arg(short, long)]
    pub(crate) namespace: Option<String>,
    /// Private key file to put into the ssh and scp commands.
    #[arg(short, long, value_name = "FILE", default_value = "~/.ssh/id_ed25519")]
    pub(crate) identity_file: String,
    #[command(flatten)]
    pub(crate) cloud: CloudArgs,
}

/// Flags of `crds`.
#[derive(Debug, Args)]
pub(crate) struct CrdsArgs {
    /// Compare with the cluster of the current context instead of printing; exit 1 if they differ.
    #[arg(long)]
    pub(crate) check: bool,
}
