//! What is reached by SSH: virtual machines and HDInsight clusters (azureml-api.md b.5).
//!
//! Must not compare credentials: Azure answers null in their place, so they are told apart by fingerprints.

use super::{DESCRIPTION, NUMBER, PLAIN, RESOURCE, Type, by_id, count, own, put, secret, text, unshown};
use crate::inputs::Refs;
use crate::rules::Compare;
use api::{Advice, HdInsightAttachment, HostReport, SecretKeyRef, SecretSource, SshCredentials};
use arm::{Compute, ResourceMark, SSH_PORT};
use serde_json::{Map, Value, json};

const ACCOUNT: &str = "/properties/properties/administratorAccount";

pub(super) const VIRTUAL_MACHINE: Type = Type {
    wire: "VirtualMachine",
    rules: &[
        DESCRIPTION,
        own("spec.virtualMachine.resourceId", RESOURCE, Compare::ArmId),
        own("spec.virtualMachine.address", "/properties/properties/address", Compare::NoCase),
        own("spec.virtualMachine.sshPort", "/properties/properties/sshPort", NUMBER),
    ],
    write_only: |_| Some(unshown("spec.virtualMachine.credentials", ACCOUNT)),
    secrets: |spec| spec.virtual_machine.as_ref().map(|vm| secrets(&vm.credentials)).unwrap_or_default(),
    marks: |spec| {
        let Some(vm) = &spec.virtual_machine else { return Vec::new() };
        by_id(spec).into_iter().chain(host(vm.address.as_deref(), vm.ssh_port)).collect()
    },
    body: |spec, refs, _| {
        let Some(vm) = &spec.virtual_machine else { return Map::new() };
        body(vm.address.clone(), vm.ssh_port, &vm.credentials, refs)
    },
    advice: |spec| spec.virtual_machine.as_ref().map(|vm| advice(&vm.credentials)).unwrap_or_default(),
    report: |seen, status| status.virtual_machine = Some(report(seen)),
    ..PLAIN
};

pub(super) const HD_INSIGHT: Type = Type {
    wire: "HDInsight",
    rules: &[
        DESCRIPTION,
        own("spec.hdInsight.resourceId", RESOURCE, Compare::ArmId),
        own("spec.hdInsight.address", "/properties/properties/address", Compare::NoCase),
        own("spec.hdInsight.sshPort", "/properties/properties/sshPort", NUMBER),
    ],
    write_only: |_| Some(unshown("spec.hdInsight.credentials", ACCOUNT)),
    secrets: |spec| spec.hd_insight.as_ref().map(|cluster| secrets(&cluster.credentials)).unwrap_or_default(),
    marks: |spec| {
        let Some(cluster) = &spec.hd_insight else { return Vec::new() };
        by_id(spec).into_iter().chain(host(Some(&address(cluster)), cluster.ssh_port)).collect()
    },
    body: |spec, refs, _| {
        let Some(cluster) = &spec.hd_insight else { return Map::new() };
        body(Some(address(cluster)), cluster.ssh_port, &cluster.credentials, refs)
    },
    advice: |spec| spec.hd_insight.as_ref().map(|cluster| advice(&cluster.credentials)).unwrap_or_default(),
    report: |seen, status| status.hd_insight = Some(report(seen)),
    ..PLAIN
};

/// The SSH address of every HDInsight cluster of the public cloud; others have to be written.
fn address(cluster: &HdInsightAttachment) -> String {
    let name = cluster.resource_id.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    cluster.address.clone().unwrap_or_else(|| format!("{}-ssh.azurehdinsight.net", name.to_ascii_lowercase()))
}

fn host(address: Option<&str>, port: Option<i32>) -> Option<ResourceMark> {
    let port = port.map_or(SSH_PORT, i64::from);
    address.map(|host| ResourceMark::Host { host: host.to_owned(), port })
}

fn sources(credentials: &SshCredentials) -> impl Iterator<Item = (&'static str, &SecretSource)> {
    let SshCredentials { username: _, private_key, passphrase, password } = credentials;
    // The passphrase is declared in no version; Microsoft's first SDK sends it so (sdk-wire-notes.md 5).
    let all = [("privateKeyData", private_key), ("passphrase", passphrase), ("password", password)];
    all.into_iter().filter_map(|(key, source)| Some((key, source.as_ref()?)))
}

fn secrets(credentials: &SshCredentials) -> Vec<SecretKeyRef> {
    sources(credentials).map(|(_, source)| source.secret_ref.clone()).collect()
}

fn body(address: Option<String>, port: Option<i32>, credentials: &SshCredentials, refs: &Refs) -> Map<String, Value> {
    let mut own = Map::new();
    put(&mut own, "address", address);
    put(&mut own, "sshPort", port);
    let mut account = Map::new();
    account.insert("username".into(), json!(credentials.username));
    for (key, source) in sources(credentials) {
        put(&mut account, key, secret(refs, &source.secret_ref));
    }
    own.insert("administratorAccount".into(), account.into());
    own
}

fn advice(credentials: &SshCredentials) -> Vec<Advice> {
    let message = "keys are safer than passwords; give credentials.privateKey instead";
    let password = credentials.password.is_some();
    password.then(|| Advice { reason: "PasswordLogin".into(), message: message.into() }).into_iter().collect()
}

fn report(seen: &Compute) -> HostReport {
    HostReport {
        address: text(seen, "/address"),
        ssh_port: count(seen, "/sshPort"),
        vm_size: text(seen, "/virtualMachineSize"),
    }
}
