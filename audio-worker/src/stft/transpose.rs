//! Moves spectra between rows of bins, as the FFT has them, and columns of planes, as a network has them.
//!
//! In tiles of 16 × 16: a plane's row is touched 64 bytes at a time, a whole cache line, and the loads of a
//! tile do not wait for one another. Element by element this would cost more than the transforms themselves.

use realfft::num_complex::Complex;

/// Columns that are moved together: 16 floats fill a cache line.
pub(super) const BLOCK: usize = 16;

type Tile = [[f32; BLOCK]; BLOCK];

/// Where a block of columns lies.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    /// First column.
    pub first: usize,
    /// Number of columns, at most [`BLOCK`].
    pub count: usize,
    /// Length of a plane's row.
    pub dim_t: usize,
    /// Rows of a plane.
    pub dim_f: usize,
    /// Length of a spectrum, at least `dim_f`.
    pub bins: usize,
}

impl Columns {
    /// The first row of each tile, and the number of its rows.
    fn tiles(self) -> impl Iterator<Item = (usize, usize)> {
        (0..self.dim_f).step_by(BLOCK).map(move |row| (row, BLOCK.min(self.dim_f - row)))
    }

    /// Writes the first `dim_f` bins of the spectra as columns of the planes.
    pub(super) fn scatter(self, spectra: &[Complex<f32>], re: &mut [f32], im: &mut [f32]) {
        let (mut real, mut imaginary): (Tile, Tile) = Default::default();
        for (row, rows) in self.tiles() {
            for (k, spectrum) in spectra.chunks_exact(self.bins).take(self.count).enumerate() {
                for (r, value) in spectrum[row..row + rows].iter().enumerate() {
                    (real[r][k], imaginary[r][k]) = (value.re, value.im);
                }
            }
            self.store(&real, row, rows, re);
            self.store(&imaginary, row, rows, im);
        }
    }

    /// Reads columns of the planes into the first `dim_f` bins of the spectra.
    pub(super) fn gather(self, spectra: &mut [Complex<f32>], re: &[f32], im: &[f32]) {
        let (mut real, mut imaginary): (Tile, Tile) = Default::default();
        for (row, rows) in self.tiles() {
            self.load(&mut real, row, rows, re);
            self.load(&mut imaginary, row, rows, im);
            for (k, spectrum) in spectra.chunks_exact_mut(self.bins).take(self.count).enumerate() {
                for (r, value) in spectrum[row..row + rows].iter_mut().enumerate() {
                    *value = Complex::new(real[r][k], imaginary[r][k]);
                }
            }
        }
    }

    fn load(self, tile: &mut Tile, row: usize, rows: usize, plane: &[f32]) {
        for (to, from) in tile.iter_mut().zip(plane[row * self.dim_t..].chunks(self.dim_t)).take(rows) {
            let from = &from[self.first..self.first + self.count];
            match <&[f32; BLOCK]>::try_from(from) {
                // A length the compiler knows: four vector moves instead of a call.
                Ok(whole) => *to = *whole,
                Err(_) => to[..self.count].copy_from_slice(from),
            }
        }
    }

    fn store(self, tile: &Tile, row: usize, rows: usize, plane: &mut [f32]) {
        for (from, to) in tile.iter().zip(plane[row * self.dim_t..].chunks_mut(self.dim_t)).take(rows) {
            let to = &mut to[self.first..self.first + self.count];
            match <&mut [f32; BLOCK]>::try_from(&mut *to) {
                Ok(whole) => *whole = *from,
                Err(_) => to.copy_from_slice(&from[..self.count]),
            }
        }
    }
}
