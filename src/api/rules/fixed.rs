//! What cannot change once an object is there, and the ways out that each refusal names.
//!
//! Must not judge a value by itself: what is compared here was accepted before.

use super::{forbid, seconds};
use kube::core::Rule;

/// A field that is part of the object's identity.
pub(crate) fn fixed_reference(field: &str) -> Rule {
    forbid(
        "self == oldSelf",
        format!("`{field}` cannot change, not even by replacePolicy: keep it, or make a new object with another name"),
    )
}

/// An ARM id that is part of the object's identity; spelled in another case it is the same.
pub(crate) fn fixed_id(field: &str) -> Rule {
    forbid(
        "self.lowerAscii() == oldSelf.lowerAscii()",
        format!("`{field}` cannot change: keep it, or make a new object with another name"),
    )
}

/// Fields of one kind that Azure cannot change: only `replacePolicy: Recreate` lets them, and the message says what
/// that does to this kind.
#[derive(Clone, Copy)]
pub(crate) struct UnlessRecreated(&'static str);

/// A cluster has no state of its own.
pub(crate) const CLUSTER: UnlessRecreated = UnlessRecreated("deletes the cluster in Azure and makes it again");
/// A workstation's disk holds whatever is not in the workspace's file share.
pub(crate) const INSTANCE: UnlessRecreated =
    UnlessRecreated("deletes the instance in Azure with everything on its local disk and makes it again");
/// What is attached was made elsewhere and is not touched.
pub(crate) const ATTACHMENT: UnlessRecreated = UnlessRecreated("detaches the compute and attaches it again");
/// An AKS cluster that was made here.
pub(crate) const CREATED_AKS: UnlessRecreated =
    UnlessRecreated("together with deletionPolicy: Delete deletes the AKS cluster and makes it again");

impl UnlessRecreated {
    /// A field of the spec, by its path from there; `same` compares what was and what is.
    fn rule(self, field: &str, same: &str) -> Rule {
        forbid(
            format!("self.replacePolicy == 'Recreate' || ({same})"),
            format!(
                "`{field}` cannot change in place: keep it, make a new object with another name, or set replacePolicy: \
                 Recreate, which {}",
                self.0
            ),
        )
        .field_path(format!(".{field}"))
    }

    /// A required field, compared without case.
    pub(crate) fn word(self, field: &str) -> Rule {
        self.rule(field, &format!("self.{field}.lowerAscii() == oldSelf.{field}.lowerAscii()"))
    }

    /// An optional field, also below optional parents; `same` compares two present values. Where a parent came or went,
    /// that is another rule's matter.
    fn if_present(self, path: &str, same: &str) -> Rule {
        let (path, field) = (&*cel(path), path);
        let parents = path.match_indices('.').map(|(at, _)| &path[..at]);
        let guard: String =
            parents.map(|parent| format!("!has(self.{parent}) || !has(oldSelf.{parent}) || ")).collect();
        self.rule(field, &format!("{guard}({})", present_or(path, same)))
    }

    /// An optional field, compared as it is.
    pub(crate) fn field(self, path: &str) -> Rule {
        self.if_present(path, &equal(&cel(path)))
    }

    /// An optional field, compared without case.
    pub(crate) fn optional_word(self, path: &str) -> Rule {
        self.if_present(path, &format!("self.{path}.lowerAscii() == oldSelf.{path}.lowerAscii()"))
    }

    /// A region, compared without case and spaces.
    pub(crate) fn location(self, path: &str) -> Rule {
        let plain = |whose: &str| format!("{whose}.{path}.lowerAscii().replace(' ', '')");
        self.if_present(path, &format!("{} == {}", plain("self"), plain("oldSelf")))
    }

    /// A subnet, its id compared without case.
    pub(crate) fn subnet(self, path: &str) -> Rule {
        self.if_present(path, &same_subnet(path))
    }

    /// An AKS cluster's network.
    pub(crate) fn network(self, path: &str) -> Rule {
        let rest = ["serviceCidr", "dnsServiceIP", "dockerBridgeCidr"].map(|field| equal(&format!("{path}.{field}")));
        self.if_present(path, &format!("({}) && {}", same_subnet(&format!("{path}.subnet")), rest.join(" && ")))
    }

    /// TLS of an AKS cluster. Which Secret holds the certificate is no difference; what it holds is judged by its value.
    pub(crate) fn tls(self) -> Rule {
        let fields = ["hostname", "leafDomainLabel", "overwriteExistingDomain"]
            .map(|field| format!("aks.tls.{field}"))
            .map(|path| format!("({})", present_or(&path, &equal(&path))));
        self.if_present("aks.tls", &fields.join(" && "))
    }

    /// An identity whose user-assigned ids are a set, compared without case.
    pub(crate) fn identity(self) -> Rule {
        let ids = |whose: &str| {
            format!(
                "(has({whose}.identity.userAssigned) ? {whose}.identity.userAssigned.map(id, id.lowerAscii()) : [])"
            )
        };
        let (new, old) = (ids("self"), ids("oldSelf"));
        self.if_present(
            "identity",
            &format!(
                "self.identity.type == oldSelf.identity.type && size({new}) == size({old}) && {new}.all(id, id in {old})"
            ),
        )
    }

    /// Tags, where nobody can write them after the create; absent is empty.
    pub(crate) fn tags(self) -> Rule {
        let tags = |whose: &str| format!("(has({whose}.tags) ? {whose}.tags : {{}})");
        self.rule("tags", &format!("{} == {}", tags("self"), tags("oldSelf")))
    }

    /// A person, by two ids that compare without case.
    pub(crate) fn assigned_user(self) -> Rule {
        let same = |id: &str| format!("self.assignedUser.{id}.lowerAscii() == oldSelf.assignedUser.{id}.lowerAscii()");
        self.if_present("assignedUser", &format!("{} && {}", same("objectId"), same("tenantId")))
    }

    /// A setup script, its timeout compared by value.
    pub(crate) fn script(self, which: &str) -> Rule {
        let has = |whose: &str| format!("(has({whose}.setupScripts) && has({whose}.setupScripts.{which}))");
        let path = format!("setupScripts.{which}");
        let timeout = |whose: &str| {
            format!("(has({whose}.{path}.timeout) ? {} : -1)", seconds(&format!("{whose}.{path}.timeout")))
        };
        let fields = ["inline", "configMapRef", "arguments"]
            .map(|field| format!("({})", present_or(&format!("{path}.{field}"), &equal(&format!("{path}.{field}")))));
        self.rule(
            &path,
            &format!(
                "{} == {} && (!{} || ({} && {} == {}))",
                has("self"),
                has("oldSelf"),
                has("self"),
                fields.join(" && "),
                timeout("self"),
                timeout("oldSelf"),
            ),
        )
    }
}

/// A path as CEL writes it: words that it reserves stand between underscores.
fn cel(path: &str) -> String {
    path.split('.').map(|part| if part == "namespace" { "__namespace__" } else { part }).collect::<Vec<_>>().join(".")
}

fn same_subnet(path: &str) -> String {
    let ids = format!("self.{path}.id.lowerAscii() == oldSelf.{path}.id.lowerAscii()");
    format!("has(self.{path}.id) && has(oldSelf.{path}.id) ? {ids} : {}", equal(path))
}

fn equal(path: &str) -> String {
    format!("self.{path} == oldSelf.{path}")
}

/// Both absent, or both present and the same.
fn present_or(path: &str, same: &str) -> String {
    format!("has(self.{path}) == has(oldSelf.{path}) && (!has(self.{path}) || ({same}))")
}
