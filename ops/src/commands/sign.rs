//! `netfold sign`: makes a signed batch of what a bridge operator wrote down.

use std::process::ExitCode;

use anyhow::Context as _;
use api::BatchRequest;

use crate::cli::SignArguments;
use crate::client::Client;
use crate::input;
use crate::keys;
use crate::output::Output;
use crate::unsigned::{SigningContext, Unsigned};

pub(super) async fn run(
    arguments: &SignArguments,
    output: &mut Output,
) -> anyhow::Result<ExitCode> {
    let key = keys::read(&arguments.key)?;
    let mut unsigned = Unsigned::parse(&input::read(&arguments.file)?)?;
    // With a word of the domain an api is not asked, also where the configuration names one.
    let api = arguments.url.as_ref().filter(|_| arguments.domain_word.is_none());
    let context = if let Some(url) = api {
        let client = Client::new(url)?.with_key(arguments.api_key.api_key.as_deref())?;
        let context = SigningContext::of(&client).await?;
        unsigned = unsigned.complete(&client, &context).await?;
        context
    } else {
        let word = arguments.domain_word.as_deref();
        let word = word.context("name an api with --url, or the domain with --domain-word")?;
        SigningContext::offline(word, &arguments.decimals)?
    };
    let batch = unsigned.sign(&key, &context)?;
    output.json(&BatchRequest::new(batch.parts(), &context.assets))?;
    Ok(ExitCode::SUCCESS)
}
