//! Headers of a frame: pairs in order, of which the first of a name counts.

/// The headers of a frame, in their order. A name may occur again; then the first one counts, as STOMP says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    pub(crate) fn with_capacity(count: usize) -> Self {
        Self(Vec::with_capacity(count))
    }

    /// Adds what is text already.
    pub(crate) fn append(&mut self, name: String, value: String) {
        self.0.push((name, value));
    }

    /// These headers and one more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl ToString) -> Self {
        self.push(name, value);
        self
    }

    /// Adds a header after the others.
    pub fn push(&mut self, name: impl Into<String>, value: impl ToString) {
        self.0.push((name.into(), value.to_string()));
    }

    /// The value of the first header of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Every header as name and value, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many there are, repeated names included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_name_counts_and_the_order_is_kept() {
        let headers = Headers::new().with("a", 1).with("b", "x").with("a", 2);
        assert_eq!(headers.get("a"), Some("1"));
        assert_eq!(headers.get("A"), None);
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "x"), ("a", "2")]);
        assert_eq!((headers.len(), headers.is_empty(), Headers::new().is_empty()), (3, false, true));
    }
}
