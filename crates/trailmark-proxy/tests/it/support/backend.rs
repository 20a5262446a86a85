//! A site's backend: calls with an API key and an Idempotency-Key.

use serde_json::{Value, json};
use trailmark_proxy::admin::api_keys;
use trailmark_wire::ids::SiteId;

use super::proxy::{Answer, TestProxy};

/// A server's signup.
pub(crate) fn customer(key: &str) -> Value {
    json!({"kind": "signup", "customer": {"key": key, "email": "ada@example.com", "name": "Ada"}})
}

/// The same with one more member.
pub(crate) fn with(mut body: Value, name: &str, value: impl Into<Value>) -> Value {
    body[name] = value.into();
    body
}

impl TestProxy {
    /// A new API key of a site.
    pub(crate) async fn api_key(&self, site: &str) -> String {
        let site = SiteId::new(site).unwrap();
        api_keys::add(&*self.store, &site, "a backend", self.now()).await.unwrap().key
    }

    /// A call that can be changed.
    pub(crate) fn call(&self, key: &str, idempotency_key: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.http.post(self.url("v1/conversions")).bearer_auth(key);
        let request = request.header("idempotency-key", idempotency_key).header("content-type", "application/json");
        request.body(body.to_string())
    }

    /// Reports a conversion.
    pub(crate) async fn report(&self, key: &str, idempotency_key: &str, body: &Value) -> Answer {
        self.send(self.call(key, idempotency_key, body)).await
    }

    /// Reads a conversion back.
    pub(crate) async fn read_back(&self, key: &str, id: &str) -> Answer {
        self.send(self.http.get(self.url(&format!("v1/conversions/{id}"))).bearer_auth(key)).await
    }
}
