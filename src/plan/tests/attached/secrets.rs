//! Credentials: noticed by fingerprints, rotated by opt-in, missing without harm to what is attached.
//!
//! Must not hold a fingerprint that the controller makes: any text of its form will do here.

use crate::objects::{machine_answer, machine_case, secret};
use crate::support::*;
use plan::{Action, SecretState};
use serde_json::{Value, json};

fn held(over: &Value, sent: &str, now: Option<&str>) -> Given<api::AttachedCompute> {
    machine_case(over)
        .claimed()
        .reporting(&json!({"sentFingerprint": sent}))
        .sees(machine_answer(&json!({})))
        .with(|given| given.refs.fingerprint = now.map(str::to_owned))
}

fn fingerprint(given: &Given<api::AttachedCompute>) -> Value {
    given.applied(&given.decide())["azure"]["sentFingerprint"].clone()
}

#[test]
fn changed_secret_is_told_and_by_opt_in_attached_again() {
    let changed = held(&json!({}), "k1-aaaa", Some("k1-bbbb"));
    let plan = changed.decide();
    assert_eq!((stalled(&plan), fields(&plan)), ("SecretChanged", vec!["spec.virtualMachine.credentials"]));
    assert!(message(&plan).contains("put the earlier value back") && !plan.drifted, "{}", message(&plan));
    assert_eq!(fingerprint(&changed), "k1-aaaa", "what was sent is still what was sent");
    let opted = held(&json!({"replacePolicy": "Recreate"}), "k1-aaaa", Some("k1-bbbb")).decide();
    assert_eq!((&opted.action, working(&opted)), (&Action::Detach, "Recreating"));
    assert_eq!(ready(&held(&json!({}), "k1-aaaa", Some("k1-aaaa")).decide()), "AsDeclared", "put back, it heals");
    let reporting = held(&json!({"driftPolicy": "Report"}), "k1-aaaa", Some("k1-bbbb"));
    assert_eq!(stalled(&reporting.decide()), "SecretChanged", "nobody changed azure");
}

#[test]
fn lost_key_rotates_nothing_and_is_recorded_anew() {
    let given = held(&json!({"replacePolicy": "Recreate"}), "k1-aaaa", Some("k2-cccc"));
    assert_eq!(ready(&given.decide()), "AsDeclared");
    assert_eq!(fingerprint(&given), "k2-cccc");
    let blind = held(&json!({}), "k1-aaaa", None);
    assert_eq!((ready(&blind.decide()), fingerprint(&blind)), ("AsDeclared", json!("k1-aaaa")));
    let status = blind.applied(&blind.decide());
    assert_eq!(status["advice"][0]["reason"], "SecretChangesUnseen");
}

#[test]
fn what_is_remembered_is_what_was_sent_and_not_what_the_secret_became_meanwhile() {
    let young = machine_case(&json!({})).claimed().sees(machine_answer(&json!({})));
    let young = young.with(|given| {
        given.memory.sent = Some("k1-sent".into());
        given.refs.fingerprint = Some("k1-later".into());
    });
    assert_eq!(fingerprint(&young), "k1-sent");
    let next = young.clone().status(&young.applied(&young.decide()));
    assert_eq!(stalled(&next.decide()), "SecretChanged", "the next pass notices");
}

#[test]
fn missing_secret_stalls_a_new_attachment_and_neither_an_old_one_nor_a_detach() {
    let lose = |given: &mut Given<api::AttachedCompute>| {
        given.refs.secrets.values_mut().for_each(|state| *state = SecretState::Missing);
        given.refs.fingerprint = None;
    };
    let new = machine_case(&json!({})).sees_nothing().with(lose);
    assert_eq!((stalled(&new.decide()), new.decide().action), ("SecretNotFound", Action::Nothing));
    let old = held(&json!({}), "k1-aaaa", None).with(lose);
    assert_eq!(ready(&old.decide()), "AsDeclared");
    let going = held(&json!({}), "k1-aaaa", None).deleted(60).sees(machine_answer(&json!({}))).with(lose);
    assert_eq!(going.decide().action, Action::Detach);
    let drifted = machine_answer(&json!({"properties": {"properties": {"sshPort": 9}}}));
    let over = json!({"replacePolicy": "Recreate", "virtualMachine": {"sshPort": 22}});
    let recreated = held(&over, "k1-aaaa", None).sees(drifted).with(lose);
    assert_eq!(stalled(&recreated.decide()), "SecretNotFound", "nothing is detached that could not be attached again");
}

#[test]
fn value_of_a_secret_is_hashed_whole_and_shown_nowhere() {
    let given = machine_case(&json!({}));
    let hashed = plan::unshown(&given.object, &given.refs).unwrap();
    assert!(hashed.expose().contains("FAKE KEY") && hashed.expose().contains("azureuser"), "the user name counts too");
    let mut other = given.clone();
    secret(&mut other, "vm", "id", "FAKE KEZ");
    assert!(plan::unshown(&other.object, &other.refs).unwrap() != hashed);
    let status = given.clone().claimed().sees(machine_answer(&json!({})));
    let status = status.applied(&status.decide()).to_string();
    assert!(!status.contains("FAKE KEY"), "{status}");
}
