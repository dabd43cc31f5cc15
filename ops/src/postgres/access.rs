//! Whether another user can get into a folder: asked before it fails somewhere deep inside `initdb`.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::guarded::RunAs;

/// The outermost folder on the way to `path` (itself included) that `who` cannot enter.
pub(super) fn barrier(path: &Path, who: RunAs) -> io::Result<Option<PathBuf>> {
    let path = path.canonicalize()?;
    let mut way: Vec<&Path> = path.ancestors().collect();
    way.reverse();
    for folder in way {
        let metadata = folder.metadata()?;
        let searchable = if metadata.uid() == who.uid {
            0o100
        } else if metadata.gid() == who.gid {
            0o010
        } else {
            0o001
        };
        if metadata.is_dir() && metadata.mode() & searchable == 0 {
            return Ok(Some(folder.to_path_buf()));
        }
    }
    Ok(None)
}
