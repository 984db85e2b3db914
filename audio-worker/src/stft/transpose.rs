//! Moves spectra between rows of bins, as the FFT has them, and columns of planes, as most networks have them.
//!
//! In tiles of 16 × 16: a plane's row is touched 64 bytes at a time, a whole cache line, and the loads of a
//! tile do not wait for one another. Element by element this would cost more than the transforms themselves.

use super::BLOCK;
use realfft::num_complex::Complex;

type Tile<T> = [[T; BLOCK]; BLOCK];

/// Consecutive spectra of a window, one row of `bins` values each.
#[derive(Clone, Copy, Debug)]
pub struct Block {
    /// The first spectrum's number.
    pub first: usize,
    /// How many there are, at most 16.
    pub count: usize,
    /// Length of a row.
    pub bins: usize,
}

/// A network's planes: row `b` holds bin `b` of all FFTs.
#[derive(Clone, Copy, Debug)]
pub struct Planes {
    /// Rows that are moved.
    pub rows: usize,
    /// Values from one row to the next.
    pub pitch: usize,
}

impl Planes {
    /// Writes the spectra as columns of `N` planes, each value taken apart by `split`.
    pub fn scatter<T: Copy + Default, const N: usize>(
        self,
        block: Block,
        spectra: &[Complex<f32>],
        mut planes: [&mut [T]; N],
        split: impl Fn(Complex<f32>) -> [T; N],
    ) {
        let mut tiles: [Tile<T>; N] = [Tile::default(); N];
        for (row, rows) in self.tiles() {
            for (k, spectrum) in spectra.chunks_exact(block.bins).take(block.count).enumerate() {
                for (r, value) in spectrum[row..row + rows].iter().enumerate() {
                    let parts = split(*value);
                    // By index: iterating costs a fifth more time over the whole transform.
                    #[allow(clippy::needless_range_loop)]
                    for n in 0..N {
                        tiles[n][r][k] = parts[n];
                    }
                }
            }
            for (tile, plane) in tiles.iter().zip(&mut planes) {
                self.store(block, tile, row, rows, plane);
            }
        }
    }

    /// Reads columns of `N` planes into the spectra, each value by way of `join`.
    pub fn gather<T: Copy + Default, const N: usize>(
        self,
        block: Block,
        spectra: &mut [Complex<f32>],
        planes: [&[T]; N],
        join: impl Fn(&mut Complex<f32>, [T; N]),
    ) {
        let mut tiles: [Tile<T>; N] = [Tile::default(); N];
        for (row, rows) in self.tiles() {
            for (tile, plane) in tiles.iter_mut().zip(planes) {
                self.load(block, tile, row, rows, plane);
            }
            for (k, spectrum) in spectra.chunks_exact_mut(block.bins).take(block.count).enumerate() {
                for (r, value) in spectrum[row..row + rows].iter_mut().enumerate() {
                    join(value, std::array::from_fn(|n| tiles[n][r][k]));
                }
            }
        }
    }

    /// The first row of each tile, and the number of its rows.
    fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.rows).step_by(BLOCK).map(move |row| (row, BLOCK.min(self.rows - row)))
    }

    fn load<T: Copy>(self, block: Block, tile: &mut Tile<T>, row: usize, rows: usize, plane: &[T]) {
        for (to, from) in tile.iter_mut().zip(plane[row * self.pitch..].chunks(self.pitch)).take(rows) {
            let from = &from[block.first..block.first + block.count];
            match <&[T; BLOCK]>::try_from(from) {
                // A length the compiler knows: a few vector moves instead of a call.
                Ok(whole) => *to = *whole,
                Err(_) => to[..block.count].copy_from_slice(from),
            }
        }
    }

    fn store<T: Copy>(self, block: Block, tile: &Tile<T>, row: usize, rows: usize, plane: &mut [T]) {
        for (from, to) in tile.iter().zip(plane[row * self.pitch..].chunks_mut(self.pitch)).take(rows) {
            let to = &mut to[block.first..block.first + block.count];
            match <&mut [T; BLOCK]>::try_from(&mut *to) {
                Ok(whole) => *whole = *from,
                Err(_) => to.copy_from_slice(&from[..block.count]),
            }
        }
    }
}
