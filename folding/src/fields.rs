//! The fields that proof files and checkpoints have in common.

use alloy_primitives::{Address, B256};
use domain::{
    DomainId, DomainIdentity, EMITTED_WORDS, EpochNumber, Word, limits::MAX_STEPS_PER_EPOCH,
};

use crate::{KeyId, SetupKind, error::FileFault, sealed::Reader};

/// Appends key, domain and epoch.
pub(crate) fn push_header(
    bytes: &mut Vec<u8>,
    key_id: KeyId,
    identity: &DomainIdentity,
    epoch: EpochNumber,
) {
    bytes.push(key_id.kind().code());
    bytes.extend(key_id.digest());
    bytes.extend(identity.chain_id.to_be_bytes());
    bytes.extend(identity.settlement);
    bytes.extend(identity.domain_id.number().to_be_bytes());
    bytes.extend(identity.verification_key_id);
    bytes.extend(epoch.number().to_be_bytes());
}

/// Reads key, domain and epoch.
pub(crate) fn read_header(
    reader: &mut Reader<'_>,
) -> Result<(KeyId, DomainIdentity, EpochNumber), FileFault> {
    let [kind] = reader.take()?;
    let kind = SetupKind::from_code(kind).ok_or(FileFault::Field { field: "setup" })?;
    let key_id = KeyId::new(kind, reader.take()?);
    let identity = DomainIdentity {
        chain_id: u64::from_be_bytes(reader.take()?),
        settlement: Address::from(reader.take::<20>()?),
        domain_id: DomainId::new(u32::from_be_bytes(reader.take()?)),
        verification_key_id: B256::from(reader.take::<32>()?),
    };
    Ok((key_id, identity, EpochNumber::new(u64::from_be_bytes(reader.take()?))))
}

/// Appends a number of steps.
pub(crate) fn push_steps(bytes: &mut Vec<u8>, steps: usize) {
    bytes.extend(u16::try_from(steps).unwrap_or(u16::MAX).to_be_bytes());
}

/// Reads a number of steps that an epoch may have, or zero.
pub(crate) fn read_steps(reader: &mut Reader<'_>) -> Result<usize, FileFault> {
    let steps = usize::from(u16::from_be_bytes(reader.take()?));
    if steps > MAX_STEPS_PER_EPOCH { Err(FileFault::Field { field: "steps" }) } else { Ok(steps) }
}

/// Reads what one step emits.
pub(crate) fn read_emitted(reader: &mut Reader<'_>) -> Result<Vec<Word>, FileFault> {
    (0..EMITTED_WORDS).map(|_| read_word(reader, "emitted words")).collect()
}

/// Reads a canonical word.
pub(crate) fn read_word(reader: &mut Reader<'_>, field: &'static str) -> Result<Word, FileFault> {
    Word::from_bytes(B256::from(reader.take::<32>()?)).map_err(|_| FileFault::Field { field })
}
