//! One world behind a lock, with its clock and journal. Knows no sockets; the listeners bring requests and carry answers.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use serde_json::Value;

use crate::{
    delivery,
    events::Event,
    faults::{Fault, When},
    journal::{Entry, Journal},
    message::{Request, Response},
    time::Clock,
    world::World,
};

struct State {
    world: World,
    clock: Clock,
    journal: Journal,
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
        Self { state: Mutex::new(State { world, clock, journal }) }
    }

    /// A panic in one request must not take the others down: the state behind a poisoned lock is used on.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a request of the data plane.
    pub(crate) async fn serve(&self, request: Request) -> Outcome {
        let effects = self.state().world.faults.strike(&request);
        tokio::time::sleep(delivery::delay(&effects, When::BeforeEffect)).await;
        let outcome = self.carry_out(request, &effects);
        let late = delivery::delay(&effects, When::AfterEffect);
        if !late.is_zero() {
            tokio::time::sleep(late).await;
        }
        outcome
    }

    fn carry_out(&self, request: Request, effects: &[crate::faults::Effect]) -> Outcome {
        let mut state = self.state();
        let now = state.clock.now();
        if delivery::drops(effects, When::BeforeEffect) {
            state.journal.note(now.wall, request, None);
            return Outcome::Dropped;
        }
        let response = match delivery::stand_in(effects, When::BeforeEffect) {
            Some(response) => response,
            None => {
                let answer = state.world.answer(&request, effects, now);
                let answer = delivery::stand_in(effects, When::AfterEffect).unwrap_or(answer);
                delivery::alter(answer, effects)
            }
        };
        if delivery::drops(effects, When::AfterEffect) {
            state.journal.note(now.wall, request, None);
            return Outcome::Dropped;
        }
        state.journal.note(now.wall, request, Some(&response));
        Outcome::Answer(response, delivery::cut(effects))
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
        state.clock.advance(by);
        let now = state.clock.now().service;
        state.world.settle(now);
        now
    }

    /// Sets a fault.
    pub(crate) fn add_fault(&self, fault: Fault) {
        self.state().world.faults.add(fault);
    }

    /// The faults that can still strike.
    pub(crate) fn faults(&self) -> Vec<Fault> {
        self.state().world.faults.list()
    }

    /// Takes all faults away.
    pub(crate) fn clear_faults(&self) {
        self.state().world.faults.clear();
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
        state.world.happen(event, now)
    }
}
