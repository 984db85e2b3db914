//! Behaviour tests: what a user does, checked by what a user gets.

mod identity;
mod lifecycle;
