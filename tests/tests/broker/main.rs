//! The broker that tests are given: what it keeps, what its users may do, and that it leaves nothing behind.

mod frames;
mod life;
mod rights;
