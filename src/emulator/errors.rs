//! Refusals and the two bodies they are told in: ARM's gateway shape and the Azure ML provider's ("vienna") shape.
//! Decides nothing; the checks that refuse are elsewhere.

use serde_json::{Value, json};

use crate::{message::Response, time};

/// Who refused: it decides the body's shape and the headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// ARM itself, before Azure ML was asked: `x-ms-failure-cause: gateway`.
    Gateway,
    /// The Azure ML resource provider: `x-ms-response-type: error`.
    Provider,
}

/// A request that is not carried out.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) origin: Origin,
    /// Boxed, because refusals are returned everywhere and most have none of it.
    more: Box<More>,
}

#[derive(Debug, Clone, Default)]
struct More {
    target: Option<String>,
    additional_info: Vec<Value>,
    headers: Vec<(&'static str, String)>,
}

impl Refusal {
    /// Refused by ARM.
    pub(crate) fn gateway(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::new(Origin::Gateway, status, code, message.into())
    }

    /// Refused by the Azure ML provider.
    pub(crate) fn provider(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::new(Origin::Provider, status, code, message.into())
    }

    /// 400 `UserError`, the class the provider gives to most wrong requests (azureml-api e.1, e.2).
    pub(crate) fn user_error(message: impl Into<String>) -> Self {
        Self::provider(400, "UserError", message)
    }

    /// 400 for an id at `path` that is no ARM id of what belongs there, so that ARM cannot check rights on it.
    pub(crate) fn linked_id(id: &str, path: &str) -> Self {
        let text = format!(
            "Property id '{id}' at path '{path}' is invalid. Expect fully qualified resource Id that start with '/subscriptions/{{subscriptionId}}' or '/providers/{{resourceProviderNamespace}}/'."
        );
        Self::gateway(400, "LinkedInvalidPropertyId", text)
    }

    fn new(origin: Origin, status: u16, code: &str, message: String) -> Self {
        Self { status, code: code.to_owned(), message, origin, more: Box::default() }
    }

    /// Names the thing the refusal is about.
    pub(crate) fn target(mut self, target: impl Into<String>) -> Self {
        self.more.target = Some(target.into());
        self
    }

    /// Adds an entry to ARM's `additionalInfo`.
    pub(crate) fn info(mut self, kind: &str, info: &Value) -> Self {
        self.more.additional_info.push(json!({"type": kind, "info": info}));
        self
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.more.headers.push((name, value.into()));
        self
    }

    /// The answer that tells it. `location` and the time appear in the provider's shape only (recorded 2022-06-05,
    /// `listKeys` of an AmlCompute); `ids` are the correlation ids of the request.
    pub(crate) fn into_response(self, location: &str, ids: (&str, &str), at: jiff::Timestamp) -> Response {
        let body = match self.origin {
            Origin::Gateway => self.gateway_body(),
            Origin::Provider => self.provider_body(location, ids, at),
        };
        let mut response = Response::json(self.status, &body);
        response.headers.extend(self.more.headers);
        response
    }

    fn gateway_body(&self) -> Value {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(target) = &self.more.target {
            error["target"] = json!(target);
        }
        if !self.more.additional_info.is_empty() {
            error["additionalInfo"] = json!(self.more.additional_info);
        }
        json!({"error": error})
    }

    fn provider_body(&self, location: &str, (operation, request): (&str, &str), at: jiff::Timestamp) -> Value {
        json!({
            "error": {
                "code": self.code,
                "severity": null,
                "message": self.message,
                "messageFormat": null,
                "messageParameters": null,
                "referenceCode": null,
                "detailsUri": null,
                "target": self.more.target,
                "details": [],
                "innerError": null,
                "debugInfo": null,
                "additionalInfo": null
            },
            "correlation": {"operation": operation, "request": request},
            "environment": location,
            "location": location,
            "time": time::ticks(at),
            "componentName": "machinelearningcompute"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_the_gateway_have_code_and_message_only() {
        let answer = Refusal::gateway(404, "ResourceGroupNotFound", "Resource group 'x' could not be found.")
            .into_response("eastus", ("o", "r"), jiff::Timestamp::UNIX_EPOCH);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            body,
            json!({"error": {"code": "ResourceGroupNotFound", "message": "Resource group 'x' could not be found."}})
        );
    }
}
