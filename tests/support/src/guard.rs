//! Child processes and their folder, which never outlive the process that made them; it must not know what they are.
//!
//! A guard is a small shell process (the keeper) that holds one end of a pipe from us. When the pipe ends, because the
//! guard was dropped or because this process died in whatever way (SIGKILL too), the keeper kills every process of the
//! guard by its pid and removes the folder. A child first waits on a pipe of its own until the keeper knows its pid, so
//! there is no moment at which it could be forgotten. (PR_SET_PDEATHSIG would need unsafe code, and it follows the
//! thread that forked, which a test runner ends early.)

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Context, Error, Result};
use crate::wait;

/// The keeper. It ignores the signals of a terminal, because it has to clean up after Ctrl-C; it removes the folder
/// only when the processes, which still write into it, are gone.
const KEEPER: &str = r#"
trap '' HUP INT TERM
dir=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX") || exit 1
printf '%s\n' "$dir"
pids=
while read -r verb pid; do
    case $verb in
    add) pids="$pids $pid" ;;
    drop) kept=
        for each in $pids; do [ "$each" = "$pid" ] || kept="$kept $each"; done
        pids=$kept ;;
    esac
done
for each in $pids; do kill -KILL "-$each" 2>/dev/null; done
for each in $pids; do
    looks=0
    while kill -0 "$each" 2>/dev/null && [ "$looks" -lt 50 ]; do sleep 0.1; looks=$((looks + 1)); done
done
rm -rf "$dir"
"#;

/// What a child runs first: it becomes the program (`exec` keeps the pid) once it is told to, and ends if nobody is
/// left to tell it.
const GATE: &str = r#"read -r word && [ "$word" = go ] || exit 125; exec "$@""#;

/// A folder and the processes that belong to it.
#[derive(Clone)]
pub struct Guard {
    keeper: Arc<Keeper>,
}

struct Keeper {
    dir: PathBuf,
    process: Mutex<(Option<ChildStdin>, Child)>,
}

impl Guard {
    /// Makes a folder under the machine's folder for temporary files, named `prefix` and something random.
    ///
    /// # Errors
    /// When `sh` or `mktemp` cannot be run.
    pub fn new(prefix: &str) -> Result<Self> {
        let mut process = Command::new("sh")
            .args(["-c", KEEPER, "amlco-keeper", prefix])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .context(|| "cannot start sh, which guards the processes of a test".to_owned())?;
        let stdin = process.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            BufReader::new(stdout)
                .read_line(&mut line)
                .context(|| "cannot read the folder's name from the guard".to_owned())?;
        }
        let dir = PathBuf::from(line.trim_end());
        if !dir.is_dir() {
            return Err(Error::new("the guard could not make a temporary folder; is TMPDIR writable?"));
        }
        Ok(Self { keeper: Arc::new(Keeper { dir, process: Mutex::new((stdin, process)) }) })
    }

    /// The folder, removed with everything in it when the guard ends.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.keeper.dir
    }

    /// Starts `command` in a process group of its own, so that Ctrl-C in the terminal does not reach it.
    ///
    /// Standard output and error go to the files `name.out` and `name.log` of the folder, standard input is `stdin`.
    ///
    /// # Errors
    /// When the program cannot be started; one that starts and ends at once is seen by [`Process::try_wait`].
    pub fn spawn(&self, name: &str, command: &Command) -> Result<Process> {
        let log = self.dir().join(format!("{name}.log"));
        let out = self.dir().join(format!("{name}.out"));
        let mut gated = gate(command);
        gated.stdout(open(&out)?).stderr(open(&log)?);
        let mut child = self.release(name, gated)?;
        drop(child.stdin.take());
        Ok(Process::new(name, child, out, log, Arc::clone(&self.keeper)))
    }

    /// [`Guard::spawn`] for a program to talk with: its standard input and output are pipes, only the log is a file.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn spawn_piped(
        &self,
        name: &str,
        command: &Command,
    ) -> Result<(Process, ChildStdin, std::process::ChildStdout)> {
        let log = self.dir().join(format!("{name}.log"));
        let mut gated = gate(command);
        gated.stdout(Stdio::piped()).stderr(open(&log)?);
        let mut child = self.release(name, gated)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let process = Process::new(name, child, log.clone(), log, Arc::clone(&self.keeper));
        let (stdin, stdout) = pipes.ok_or_else(|| Error::new(format!("{name} has no pipes")))?;
        Ok((process, stdin, stdout))
    }

    /// Starts the gated child, tells the keeper its pid, and only then lets it become its program.
    fn release(&self, name: &str, mut gated: Command) -> Result<Child> {
        let mut child = gated.spawn().context(|| format!("cannot start {name}"))?;
        let told = self.keeper.tell("add", child.id()).and_then(|()| match child.stdin.as_mut() {
            Some(stdin) => stdin.write_all(b"go\n").context(|| format!("cannot start {name}")),
            None => Err(Error::new(format!("{name} has no standard input"))),
        });
        if let Err(error) = told {
            drop(child.kill());
            drop(child.wait());
            return Err(error);
        }
        Ok(child)
    }
}

impl Keeper {
    fn tell(&self, verb: &str, pid: u32) -> Result<()> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = process.0.as_mut().ok_or_else(|| Error::new("the guard has ended"))?;
        writeln!(pipe, "{verb} {pid}").context(|| "cannot reach the guard of the processes".to_owned())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let process = self.process.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(process.0.take());
        drop(process.1.wait());
    }
}

/// The same command behind the gate: program, arguments, environment and folder are kept.
fn gate(command: &Command) -> Command {
    let mut gated = Command::new("sh");
    gated.args(["-c", GATE, "amlco-gate"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => gated.env(name, value),
            None => gated.env_remove(name),
        };
    }
    if let Some(dir) = command.get_current_dir() {
        gated.current_dir(dir);
    }
    gated.stdin(Stdio::piped()).process_group(0);
    gated
}

fn open(path: &Path) -> Result<File> {
    File::options().create(true).append(true).open(path).context(|| format!("cannot write {}", path.display()))
}

/// One running program of a [`Guard`]; dropping it kills it and waits for its end.
pub struct Process {
    name: String,
    pid: u32,
    child: Mutex<Child>,
    out: PathBuf,
    log: PathBuf,
    keeper: Arc<Keeper>,
}

impl Process {
    fn new(name: &str, child: Child, out: PathBuf, log: PathBuf, keeper: Arc<Keeper>) -> Self {
        Self { name: name.to_owned(), pid: child.id(), child: Mutex::new(child), out, log, keeper }
    }

    /// The process id, which is also the id of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn try_wait(&self) -> Result<Option<ExitStatus>> {
        let status = self.lock().try_wait().context(|| format!("cannot look after {}", self.name))?;
        Ok(status)
    }

    /// Ends it with SIGKILL and returns when it is gone; no harm if it was already.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&self) -> Result<ExitStatus> {
        let mut child = self.lock();
        if child.try_wait().ok().flatten().is_none() {
            child.kill().context(|| format!("cannot kill {} (pid {})", self.name, self.pid))?;
        }
        child.wait().context(|| format!("cannot wait for {} (pid {})", self.name, self.pid))
    }

    /// Asks it to end with SIGTERM and waits for at most `grace`; blocks.
    ///
    /// # Errors
    /// When it still runs after `grace`; it is then left running.
    pub fn terminate(&self, grace: Duration) -> Result<ExitStatus> {
        if let Some(status) = self.try_wait()? {
            return Ok(status);
        }
        self.signal("TERM")?;
        wait::blocking_until(&format!("{} (pid {}) ended after SIGTERM", self.name, self.pid), grace, || {
            match self.try_wait() {
                Ok(Some(status)) => Ok(status),
                Ok(None) => Err("still running".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    /// Sends a signal by name (`STOP`, `CONT`, `TERM`).
    ///
    /// # Errors
    /// When the process is gone or `sh` cannot be run.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let status = Command::new("sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "sh", signal, &self.pid.to_string()])
            .stderr(Stdio::null())
            .status()
            .context(|| "cannot run sh".to_owned())?;
        if status.success() {
            return Ok(());
        }
        Err(Error::new(format!("cannot send SIG{signal} to {} (pid {})", self.name, self.pid)))
    }

    /// Everything written to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Everything written to standard output so far.
    #[must_use]
    pub fn out(&self) -> String {
        fs::read(&self.out).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines of the log, for the message of a failure.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    fn lock(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The keeper may forget a pid only after the process is reaped: until then nobody else can get the number.
        if self.kill().is_ok() {
            drop(self.keeper.tell("drop", self.pid));
        }
    }
}
