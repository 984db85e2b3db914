//! Protocol Buffers, as far as ONNX files and TensorFlow's checkpoints need them.

mod read;
mod write;

pub(crate) use read::{Fields, Malformed, Value};
pub(crate) use write::{put_bytes, put_value, put_varint};
