//! The main job, shown: apply the samples, see them become Ready, change one, delete one; it must not succeed if an
//! object did not get there.

use std::time::{Duration, Instant};

use support::{Error, Result};

use crate::Settings;
use crate::azure;
use crate::background::{interrupted, until_interrupted};
use crate::objects::{self, Cast, Seen};
use crate::session::Session;
use crate::state;
use crate::terminal::{is_watched, say};

/// The samples' namespace, clusters and workstation.
const NAMESPACE: &str = "team-a";
const SCALED: &str = "cpu-cluster";
const DELETED: &str = "gpu-cluster";
const WORKSTATION: &str = "ada-workstation";
/// Whom the samples' workstation is made for.
const ASSIGNED: &str = "44444444-4444-4444-4444-444444444444";

/// What the cluster is scaled to; the sample says 4.
const NODES: u64 = 8;

/// Per step: minutes of Azure are seconds here; the rest is a busy machine.
const STEP_WITHIN: Duration = Duration::from_secs(180);

/// Lines of the operator's log that a failure shows.
const LOG_LINES: usize = 30;

/// Runs the demo and ends everything it started.
pub(crate) async fn run(settings: &Settings) -> Result<()> {
    let dir = &settings.state.path;
    let Some(held) = state::hold(dir)? else {
        return Err(Error::new("a playground is running already; end it with `make down` first"));
    };
    let shown = tokio::select! {
        shown = show(settings, &held) => shown,
        () = interrupted() => Err(Error::new("interrupted; everything it started has ended")),
    };
    let ended = match shown {
        Ok(session) => stay(session, &held).await,
        Err(error) => Err(error),
    };
    drop(held);
    state::clear(dir)?;
    ended
}

/// Tells what to try next, and on a terminal leaves everything running for it.
async fn stay(mut session: Session, held: &state::Held) -> Result<()> {
    try_next(held);
    if is_watched() {
        say("\nEverything goes on running until Ctrl-C.");
        until_interrupted(&mut session).await?;
        say("\nEnding it …");
    }
    session.stop().await
}

async fn show(settings: &Settings, held: &state::Held) -> Result<Session> {
    let started = Instant::now();
    say("Starting a playground: nothing of it leaves this machine.");
    let session = Session::start(settings).await?;
    session.publish(held)?;
    if let Err(error) = story(settings, &session).await {
        let log = session.operator.log_tail(LOG_LINES);
        return Err(Error::because(format!("the demo failed; the end of the operator's log:\n{log}"), error));
    }
    say(format_args!("\nDone, {:.0} s after the start.", started.elapsed().as_secs_f64()));
    Ok(session)
}

async fn story(settings: &Settings, session: &Session) -> Result<()> {
    let client = session.plane.admin().await?;
    let samples = settings.samples.display().to_string();
    command(session, &["apply", "-k", &samples]).await?;
    let names: Vec<String> = objects::list(&client, NAMESPACE).await?.iter().map(Seen::name).collect();
    if names.is_empty() {
        return Err(Error::new(format!("{samples} has no object of the operator in namespace {NAMESPACE}")));
    }
    let cast = Cast { client: &client, namespace: NAMESPACE, names };
    let all = cast.names.len();
    say("\nThe objects on their way:");
    objects::watch(&cast, "all samples are Ready", STEP_WITHIN, async |seen| {
        Ok(seen.len() == all && seen.iter().all(Seen::is_ready))
    })
    .await?;
    say(format_args!("\nAll {all} are Ready. As kubectl shows the computes:"));
    command(session, &["-n", NAMESPACE, "get", "amlcc,amlci,amlac"]).await?;
    show_azure(session).await?;
    scale(session, &cast).await?;
    say("\nNow the workstation is stopped, as somebody does who goes home, and started again:");
    power(session, &cast, "Stopped").await?;
    power(session, &cast, "Running").await?;
    mine(session).await?;
    delete(session, &cast).await
}

async fn scale(session: &Session, cast: &Cast<'_>) -> Result<()> {
    let patch = format!(r#"{{"spec":{{"scale":{{"maxNodes":{NODES}}}}}}}"#);
    say(format_args!("\nNow {SCALED} may have {NODES} nodes instead of 4:"));
    command(session, &["-n", NAMESPACE, "patch", "amlcc", SCALED, "--type=merge", "-p", &patch]).await?;
    objects::watch(cast, "the cluster is scaled", STEP_WITHIN, async |seen| {
        let computes = azure::computes(&session.emulator).await?;
        let scaled = computes.iter().any(|compute| compute.name == SCALED && compute.max_nodes() == Some(NODES));
        Ok(scaled && seen.iter().all(Seen::is_ready))
    })
    .await?;
    show_azure(session).await
}

async fn power(session: &Session, cast: &Cast<'_>, state: &str) -> Result<()> {
    let patch = format!(r#"{{"spec":{{"powerState":"{state}"}}}}"#);
    command(session, &["-n", NAMESPACE, "patch", "amlci", WORKSTATION, "--type=merge", "-p", &patch]).await?;
    objects::watch(cast, "the workstation is switched", STEP_WITHIN, async |seen| {
        let mut stations = seen.iter().filter(|each| each.name().ends_with(&format!("/{WORKSTATION}")));
        Ok(stations.all(|each| each.power() == state) && seen.iter().all(Seen::is_ready))
    })
    .await
}

/// Whose workstations there are: the assigned user is a selectable field.
async fn mine(session: &Session) -> Result<()> {
    say("\nWhat a person sees who asks for their own:");
    let whose = format!("spec.assignedUser.objectId={ASSIGNED}");
    command(session, &["-n", NAMESPACE, "get", "amlci", "--field-selector", &whose]).await
}

async fn delete(session: &Session, cast: &Cast<'_>) -> Result<()> {
    say(format_args!("\nNow {DELETED} is deleted:"));
    command(session, &["-n", NAMESPACE, "delete", "amlcc", DELETED, "--wait=false"]).await?;
    objects::watch(cast, "the cluster is gone", STEP_WITHIN, async |seen| {
        let here = seen.iter().any(|each| each.name().ends_with(DELETED));
        let there = azure::computes(&session.emulator).await?.iter().any(|compute| compute.name == DELETED);
        Ok(!here && !there)
    })
    .await?;
    say(format_args!("Gone from Kubernetes and from Azure."));
    show_azure(session).await
}

async fn show_azure(session: &Session) -> Result<()> {
    say("What Azure has:");
    for compute in azure::computes(&session.emulator).await? {
        say(format_args!("  {}", compute.line()));
    }
    Ok(())
}

/// Runs kubectl as somebody at a shell would, and shows command and answer.
async fn command(session: &Session, args: &[&str]) -> Result<()> {
    say(format_args!("$ kubectl {}", args.iter().map(|arg| quoted(arg)).collect::<Vec<_>>().join(" ")));
    let output = session.plane.kubectl(args).await?;
    for line in output.stdout.lines() {
        say(format_args!("  {line}"));
    }
    if output.status.success() {
        return Ok(());
    }
    Err(Error::new(format!("kubectl failed: {}", output.stderr.trim())))
}

fn quoted(arg: &str) -> String {
    if arg.contains(['{', ' ', '"']) { format!("'{arg}'") } else { arg.to_owned() }
}

fn try_next(held: &state::Held) {
    let env = held.dir().join(state::ENV);
    let shell = if is_watched() {
        format!("In another shell: . {}\n", env.display())
    } else {
        "`make up` leaves all this running; then: . target/playground/env\n".to_owned()
    };
    say(format_args!(
        "\nWhat to try next\n\
         {shell}\
         \x20 kubectl -n {NAMESPACE} describe amlcc {SCALED}\n\
         \x20 kubectl -n {NAMESPACE} annotate amlci {WORKSTATION} compute.azureml.dev/restart-requested-at=$(date -u +%FT%TZ)\n\
         \x20 kubectl explain amlcc.spec                      # every field, with what it may be\n\
         \x20 kubectl -n {NAMESPACE} edit amlcc {SCALED}          # a wrong value is refused in words\n\
         \x20 curl -s $EMULATOR_MANAGEMENT_URL/journal        # every request that Azure has seen\n\
         \x20 curl -s $OPERATOR_URL/metrics"
    ));
}
