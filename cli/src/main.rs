//! The binary `karaoke`: reads the command line, connects the crates, decides nothing.

mod config;
mod console;
mod error_message;
mod fetch;
mod local_pipeline;
mod log;
mod models;
mod pool;
mod separate;
mod serve;
mod server;
mod signals;
mod stages;
mod telemetry;
mod up;
mod worker;

use clap::{Parser, Subcommand};
use console::{OutputError, complain};
use error_message::one_sentence;
use std::path::PathBuf;
use std::process::ExitCode;

/// What a shell says of a program that SIGPIPE has ended.
const CLOSED_PIPE: u8 = 128 + 13;

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
            // Whoever read the output wants no more of it: an end like any other program's in a pipe.
            if error.downcast_ref::<OutputError>().is_some_and(OutputError::is_closed) {
                return ExitCode::from(CLOSED_PIPE);
            }
            complain(one_sentence(&error));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let measured = stages::Measured::start(arguments.command.name())?;
    let outcome = run_command(arguments).await;
    telemetry::end().await;
    if let Some(measured) = measured {
        measured.end().await;
    }
    outcome
}

async fn run_command(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (config, warnings) = config::Config::read(arguments.config.as_deref())?;
    // A pool's processes read what the pool itself has warned of already.
    if !matches!(arguments.command, Command::WorkerProcess(_)) {
        warnings.iter().for_each(|warning| complain(format_args!("warning: {warning}.")));
    }
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
