//! The life of what was made elsewhere: attached, listed, detached, deleted.

use super::*;

fn data_factory() -> Value {
    json!({"location": "eastus", "properties": {"computeType": "datafactory"}})
}

#[test]
fn data_factory_is_attached_within_the_recorded_time_and_has_no_properties() {
    let mut bench = Bench::new();
    let answer = bench.put("factory", &data_factory());
    assert_eq!(read(&answer).1["properties"]["isAttachedCompute"], true);
    bench.pass(7);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    let made = bench.compute("factory");
    assert_eq!((&made["tags"], &made["properties"]["computeType"]), (&Value::Null, &json!("DataFactory")));
    assert_eq!(made["properties"]["properties"], Value::Null);
    let path = format!("{DEMO}/computes/factory");
    assert_eq!(code(&bench.send("POST", &format!("{path}/listKeys"), None)), (400, "UserError".into()));
    assert_eq!(code(&bench.send("POST", &format!("{path}/listNodes"), None)), (400, "UserError".into()));
    assert_eq!(code(&bench.send("PATCH", &path, Some(&json!({})))), (400, "UserError".into()));
    assert_eq!(bench.send("DELETE", &format!("{path}?underlyingResourceAction=Detach"), None).status, 202);
    bench.pass(7);
    assert_eq!(bench.compute("factory"), Value::Null);
}

#[test]
fn type_of_a_compute_cannot_be_changed_by_a_put() {
    let mut bench = Bench::new();
    bench.made("factory", &data_factory());
    let answer = bench.put("factory", &cluster("Standard_D2_v2", 0, 4));
    assert_eq!(code(&answer), (400, "UserError".into()));
    assert_eq!(bench.compute("factory")["properties"]["computeType"], "DataFactory");
}
