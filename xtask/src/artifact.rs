//! The files that a browser fetches: named by content, compressed in advance, listed in a manifest.
//!
//! Pure except [`replace`]; [`crate::build_sdk`] makes the content.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// One file with its compressed siblings.
#[derive(Debug)]
pub(crate) struct Artifact {
    pub(crate) name: String,
    content: Vec<u8>,
    brotli: Vec<u8>,
    gzip: Vec<u8>,
}

/// The entry of one file in `manifest.json`; all sizes in bytes.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) bytes: usize,
    pub(crate) brotli: usize,
    pub(crate) gzip: usize,
    pub(crate) sha256: String,
}

/// `manifest.json`: describes the built module for the proxy and for `size`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct Manifest {
    pub(crate) version: String,
    /// File name of the wasm-bindgen glue, an ES module.
    pub(crate) glue: String,
    /// File name of the module.
    pub(crate) wasm: String,
    /// File name of the module's JavaScript twin, an ES module with its own glue.
    pub(crate) twin: String,
    /// File name of `platforms.js`, an ES module that pages with `consent: 'auto'` load.
    pub(crate) platforms: String,
    /// File name of what decorates links, which few pages load.
    pub(crate) carry: String,
    /// File name of `forms.js`, an ES module that pages with a bound form load.
    pub(crate) forms: String,
    pub(crate) files: Vec<Entry>,
    /// The part of `sdk.js` after the stub; not a file, only for `size`.
    pub(crate) loader: Entry,
    /// Hash of everything that the build reads.
    pub(crate) inputs: String,
}

impl Manifest {
    /// The entry of the file `name`.
    pub(crate) fn file(&self, name: &str) -> Option<&Entry> {
        self.files.iter().find(|entry| entry.name == name)
    }
}

impl Artifact {
    /// A file with a fixed name.
    pub(crate) fn new(name: impl Into<String>, content: Vec<u8>) -> Result<Self> {
        Ok(Self { name: name.into(), brotli: brotli(&content)?, gzip: gzip(&content)?, content })
    }

    /// A file with [`short_hash`] in its name, so that browsers may cache it forever.
    pub(crate) fn hashed(prefix: &str, suffix: &str, content: Vec<u8>) -> Result<Self> {
        Self::new(format!("{prefix}{}{suffix}", short_hash(&content)), content)
    }

    /// The file's entry in the manifest.
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            name: self.name.clone(),
            bytes: self.content.len(),
            brotli: self.brotli.len(),
            gzip: self.gzip.len(),
            sha256: sha256_hex(&self.content),
        }
    }

    /// The names of the file and its siblings with their bytes.
    fn parts(&self) -> [(String, &[u8]); 3] {
        [
            (self.name.clone(), &self.content),
            (format!("{}.br", self.name), &self.brotli),
            (format!("{}.gz", self.name), &self.gzip),
        ]
    }
}

/// Writes `artifacts` into `folder`, removes every other file there except `manifest.json`, and returns whether anything
/// changed.
pub(crate) fn replace(folder: &Path, artifacts: &[Artifact]) -> Result<bool> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let parts: Vec<_> = artifacts.iter().flat_map(Artifact::parts).collect();
    let mut changed = false;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let wanted = name == "manifest.json" || parts.iter().any(|(part, _)| name == part.as_str());
        if !wanted {
            std::fs::remove_file(entry.path())?;
            changed = true;
        }
    }
    for (name, bytes) in parts {
        changed |= write_if_changed(&folder.join(name), bytes)?;
    }
    Ok(changed)
}

/// Writes the file; returns whether its content changed. An unchanged file keeps its time stamp.
pub(crate) fn write_if_changed(path: &Path, content: &[u8]) -> Result<bool> {
    if std::fs::read(path).is_ok_and(|old| old == content) {
        return Ok(false);
    }
    std::fs::write(path, content).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(true)
}

/// The hash in the names of files: the first 16 hex digits of the SHA-256 of their content.
pub(crate) fn short_hash(content: &[u8]) -> String {
    sha256_hex(content).chars().take(16).collect()
}

/// SHA-256 in lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn brotli(content: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut out, 4096, 11, 22);
    writer.write_all(content)?;
    drop(writer);
    Ok(out)
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_hashed_name_carries_the_start_of_the_sha256() {
        let artifact = Artifact::hashed("sdk-", "_bg.wasm", b"abc".to_vec()).unwrap();
        assert_eq!(artifact.name, "sdk-ba7816bf8f01cfea_bg.wasm");
        assert!(artifact.entry().sha256.starts_with("ba7816bf8f01cfea414140de"));
    }

    #[test]
    fn stale_files_go_and_equal_ones_stay_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let first = Artifact::hashed("sdk-", ".js", b"one".to_vec()).unwrap();
        let second = Artifact::hashed("sdk-", ".js", b"two".to_vec()).unwrap();
        assert!(replace(folder.path(), &[first]).unwrap());
        assert!(replace(folder.path(), std::slice::from_ref(&second)).unwrap());
        let name = &second.name;
        assert_eq!(names(folder.path()), [name.clone(), format!("{name}.br"), format!("{name}.gz")]);
        assert!(!replace(folder.path(), &[second]).unwrap());
    }

    #[test]
    fn both_encodings_hold_the_content() {
        let content = b"trailmark ".repeat(500);
        let artifact = Artifact::new("sdk.js", content.clone()).unwrap();
        let mut unbrotli = Vec::new();
        brotli::BrotliDecompress(&mut artifact.brotli.as_slice(), &mut unbrotli).unwrap();
        let mut ungzip = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(artifact.gzip.as_slice());
        std::io::Read::read_to_end(&mut decoder, &mut ungzip).unwrap();
        assert_eq!((unbrotli, ungzip), (content.clone(), content));
    }
}
