//! Lists: every page of one, each page's address pinned to the list it came from.
//!
//! Must not fetch a page from elsewhere, fetch one twice, or go on for ever.

use crate::call::{Call, Verb};
use crate::client::{Client, expect_ok};
use crate::error::{Error, ErrorKind};
use crate::operation::same_origin;
use crate::transport::Request;
use serde_json::Value;
use std::collections::HashSet;
use tokio::time::timeout;
use url::Url;

/// Most pages of one list. Azure ML holds at most 2,500 computes per region (azureml-api.md g.2).
const MOST_PAGES: usize = 500;
/// Most items of one list; twenty times the most a workspace can hold.
const MOST_ITEMS: usize = 50_000;
/// Longest next link that is taken.
const LONGEST_LINK: usize = 16 * 1024;

impl Client {
    /// The items of every page, `key` being what holds them.
    pub(crate) async fn pages(
        &self,
        call: Call,
        path: &str,
        subscription: &str,
        target: &str,
        key: &str,
    ) -> Result<Vec<Value>, Error> {
        let limit = self.inner.options.list_timeout;
        timeout(limit, self.every_page(call, path, subscription, target, key)).await.unwrap_or_else(|_| {
            let detail = format!("the list did not end in {} s", limit.as_secs_f32());
            Err(Error::new(ErrorKind::Timeout, detail).doing(call, target))
        })
    }

    async fn every_page(
        &self,
        call: Call,
        path: &str,
        subscription: &str,
        target: &str,
        key: &str,
    ) -> Result<Vec<Value>, Error> {
        let seen = |error: Error| error.doing(call, target);
        let first = self.url(call, path, &[]);
        let mut visited = HashSet::from([first.to_string()]);
        let mut items = Vec::new();
        let (mut url, mut verb) = (first.clone(), call.row().verb);
        loop {
            let answer = self.inner.send(&Request { call, verb, url, subscription, target, body: None }).await?;
            let answer = expect_ok(answer, None).map_err(seen)?;
            let odd = answer.unexpected(&format!("the answer is no list: it has no {key}"));
            let (page, next) = split(answer.json().map_err(seen)?, key).ok_or(odd).map_err(seen)?;
            items.extend(page);
            let Some(next) = next else { return Ok(items) };
            url = pinned(&next, &first).map_err(seen)?;
            // A next link is fetched, whatever verb asked for the first page.
            verb = Verb::Get;
            let endless = visited.len() >= MOST_PAGES || items.len() > MOST_ITEMS;
            if endless || !visited.insert(url.to_string()) {
                return Err(seen(Error::new(
                    ErrorKind::EndlessList,
                    "the list does not end: its pages repeat or are too many",
                )));
            }
        }
    }
}

/// A page's items and the link to the next; `None` if it is no page.
fn split(mut page: Value, key: &str) -> Option<(Vec<Value>, Option<String>)> {
    let next = page.get("nextLink").and_then(Value::as_str).filter(|link| !link.is_empty()).map(str::to_owned);
    match page.get_mut(key)?.take() {
        Value::Array(items) => Some((items, next)),
        // Services of .NET write an empty list as null.
        Value::Null => Some((Vec::new(), next)),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => None,
    }
}

/// A next link that stays on the resource manager and inside the list's own path.
fn pinned(link: &str, first: &Url) -> Result<Url, Error> {
    let foreign = |why: &str| Error::new(ErrorKind::ForeignUrl, format!("the list's next page is not fetched: {why}"));
    if link.len() > LONGEST_LINK {
        return Err(foreign("its link is longer than 16 KiB"));
    }
    // A link without scheme and host is one on the same host.
    let url = first.join(link).map_err(|_| foreign("its link is no URL"))?;
    same_origin(&url, first).map_err(foreign)?;
    let (path, own) = (url.path().to_ascii_lowercase(), first.path().to_ascii_lowercase());
    match path.strip_prefix(&own) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => Ok(url),
        Some(_) | None => Err(foreign("its path is not the list's")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_link_stays_in_the_list() {
        let first = Url::parse("https://management.azure.com/subscriptions/s/computes?api-version=1").unwrap();
        for link in [
            "https://management.azure.com/subscriptions/s/computes?api-version=1&$skip=a%3D%3D",
            "https://management.azure.com:443/Subscriptions/s/computes/?x",
            "/subscriptions/s/computes?$skip=2",
            "?$skip=3",
        ] {
            assert!(pinned(link, &first).is_ok(), "{link}");
        }
        for link in [
            "https://evil.example/subscriptions/s/computes",
            "//evil.example/subscriptions/s/computes",
            "http://management.azure.com/subscriptions/s/computes",
            "https://management.azure.com:8443/subscriptions/s/computes",
            "https://u@management.azure.com/subscriptions/s/computes",
            "https://management.azure.com/subscriptions/s/computes/../vaults",
            "https://management.azure.com/subscriptions/s/computes/%2e%2e/vaults",
            "https://management.azure.com/subscriptions/s/computesx",
            "https://management.azure.com//subscriptions/s/computes",
            "https://management.azure.com/subscriptions/s/vaults",
            "javascript:1",
        ] {
            assert_eq!(pinned(link, &first).expect_err(link).kind(), &ErrorKind::ForeignUrl, "{link}");
        }
    }

    #[test]
    fn page_is_a_list_a_null_or_nothing() {
        let page = serde_json::json!({"value": [1, 2], "nextLink": ""});
        assert_eq!(split(page, "value").unwrap().1, None);
        assert_eq!(split(serde_json::json!({"value": null}), "value").unwrap().0, Vec::<Value>::new());
        assert!(split(serde_json::json!({"value": {}}), "value").is_none());
        assert!(split(serde_json::json!([]), "value").is_none());
    }
}
