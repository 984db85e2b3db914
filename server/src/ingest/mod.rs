//! Decodes what people upload.
