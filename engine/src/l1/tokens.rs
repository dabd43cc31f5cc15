//! Tokens on their way into the contract, and the development token.

use alloy_primitives::{Address, U256};
use domain::{Asset, RollupId};

use super::bindings::DevelopmentToken;
use super::{L1, MinedL1Tx};
use crate::error::Error;

impl L1 {
    /// Deploys a token that anybody may mint; it refuses every chain but development chains.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn deploy_token(
        &self,
        name: &str,
        symbol: &str,
        decimals: u8,
    ) -> Result<Address, Error> {
        let (name, symbol) = (name.to_owned(), symbol.to_owned());
        let call = DevelopmentToken::deploy_builder(self.provider.clone(), name, symbol, decimals);
        Ok(self.create("deploy DevelopmentToken", call).await?.0)
    }

    /// Mints development tokens.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn mint(&self, token: Address, to: Address, amount: U256) -> Result<(), Error> {
        let token = DevelopmentToken::new(token, self.provider.clone());
        self.send("mint", token.mint(to, amount)).await.map(|_| ())
    }

    /// Allows the contract to collect the signer's tokens.
    ///
    /// # Errors
    /// Whatever the node fails with.
    pub async fn approve(&self, token: Address, amount: U256) -> Result<(), Error> {
        let token = DevelopmentToken::new(token, self.provider.clone());
        self.send("approve", token.approve(self.settlement(), amount)).await.map(|_| ())
    }

    /// Deposits the signer's tokens (or Ether) into a rollup's cell. Tokens must be approved.
    ///
    /// # Errors
    /// [`Error::Reverted`] if the contract refuses it.
    pub async fn deposit(
        &self,
        rollup: RollupId,
        asset: &Asset,
        token_atoms: U256,
    ) -> Result<MinedL1Tx, Error> {
        let contract = &self.contract;
        let call = contract.deposit(rollup.number(), asset.id().number(), token_atoms);
        let ether = if asset.token() == Address::ZERO { token_atoms } else { U256::ZERO };
        Ok(self.send("deposit", call.value(ether)).await?.0)
    }
}

/// What a token says of itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenFacts {
    /// Its decimals.
    pub decimals: u8,
    /// How much of it there is, in its smallest unit; `None` for Ether.
    pub supply: Option<U256>,
}

impl L1 {
    /// What a token says of itself; the zero address is Ether.
    ///
    /// # Errors
    /// [`Error::NoContract`] where no contract is, [`Error::Reverted`] where one is that is no token, or
    /// whatever the node fails with.
    pub async fn token(&self, token: Address) -> Result<TokenFacts, Error> {
        if token == Address::ZERO {
            return Ok(TokenFacts { decimals: ETHER_DECIMALS, supply: None });
        }
        if self.code_hash(token).await?.is_none() {
            return Err(Error::NoContract { chain_id: self.chain_id, settlement: token });
        }
        let contract = DevelopmentToken::new(token, self.provider.clone());
        let read = |name| move |error| Error::contract(name, error);
        let decimals = contract.decimals().call().await.map_err(read("decimals"))?;
        let supply = contract.totalSupply().call().await.map_err(read("totalSupply"))?;
        Ok(TokenFacts { decimals, supply: Some(supply) })
    }
}

const ETHER_DECIMALS: u8 = 18;
