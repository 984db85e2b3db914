//! The harness of the behaviour tests: starts the real program, talks to it over HTTP, and listens.

pub mod api;
pub mod broker;
pub mod browser;
pub mod cluster;
pub mod collector;
pub mod file_server;
pub mod hosts;
pub mod models;
pub mod program;
pub mod prometheus;
pub mod python;
pub mod receiver;
pub mod sound;
pub mod sse;
pub mod wait;
pub mod workers;

pub use api::{Api, Track};
pub use broker::{Broker, Queue, VirtualHost};
pub use browser::{Browser, Line, Node, Theme, Transfer};
pub use file_server::{FileServer, ServedFile};
pub use hosts::{Host, Network};
pub use program::{Program, Settings};
pub use workers::Workers;
