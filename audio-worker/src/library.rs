//! Finds ONNX Runtime's shared library on this machine; only looks, loads nothing.

use crate::provider::Provider;
use std::path::{Path, PathBuf};

/// Where `scripts/fetch_onnxruntime.py` puts libraries, each into a folder of its own.
const FETCHED: &str = ".runtime";

/// Where the library is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LibraryPath {
    /// Somebody named this path: it and no other, even if nothing is there.
    Named(PathBuf),
    /// It lies in a folder that was searched.
    Found(PathBuf),
    /// Nowhere.
    Nowhere,
}

/// What decides where to look; a test makes its own.
pub(crate) struct SearchPaths {
    /// The value of `worker.onnxruntime`.
    pub configured: Option<PathBuf>,
    /// The value of `ORT_DYLIB_PATH`.
    pub variable: Option<PathBuf>,
    /// The working directory, then the executable's folder and all above it.
    pub roots: Vec<PathBuf>,
    /// Folders of the system's libraries.
    pub system: Vec<PathBuf>,
}

impl SearchPaths {
    /// Those of this process.
    pub(crate) fn of_process(configured: Option<&Path>) -> Self {
        let exe = std::env::current_exe().unwrap_or_default();
        let above = exe.ancestors().skip(1).map(Path::to_owned);
        Self {
            configured: configured.filter(|p| !p.as_os_str().is_empty()).map(Path::to_owned),
            variable: std::env::var_os("ORT_DYLIB_PATH").filter(|v| !v.is_empty()).map(PathBuf::from),
            roots: std::env::current_dir().into_iter().chain(above).collect(),
            system: system_folders(),
        }
    }

    /// Looks for the library that has `provider`, in the documented order: configuration, `ORT_DYLIB_PATH`,
    /// the provider's folder under `.runtime`, the system.
    ///
    /// Another provider's library runs on the processor as well; it is the last to be taken for that.
    pub(crate) fn find(&self, provider: Provider) -> LibraryPath {
        if let Some(path) = self.configured.as_ref().or(self.variable.as_ref()) {
            // A folder stands for the library in it.
            return LibraryPath::Named(in_folder(path).unwrap_or_else(|| path.clone()));
        }
        let suits =
            |path: &PathBuf| provider.library().is_none_or(|needed| path.with_file_name(needed).is_file());
        let fetched = |folder: &str| {
            self.roots.iter().find_map(|root| in_folder(&root.join(FETCHED).join(folder)).filter(suits))
        };
        let found = fetched(provider.folder())
            .or_else(|| self.system.iter().find_map(|folder| in_folder(folder).filter(suits)))
            .or_else(|| fetched(Provider::OpenVino { bf16: true }.folder()))
            .or_else(|| fetched(Provider::Cuda.folder()));
        found.map_or(LibraryPath::Nowhere, LibraryPath::Found)
    }
}

/// The library in `folder`: the last by name when there are several.
fn in_folder(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let named = |path: &PathBuf| path.file_name().is_some_and(|n| is_library(&n.to_string_lossy()));
    let found = entries.filter_map(|e| Some(e.ok()?.path())).filter(named).max()?;
    // The loader takes a relative path for one relative to the executable.
    std::path::absolute(found).ok()
}

/// `libonnxruntime.so.1.31.1`, `libonnxruntime.1.31.1.dylib`, `onnxruntime.dll`, but not the providers' libraries.
fn is_library(name: &str) -> bool {
    let Some(rest) = name.strip_prefix(std::env::consts::DLL_PREFIX) else { return false };
    let Some(rest) = rest.strip_prefix("onnxruntime.") else { return false };
    rest.split('.').any(|part| part == std::env::consts::DLL_EXTENSION)
}

/// Where systems keep shared libraries. Looked through here, because the loader cannot be asked without
/// loading, and `ort` must not be asked twice.
fn system_folders() -> Vec<PathBuf> {
    let triple = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let fixed =
        ["/usr/local/lib", "/usr/local/lib64", &triple, "/usr/lib64", "/usr/lib", "/opt/homebrew/lib"];
    let variable = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let named: Vec<PathBuf> = std::env::split_paths(&variable).filter(|p| p.is_absolute()).collect();
    named.into_iter().chain(fixed.map(PathBuf::from)).collect()
}

/// The version in a library's file name, such as `1.31.1`.
pub(crate) fn version_in_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy();
    let begin = name.find(|c: char| c.is_ascii_digit())?;
    let version = name[begin..].trim_end_matches(|c: char| !c.is_ascii_digit());
    version.contains('.').then(|| version.to_owned())
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn search_paths(root: &Path) -> SearchPaths {
        SearchPaths {
            configured: None,
            variable: None,
            roots: vec![root.to_owned()],
            system: vec![root.join("lib")],
        }
    }

    fn put(folder: &Path, name: &str) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join(name), b"").unwrap();
        folder.join(name)
    }

    const OPENVINO: Provider = Provider::OpenVino { bf16: true };

    #[test]
    fn looks_in_the_documented_order() {
        let dir = tempfile::tempdir().unwrap();
        let fetched_to = dir.path().join(FETCHED).join("onnxruntime");
        let mut place = search_paths(dir.path());
        assert_eq!(place.find(Provider::Cpu), LibraryPath::Nowhere);
        put(&fetched_to, "libonnxruntime_providers_shared.so");
        assert_eq!(place.find(Provider::Cpu), LibraryPath::Nowhere);
        let installed = put(&dir.path().join("lib"), "libonnxruntime.so.1");
        assert_eq!(place.find(Provider::Cpu), LibraryPath::Found(installed));
        let fetched = put(&fetched_to, "libonnxruntime.so.1.31.1");
        assert_eq!(place.find(Provider::Cpu), LibraryPath::Found(fetched.clone()));
        place.variable = Some("/b".into());
        assert_eq!(place.find(OPENVINO), LibraryPath::Named("/b".into()));
        place.configured = Some("/a".into());
        assert_eq!(place.find(Provider::Cpu), LibraryPath::Named("/a".into()));
        place.configured = Some(fetched.parent().unwrap().into());
        assert_eq!(place.find(Provider::Cpu), LibraryPath::Named(fetched));
    }

    #[test]
    fn a_provider_is_found_where_its_own_library_lies() {
        let dir = tempfile::tempdir().unwrap();
        let place = search_paths(dir.path());
        let runtime = dir.path().join(FETCHED);
        let plain = put(&runtime.join("onnxruntime"), "libonnxruntime.so.1.31.1");
        let special = put(&runtime.join("onnxruntime-openvino"), "libonnxruntime.so.1.24.1");
        assert_eq!(place.find(OPENVINO), LibraryPath::Nowhere, "its provider's library is missing");
        put(&runtime.join("onnxruntime-openvino"), "libonnxruntime_providers_openvino.so");
        assert_eq!(place.find(OPENVINO), LibraryPath::Found(special.clone()));
        assert_eq!(place.find(Provider::Cpu), LibraryPath::Found(plain.clone()));
        assert_eq!(place.find(Provider::Cuda), LibraryPath::Nowhere);
        std::fs::remove_file(plain).unwrap();
        assert_eq!(place.find(Provider::Cpu), LibraryPath::Found(special));
    }

    #[test]
    fn reads_versions_from_names() {
        let version = |name: &str| version_in_name(Path::new(name));
        assert_eq!(version("/a1.2/libonnxruntime.so.1.31.1").as_deref(), Some("1.31.1"));
        assert_eq!(version("libonnxruntime.1.24.0.dylib").as_deref(), Some("1.24.0"));
        assert_eq!(version("libonnxruntime.so"), None);
        assert_eq!(version("libonnxruntime.so.1"), None);
    }
}
