//! Which ledger a proxy serves, so that a command with another configuration does not change it by mistake. The proxy
//! reports it on the operator's listener, and `cli` compares it with its own `store.url`. Reads no row.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::config::StoreUrl;

/// A ledger: its name, and the file that the name leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    /// The address with its full path, such as `sqlite:/var/lib/trailmark/trailmark.db`.
    pub store: String,
    /// Device and inode of the file, which links and mounts do not change; absent if there is no file.
    pub file: Option<(u64, u64)>,
}

impl Served {
    /// The ledger of `store.url` in this process's working directory.
    pub fn of(store: &StoreUrl) -> Self {
        let StoreUrl::Sqlite(path) = store;
        let file = std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()));
        Self { store: StoreUrl::Sqlite(full(path)).to_string(), file }
    }

    /// Whether both are the same ledger file.
    pub fn is_same(&self, other: &Self) -> bool {
        self.file.is_some() && self.file == other.file
    }
}

fn full(path: &Path) -> PathBuf {
    let full = path.canonicalize().or_else(|_missing| std::path::absolute(path));
    full.unwrap_or_else(|_unreadable| path.to_owned())
}

/// `GET /v1/ledger`.
pub(super) async fn ledger(State(app): State<Arc<App>>) -> Json<Served> {
    Json(Served::of(&app.config.store))
}
