//! Clients of Azure by identity: made when an AzureIdentity can be used, shared by all that name it.
//!
//! Must not outlive the identity's right: a change of spec or Secret makes a new client, a refusal takes it away.

use azureml::Client;
use std::collections::HashMap;
use std::sync::{Arc, RwLock};

/// Namespace and name of an AzureIdentity.
pub(crate) type IdentityName = (String, String);

/// A usable identity.
#[derive(Clone)]
pub(crate) struct Credential {
    /// The client that speaks as it.
    pub(crate) client: Client,
    /// Which spec and which version of the Secret it was made of.
    pub(crate) fingerprint: Arc<str>,
}

/// An identity that cannot be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) reason: String,
    pub(crate) message: String,
    pub(crate) stalled: bool,
}

/// What is known of all identities.
#[derive(Default)]
pub(crate) struct Credentials {
    known: RwLock<HashMap<IdentityName, Result<Credential, Unusable>>>,
}

impl Credentials {
    pub(crate) fn get(&self, name: &IdentityName) -> Option<Result<Credential, Unusable>> {
        self.known.read().ok()?.get(name).cloned()
    }

    pub(crate) fn set(&self, name: IdentityName, state: Result<Credential, Unusable>) {
        if let Ok(mut known) = self.known.write() {
            known.insert(name, state);
        }
    }

    pub(crate) fn forget(&self, name: &IdentityName) {
        if let Ok(mut known) = self.known.write() {
            known.remove(name);
        }
    }
}
