//! Reads a TensorFlow checkpoint (a "tensor bundle") without TensorFlow.
//!
//! `<prefix>.index` is a table as LevelDB writes them: blocks of keys and values, sorted, with shared prefixes left out,
//! and a footer that leads to an index of the blocks. Each value is a protobuf message `BundleEntryProto`: type, shape,
//! offset and size in `<prefix>.data-00000-of-00001`, where the numbers stand raw, little-endian.
//! Sources: `tensorflow/core/util/tensor_bundle/`, `tensorflow/core/protobuf/tensor_bundle.proto`, and LevelDB's
//! `doc/table_format.md`.

use crate::protobuf::{Fields, Malformed};
use std::collections::BTreeMap;

/// Bytes of the footer, the magic number at its end.
const FOOTER: usize = 48;
const MAGIC: u64 = 0xdb47_7524_8b80_fb57;
/// `DT_FLOAT`.
const FLOAT: u64 = 1;
/// The most dimensions of a tensor.
const DIMENSIONS: usize = 8;

/// A tensor of 32-bit floats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tensor<'b> {
    dims: [usize; DIMENSIONS],
    rank: usize,
    bytes: &'b [u8],
}

impl<'b> Tensor<'b> {
    /// Its shape, the slowest axis first.
    pub(super) fn dims(&self) -> &[usize] {
        &self.dims[..self.rank]
    }

    /// Its numbers, little-endian.
    pub(super) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }
}

/// The float tensors of a checkpoint by their names; what is of another type (a step counter) is left out.
///
/// # Errors
/// A sentence about what is wrong with `index` or `data`.
pub(super) fn read<'b>(index: &[u8], data: &'b [u8]) -> Result<BTreeMap<String, Tensor<'b>>, String> {
    let damaged = || "the checkpoint's index is damaged".to_owned();
    let (_, footer) = index.split_at_checked(index.len().wrapping_sub(FOOTER)).ok_or_else(damaged)?;
    if footer[FOOTER - 8..] != MAGIC.to_le_bytes() {
        return Err("it is no TensorFlow checkpoint".to_owned());
    }
    let mut handles = footer;
    let _metaindex = handle(&mut handles).ok_or_else(damaged)?;
    let blocks = handle(&mut handles).ok_or_else(damaged)?;
    let mut tensors = BTreeMap::new();
    for (_, place) in entries(block(index, blocks)?)? {
        let place = handle(&mut &*place).ok_or_else(damaged)?;
        for (key, value) in entries(block(index, place)?)? {
            // The empty key is the header of the bundle.
            if !key.is_empty()
                && let Some(tensor) = tensor(&value, data)?
            {
                tensors.insert(String::from_utf8_lossy(&key).into_owned(), tensor);
            }
        }
    }
    Ok(tensors)
}

/// A tensor from its `BundleEntryProto`; `None` when it is not of floats.
fn tensor<'b>(entry: &[u8], data: &'b [u8]) -> Result<Option<Tensor<'b>>, String> {
    let malformed = |_: Malformed| "an entry of the checkpoint is damaged".to_owned();
    let (mut element, mut shard, mut offset, mut size) = (0, 0, 0, 0);
    let (mut dims, mut rank) = ([0; DIMENSIONS], 0);
    for field in Fields::of(entry) {
        match field.map_err(malformed)? {
            (1, value) => element = value.integer().map_err(malformed)?,
            (2, value) => {
                for field in Fields::of(value.bytes().map_err(malformed)?) {
                    if let (2, dim) = field.map_err(malformed)? {
                        let sized =
                            Fields::of(dim.bytes().map_err(malformed)?).find_map(|field| match field {
                                Ok((1, size)) => size.integer().ok(),
                                _ => None,
                            });
                        let place: &mut usize =
                            dims.get_mut(rank).ok_or("a tensor of the checkpoint has too many dimensions")?;
                        *place = usize::try_from(sized.unwrap_or(0)).map_err(|e| e.to_string())?;
                        rank += 1;
                    }
                }
            }
            (3, value) => shard = value.integer().map_err(malformed)?,
            (4, value) => offset = value.integer().map_err(malformed)?,
            (5, value) => size = value.integer().map_err(malformed)?,
            _ => {}
        }
    }
    if element != FLOAT {
        return Ok(None);
    }
    if shard != 0 {
        return Err("the checkpoint is spread over several files".to_owned());
    }
    let numbers = dims[..rank].iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim));
    let range = usize::try_from(offset).ok().zip(usize::try_from(size).ok());
    let bytes = range.and_then(|(at, size)| data.get(at..at.checked_add(size)?));
    match bytes {
        Some(bytes) if numbers.and_then(|n| n.checked_mul(4)) == Some(bytes.len()) => {
            Ok(Some(Tensor { dims, rank, bytes }))
        }
        _ => Err("a tensor of the checkpoint lies outside its file".to_owned()),
    }
}

/// A block handle: offset and size of a block.
fn handle(bytes: &mut &[u8]) -> Option<(usize, usize)> {
    let offset = varint(bytes)?;
    Some((offset, varint(bytes)?))
}

/// The contents of a block. Behind it stands how it is compressed, which tensor bundles never are.
fn block(index: &[u8], (offset, size): (usize, usize)) -> Result<&[u8], String> {
    let end = offset.checked_add(size).ok_or("a block of the checkpoint's index lies outside it")?;
    match (index.get(offset..end), index.get(end)) {
        (Some(block), Some(0)) => Ok(block),
        (Some(_), Some(_)) => Err("the checkpoint's index is compressed".to_owned()),
        _ => Err("a block of the checkpoint's index lies outside it".to_owned()),
    }
}

/// A key and its value.
type Entry = (Vec<u8>, Vec<u8>);

/// Keys and values of a block, in order.
fn entries(block: &[u8]) -> Result<Vec<Entry>, String> {
    let damaged = || "a block of the checkpoint's index is damaged".to_owned();
    // Behind the entries: where keys stand in full, each in four bytes, and how many of them there are.
    let (before, count) = block.split_last_chunk::<4>().ok_or_else(damaged)?;
    let restarts = (u32::from_le_bytes(*count) as usize).checked_mul(4).ok_or_else(damaged)?;
    let mut rest = before.len().checked_sub(restarts).map(|end| &before[..end]).ok_or_else(damaged)?;
    let (mut found, mut key) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let lengths = (varint(&mut rest), varint(&mut rest), varint(&mut rest));
        let (Some(shared), Some(own), Some(length)) = lengths else { return Err(damaged()) };
        let (suffix, after) = rest.split_at_checked(own).ok_or_else(damaged)?;
        let (value, after) = after.split_at_checked(length).ok_or_else(damaged)?;
        if shared > key.len() {
            return Err(damaged());
        }
        key.truncate(shared);
        key.extend_from_slice(suffix);
        found.push((key.clone(), value.to_vec()));
        rest = after;
    }
    Ok(found)
}

fn varint(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Writes a checkpoint as TensorFlow does, into index and data.
    pub(in crate::convert) fn write(tensors: &[(String, Vec<usize>, Vec<f32>)]) -> (Vec<u8>, Vec<u8>) {
        let mut sorted: Vec<_> = tensors.iter().collect();
        sorted.sort_by(|a, b| a.0.cmp(&b.0));
        let (mut data, mut values) = (Vec::new(), vec![(String::new(), vec![8, 1])]);
        for (name, dims, numbers) in sorted {
            let mut shape = Vec::new();
            for dim in dims {
                let mut one = vec![8];
                put(&mut one, *dim);
                shape.extend([18, one.len() as u8]);
                shape.extend(one);
            }
            let mut entry = vec![8, 1, 18, shape.len() as u8];
            entry.extend(shape);
            entry.push(0x20);
            put(&mut entry, data.len());
            entry.push(0x28);
            put(&mut entry, numbers.len() * 4);
            data.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
            values.push((name.clone(), entry));
        }
        let mut index = Vec::new();
        // Two data blocks, as in a file that is longer than one.
        let mut handles = Vec::new();
        for part in values.chunks(values.len().div_ceil(2)) {
            handles.push((part[part.len() - 1].0.clone(), push_block(&mut index, part)));
        }
        let metaindex = push_block(&mut index, &[]);
        let blocks = push_block(&mut index, &handles);
        let mut footer = [metaindex, blocks].concat();
        footer.resize(FOOTER - 8, 0);
        index.extend(footer);
        index.extend(MAGIC.to_le_bytes());
        (index, data)
    }

    fn push_block(index: &mut Vec<u8>, pairs: &[(String, Vec<u8>)]) -> Vec<u8> {
        let (mut block, mut last) = (Vec::new(), String::new());
        for (key, value) in pairs {
            let shared = key.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
            put(&mut block, shared);
            put(&mut block, key.len() - shared);
            put(&mut block, value.len());
            block.extend(&key.as_bytes()[shared..]);
            block.extend(value);
            last.clone_from(key);
        }
        block.extend([0, 0, 0, 0, 1, 0, 0, 0]);
        let mut handle = Vec::new();
        put(&mut handle, index.len());
        put(&mut handle, block.len());
        index.extend(block);
        index.extend([0; 5]);
        handle
    }

    fn put(out: &mut Vec<u8>, mut value: usize) {
        while value > 0x7f {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn small() -> (Vec<u8>, Vec<u8>) {
        write(&[
            ("conv2d/bias".into(), vec![3], vec![1.0, 2.0, 3.0]),
            ("conv2d/kernel".into(), vec![1, 2, 2], vec![4.0, 5.0, 6.0, 7.0]),
            ("conv2d_1/bias".into(), vec![300], vec![0.5; 300]),
            ("scalar".into(), vec![], vec![9.0]),
        ])
    }

    #[test]
    fn tensors_come_back_as_they_were_written() {
        let (index, data) = small();
        let tensors = read(&index, &data).unwrap();
        assert_eq!(
            tensors.keys().collect::<Vec<_>>(),
            ["conv2d/bias", "conv2d/kernel", "conv2d_1/bias", "scalar"]
        );
        let kernel = tensors["conv2d/kernel"];
        assert_eq!(kernel.dims(), [1, 2, 2]);
        assert_eq!(kernel.bytes(), [4.0_f32, 5.0, 6.0, 7.0].map(f32::to_le_bytes).concat());
        assert_eq!(tensors["scalar"].dims(), [0; 0]);
    }

    #[test]
    fn what_is_no_checkpoint_is_told() {
        let (index, data) = small();
        for (index, data, what) in [
            (&b""[..], &data[..], "damaged"),
            (&[0; 100][..], &data, "no TensorFlow"),
            (&index, &data[..20], "outside its file"),
        ] {
            let error = read(index, data).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0..400_usize, value: u8) {
            let (mut index, data) = small();
            let length = index.len();
            index[at % length] = value;
            let _ = read(&index, &data);
            let _ = read(&index[at % length..], &data);
        }
    }
}
