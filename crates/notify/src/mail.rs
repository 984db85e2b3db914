//! E-mail by SMTP.

use crate::SendError;
use lettre::message::{Mailbox, header};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a mail server may take for each step.
const TIMEOUT: Duration = Duration::from_secs(30);

/// `[email]`: the mail that tells people that their songs are done.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmailConfig {
    /// The mail server, such as `smtps://user:password@mail.example.org` or, with STARTTLS,
    /// `smtp://user:password@mail.example.org:587?tls=required`; empty: no mail is sent.
    pub smtp: String,
    /// Whom mail comes from, such as `Karaoke <karaoke@example.org>`.
    pub from: String,
    /// Mails that are sent in a day at most; more wait.
    pub per_day: u32,
}

impl Default for EmailConfig {
    fn default() -> Self {
        Self { smtp: String::new(), from: String::new(), per_day: 500 }
    }
}

/// Sends mail from one address by one server.
#[derive(Clone)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A mail of plain text.
#[derive(Clone, Debug)]
pub struct Mail {
    /// To whom.
    pub to: Address,
    /// Its name, the same at every attempt.
    pub id: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

impl Mailer {
    /// The configured one; none where the configuration names no server. An error is one sentence that says what is
    /// wrong with it.
    pub fn new(config: &EmailConfig) -> Result<Option<Self>, String> {
        if config.smtp.is_empty() {
            return Ok(None);
        }
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(&config.smtp)
            .map_err(|e| format!("email.smtp is no address of a mail server: {e}"))?;
        let from = config
            .from
            .parse()
            .map_err(|_| "email.from is no address such as Karaoke <karaoke@example.org>".to_owned())?;
        Ok(Some(Self { transport: builder.timeout(Some(TIMEOUT)).build(), from }))
    }

    /// Sends a mail once.
    pub async fn send(&self, mail: &Mail) -> Result<(), SendError> {
        let host = self.from.email.domain();
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, mail.to.clone()))
            .message_id(Some(format!("<{}@{host}>", mail.id)))
            .subject(mail.subject.as_str())
            // Out-of-office replies are of no use to anybody (RFC 3834).
            .header(AutoSubmitted)
            .header(header::ContentType::TEXT_PLAIN)
            .body(mail.text.clone())
            .map_err(|e| SendError::Rejected(e.to_string()))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(SendError::Rejected(error.to_string())),
            Err(error) => Err(SendError::Unreachable(format!("the mail server: {error}"))),
        }
    }
}

#[derive(Clone, Copy)]
struct AutoSubmitted;

impl header::Header for AutoSubmitted {
    fn name() -> header::HeaderName {
        header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> header::HeaderValue {
        header::HeaderValue::new(Self::name(), "auto-generated".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_or_refused_in_one_sentence() {
        let config = |smtp: &str, from: &str| EmailConfig {
            smtp: smtp.into(),
            from: from.into(),
            ..EmailConfig::default()
        };
        assert!(Mailer::new(&EmailConfig::default()).unwrap().is_none());
        assert!(Mailer::new(&config("smtp://localhost:2525", "Karaoke <k@example.org>")).unwrap().is_some());
        for (smtp, from, word) in [
            ("mail.example.org", "k@example.org", "email.smtp"),
            ("smtp://localhost", "karaoke", "email.from"),
        ] {
            let error = Mailer::new(&config(smtp, from)).err().unwrap();
            assert!(error.contains(word) && !error.contains('\n'), "{error}");
        }
    }
}
