//! Fingerprints of what Azure never shows again: a keyed hash, so that a changed Secret is noticed and nobody can guess a
//! value from a status.
//!
//! Must not show the key, nor keep a value. The key is made once and lives in a Secret of the operator's own namespace;
//! a lost key changes every fingerprint, and a fingerprint of another key is never taken for a changed value.

use crate::objects::{ObjectError, Objects};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt::Write;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Name of the Secret that holds the key.
pub(crate) const KEY_SECRET: &str = "azureml-compute-operator-fingerprint-key";
/// Its one entry.
const ENTRY: &str = "key";
/// As long as the hash: longer keys are hashed down to this (RFC 2104).
const KEY_LENGTH: usize = 32;
/// Characters of the key's own mark, by which a change of key is told from a change of value.
const MARK: usize = 8;
/// Characters of the fingerprint: 64 bits are too few to be searched for a value without the key, and enough that two
/// values of one object do not meet.
const PRINT: usize = 16;
/// How soon a key that could not be had is asked for again.
const AGAIN: Duration = Duration::from_secs(60);

/// The key, once it is known.
#[derive(Default)]
pub(crate) struct Fingerprints {
    key: Mutex<Known>,
}

#[derive(Default)]
enum Known {
    #[default]
    Nothing,
    Key(hmac::Key),
    Refused(Instant),
}

impl Fingerprints {
    /// The fingerprint of a value of the object of this UID; `None` where the operator has no right to its key.
    pub(crate) async fn of(
        &self,
        objects: &Objects,
        uid: &str,
        value: &plan::Secret,
    ) -> Result<Option<String>, ObjectError> {
        let mut known = self.key.lock().await;
        match &*known {
            Known::Key(key) => return Ok(Some(print(key, uid, value))),
            Known::Refused(at) if at.elapsed() < AGAIN => return Ok(None),
            Known::Refused(_) | Known::Nothing => {}
        }
        match load(objects).await {
            Ok(key) => {
                let printed = print(&key, uid, value);
                *known = Known::Key(key);
                Ok(Some(printed))
            }
            Err(error) if error.is_forbidden() || error.is_missing() => {
                let namespace = objects.own_namespace();
                tracing::warn!(namespace, secret = KEY_SECRET, %error, "Cannot have the key of fingerprints: changed Secrets go unnoticed");
                *known = Known::Refused(Instant::now());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// The key that is there, or a new one. Of two processes that make one at once the first stays.
async fn load(objects: &Objects) -> Result<hmac::Key, ObjectError> {
    let namespace = objects.own_namespace().to_owned();
    for _ in 0..2 {
        if let Some(secret) = objects.get::<Secret>(&namespace, KEY_SECRET).await?
            && let Some(bytes) = secret.data.as_ref().and_then(|data| data.get(ENTRY))
            && bytes.0.len() >= KEY_LENGTH
        {
            return Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes.0));
        }
        let mut bytes = vec![0; KEY_LENGTH];
        SystemRandom::new().fill(&mut bytes).map_err(|_| ObjectError::NoRandomness)?;
        let made = Secret {
            metadata: ObjectMeta {
                name: Some(KEY_SECRET.to_owned()),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            data: Some([(ENTRY.to_owned(), ByteString(bytes.clone()))].into()),
            // A key that changed by hand would only make all fingerprints new.
            immutable: Some(true),
            ..Secret::default()
        };
        match objects.create(&made).await {
            Ok(()) => return Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes)),
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
        }
    }
    Err(ObjectError::UnusableKey)
}

/// `<mark of the key>-<hash>`. The UID is hashed as well: equal values of two objects do not look equal.
fn print(key: &hmac::Key, uid: &str, value: &plan::Secret) -> String {
    let hash = |parts: &[&[u8]], characters: usize| {
        let mut context = hmac::Context::with_key(key);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut text = String::new();
        for byte in context.sign().as_ref() {
            // Writing into a String does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text.truncate(characters);
        text
    };
    format!("{}-{}", hash(&[b"mark"], MARK), hash(&[b"value", uid.as_bytes(), value.expose().as_bytes()], PRINT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &[byte; KEY_LENGTH])
    }

    #[test]
    fn fingerprint_tells_values_objects_and_keys_apart_and_shows_none_of_them() {
        let value = plan::Secret::new("dapi0123456789");
        let one = print(&key(1), "uid-1", &value);
        assert_eq!(one, print(&key(1), "uid-1", &value));
        assert_eq!(one.len(), MARK + 1 + PRINT);
        let (mark, hash) = one.split_once('-').unwrap();
        let other_value = print(&key(1), "uid-1", &plan::Secret::new("dapi0123456780"));
        assert_eq!(other_value.split_once('-').unwrap().0, mark, "the key is the same");
        assert_ne!(other_value.split_once('-').unwrap().1, hash);
        assert_ne!(print(&key(1), "uid-2", &value), one);
        let other_key = print(&key(2), "uid-1", &value);
        assert_ne!(other_key.split_once('-').unwrap().0, mark);
        assert!(!one.contains("0123456789"));
    }
}
