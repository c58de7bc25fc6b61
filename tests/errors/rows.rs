//! Every row of the error table, on the wire: the fault, the reason and the advice on the object, and the healing.

use crate::scene::{FAST, Phase, SLOW, Scene, VERY_SLOW, always, error, respond};
use emulator::Effect;
use plan::{Fate, ROWS, Row, Speed, When};
use serde_json::{Value, json};

/// The answer that only this row matches.
fn answer(row: &Row) -> Effect {
    match row.when {
        When::Code(codes) | When::Underlying(codes) => error(400, codes[0], "Azure's own words"),
        When::Words(words) => error(400, "BadRequest", &format!("Azure's own words: {}", words[0].to_uppercase())),
        When::Status(status) => error(status, "", "Azure's own words"),
        When::Statuses(300, _) => respond(307, &[("Location", "https://example.org/")], Value::Null),
        When::Statuses(_, last) => error(last, "", "Azure's own words"),
        When::Anything => Effect::OperationFails { code: "NeverHeardOf".into(), message: "Azure's own words".into() },
    }
}

fn phase(fate: Fate) -> Phase {
    match fate {
        Fate::Retry(_) => Phase::Working,
        Fate::Stalled(_) | Fate::Forbidden => Phase::Stalled,
    }
}

fn first_wait(fate: Fate) -> i64 {
    match fate {
        Fate::Retry(Speed::Fast) | Fate::Stalled(Speed::Fast) => FAST,
        Fate::Retry(Speed::Slow) | Fate::Stalled(Speed::Slow) | Fate::Forbidden => SLOW,
        Fate::Retry(Speed::VerySlow) | Fate::Stalled(Speed::VerySlow) => VERY_SLOW,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_error_table_is_said_backed_off_and_healed() {
    let scene = Scene::start("rows").await;
    let rows: Vec<(String, &Row)> = ROWS.iter().enumerate().map(|(n, row)| (format!("row-{n}x"), row)).collect();
    for (name, row) in &rows {
        scene.fault(always("PUT", &format!("*/computes/{name}"), answer(row)));
        scene.cluster(name, json!({})).await;
    }
    for (name, row) in &rows {
        // A redirect's own words are not shown: it has none.
        let words = ["cannot create the compute", row.advice];
        scene.cluster_says(name, phase(row.fate), row.reason, &words).await;
    }
    // What matches nothing but the last row has no status: it is an operation's end, which comes again with each try.
    let last = &rows[rows.len() - 1].0;
    scene.holds_still_but(rows.len() as u64, last).await;
    for (name, row) in &rows {
        scene.backed_off("PUT", name, first_wait(row.fate));
    }
    scene.heal();
    for (name, _) in &rows {
        scene.ready(name).await;
    }
    println!("{} rows of the error table were said, backed off and healed", rows.len());
    scene.end().await;
}
