//! How webhooks are told.

use std::{path::Path, sync::Arc, time::Duration};

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::{Reach, WebhookMaster};

/// How webhooks are told of events.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// What secrets follow from.
    pub master: WebhookMaster,
    /// Where deliveries may go.
    pub reach: Reach,
    /// How long an answer may take, from looking up the name to the status.
    pub timeout: Duration,
    /// How long to wait after the first failure; twice as long after each further one.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
    /// Failures in a row after which nothing is tried any more until an operator says so.
    pub most_failures: u64,
    pub(super) tls: Arc<ClientConfig>,
}

/// Why webhooks cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum WebhookSettingsError {
    /// The file of certificates cannot be used.
    #[error("the file of certificates cannot be used")]
    Certificates(#[source] tokio_rustls::rustls::pki_types::pem::Error),
    /// One of its certificates is none to check others by.
    #[error("a certificate of the file cannot be used")]
    Certificate(#[source] tokio_rustls::rustls::Error),
    /// There is no way to speak TLS.
    #[error("TLS cannot be spoken")]
    Tls(#[source] tokio_rustls::rustls::Error),
}

impl WebhookSettings {
    /// The usual settings: ten seconds for an answer; waits from one second to an hour, and 84 failures, which
    /// makes three days. Receivers' certificates are checked by this machine's roots, and by those of a PEM file
    /// if one is named.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn new(
        master: WebhookMaster,
        reach: Reach,
        certificates: Option<&Path>,
    ) -> Result<Self, WebhookSettingsError> {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in found.errors {
            tracing::warn!(%error, "some of this machine's root certificates cannot be read");
        }
        roots.add_parsable_certificates(found.certs);
        if let Some(file) = certificates {
            let pem = CertificateDer::pem_file_iter(file);
            for certificate in pem.map_err(WebhookSettingsError::Certificates)? {
                let certificate = certificate.map_err(WebhookSettingsError::Certificates)?;
                roots.add(certificate).map_err(WebhookSettingsError::Certificate)?;
            }
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(WebhookSettingsError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self {
            master,
            reach,
            timeout: Duration::from_secs(10),
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_hours(1),
            most_failures: MOST_FAILURES,
            tls: Arc::new(tls),
        })
    }
}

/// Twelve within the first hour or so, then one an hour: three days.
pub(super) const MOST_FAILURES: u64 = 84;
