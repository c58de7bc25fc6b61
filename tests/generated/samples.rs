//! The samples are objects of ours: every field is one of the type, and every file is part of the kustomization.
//!
//! Must not need a server: whether one accepts them is shown with the chart.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

fn read<T: DeserializeOwned + Serialize>(sample: &Value) -> Value {
    let object: T = serde_json::from_value(sample.clone()).unwrap_or_else(|error| panic!("{error} in {sample:#}"));
    serde_json::to_value(object).unwrap()
}

/// Every value of the sample must be in the object: a misspelt optional field would vanish.
fn contains(object: &Value, sample: &Value, path: &str) {
    match (object, sample) {
        (Value::Object(object), Value::Object(sample)) => {
            for (name, value) in sample {
                let field = object.get(name).unwrap_or_else(|| panic!("{path}.{name} is no field"));
                contains(field, value, &format!("{path}.{name}"));
            }
        }
        (Value::Array(object), Value::Array(sample)) => {
            assert_eq!(object.len(), sample.len(), "{path}");
            for (at, (item, value)) in object.iter().zip(sample).enumerate() {
                contains(item, value, &format!("{path}[{at}]"));
            }
        }
        (_, _) => assert_eq!(object, sample, "{path}"),
    }
}

#[test]
fn samples_are_objects_of_ours() {
    let folder = crate::top().join("config/samples");
    let kustomization = std::fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    let kustomization: Value = serde_saphyr::from_str(&kustomization).unwrap();
    let (mut kinds, mut types) = (BTreeMap::new(), Vec::new());
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "kustomization.yaml" || !name.ends_with(".yaml") {
            continue;
        }
        let listed = kustomization["resources"].as_array().unwrap().iter().any(|resource| resource == name.as_str());
        assert!(listed, "{name} is not in the kustomization");
        let documents: Vec<Value> = serde_saphyr::from_multiple(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for sample in documents {
            let kind = sample["kind"].as_str().unwrap().to_owned();
            let object = match kind.as_str() {
                "AttachedCompute" => {
                    types.push(sample["spec"]["type"].as_str().unwrap().to_owned());
                    read::<api::AttachedCompute>(&sample)
                }
                "ComputeCluster" => read::<api::ComputeCluster>(&sample),
                "ComputeInstance" => read::<api::ComputeInstance>(&sample),
                "Workspace" => read::<api::Workspace>(&sample),
                "AzureIdentity" => read::<api::AzureIdentity>(&sample),
                _ => continue,
            };
            contains(&object, &sample, &name);
            *kinds.entry(kind).or_insert(0) += 1;
        }
    }
    let expected = [
        ("AttachedCompute", 10),
        ("AzureIdentity", 1),
        ("ComputeCluster", 2),
        ("ComputeInstance", 7),
        ("Workspace", 1),
    ];
    assert_eq!(kinds, expected.map(|(kind, count)| (kind.to_owned(), count)).into());
    types.sort();
    types.dedup();
    assert_eq!(types.len(), 9, "one of each type: {types:?}");
}
