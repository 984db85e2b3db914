//! The binary `karaoke`: reads the command line, connects the crates, decides nothing.

mod backup;
mod completions;
mod config;
mod console;
mod doctor;
mod error_message;
mod fetch;
mod keys;
mod local_pipeline;
mod log;
mod man;
mod models;
mod nodes;
mod pool;
mod separate;
mod serve;
mod server;
mod signals;
mod stages;
mod telemetry;
mod up;
mod worker;

use clap::{CommandFactory, Parser, Subcommand};
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
    #[command(flatten)]
    Configured(Configured),
    /// Says what is missing or wrong here, with the remedy; changes nothing.
    Doctor(doctor::Arguments),
    /// Prints what a shell needs to complete commands.
    Completions(completions::Arguments),
    /// Writes the manual pages.
    Man(man::Arguments),
}

/// What cannot begin before the configuration is read.
#[derive(Debug, Subcommand)]
enum Configured {
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
    /// Lists the machines and workers that the server has heard of, with what they did and suffered.
    Nodes(nodes::Arguments),
    /// Makes, lists and revokes API keys for clients of the server.
    #[command(subcommand)]
    Keys(keys::Command),
    /// Copies the store to a new folder, also while a server works on it: every track that has ended.
    Backup(backup::Arguments),
    /// Tries one execution provider; `karaoke doctor` starts it.
    #[command(hide = true)]
    TryProvider,
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Configured(command) => command.name(),
            Self::Doctor(_) => "doctor",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}

impl Configured {
    fn name(&self) -> &'static str {
        match self {
            Self::Up(_) => "up",
            Self::Server(_) => "server",
            Self::Worker(_) => "worker",
            Self::WorkerProcess(_) => "worker-process",
            Self::Separate(_) => "separate",
            Self::Models(_) => "models",
            Self::Nodes(_) => "nodes",
            Self::Keys(_) => "keys",
            Self::Backup(_) => "backup",
            Self::TryProvider => "try-provider",
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
    let done = match arguments.command {
        Command::Configured(command) => return run_configured(command, arguments.config).await,
        Command::Doctor(doctor) => return doctor::run(doctor, arguments.config).await,
        Command::Completions(shell) => completions::run(&shell, &Arguments::command()),
        Command::Man(pages) => man::run(&pages, Arguments::command()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

async fn run_configured(command: Configured, file: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    let (config, warnings) = config::Config::read(file.as_deref())?;
    // What another process of ours has started need not repeat what that has told.
    if !matches!(command, Configured::WorkerProcess(_) | Configured::TryProvider) {
        warnings.iter().for_each(|warning| complain(format_args!("warning: {warning}.")));
    }
    let done = match command {
        Configured::Separate(separate) => return separate::run(separate, config).await,
        Configured::Up(up) => up::run(up, config).await,
        Configured::Server(server) => server::run(server, config).await,
        Configured::Worker(worker) => worker::run(worker, config, file).await,
        Configured::WorkerProcess(process) => pool::process::run(process, config).await,
        Configured::Models(command) => models::run(command, config).await,
        Configured::Nodes(nodes) => nodes::run(nodes, config).await,
        Configured::Keys(command) => keys::run(command, config).await,
        Configured::Backup(backup) => backup::run(backup, config).await,
        Configured::TryProvider => doctor::try_configured(&config),
    };
    done.map(|()| ExitCode::SUCCESS)
}
