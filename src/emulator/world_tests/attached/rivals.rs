//! One resource attached twice: the older attachment breaks and nobody is told.

use super::*;

#[test]
fn second_attachment_silently_breaks_the_first() {
    let mut bench = Bench::new();
    bench.attach("first", &vm("vm"));
    assert_eq!(bench.attachment("first"), json!({"resource": vm_id("vm").to_lowercase(), "brokenBy": null}));
    let mut upper = vm("vm");
    upper["properties"]["resourceId"] = json!(vm_id("vm").replace("virtualMachines/vm", "VIRTUALMACHINES/VM"));
    let answer = bench.put("second", &upper);
    assert_eq!(bench.attachment("first")["brokenBy"], Value::Null, "not before the second is made");
    bench.pass(8);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    assert_eq!(bench.compute("first")["properties"]["provisioningState"], "Succeeded");
    assert_eq!(
        (&bench.attachment("first")["brokenBy"], &bench.attachment("second")["brokenBy"]),
        (&json!("second"), &Value::Null)
    );
    assert_eq!(code(&bench.act("first", "listKeys")), (400, "UserError".into()));
    assert_eq!(bench.act("second", "listKeys").status, 200);
    // Attached anew, it breaks the other one; detaching the other mends nothing.
    bench.attach("first", &vm("vm"));
    assert_eq!(
        (&bench.attachment("first")["brokenBy"], &bench.attachment("second")["brokenBy"]),
        (&Value::Null, &json!("first"))
    );
    bench.detach("first", "Detach");
    assert_eq!(bench.attachment("second")["brokenBy"], "first");
}

#[test]
fn machine_attached_by_id_and_by_address_is_one() {
    let mut bench = Bench::new();
    let made = bench.attach("by-id", &vm("vm"));
    let address = made["properties"]["properties"]["address"].clone();
    let account = json!({"username": "u", "password": "p"});
    for (port, broken) in [(2222, Value::Null), (22, json!("by-address"))] {
        let properties = json!({"address": address, "sshPort": port, "administratorAccount": account});
        bench.attach("by-address", &body("VirtualMachine", None, &properties));
        assert_eq!(bench.attachment("by-id")["brokenBy"], broken, "{port}");
        bench.detach("by-address", "Detach");
    }
}

#[test]
fn kubernetes_cluster_is_shared_by_namespaces_types_and_workspaces() {
    let mut bench = Bench::new();
    bench.attach("one", &kubernetes("aks", "one"));
    bench.attach("two", &kubernetes("aks", "two"));
    bench.attach("inference", &body("AKS", Some(&aks_id("aks")), &Value::Null));
    let second = DEMO.replace("/demo", "/second");
    let mut elsewhere = kubernetes("aks", "one");
    elsewhere["location"] = json!("westeurope");
    let answer = bench.send("PUT", &format!("{second}/computes/one"), Some(&elsewhere));
    bench.pass(40);
    assert_eq!(bench.poll(&answer)["status"], "Succeeded");
    for name in ["one", "two", "inference"] {
        assert_eq!(bench.attachment(name)["brokenBy"], Value::Null, "{name}");
    }
    bench.attach("again", &kubernetes("AKS", "one"));
    assert_eq!(
        (&bench.attachment("one")["brokenBy"], &bench.attachment("two")["brokenBy"]),
        (&json!("again"), &Value::Null)
    );
}
