//! One world behind a lock, with its clock and journal. Knows no sockets; the listeners bring requests and carry answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use serde_json::Value;

use crate::{
    delivery::Plan,
    events::Event,
    faults::Fault,
    journal::{Entry, Journal},
    message::{Request, Response},
    state,
    time::Clock,
    tls::Kept,
    world::World,
};

struct State {
    world: World,
    clock: Clock,
    journal: Journal,
    /// Counts what a state file would have to tell, but for the passing of time.
    changes: u64,
}

/// What the data plane, the management plane and the library share.
pub(crate) struct Host {
    state: Mutex<State>,
}

/// What becomes of a request.
pub(crate) enum Outcome {
    /// An answer; only so many bytes of its body if a number is given.
    Answer(Response, Option<usize>),
    /// The connection ends without one.
    Dropped,
}

impl Host {
    pub(crate) fn new(world: World, clock: Clock, journal: Journal) -> Self {
        Self { state: Mutex::new(State { world, clock, journal, changes: 0 }) }
    }

    /// A panic in one request must not take the others down: the state behind a poisoned lock is used on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a request of the data plane.
    pub(crate) async fn serve(&self, request: Request) -> Outcome {
        let (plan, hang) = {
            let mut state = self.state();
            (Plan::of(state.world.faults.strike(&request)), state.world.hang(&request))
        };
        pause(plan.delay.before).await;
        pause(hang).await;
        let outcome = self.carry_out(request, &plan);
        pause(plan.delay.after).await;
        outcome
    }

    fn carry_out(&self, request: Request, plan: &Plan) -> Outcome {
        let mut state = self.state();
        let now = state.clock.now();
        if !matches!(request.method.as_str(), "GET" | "HEAD") {
            state.changes += 1;
        }
        if plan.drops.before {
            state.journal.note(now.wall, request, None);
            return Outcome::Dropped;
        }
        let response = match &plan.stand_in.before {
            Some(response) => response.clone(),
            None => {
                let answer = state.world.answer(&request, plan, now);
                plan.alter(plan.stand_in.after.clone().unwrap_or(answer))
            }
        };
        if plan.drops.after {
            state.journal.note(now.wall, request, None);
            return Outcome::Dropped;
        }
        state.journal.note(now.wall, request, Some(&response));
        Outcome::Answer(response, plan.cut)
    }

    /// Exchanges after number `since`.
    pub(crate) fn journal(&self, since: u64) -> Vec<Entry> {
        self.state().journal.entries(since)
    }

    /// Forgets the exchanges.
    pub(crate) fn clear_journal(&self) {
        self.state().journal.clear();
    }

    /// Moves virtual time ahead and returns it.
    pub(crate) fn advance(&self, by: SignedDuration) -> jiff::Timestamp {
        let mut state = self.state();
        state.changes += 1;
        state.clock.advance(by);
        let now = state.clock.now().service;
        state.world.settle(now);
        now
    }

    /// Sets a fault.
    pub(crate) fn add_fault(&self, fault: Fault) {
        let mut state = self.state();
        state.changes += 1;
        state.world.faults.add(fault);
    }

    /// The faults that can still strike.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.state().world.faults.list()
    }

    /// Takes all faults away.
    pub(crate) fn clear_faults(&self) {
        let mut state = self.state();
        state.changes += 1;
        state.world.faults.clear();
    }

    /// The world as people read it.
    pub(crate) fn world(&self) -> Value {
        let mut state = self.state();
        let now = state.clock.now();
        state.world.snapshot(now)
    }

    /// Lets an event happen.
    ///
    /// # Errors
    /// Why it cannot, in words.
    pub(crate) fn event(&self, event: Event) -> Result<String, String> {
        let mut state = self.state();
        let now = state.clock.now();
        state.changes += 1;
        state.world.happen(event, now)
    }

    /// Grows with everything that a state file would have to tell.
    pub(crate) fn changes(&self) -> u64 {
        let mut state = self.state();
        let now = state.clock.now().service;
        state.world.settle(now);
        state.changes + state.world.wakes
    }

    /// The text of a state file, as of now.
    ///
    /// # Errors
    /// As [`state::text`].
    pub(crate) fn written(&self, tls: &Kept) -> Result<Vec<u8>, String> {
        let mut state = self.state();
        let now = state.clock.now().service;
        state.world.settle(now);
        state::text(&state.world, now, tls)
    }
}

async fn pause(time: std::time::Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}
