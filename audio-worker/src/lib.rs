//! Takes a job, separates it, replies, acks.
