//! The binary `karaoke`: reads the command line, wires the rooms of the house together, decides nothing.

mod config;
mod house;
mod log;
mod models;
mod pool;
mod separate;
mod serve;
mod server;
mod signals;
mod stages;
mod up;
mod worker;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// Takes the voice out of songs: karaoke tracks from a web page, a REST API or the command line.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
struct Arguments {
    /// Configuration file; without it `config.toml` is read if there is one.
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the karaoke page, the API and the workers in one process.
    Up(serve::Address),
    /// Serves the karaoke page and the API; workers elsewhere do the work, through RabbitMQ.
    Server(serve::Address),
    /// Runs a pool of workers, which take their jobs from RabbitMQ.
    Worker(worker::Arguments),
    /// One worker of a pool; `karaoke worker` starts it.
    #[command(hide = true)]
    WorkerProcess(pool::process::Arguments),
    /// Separates songs and writes their stems, without a server.
    Separate(separate::Arguments),
    /// Lists, fetches and verifies the models, and looks into ONNX files.
    #[command(subcommand)]
    Models(models::Command),
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "up",
            Self::Server(_) => "server",
            Self::Worker(_) => "worker",
            Self::WorkerProcess(_) => "worker-process",
            Self::Separate(_) => "separate",
            Self::Models(_) => "models",
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    // clap ends misuse with status 2.
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("karaoke: {}", sentence(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error and its causes in one line; causes that an error already tells of are not told twice.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |told, cause| match told.contains(&cause) {
        true => told,
        false if told.is_empty() => cause,
        false => format!("{told}: {cause}"),
    })
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let measured = stages::Measured::start(arguments.command.name())?;
    let outcome = obey(arguments).await;
    if let Some(measured) = measured {
        measured.end().await;
    }
    outcome
}

async fn obey(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = config::Config::read(arguments.config.as_deref())?;
    match arguments.command {
        Command::Up(up) => up::run(up, config).await.map(|()| ExitCode::SUCCESS),
        Command::Server(server) => server::run(server, config).await.map(|()| ExitCode::SUCCESS),
        Command::Worker(worker) => {
            worker::run(worker, config, arguments.config).await.map(|()| ExitCode::SUCCESS)
        }
        Command::WorkerProcess(process) => {
            pool::process::run(process, config).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Separate(separate) => separate::run(separate, config).await,
        Command::Models(command) => models::run(command, config).await.map(|()| ExitCode::SUCCESS),
    }
}
