//! Tests with a real RabbitMQ: the queue's contract, and servers and workers as processes of their own.

mod chaos;
mod demonstration;
mod doctor;
mod fairness;
mod faults;
mod hosts;
mod new_models;
mod observability;
mod orders;
mod parts;
mod providers;
mod queue;
mod start;
mod survival;
