//! The spectra of a window, kept as the FFT has them.

use super::Block;
use realfft::num_complex::Complex;

/// One row of bins an FFT.
pub struct Rows {
    /// Bins that are kept, from 0 up.
    bins: usize,
    values: Vec<Complex<f32>>,
}

impl Rows {
    /// Room for the lowest `bins` bins of `frames` FFTs.
    pub fn new(frames: usize, bins: usize) -> Self {
        Self { bins, values: vec![Complex::default(); frames * bins] }
    }

    /// Keeps the spectra of `block`.
    pub fn store(&mut self, block: Block, spectra: &[Complex<f32>]) {
        let rows = self.values[block.first * self.bins..].chunks_exact_mut(self.bins);
        for (row, spectrum) in rows.zip(spectra.chunks_exact(block.bins)).take(block.count) {
            row.copy_from_slice(&spectrum[..self.bins]);
        }
    }

    /// Gives the spectra of `block` back; bins that were not kept stay as they are.
    pub fn load(&self, block: Block, spectra: &mut [Complex<f32>]) {
        for (row, spectrum) in self.of(block).zip(spectra.chunks_exact_mut(block.bins)) {
            spectrum[..self.bins].copy_from_slice(row);
        }
    }

    /// The rows of `block`.
    pub fn of(&self, block: Block) -> impl Iterator<Item = &[Complex<f32>]> {
        self.values[block.first * self.bins..].chunks_exact(self.bins).take(block.count)
    }

    /// The rows of `block`, to be changed.
    pub fn of_mut(&mut self, block: Block) -> impl Iterator<Item = &mut [Complex<f32>]> {
        self.values[block.first * self.bins..].chunks_exact_mut(self.bins).take(block.count)
    }

    /// Forgets all spectra.
    pub fn clear(&mut self) {
        self.values.fill(Complex::default());
    }
}
