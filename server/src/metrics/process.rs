//! What this process takes of the machine, by the names that every Prometheus client uses.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// Reads the numbers when they are asked for; none where the system does not tell.
#[derive(Debug)]
pub(super) struct ProcessCollector;

/// What the system tells of this process.
struct Process {
    cpu_seconds: f64,
    started: f64,
    resident: u64,
    virtual_memory: u64,
    threads: i64,
    open_fds: u64,
    max_fds: Option<u64>,
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let Some(p) = Process::read() else { return Ok(()) };
        let (to, seconds, bytes) = (&mut encoder, Some(&Unit::Seconds), Some(&Unit::Bytes));
        put(to, "process_cpu", "Processor time", seconds, ConstCounter::new(p.cpu_seconds))?;
        put(to, "process_start_time", "When it started, Unix time", seconds, ConstGauge::new(p.started))?;
        put(to, "process_resident_memory", "Memory in use", bytes, ConstGauge::new(p.resident as i64))?;
        put(to, "process_virtual_memory", "Address space", bytes, ConstGauge::new(p.virtual_memory as i64))?;
        put(to, "process_threads", "Threads", None, ConstGauge::new(p.threads))?;
        put(to, "process_open_fds", "Open files and connections", None, ConstGauge::new(p.open_fds as i64))?;
        p.max_fds.map_or(Ok(()), |most| {
            let help = "Files and connections that may be open at once";
            put(to, "process_max_fds", help, None, ConstGauge::new(most as i64))
        })
    }
}

fn put(
    encoder: &mut DescriptorEncoder,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: impl EncodeMetric,
) -> Result<(), std::fmt::Error> {
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

impl Process {
    #[cfg(target_os = "linux")]
    fn read() -> Option<Self> {
        use procfs::process::{LimitValue, Process};
        let me = Process::myself().ok()?;
        let (stat, ticks) = (me.stat().ok()?, procfs::ticks_per_second() as f64);
        let max_fds = match me.limits().ok()?.max_open_files.soft_limit {
            LimitValue::Value(most) => Some(most),
            LimitValue::Unlimited => None,
        };
        Some(Self {
            cpu_seconds: (stat.utime + stat.stime) as f64 / ticks,
            started: procfs::boot_time_secs().ok()? as f64 + stat.starttime as f64 / ticks,
            resident: stat.rss * procfs::page_size(),
            virtual_memory: stat.vsize,
            threads: stat.num_threads,
            open_fds: me.fd_count().ok()? as u64,
            max_fds,
        })
    }

    #[cfg(not(target_os = "linux"))]
    fn read() -> Option<Self> {
        None
    }
}
