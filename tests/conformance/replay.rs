//! Plays a tape again: the same requests, at the same distances of time, and what differs in each answer.
//!
//! Must not skip an exchange but by the tape's own word.

use std::collections::BTreeMap;

use emulator::{Effect, Fault, Match};

use crate::compare::{Answer, Finding, Terms, compare};
use crate::tape::{Tape, operation};
use crate::world::World;

/// Something broken in the emulator while a tape is played.
pub(crate) struct Broken {
    /// The exchange whose request meets the effect.
    pub(crate) exchange: usize,
    pub(crate) effect: Effect,
    /// The last exchange that could show it; the tape is not played further.
    pub(crate) until: usize,
}

/// What differs in each exchange; `None` for those that were not tried.
pub(crate) type Played = Vec<Option<Vec<Finding>>>;

impl Tape {
    /// What the comparison has to know of this tape.
    pub(crate) fn terms(&self) -> Terms {
        Terms { headers_cut: self.headers_cut, node_counts: self.node_counts }
    }
}

/// The seed of the durations with which the emulator comes closest to a tape.
pub(crate) async fn closest(tape: &Tape) -> u64 {
    let mut best = (usize::MAX, 1);
    for random in 1..=tape.draws {
        if tape.draws == 1 {
            break;
        }
        let differences = play(tape, random, None).await.into_iter().flatten().flatten().count();
        best = best.min((differences, random));
    }
    best.1
}

/// Plays a tape, as far as `broken` says if something is.
pub(crate) async fn play(tape: &Tape, random: u64, broken: Option<&Broken>) -> Played {
    let world = World::of(tape, random).await;
    let began = world.now();
    let mut operations: BTreeMap<String, String> = BTreeMap::new();
    let mut played = Played::new();
    for (index, exchange) in tape.exchanges.iter().enumerate() {
        if broken.is_some_and(|broken| index > broken.until) {
            break;
        }
        world.pass(exchange.after);
        world.walk(&exchange.before).await;
        if exchange.not_tried.is_some() {
            played.push(None);
            continue;
        }
        if let Some(broken) = broken.filter(|broken| broken.exchange == index) {
            let fault = Fault { matches: Match::default(), nth: 1, times: 1, effect: broken.effect.clone() };
            world.emulator.add_fault(fault);
        }
        let (request, response) = (&exchange.request, &exchange.response);
        // The recorded id of an operation stands for the one that the emulator gave for the same request.
        let known = operation(&request.target).and_then(|id| operations.get(id));
        let reply = world.send(&request.method, known.unwrap_or(&request.target), request.body.as_ref()).await;
        let recorded = Answer {
            status: response.status,
            headers: response.headers.as_ref(),
            body: &response.body,
            began: tape.began,
        };
        let ours =
            Answer { status: reply.status, headers: Some(&reply.headers), body: &reply.body, began: Some(began) };
        played.push(Some(compare(&recorded, &ours, tape.terms())));
        let header = |headers: &BTreeMap<String, String>| headers.get("azure-asyncoperation").cloned();
        let given = response.headers.as_ref().and_then(header);
        if let (Some(id), Some(url)) = (given.as_deref().and_then(operation), header(&reply.headers)) {
            operations.insert(id.to_owned(), url);
        }
    }
    world.emulator.stop().await;
    played
}
