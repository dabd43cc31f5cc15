//! Columns as values of the domain, and back.
//!
//! **Invariant:** a row that the schema let in but that is no value of the domain is
//! [`Error::Corrupt`], never guessed at.

use alloy_primitives::{Address, B256, U256};
use domain::l1::{L1Block, L1LogId};
use domain::{
    AssetId, Atoms, EpochNumber, ExitIndex, ExitRoot, Height, L2Root, RollupId, SettlementKey,
    Signature, Word,
};
use rust_decimal::Decimal;

use crate::{Account, BlockNumber, Error, PostingKind};

/// Reads the columns of one table's rows.
#[derive(Clone, Copy)]
pub(crate) struct Columns(pub(crate) &'static str);

impl Columns {
    pub(crate) fn corrupt(self) -> Error {
        Error::Corrupt { table: self.0 }
    }

    pub(crate) fn b256(self, bytes: &[u8]) -> Result<B256, Error> {
        B256::try_from(bytes).map_err(|_| self.corrupt())
    }

    pub(crate) fn word(self, bytes: &[u8]) -> Result<Word, Error> {
        Word::from_bytes(self.b256(bytes)?).map_err(|_| self.corrupt())
    }

    /// Words of 32 bytes one after the other.
    pub(crate) fn words(self, bytes: &[u8]) -> Result<Vec<Word>, Error> {
        bytes.chunks(32).map(|chunk| self.word(chunk)).collect()
    }

    pub(crate) fn l2_root(self, bytes: &[u8]) -> Result<L2Root, Error> {
        self.b256(bytes).map(L2Root::new)
    }

    pub(crate) fn exit_root(self, bytes: &[u8]) -> Result<ExitRoot, Error> {
        self.b256(bytes).map(ExitRoot::new)
    }

    pub(crate) fn address(self, bytes: &[u8]) -> Result<Address, Error> {
        Address::try_from(bytes).map_err(|_| self.corrupt())
    }

    pub(crate) fn key(self, x: &[u8], y: &[u8]) -> Result<SettlementKey, Error> {
        SettlementKey::new(self.word(x)?, self.word(y)?).map_err(|_| self.corrupt())
    }

    pub(crate) fn signature(self, bytes: &[u8]) -> Result<Signature, Error> {
        let (Some(r8x), Some(r8y), Some(s)) = (bytes.get(..32), bytes.get(32..64), bytes.get(64..))
        else {
            return Err(self.corrupt());
        };
        let r8 = [self.word(r8x)?, self.word(r8y)?];
        Signature::new(r8, self.b256(s)?).map_err(|_| self.corrupt())
    }

    pub(crate) fn atoms(self, number: Decimal) -> Result<Atoms, Error> {
        Atoms::from_decimal(number).map_err(|_| self.corrupt())
    }

    /// A sum that left SQL as text.
    pub(crate) fn sum(self, text: &str) -> Result<U256, Error> {
        text.parse().map_err(|_| self.corrupt())
    }

    pub(crate) fn number(self, number: i64) -> Result<u64, Error> {
        u64::try_from(number).map_err(|_| self.corrupt())
    }

    pub(crate) fn small(self, number: i32) -> Result<u32, Error> {
        u32::try_from(number).map_err(|_| self.corrupt())
    }

    pub(crate) fn block(self, number: i64) -> Result<BlockNumber, Error> {
        self.number(number).map(BlockNumber::new)
    }

    pub(crate) fn epoch(self, number: i64) -> Result<EpochNumber, Error> {
        self.number(number).map(EpochNumber::new)
    }

    pub(crate) fn height(self, number: i64) -> Result<Height, Error> {
        self.number(number).map(Height::new)
    }

    pub(crate) fn rollup(self, number: i32) -> Result<RollupId, Error> {
        u16::try_from(number).map(RollupId::new).map_err(|_| self.corrupt())
    }

    pub(crate) fn asset(self, number: i32) -> Result<AssetId, Error> {
        u16::try_from(number).map(AssetId::new).map_err(|_| self.corrupt())
    }

    pub(crate) fn exit_index(self, number: i64) -> Result<ExitIndex, Error> {
        u32::try_from(number).map(ExitIndex::new).map_err(|_| self.corrupt())
    }

    pub(crate) fn account(self, number: i64) -> Result<Account, Error> {
        Account::from_number(number).map_err(|_| self.corrupt())
    }

    pub(crate) fn kind(self, code: i16) -> Result<PostingKind, Error> {
        PostingKind::from_code(code).ok_or_else(|| self.corrupt())
    }

    pub(crate) fn log(self, tx_hash: &[u8], log_index: i64) -> Result<L1LogId, Error> {
        Ok(L1LogId { tx_hash: self.b256(tx_hash)?, log_index: self.number(log_index)? })
    }

    pub(crate) fn l1_block(self, number: i64, hash: &[u8]) -> Result<L1Block, Error> {
        Ok(L1Block { number: self.number(number)?, hash: self.b256(hash)? })
    }
}

/// A number as `bigint`.
pub(crate) fn bigint(what: &'static str, number: u64) -> Result<i64, Error> {
    i64::try_from(number).map_err(|_| Error::OutOfBound { what })
}

/// A count as `integer`.
pub(crate) fn integer(what: &'static str, number: usize) -> Result<i32, Error> {
    i32::try_from(number).map_err(|_| Error::OutOfBound { what })
}

/// A number to look something up by: beyond `bigint` there is no row, nor at its end.
pub(crate) fn lookup(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// An epoch to look something up by.
pub(crate) fn epoch_key(epoch: EpochNumber) -> i64 {
    lookup(epoch.number())
}

pub(crate) fn rollup_key(rollup: RollupId) -> i32 {
    i32::from(rollup.number())
}

pub(crate) fn asset_key(asset: AssetId) -> i32 {
    i32::from(asset.number())
}

pub(crate) fn word_bytes(word: Word) -> Vec<u8> {
    word.to_bytes().to_vec()
}

/// `R8x ‖ R8y ‖ S`.
pub(crate) fn signature_bytes(signature: &Signature) -> Vec<u8> {
    let [r8x, r8y] = signature.r8();
    [r8x.to_bytes().0, r8y.to_bytes().0, signature.s().0].concat()
}
