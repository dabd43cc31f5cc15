//! Checkpoints: a fold between two steps, as bytes.
//!
//! They are working data of whoever folds. The checksum tells accidents; before a fold goes on from
//! one, [`Fold::resume`](crate::Fold::resume) verifies the folded instances.

use domain::{EpochStatement, StepOutput};

use crate::{
    Error, KeyId,
    error::FileFault,
    fields,
    scheme::{RecursiveProof, encoding},
    sealed::{Format, Reader, push_counted},
};

/// More bytes than any checkpoint has.
const CHECKPOINT_LIMIT: usize = 1 << 26;

const FORMAT: Format = Format { magic: b"NFCHECKP", version: 1, limit: CHECKPOINT_LIMIT };

/// The bytes of a checkpoint; no recursive proof before the first step.
pub(crate) fn encode(
    key_id: KeyId,
    statement: &EpochStatement,
    recursive: Option<&RecursiveProof>,
) -> Result<Vec<u8>, Error> {
    let too_large = |_| Error::CheckpointMalformed(FileFault::TooLarge);
    let limited = encoding::<CHECKPOINT_LIMIT>();
    let recursive = recursive
        .map(|recursive| bincode::serde::encode_to_vec(recursive, limited).map_err(too_large))
        .transpose()?
        .unwrap_or_default();
    let EpochStatement { identity, epoch, opening_digest, outputs } = statement;
    Ok(FORMAT.seal(|bytes| {
        fields::push_header(bytes, key_id, identity, *epoch);
        bytes.extend(opening_digest.to_bytes());
        fields::push_steps(bytes, outputs.len());
        for output in outputs {
            bytes.extend(output.state_digest.to_bytes());
            bytes.extend(output.pending.to_be_bytes());
            bytes.extend(output.emission_digest.to_bytes());
            bytes.extend(output.emitted.iter().flat_map(|word| word.to_bytes()));
        }
        push_counted(bytes, &recursive);
    }))
}

/// What the bytes of a checkpoint hold, not verified.
pub(crate) fn decode(
    bytes: &[u8],
) -> Result<(KeyId, EpochStatement, Option<RecursiveProof>), FileFault> {
    let mut reader = FORMAT.open(bytes)?;
    let (key_id, identity, epoch) = fields::read_header(&mut reader)?;
    let opening_digest = fields::read_word(&mut reader, "opening digest")?;
    let steps = fields::read_steps(&mut reader)?;
    let outputs = (0..steps).map(|_| read_output(&mut reader)).collect::<Result<Vec<_>, _>>()?;
    let encoded = reader.take_counted()?;
    reader.finish()?;
    let malformed = FileFault::Field { field: "fold" };
    if outputs.is_empty() != encoded.is_empty() {
        return Err(malformed);
    }
    let recursive = if encoded.is_empty() {
        None
    } else {
        match bincode::serde::decode_from_slice(encoded, encoding::<CHECKPOINT_LIMIT>()) {
            Ok((recursive, read)) if read == encoded.len() => Some(recursive),
            _ => return Err(malformed),
        }
    };
    Ok((key_id, EpochStatement { identity, epoch, opening_digest, outputs }, recursive))
}

fn read_output(reader: &mut Reader<'_>) -> Result<StepOutput, FileFault> {
    Ok(StepOutput {
        state_digest: fields::read_word(reader, "state digest")?,
        pending: u64::from_be_bytes(reader.take()?),
        emission_digest: fields::read_word(reader, "emission digest")?,
        emitted: fields::read_emitted(reader)?,
    })
}
