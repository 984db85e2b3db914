//! Tells others that something happened: webhooks by the convention of Standard Webhooks
//! (<https://www.standardwebhooks.com>), and e-mail.
//!
//! This crate sends one message, once, and says whether it arrived; what is sent when, and again, its user decides
//! by [`pause_after`].

mod address;
mod client;
mod error;
mod mail;
mod retry;
mod secret;
mod target;

pub use address::is_public;
pub use client::{Message, WebhookClient};
pub use error::{Refusal, SendError};
pub use mail::{EmailConfig, Mail, Mailer};
pub use retry::{ATTEMPTS, pause_after};
pub use secret::Secret;
pub use target::Target;
