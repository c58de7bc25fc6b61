//! Anything at all, sent to both planes and given as a seed or a state file: nothing panics, nothing is answered with a 500, and
//! memory does not grow. A short run; `AMLCO_FULL=1` makes it ten minutes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "a long run says where it began and what it measured")]

mod any;
mod wire;

use std::{
    sync::{
        Once,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use amlco_emulator::{CLIENT_ID, CLIENT_SECRET, Config, Emulator, Seed, TENANT, ThrottleSeed, spawn};
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    any::Asked,
    wire::{Got, Line},
};

static PANICS: AtomicU32 = AtomicU32::new(0);
/// One at a time: memory is that of the process.
static TURN: Mutex<()> = Mutex::const_new(());

/// Counts panics wherever they happen, but for those with which these tests fail: a connection's task swallows its own.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if panic.location().is_none_or(|location| !location.file().contains("fuzz")) {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            usual(panic);
        }));
    });
}

/// How long to go on, and where what is drawn begins: always at the same place in a short run.
struct Run {
    least: u32,
    until: Instant,
    runner: TestRunner,
}

impl Run {
    fn of(least: u32, full: Duration) -> Self {
        let long = std::env::var_os("AMLCO_FULL").is_some();
        let mut seed = [7; 32];
        if long {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
            seed[..16].copy_from_slice(&now.to_le_bytes());
        }
        println!("drawn from {seed:?}");
        let until = Instant::now() + if long { full } else { Duration::ZERO };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        Self { least, until, runner: TestRunner::new_with_rng(Default::default(), rng) }
    }

    fn goes_on(&self, round: u32) -> bool {
        round < self.least || Instant::now() < self.until
    }

    fn draw<T>(&mut self, strategy: &impl Strategy<Value = T>) -> T {
        strategy.new_tree(&mut self.runner).unwrap().current()
    }
}

fn resident_kilobytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn config() -> Config {
    let seed = Seed { throttle: ThrottleSeed::unlimited(), ..Seed::default() };
    // Small, so that it is full long before memory is measured.
    Config { seed, time_scale: 0.0, journal_capacity: 500, ..Config::default() }
}

async fn token(line: &mut Line) -> String {
    let form = format!(
        "grant_type=client_credentials&client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&scope=https://management.azure.com/.default"
    );
    let asked = Asked {
        method: "POST".into(),
        target: format!("/{TENANT}/oauth2/v2.0/token"),
        headers: Vec::new(),
        body: form.into_bytes(),
    };
    let Got::Answer { body, .. } = line.ask(&asked).await else { panic!("no token") };
    let body: Value = serde_json::from_slice(&body).unwrap();
    body["access_token"].as_str().unwrap().to_owned()
}

/// Whether it still answers a plain request as it should.
async fn is_well(data: &mut Line, token: &str) -> bool {
    matches!(data.ask(&Asked::list(token)).await, Got::Answer { status: 200, .. })
}

/// Refusals are ARM's, Entra ID's, the machine's or the management plane's: JSON with an `error`.
fn is_refusal(body: &[u8]) -> bool {
    body.is_empty() || serde_json::from_slice::<Value>(body).is_ok_and(|body| !body["error"].is_null())
}

async fn start() -> (Emulator, Line, Line) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let emulator = spawn(config()).await.unwrap();
    let line = |url: &str| Line::new(url.strip_prefix("http://").unwrap());
    let (data, management) = (line(emulator.url()), line(emulator.management_url()));
    (emulator, data, management)
}

#[tokio::test]
async fn no_request_to_the_data_plane_gets_a_500_and_memory_stays_flat() {
    let _turn = TURN.lock().await;
    count_panics();
    let (emulator, mut data, _) = start().await;
    let token = token(&mut data).await;
    let requests = any::data(&token);
    let mut run = Run::of(4_000, Duration::from_secs(300));
    let (started, mut round, mut settled) = (Instant::now(), 0, None);
    while run.goes_on(round) {
        let asked = run.draw(&requests);
        match data.ask(&asked).await {
            Got::Answer { status, body } => {
                assert!(status < 500, "{asked:?}: {status} {}", String::from_utf8_lossy(&body));
                assert!(status < 400 || is_refusal(&body), "{asked:?}: {status} {}", String::from_utf8_lossy(&body));
            }
            Got::Nothing => assert!(asked.may_be_no_http(), "{asked:?}: no answer"),
        }
        round += 1;
        if round % 50 == 0 {
            emulator.advance("PT40S".parse().unwrap());
            assert!(is_well(&mut data, &token).await, "after {asked:?}");
        }
        // When everything that is bounded is full.
        if settled.is_none() && round >= 2_500 && started.elapsed() >= (run.until - started) / 3 {
            settled = Some(resident_kilobytes());
        }
    }
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
    let (settled, end) = (settled.unwrap(), resident_kilobytes());
    println!("{round} requests, {settled} kB resident when settled, {end} kB at the end");
    assert!(end < settled + 16 * 1024, "memory grew from {settled} kB to {end} kB");
    emulator.stop().await;
}

#[tokio::test]
async fn no_request_to_the_management_plane_does_lasting_harm() {
    let _turn = TURN.lock().await;
    count_panics();
    let (emulator, mut data, mut management) = start().await;
    let token = token(&mut data).await;
    let (wishes, requests) = (any::management(), any::data(&token));
    let mut run = Run::of(1_500, Duration::from_secs(240));
    let mut round = 0;
    while run.goes_on(round) {
        let wish = run.draw(&wishes);
        match management.ask(&wish).await {
            Got::Answer { status, body } => {
                let text = String::from_utf8_lossy(&body);
                assert!(status < 500 && (status < 400 || is_refusal(&body)), "{wish:?}: {status} {text}");
            }
            Got::Nothing => assert!(wish.may_be_no_http(), "{wish:?}: no answer"),
        }
        // Faults and outages may make any answer of this one, or none.
        let asked = run.draw(&requests);
        let _ = tokio::time::timeout(Duration::from_secs(20), data.ask(&asked)).await;
        round += 1;
        if round % 50 == 0 {
            emulator.clear_faults();
            for wish in any::restoring() {
                management.ask(&wish).await;
            }
            data.hang_up();
            assert!(is_well(&mut data, &token).await, "after {wish:?}: {:?}", data.ask(&Asked::list(&token)).await);
        }
    }
    println!("{round} rounds");
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
    emulator.stop().await;
}

#[tokio::test]
async fn any_seed_or_state_is_taken_or_refused_in_words() {
    let _turn = TURN.lock().await;
    count_panics();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.json");
    let keeping = Config { state: Some(file.clone()), ..config() };
    let first = spawn(keeping.clone()).await.unwrap();
    first.event(serde_json::from_value(any::busy_workspace()).unwrap()).unwrap();
    first.stop().await;
    let state: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let seed = serde_json::to_value(Seed::default()).unwrap();
    let (seeds, states) = (any::twisted(seed), any::twisted(state));
    let mut run = Run::of(150, Duration::from_secs(60));
    let (mut round, mut taken) = (0, [0; 2]);
    while run.goes_on(round) {
        round += 1;
        let text = run.draw(&seeds);
        match Seed::from_json(&text) {
            Ok(seed) => match spawn(Config { seed, ..config() }).await {
                Ok(emulator) => {
                    taken[0] += 1;
                    assert!(emulator.world().is_object());
                }
                Err(why) => assert!(why.to_string().starts_with("emulator: seed: "), "{text}: {why}"),
            },
            Err(why) => assert!(why.starts_with("seed: "), "{text}: {why}"),
        }
        std::fs::write(&file, run.draw(&states)).unwrap();
        match spawn(keeping.clone()).await {
            Ok(emulator) => {
                taken[1] += 1;
                emulator.advance("PT1H".parse().unwrap());
                assert!(emulator.world().is_object());
            }
            Err(why) => {
                assert!(why.to_string().contains("state file ") || why.to_string().contains("certificate"), "{why}");
            }
        }
    }
    println!("{round} rounds, {taken:?} taken");
    assert!(taken[0] > 0 && taken[1] > 0, "nothing was taken: {taken:?}");
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
}
