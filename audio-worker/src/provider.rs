//! Which execution provider runs the networks: what is asked for, what this machine has, what follows.

use serde::{Deserialize, Serialize};
use std::fmt::{self, Display, Formatter};
use std::path::Path;

/// `worker.provider`: what somebody asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// The fastest that works on this machine.
    #[default]
    Auto,
    /// ONNX Runtime's own kernels, in f32.
    Cpu,
    /// OpenVINO on the processor, in bf16 where the processor can.
    Openvino,
    /// An NVIDIA GPU.
    Cuda,
}

/// What runs networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// ONNX Runtime's own kernels, in f32.
    Cpu,
    /// OpenVINO on the processor.
    OpenVino {
        /// In bf16 instead of f32.
        bf16: bool,
    },
    /// An NVIDIA GPU.
    Cuda,
}

/// What decides, of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// The widest instructions that matter for how sums are rounded: `amx`, `avx512`, `avx2`, …
    pub isa: &'static str,
    /// Whether the processor multiplies bf16, and with what.
    pub bf16: Option<&'static str>,
    /// Whether there is an NVIDIA driver.
    pub gpu: bool,
}

/// A provider that is to be tried, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The provider.
    pub provider: Provider,
    /// Why it, in half a sentence.
    pub why: String,
}

impl Display for Wanted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Openvino => "openvino",
            Self::Cuda => "cuda",
        })
    }
}

impl Wanted {
    /// What to try, in this order. More than one only for [`Wanted::Auto`], whose last is the processor,
    /// which always works.
    pub fn candidates(self, machine: &Machine) -> Vec<Candidate> {
        let candidate = |provider, why: &str| Candidate { provider, why: why.to_owned() };
        let asked = "worker.provider asks for it";
        match (self, machine.bf16) {
            (Self::Cpu, _) => vec![candidate(Provider::Cpu, asked)],
            (Self::Openvino, Some(with)) => {
                let why = format!("{asked}; bf16, because the processor has {with}");
                vec![candidate(Provider::OpenVino { bf16: true }, &why)]
            }
            (Self::Openvino, None) => {
                let why = format!("{asked}; f32, because the processor has neither AVX512-BF16 nor AMX");
                vec![candidate(Provider::OpenVino { bf16: false }, &why)]
            }
            (Self::Cuda, _) => vec![candidate(Provider::Cuda, asked)],
            (Self::Auto, bf16) => {
                let gpu = machine.gpu.then(|| candidate(Provider::Cuda, "this machine has an NVIDIA GPU"));
                let bf16 = bf16.map(|with| {
                    candidate(Provider::OpenVino { bf16: true }, &format!("the processor has {with}"))
                });
                let rest = "the processor has neither AVX512-BF16 nor AMX, and there is no NVIDIA GPU";
                let rest = if gpu.is_some() || bf16.is_some() { "nothing faster works" } else { rest };
                gpu.into_iter().chain(bf16).chain([candidate(Provider::Cpu, rest)]).collect()
            }
        }
    }
}

impl Provider {
    /// The library beside ONNX Runtime's without which it cannot start; none for the processor.
    pub fn library(self) -> Option<&'static str> {
        match self {
            Self::Cpu => None,
            Self::OpenVino { .. } => Some("libonnxruntime_providers_openvino.so"),
            Self::Cuda => Some("libonnxruntime_providers_cuda.so"),
        }
    }

    /// The folder under `.runtime` into which its ONNX Runtime is fetched.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Cpu => "onnxruntime",
            Self::OpenVino { .. } => "onnxruntime-openvino",
            Self::Cuda => "onnxruntime-gpu",
        }
    }

    /// Name of the arithmetic: workers that announce the same give the same bits. Sums are rounded in another
    /// order where vectors are wider, so the processor's instructions belong to it.
    pub fn arithmetic(self, machine: &Machine) -> String {
        match self {
            Self::Cpu => format!("cpu-{}", machine.isa),
            Self::OpenVino { .. } => format!("{self}-{}", machine.isa),
            Self::Cuda => self.to_string(),
        }
    }
}

impl Display for Provider {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::OpenVino { bf16: true } => "openvino-bf16",
            Self::OpenVino { bf16: false } => "openvino-f32",
            Self::Cuda => "cuda",
        })
    }
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        Self { gpu: Path::new("/proc/driver/nvidia/version").exists(), ..Self::of_cpuinfo(&cpuinfo) }
    }

    /// What the text of `/proc/cpuinfo` tells; no GPU.
    pub fn of_cpuinfo(text: &str) -> Self {
        let line = text.lines().find(|l| l.starts_with("flags") || l.starts_with("Features"));
        let flags: Vec<&str> = line.unwrap_or_default().split_whitespace().collect();
        let has = |flag| flags.contains(&flag);
        let isa = [("amx_bf16", "amx"), ("avx512f", "avx512"), ("avx2", "avx2"), ("asimd", "neon")];
        Self {
            isa: isa.iter().find(|(flag, _)| has(flag)).map_or("plain", |(_, name)| name),
            bf16: match (has("amx_bf16"), has("avx512_bf16")) {
                (true, _) => Some("AMX"),
                (_, true) => Some("AVX512-BF16"),
                _ => None,
            },
            gpu: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(wanted: Wanted, machine: &Machine) -> Vec<String> {
        wanted.candidates(machine).iter().map(|c| c.provider.to_string()).collect()
    }

    #[test]
    fn reads_cpuinfo() {
        let plain = Machine::of_cpuinfo("processor : 0\nflags\t\t: fpu avx2 avx512f\n");
        assert_eq!((plain.isa, plain.bf16), ("avx512", None));
        let bf16 = Machine::of_cpuinfo("flags : fpu avx2 avx512f avx512_bf16\n");
        assert_eq!((bf16.isa, bf16.bf16), ("avx512", Some("AVX512-BF16")));
        let amx = Machine::of_cpuinfo("flags : avx512f avx512_bf16 amx_bf16\n");
        assert_eq!((amx.isa, amx.bf16), ("amx", Some("AMX")));
        assert_eq!(Machine::of_cpuinfo("Features : fp asimd\n").isa, "neon");
        assert_eq!(Machine::of_cpuinfo("").isa, "plain");
    }

    #[test]
    fn auto_takes_what_is_fastest_and_ends_with_the_processor() {
        let plain = Machine { isa: "avx2", bf16: None, gpu: false };
        assert_eq!(tried(Wanted::Auto, &plain), ["cpu"]);
        let bf16 = Machine { bf16: Some("AMX"), ..plain.clone() };
        assert_eq!(tried(Wanted::Auto, &bf16), ["openvino-bf16", "cpu"]);
        let all = Machine { gpu: true, ..bf16.clone() };
        assert_eq!(tried(Wanted::Auto, &all), ["cuda", "openvino-bf16", "cpu"]);
        assert!(Wanted::Auto.candidates(&bf16)[0].why.contains("AMX"));
    }

    #[test]
    fn what_is_asked_for_has_no_substitute() {
        let all = Machine { isa: "amx", bf16: Some("AMX"), gpu: true };
        let none = Machine { isa: "avx2", bf16: None, gpu: false };
        for machine in [&all, &none] {
            assert_eq!(tried(Wanted::Cpu, machine), ["cpu"]);
            assert_eq!(tried(Wanted::Cuda, machine), ["cuda"]);
        }
        assert_eq!(tried(Wanted::Openvino, &all), ["openvino-bf16"]);
        assert_eq!(tried(Wanted::Openvino, &none), ["openvino-f32"]);
    }

    #[test]
    fn arithmetic_tells_apart_what_rounds_differently() {
        let machine = Machine { isa: "avx512", bf16: Some("AVX512-BF16"), gpu: false };
        assert_eq!(Provider::Cpu.arithmetic(&machine), "cpu-avx512");
        assert_eq!(Provider::OpenVino { bf16: true }.arithmetic(&machine), "openvino-bf16-avx512");
        assert_eq!(Provider::Cuda.arithmetic(&machine), "cuda");
    }
}
