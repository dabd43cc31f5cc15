//! The REST interface, as anybody outside uses it.

use std::time::Duration;

use anyhow::{Context as _, bail};
use ledger::ApiKeySecret;
use reqwest::header::{self, HeaderValue};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// A netfold api.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// What is sent as `Authorization`; it does not show itself.
    authorization: Option<HeaderValue>,
}

impl Client {
    /// The api at an address such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When the TLS or proxy configuration of this machine is unusable.
    pub fn new(base: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self { http, base: base.trim_end_matches('/').to_owned(), authorization: None })
    }

    /// The same, sending an api key.
    ///
    /// # Errors
    /// When the key is none by its form.
    pub fn with_key(self, key: Option<&str>) -> anyhow::Result<Self> {
        let Some(key) = key else { return Ok(self) };
        // The key itself is left out of what is told.
        let key = ApiKeySecret::parse(key.trim());
        let key = key.context("the api key is none: it begins with nf_ and has 84 characters")?;
        let mut value = HeaderValue::try_from(format!("Bearer {}", key.expose()))?;
        value.set_sensitive(true);
        Ok(Self { authorization: Some(value), ..self })
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// When the api cannot be reached or answers with a problem.
    pub async fn read(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// Posts a body that is JSON already. Every write of the api is idempotent: after a lost answer
    /// the same is sent again.
    ///
    /// # Errors
    /// When the api cannot be reached or answers with a problem.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Ends what stands at a path. Doing it again answers the same.
    ///
    /// # Errors
    /// When the api cannot be reached or answers with a problem.
    pub async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::DELETE, path, None).await
    }

    /// Reads a file as it comes, however long that takes while it does come.
    ///
    /// # Errors
    /// When the api cannot be reached, answers with a problem or breaks off, or the writer fails.
    pub async fn download(
        &self,
        path: &str,
        mut write: impl FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let url = format!("{}{path}", self.base);
        let unreachable = || format!("no answer from {url}: is netfold up there?");
        let mut request = self.http.get(&url).timeout(DOWNLOAD_PATIENCE);
        if let Some(value) = &self.authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut response = request.send().await.with_context(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            let bytes = response.bytes().await.with_context(unreachable)?;
            let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            bail!("GET {path}: {}", problem(status, &answer));
        }
        let broken = || format!("the answer from {url} broke off: ask again");
        while let Some(bytes) = response.chunk().await.with_context(broken)? {
            write(&bytes)?;
        }
        Ok(())
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method.clone(), &url);
        if let Some(value) = &self.authorization {
            request = request.header(header::AUTHORIZATION, value);
        }
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let unreachable = || format!("no answer from {url}: is netfold up there?");
        let response = request.send().await.with_context(unreachable)?;
        let status = response.status();
        let bytes = response.bytes().await.with_context(unreachable)?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() {
            return Ok(answer);
        }
        bail!("{method} {path}: {}", problem(status, &answer));
    }
}

/// A problem's stable code and its sentence; the bare status when it is not one of ours.
fn problem(status: StatusCode, answer: &Value) -> String {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    match (text("code"), text("detail").or(text("title"))) {
        (Some(code), Some(detail)) => format!("{code} ({status}): {detail}"),
        _ => status.to_string(),
    }
}

/// For the largest epoch over a slow line.
const DOWNLOAD_PATIENCE: Duration = Duration::from_hours(6);

/// Longer than the api's own limit for a request.
const PATIENCE: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A problem is told by its code and sentence, anything else by its status.
    #[test]
    fn problems() {
        let ours = json!({"code": "batch_conflict", "title": "Conflict", "detail": "differs"});
        let check = |answer: &Value, told: &str| {
            assert_eq!(problem(StatusCode::CONFLICT, answer), told);
        };
        check(&ours, "batch_conflict (409 Conflict): differs");
        check(&Value::Null, "409 Conflict");
    }
}
