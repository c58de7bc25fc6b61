//! What the operator asks for when there is nothing to do: no write, and looks at their interval. Must not let anything
//! happen.

use crate::rig::{Rig, Side, is_write};
use crate::stage::PATIENCE;
use crate::workload::{Subject, ready, rested};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use support::proxy::Entry;
use support::wait::until;

/// The observe interval of the stage.
const INTERVAL: SignedDuration = SignedDuration::from_millis(200);
/// How many intervals are watched.
const INTERVALS: i32 = 30;

/// When each shared look was asked for, after a time.
fn looks(rig: &Rig, after: Timestamp) -> Vec<Timestamp> {
    let journal = rig.azure.journal();
    journal.iter().filter(|e| e.at > after && e.path.ends_with("/computes")).map(|e| e.at).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn operator_at_rest_writes_nothing_and_looks_no_more_than_once_an_interval() {
    // Passes come ten times in an interval, so that one that writes without need is seen.
    let mut rig = Rig::with("rest", &[("--requeue-interval", "20ms")]).await.unwrap();
    rig.apply(&Subject::Cluster.manifest(&json!({}))).await.unwrap();
    rig.start_operator(None).await.unwrap();
    // Passes this close read all the time; that it writes no more is rest enough.
    rested(&rig, "it is Ready", async |rig| ready(rig, Subject::Cluster, 1).await).await.unwrap();
    let began = Timestamp::now();
    let wanted = usize::try_from(INTERVALS).unwrap();
    let rested = until("the operator looked for thirty intervals", PATIENCE, async || match looks(&rig, began).len() {
        count if count > wanted => Ok(()),
        count => Err(count.to_string()),
    });
    rested.await.unwrap();
    let writes: Vec<(Side, Entry)> = rig.journal().into_iter().filter(|(_, e)| e.at > began && is_write(e)).collect();
    assert_eq!(writes, [], "{}", rig.log());
    let looks = looks(&rig, began);
    let took = looks[wanted].duration_since(looks[0]);
    // A tenth is for clocks that do not agree, not for a faster pace.
    assert!(took >= INTERVAL * INTERVALS * 9 / 10, "{wanted} looks took {took:#}");
}
