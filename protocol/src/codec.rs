//! The one place that names bincode.
//!
//! Bodies are bincode 2 with variable-length integers, little-endian. bincode is no longer
//! maintained (RUSTSEC-2025-0141), so nothing else may name it: a test holds wincode's varint
//! configuration to the same bytes, which is the way out.

pub use bincode::{Decode, Encode};

pub(crate) use bincode::{de::Decoder, error::DecodeError as CodecError, impl_borrow_decode};

use crate::limit::DECODE_BYTES;

type Config = bincode::config::Configuration<
    bincode::config::LittleEndian,
    bincode::config::Varint,
    bincode::config::Limit<DECODE_BYTES>,
>;

/// Room for a body of everyday size, so that writing one seldom grows its buffer.
pub(crate) const TYPICAL_BYTES: usize = 192;

const CONFIG: Config = bincode::config::standard().with_limit::<DECODE_BYTES>();

/// Why bytes are not the body they claim to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the body ends early or holds an impossible value: {0}")]
    Malformed(String),
    #[error("the body claims more memory than {DECODE_BYTES} bytes")]
    TooLarge,
    #[error("{left} bytes follow the body")]
    Trailing { left: usize },
    #[error("{what} is above its bound of {bound}")]
    Bound { what: &'static str, bound: usize },
}

/// Decodes a whole body: every byte must be used.
pub fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    let (value, used) = bincode::decode_from_slice(bytes, CONFIG).map_err(from_bincode)?;
    match bytes.len() - used {
        0 => Ok(value),
        left => Err(DecodeError::Trailing { left }),
    }
}

/// Encodes a body. Cannot fail: bodies hold no maps, locks or borrowed cells.
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TYPICAL_BYTES);
    encode_into(value, &mut bytes);
    bytes
}

/// Encodes a body at the end of `bytes`.
pub fn encode_into<T: Encode>(value: &T, bytes: &mut Vec<u8>) {
    let config = bincode::config::standard();
    if let Err(error) = bincode::encode_into_std_write(value, bytes, config) {
        unreachable!("encoding into memory failed: {error}");
    }
}

/// Makes `Decode` of structs that stand in lists. bincode forgets the memory of a list's element
/// as soon as the element is read; each of these claims its own size for good, so that all that one
/// decode holds counts against [`DECODE_BYTES`]. Fields stand in the order of the struct.
macro_rules! rows {
    ($($row:ident { $($field:ident),* $(,)? })*) => {$(
        impl<C> $crate::codec::Decode<C> for $row {
            fn decode<D: $crate::codec::Decoder<Context = C>>(
                decoder: &mut D,
            ) -> Result<Self, $crate::codec::CodecError> {
                decoder.claim_bytes_read(size_of::<Self>())?;
                Ok(Self { $($field: $crate::codec::Decode::decode(decoder)?),* })
            }
        }
        $crate::codec::impl_borrow_decode!($row);
    )*};
}
pub(crate) use rows;

/// A list element of a foreign type, with the same claim.
pub(crate) struct Row<T>(pub(crate) T);

impl<C, T: Decode<C>> Decode<C> for Row<T> {
    fn decode<D: Decoder<Context = C>>(decoder: &mut D) -> Result<Self, CodecError> {
        decoder.claim_bytes_read(size_of::<T>())?;
        T::decode(decoder).map(Self)
    }
}

fn from_bincode(error: bincode::error::DecodeError) -> DecodeError {
    match error {
        bincode::error::DecodeError::LimitExceeded => DecodeError::TooLarge,
        other => DecodeError::Malformed(other.to_string()),
    }
}
