//! Checkpoints: a fold between two steps, as bytes.
//!
//! They are working data of whoever folds. The checksum tells accidents; before a fold goes on from
//! one, [`Fold::resume`](crate::Fold::resume) verifies the folded instances.

use domain::{EpochStatement, StepOutput};

use crate::{
    Error, KeyId, Params,
    error::FileFault,
    fields,
    flat::FlatFold,
    fold::Folded,
    scheme::encoding,
    sealed::{Format, Reader, push_counted},
};

/// More bytes than any checkpoint has.
const CHECKPOINT_LIMIT: usize = 1 << 26;

const FORMAT: Format = Format { magic: b"NFCHECKP", version: 2, limit: CHECKPOINT_LIMIT };

/// The bytes of a checkpoint; nothing folded before the first step.
pub(crate) fn encode(
    key_id: KeyId,
    statement: &EpochStatement,
    folded: Option<&Folded>,
) -> Result<Vec<u8>, Error> {
    let too_large = |_| Error::CheckpointMalformed(FileFault::TooLarge);
    let mut folds = Vec::new();
    if let Some(Folded { recursive, flat }) = folded {
        let limited = encoding::<CHECKPOINT_LIMIT>();
        let encoded = bincode::serde::encode_to_vec(recursive, limited).map_err(too_large)?;
        push_counted(&mut folds, &encoded);
        flat.write(&mut folds)?;
    }
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
        bytes.extend(folds);
    }))
}

/// What the bytes of a checkpoint hold. The flat fold is verified, the recursive one is not.
pub(crate) fn decode(
    params: &Params,
    bytes: &[u8],
) -> Result<(EpochStatement, Option<Folded>), Error> {
    let malformed = Error::CheckpointMalformed;
    let mut reader = FORMAT.open(bytes).map_err(malformed)?;
    let (key_id, statement) = read_statement(&mut reader).map_err(malformed)?;
    if key_id != params.key_id() {
        return Err(Error::WrongKey { expected: params.key_id(), found: key_id });
    }
    let folded = if statement.outputs.is_empty() {
        None
    } else {
        params.decode()?;
        let encoded = reader.take_counted().map_err(malformed)?;
        let decoded = bincode::serde::decode_from_slice(encoded, encoding::<CHECKPOINT_LIMIT>());
        let recursive = match decoded {
            Ok((recursive, read)) if read == encoded.len() => recursive,
            _ => return Err(malformed(FileFault::Field { field: "fold" })),
        };
        let flat = FlatFold::read(&mut reader, params.settlement()?, &statement)?;
        Some(Folded { recursive, flat })
    };
    reader.finish().map_err(malformed)?;
    Ok((statement, folded))
}

fn read_statement(reader: &mut Reader<'_>) -> Result<(KeyId, EpochStatement), FileFault> {
    let (key_id, identity, epoch) = fields::read_header(reader)?;
    let opening_digest = fields::read_word(reader, "opening digest")?;
    let steps = fields::read_steps(reader)?;
    let outputs = (0..steps).map(|_| read_output(reader)).collect::<Result<Vec<_>, _>>()?;
    Ok((key_id, EpochStatement { identity, epoch, opening_digest, outputs }))
}

fn read_output(reader: &mut Reader<'_>) -> Result<StepOutput, FileFault> {
    Ok(StepOutput {
        state_digest: fields::read_word(reader, "state digest")?,
        pending: u64::from_be_bytes(reader.take()?),
        emission_digest: fields::read_word(reader, "emission digest")?,
        emitted: fields::read_emitted(reader)?,
    })
}
