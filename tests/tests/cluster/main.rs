//! Tests with a real RabbitMQ: the queue's contract, and servers and workers as processes of their own.

mod fairness;
mod chaos;
mod faults;
mod queue;
mod survival;
