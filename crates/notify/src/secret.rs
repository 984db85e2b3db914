//! The secret that signs what is sent to a webhook.

use crate::Refusal;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use standardwebhooks::Webhook;
use std::fmt;

const PREFIX: &str = "whsec_";

/// A secret as Standard Webhooks writes it: `whsec_` and 24 to 64 bytes in Base64.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one, of 32 random bytes.
    pub fn random() -> Self {
        Self(format!("{PREFIX}{}", BASE64_STANDARD.encode(rand::random::<[u8; 32]>())))
    }

    /// Reads one that somebody chose.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let bytes = text.strip_prefix(PREFIX).and_then(|text| BASE64_STANDARD.decode(text).ok());
        match bytes {
            Some(bytes) if (24..=64).contains(&bytes.len()) => Ok(Self(text.to_owned())),
            _ => Err(Refusal::Secret),
        }
    }

    /// As text, for who is to check signatures with it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of the header `webhook-signature`: HMAC-SHA256 of id, time (Unix seconds) and body, in Base64.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> Result<String, Refusal> {
        let signer = Webhook::new(&self.0).map_err(|_| Refusal::Secret)?;
        signer.sign(id, timestamp, body).map_err(|_| Refusal::Secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_convention_says() {
        // The example of the specification.
        let secret = Secret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body).unwrap();
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn new_ones_can_be_read_and_bad_ones_cannot() {
        let secret = Secret::random();
        assert_eq!(Secret::parse(secret.as_str()), Ok(secret.clone()));
        assert_ne!(secret, Secret::random());
        assert!(!format!("{secret:?}").contains(&secret.as_str()[6..]));
        for text in ["", "whsec_", "whsec_AAAA", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!!"] {
            assert_eq!(Secret::parse(text), Err(Refusal::Secret), "{text}");
        }
    }
}
