//! `up`, `down`, and the process between them; it must not leave one running that nobody can end.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{Context, Error, Result, wait};
use tokio::signal::unix::{SignalKind, signal};

use crate::session::Session;
use crate::state::{self, ENV, LOG};
use crate::terminal::say;
use crate::{Settings, StateFolder};

/// Building the tools takes up to 10 minutes the first time; the rest takes seconds.
const UP_WITHIN: Duration = Duration::from_secs(20 * 60);

/// The operator's own grace, and the folders.
const DOWN_WITHIN: Duration = Duration::from_secs(60);

/// How often a running playground looks after its operator.
const LOOKS_AFTER_EVERY: Duration = Duration::from_millis(500);

/// Starts a playground in the background and returns when everything is ready.
pub(crate) async fn up(settings: &Settings) -> Result<()> {
    let dir = &settings.state.path;
    if let Some(pid) = state::running(dir)? {
        say(format_args!("The playground is running already (pid {pid})."));
        next_steps(dir);
        return Ok(());
    }
    state::clear(dir)?;
    fs::create_dir_all(dir).context(|| format!("cannot make {}", dir.display()))?;
    say("Starting the playground:");
    let mut child = detach(settings)?;
    let mut progress = Progress::open(&dir.join(LOG))?;
    let started = tokio::select! {
        started = until_ready(&mut child, dir, &mut progress) => started,
        () = interrupted() => Err(Error::new("interrupted")),
    };
    progress.show();
    if let Err(error) = started {
        end(&mut child);
        state::clear(dir)?;
        return Err(Error::because("the playground did not start", error));
    }
    next_steps(dir);
    Ok(())
}

/// Ends the playground, if one runs, and removes what it left.
pub(crate) async fn down(dir: &Path) -> Result<()> {
    let Some(pid) = state::running(dir)? else {
        state::clear(dir)?;
        say("No playground is running.");
        return Ok(());
    };
    say(format_args!("Ending the playground (pid {pid}) …"));
    kill(pid, "TERM");
    let ended = wait::until("the playground has ended", DOWN_WITHIN, async || has_ended(dir, pid)).await;
    if ended.is_err() {
        say("It does not end by itself; killing it. Its processes end with it.");
        kill(pid, "KILL");
        wait::until("the playground has ended", DOWN_WITHIN, async || has_ended(dir, pid)).await?;
    }
    state::clear(dir)?;
    say("The playground has ended; nothing of it is left.");
    Ok(())
}

/// Is the playground: starts everything, looks after it, and ends it on SIGTERM or SIGINT.
pub(crate) async fn serve(settings: &Settings) -> Result<()> {
    // The terminal that `up` was called from may close.
    let _hangups = signal(SignalKind::hangup()).context(|| "cannot ignore SIGHUP".to_owned())?;
    let StateFolder { path } = &settings.state;
    let Some(held) = state::hold(path)? else {
        return Err(Error::new(format!("a playground runs already in {}", path.display())));
    };
    let mut session = tokio::select! {
        session = Session::start(settings) => session?,
        () = interrupted() => return Ok(()),
    };
    session.publish(&held)?;
    until_interrupted(&mut session).await?;
    session.stop().await
}

/// Keeps the operator running until somebody wants this process to end.
pub(crate) async fn until_interrupted(session: &mut Session) -> Result<()> {
    let interrupted = interrupted();
    tokio::pin!(interrupted);
    loop {
        tokio::select! {
            () = &mut interrupted => return Ok(()),
            () = tokio::time::sleep(LOOKS_AFTER_EVERY) => session.keep_operator_running()?,
        }
    }
}

/// Ends when somebody wants this process to end.
pub(crate) async fn interrupted() {
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signals) => drop(signals.recv().await),
            // Without the handler SIGTERM ends the process anyway, and everything with it.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = terminate => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

fn detach(settings: &Settings) -> Result<Child> {
    let dir = &settings.state.path;
    let log = || File::create(dir.join(LOG)).context(|| format!("cannot write {}", dir.join(LOG).display()));
    let out = log()?;
    let err = out.try_clone().context(|| "cannot open the log".to_owned())?;
    let program = std::env::current_exe().context(|| "cannot find the playground's own program".to_owned())?;
    Command::new(program)
        .arg("serve")
        .arg("--state")
        .arg(dir)
        .arg("--binary")
        .arg(&settings.binary)
        .arg("--chart")
        .arg(&settings.chart)
        .arg("--samples")
        .arg(&settings.samples)
        .arg(format!("--time-scale={}", settings.time_scale))
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .process_group(0)
        .spawn()
        .context(|| "cannot start the playground".to_owned())
}

async fn until_ready(child: &mut Child, dir: &Path, progress: &mut Progress) -> Result<()> {
    let ready = wait::until("the playground is ready", UP_WITHIN, async || {
        progress.show();
        if dir.join(ENV).exists() {
            return Ok(Ok(()));
        }
        match child.try_wait() {
            Ok(Some(status)) => Ok(Err(Error::new(format!("it ended with {status}; what it said is above")))),
            Ok(None) => Err("still starting".to_owned()),
            Err(error) => Ok(Err(Error::because("cannot look after it", error))),
        }
    });
    ready.await?
}

/// Ends a playground that has not become ready.
fn end(child: &mut Child) {
    kill(child.id(), "TERM");
    let ended = wait::blocking_until("it has ended", DOWN_WITHIN, || match child.try_wait() {
        Ok(None) => Err("still running".to_owned()),
        Ok(Some(_)) | Err(_) => Ok(()),
    });
    if ended.is_err() {
        drop(child.kill());
        drop(child.wait());
    }
}

fn has_ended(dir: &Path, pid: u32) -> Result<(), String> {
    match state::running(dir) {
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(format!("pid {pid} still runs")),
        Err(error) => Err(error.to_string()),
    }
}

fn kill(pid: u32, signal: &str) {
    // It fails only if the process has ended meanwhile, which is looked at afterwards.
    drop(
        Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "sh", signal, &pid.to_string()])
            .stderr(Stdio::null())
            .status(),
    );
}

fn next_steps(dir: &Path) {
    let env = dir.join(ENV);
    say(format_args!(
        "\nReady. In this shell:\n\
         \x20 . {}\n\
         \x20 kubectl apply -k config/samples\n\
         \x20 kubectl -n team-a get azureml\n\
         \x20 kubectl -n team-a wait --for=condition=Ready amlcc --all --timeout=3m\n\
         \x20 curl -s $EMULATOR_MANAGEMENT_URL/world       # what Azure has\n\
         \x20 curl -s $OPERATOR_URL/metrics                # what the operator counts\n\
         End it with `make down`.",
        env.display()
    ));
}

/// Shows what is added to a log.
struct Progress {
    log: File,
}

impl Progress {
    fn open(path: &Path) -> Result<Self> {
        Ok(Self { log: File::open(path).context(|| format!("cannot read {}", path.display()))? })
    }

    fn show(&mut self) {
        let mut added = String::new();
        if self.log.read_to_string(&mut added).is_ok() && !added.is_empty() {
            say(added.trim_end_matches('\n'));
        }
    }
}
