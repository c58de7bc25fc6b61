//! Plays the autoscaler through its days: nodes come, work, rest, break and leave.
//!
//! Must not ask a world: a pool alone, and the time.

use super::*;

const IDENTITY: Identity<'static> = Identity { seed: 1, key: "cluster" };

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap()
}

fn grant(nodes: u32) -> Grant {
    let refused = ArmError { code: "ClusterCoreQuotaReached".into(), message: "no".into(), details: Vec::new() };
    Grant { nodes, refused: Some(refused) }
}

/// Follows the pool from wake-up to wake-up until nothing is due by `end`; there is quota for `nodes` in all.
fn follow(pool: &mut Pool, from: i64, end: i64, scale: Scale, nodes: u32) -> Timestamp {
    let mut now = at(from);
    loop {
        pool.advance(now, IDENTITY);
        let room = grant(nodes.saturating_sub(pool.count()));
        let Some(next) = pool.react(now, scale, &room, IDENTITY) else { break };
        if next > at(end) {
            break;
        }
        now = next.max(now);
    }
    now
}

fn counts(pool: &Pool) -> Value {
    let mut into = json!({});
    pool.describe(&mut into);
    into
}

#[test]
fn minimum_nodes_are_resized_prepared_and_idle_within_minutes() {
    let scale = Scale { min: 2, max: 4, idle: Some(120) };
    let mut pool = Pool::new(at(0));
    pool.react(at(0), scale, &grant(9), IDENTITY);
    let seen = counts(&pool);
    assert_eq!(
        (&seen["allocationState"], &seen["currentNodeCount"], &seen["targetNodeCount"]),
        (&json!("Resizing"), &json!(0), &json!(2))
    );
    follow(&mut pool, 0, 80, scale, 9);
    let seen = counts(&pool);
    assert_eq!(
        (&seen["allocationState"], &seen["nodeStateCounts"]["preparingNodeCount"]),
        (&json!("Steady"), &json!(2))
    );
    follow(&mut pool, 80, 200, scale, 9);
    assert_eq!(counts(&pool)["nodeStateCounts"]["idleNodeCount"], json!(2));
}

#[test]
fn run_scales_up_to_the_maximum_and_idle_nodes_leave_after_the_idle_time() {
    let scale = Scale { min: 0, max: 3, idle: Some(600) };
    let mut pool = Pool::new(at(0));
    pool.submit("run-1", 5);
    follow(&mut pool, 0, 300, scale, 9);
    assert_eq!(counts(&pool)["nodeStateCounts"]["runningNodeCount"], json!(3));
    assert_eq!(pool.list(IDENTITY, false, true)[0]["runId"], json!("run-1"));
    assert!(pool.finish(Some("run-1"), at(1_000)));
    follow(&mut pool, 1_000, 1_599, scale, 9);
    assert_eq!(counts(&pool)["nodeStateCounts"]["idleNodeCount"], json!(3));
    follow(&mut pool, 1_599, 1_601, scale, 9);
    assert_eq!(counts(&pool)["nodeStateCounts"]["leavingNodeCount"], json!(3));
    follow(&mut pool, 1_601, 2_000, scale, 9);
    assert_eq!((pool.count(), &counts(&pool)["allocationState"]), (0, &json!("Steady")));
}

#[test]
fn quota_gives_fewer_nodes_and_an_error_until_there_is_more() {
    let scale = Scale { min: 3, max: 3, idle: None };
    let mut pool = Pool::new(at(0));
    follow(&mut pool, 0, 299, scale, 1);
    assert_eq!(pool.count(), 1);
    assert_eq!(counts(&pool)["errors"][0]["error"]["code"], "ClusterCoreQuotaReached");
    follow(&mut pool, 900, 1_400, scale, 9);
    assert_eq!((pool.count(), pool.errors.len()), (3, 0));
}

#[test]
fn preempted_nodes_are_replaced_and_lowered_maximum_removes_nodes_at_once() {
    let scale = Scale { min: 2, max: 4, idle: Some(86_400) };
    let mut pool = Pool::new(at(0));
    follow(&mut pool, 0, 500, scale, 9);
    assert_eq!(pool.strike(NodeState::Preempted, 1, at(500)).len(), 1);
    assert_eq!(counts(&pool)["nodeStateCounts"]["preemptedNodeCount"], json!(1));
    follow(&mut pool, 500, 1_000, scale, 9);
    assert_eq!(counts(&pool)["nodeStateCounts"]["idleNodeCount"], json!(2));
    let lower = Scale { min: 0, max: 1, idle: Some(86_400) };
    follow(&mut pool, 1_000, 1_200, lower, 9);
    assert_eq!(pool.count(), 1);
}

#[test]
fn nodes_have_ids_addresses_and_ports_as_the_service_forms_them() {
    let scale = Scale { min: 1, max: 1, idle: None };
    let mut pool = Pool::new(at(0));
    follow(&mut pool, 0, 500, scale, 9);
    let node = &pool.list(IDENTITY, true, false)[0];
    let id = node["nodeId"].as_str().unwrap();
    assert!(id.starts_with("tvmps_") && id.ends_with("_p") && id.len() == 6 + 64 + 2, "{id}");
    assert_eq!(
        (&node["port"], &node["nodeState"], &node["publicIpAddress"]),
        (&json!(50_000), &json!("idle"), &Value::Null)
    );
    assert!(node.get("runId").is_none());
}
