//! The wish to stop: from a signal, or from the program itself.
//!
//! Must not stop anything but the process on a second signal; who waits for the wish winds down by itself.

use std::io;
use std::sync::Arc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Tells that the process should stop. Cheap to clone; every clone is told, also one that asks only later.
#[derive(Clone)]
pub struct Shutdown {
    wish: watch::Receiver<bool>,
    /// Keeps the channel open, so that a wish can never be mistaken for a lost trigger.
    _sender: Arc<watch::Sender<bool>>,
}

/// Wishes the stop from within the program. Dropping it wishes nothing.
#[derive(Clone)]
pub struct Trigger(Arc<watch::Sender<bool>>);

impl Trigger {
    /// Stop. Repeating it is harmless.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// One that only a [`Trigger`] wishes.
    pub fn manual() -> (Trigger, Self) {
        let (sender, wish) = watch::channel(false);
        let sender = Arc::new(sender);
        (Trigger(sender.clone()), Self { wish, _sender: sender })
    }

    /// One that SIGTERM or SIGINT wishes. A second signal exits the process at once with code 1, for who has no
    /// patience. To be called once, inside a tokio runtime.
    ///
    /// # Errors
    /// When the signals cannot be listened to.
    pub fn on_signals() -> io::Result<Self> {
        let (trigger, shutdown) = Self::manual();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::spawn(listen(terminate, interrupt, trigger));
        Ok(shutdown)
    }

    /// Whether the process should stop.
    pub fn is_requested(&self) -> bool {
        *self.wish.borrow()
    }

    /// Waits until the process should stop; returns at once if it should already.
    pub async fn requested(&self) {
        // An error means that nobody can wish any more, which `_sender` rules out; waiting for ever is then right.
        if self.wish.clone().wait_for(|wished| *wished).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn listen(mut terminate: Signal, mut interrupt: Signal, trigger: Trigger) {
    let name = next(&mut terminate, &mut interrupt).await;
    tracing::info!(signal = name, "Stopping; a second signal exits at once");
    trigger.request();
    let name = next(&mut terminate, &mut interrupt).await;
    tracing::warn!(signal = name, "Exiting at once");
    std::process::exit(1);
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    #[tokio::test]
    async fn wish_reaches_every_clone_also_late_ones() {
        let (trigger, shutdown) = Shutdown::manual();
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.requested().await }
        });
        assert!(!shutdown.is_requested());
        trigger.request();
        trigger.request();
        waiting.await.unwrap();
        assert!(shutdown.is_requested());
        shutdown.clone().requested().await;
    }

    #[tokio::test]
    async fn dropped_trigger_wishes_nothing() {
        let (trigger, shutdown) = Shutdown::manual();
        drop(trigger);
        assert!(tokio::time::timeout(Duration::from_millis(20), shutdown.requested()).await.is_err());
        assert!(!shutdown.is_requested());
    }

    /// Not a test of its own: the process that the tests below send signals to.
    #[tokio::test]
    #[ignore = "run as a child by the tests that send signals"]
    async fn signalled_child() {
        let Ok(mode) = std::env::var("SIGNALLED_CHILD") else { return };
        let shutdown = Shutdown::on_signals().unwrap();
        // The harness captures what goes through print!, not what goes to the stream itself.
        writeln!(std::io::stdout(), "child: listening").unwrap();
        shutdown.requested().await;
        writeln!(std::io::stdout(), "child: stopping").unwrap();
        if mode == "lingers" {
            std::future::pending::<()>().await;
        }
    }

    /// A child that is ended with its test, whatever happens.
    struct Kept(Child);

    impl Drop for Kept {
        fn drop(&mut self) {
            self.0.kill().ok();
            self.0.wait().ok();
        }
    }

    /// Starts the child, sends it the signals, one after each line it says, and gives its exit code.
    fn exit_after(lingers: bool, signals: &[&str]) -> Option<i32> {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "shutdown::tests::signalled_child", "--ignored", "--nocapture"]);
        command.env("SIGNALLED_CHILD", if lingers { "lingers" } else { "ends" });
        let mut child = Kept(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let pid = child.0.id().to_string();
        // Kept to the end: a child whose listener is gone fails when it speaks.
        let mut said = BufReader::new(child.0.stdout.take().unwrap()).lines().map_while(Result::ok);
        for (signal, _) in signals.iter().zip(said.by_ref().filter(|line| line.contains("child: "))) {
            assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(status) = child.0.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the child did not end");
            std::thread::yield_now();
        }
    }

    #[test]
    fn first_signal_lets_the_process_wind_down() {
        assert_eq!(exit_after(false, &["TERM"]), Some(0));
        assert_eq!(exit_after(false, &["INT"]), Some(0));
    }

    #[test]
    fn second_signal_exits_at_once() {
        assert_eq!(exit_after(true, &["TERM", "INT"]), Some(1));
    }
}
