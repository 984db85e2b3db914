//! The harness of the behaviour tests.
