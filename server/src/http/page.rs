//! The web page, built into the program.

use super::{conditional, respond};
use crate::problem::Problem;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::RustEmbed;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

#[derive(RustEmbed)]
#[folder = "../web/"]
struct Web;

/// The service worker; it is no part of the shell that it keeps.
const SERVICE_WORKER: &str = "sw.js";

/// Tells the service worker which version of the page this is.
const VERSION_HEADER: HeaderName = HeaderName::from_static("x-page-version");

/// What the page's files are, all together.
static SHELL: LazyLock<Shell> = LazyLock::new(|| {
    let names = Web::iter().filter(|name| is_shell(name)).map(|name| name.into_owned());
    Shell::of(names.filter_map(|name| Some((Web::get(&name)?.metadata.sha256_hash(), name))).collect())
});

/// Icons are fetched by whoever installs the page, and `.version` files tell the build what it has.
fn is_shell(name: &str) -> bool {
    name != SERVICE_WORKER && !name.starts_with("icons/") && !name.ends_with(".version")
}

struct Shell {
    /// Another one whenever any file is another one.
    version: String,
    /// The files' addresses, in order.
    files: Vec<String>,
}

impl Shell {
    fn of(mut files: Vec<([u8; 32], String)>) -> Self {
        files.sort_by(|(_, a), (_, b)| a.cmp(b));
        let mut hash = Sha256::new();
        for (content, name) in &files {
            hash.update(name.as_bytes());
            hash.update([0]);
            hash.update(content);
        }
        let files = files.into_iter().map(|(_, name)| match name.as_str() {
            "index.html" => "/".to_owned(),
            _ => format!("/{name}"),
        });
        Self { version: hex::encode(&hash.finalize()[..8]), files: files.collect() }
    }

    /// What the service worker has to know of this build, as its first line.
    fn preamble(&self) -> String {
        format!("const SHELL = {};\n", json!({ "version": self.version, "files": self.files }))
    }
}

/// A file of the page; `/` is its start. Unchanged files answer 304.
pub(super) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    if method != Method::GET && method != Method::HEAD {
        return Ok(respond::only("GET, HEAD"));
    }
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let file = Web::get(path)
        .ok_or_else(|| Problem::new(404, "No such page", "There is nothing here; the page is at /."))?;
    let (mut etag, mut body) = (hex::encode(&file.metadata.sha256_hash()[..12]), file.data.into_owned());
    if path == SERVICE_WORKER {
        etag = format!("{etag}-{}", SHELL.version);
        body.splice(..0, SHELL.preamble().into_bytes());
    }
    let etag = format!("\"{etag}\"");
    let unchanged = conditional::has(&headers, &etag);
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = match mime.type_() {
        mime_guess::mime::TEXT => format!("{mime}; charset=utf-8"),
        _ => mime.to_string(),
    };
    let mut response =
        if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    let out = response.headers_mut();
    for (name, value) in
        [(header::CONTENT_TYPE, &mime), (header::ETAG, &etag), (VERSION_HEADER, &SHELL.version)]
    {
        if let Ok(value) = HeaderValue::from_str(value) {
            out.insert(name, value);
        }
    }
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(files: &[(u8, &str)]) -> Shell {
        Shell::of(files.iter().map(|(content, name)| ([*content; 32], (*name).to_owned())).collect())
    }

    #[test]
    fn another_file_another_name_or_another_content_is_another_version() {
        let as_it_is = shell(&[(1, "index.html"), (2, "js/main.js")]);
        assert_eq!(as_it_is.files, ["/", "/js/main.js"]);
        assert_eq!(as_it_is.version, shell(&[(2, "js/main.js"), (1, "index.html")]).version, "in any order");
        for other in [
            shell(&[(1, "index.html"), (3, "js/main.js")]),
            shell(&[(1, "index.html"), (2, "js/main2.js")]),
            shell(&[(1, "index.html")]),
            shell(&[(2, "index.html"), (1, "js/main.js")]),
        ] {
            assert_ne!(as_it_is.version, other.version);
        }
    }

    #[test]
    fn the_shell_is_what_the_page_needs_and_the_worker_is_told_of_it() {
        assert!(SHELL.files.iter().any(|file| file == "/js/main.js"));
        assert!(!SHELL.files.iter().any(|file| file == "/sw.js" || file.starts_with("/icons/")));
        assert!(SHELL.preamble().starts_with("const SHELL = {") && SHELL.preamble().contains(&SHELL.version));
    }
}
