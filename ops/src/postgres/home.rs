//! Which folder the database lives in, and which user runs it.
//!
//! Postgres refuses to run as root, so under root it runs as `postgres` (or `nobody`), who must be
//! able to enter its folder. A state folder that this user cannot reach, below `/root` for one, gets
//! its database under `/var/lib/netfold` or the temporary folder; a file in the state folder
//! records where, so that the next start finds the same.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::access;
use super::refusal::Refusal;
use crate::guarded::RunAs;

/// The database's folder, ready for use.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) folder: PathBuf,
    pub(super) run_as: Option<RunAs>,
    moved_from: Option<PathBuf>,
}

impl Home {
    /// Finds or makes the folder of the database that belongs to `wanted`.
    pub(super) fn settle(wanted: &Path) -> Result<Self, Refusal> {
        fs::create_dir_all(wanted).map_err(Refusal::io("create", wanted))?;
        let wanted = wanted.canonicalize().map_err(Refusal::io("find", wanted))?;
        let record = wanted.join(LOCATION);
        let (folder, moved_from) = match fs::read_to_string(&record) {
            Ok(location) => (recorded(&record, location.trim())?, Some(wanted)),
            Err(_) => choose(wanted, &record)?,
        };
        let run_as = run_as(&folder)?;
        if let Some(who) = run_as {
            own(&folder, who)?;
        }
        Ok(Self { folder, run_as, moved_from })
    }

    /// Why the database is not where the state folder is.
    pub(super) fn notice(&self) -> Option<String> {
        let wanted = self.moved_from.as_ref()?;
        Some(format!(
            "The database is in {}: the user who runs Postgres cannot enter {}.",
            self.folder.display(),
            wanted.display()
        ))
    }

    /// The folder of the socket, which only the server's user can enter. A socket's path holds 107
    /// bytes: below a deep state folder it moves to a short folder named for the long one.
    pub(super) fn socket_folder(&self) -> Result<PathBuf, Refusal> {
        let near = self.folder.join("socket");
        let short = near.as_os_str().len() <= SOCKET_FOLDER_MAX;
        let folder = if short { near } else { std::env::temp_dir().join(short_name(&self.folder)) };
        if let Err(error) = DirBuilder::new().mode(0o700).create(&folder)
            && error.kind() != std::io::ErrorKind::AlreadyExists
        {
            return Err(Refusal::io("create", &folder)(error));
        }
        if let Some(who) = self.run_as {
            own(&folder, who)?;
        }
        // In the shared temporary folder somebody else may have been first.
        let found = fs::symlink_metadata(&folder).map_err(Refusal::io("look at", &folder))?;
        let owner = self.run_as.map_or_else(own_uid, |who| Ok(who.uid))?;
        if !found.is_dir() || found.uid() != owner {
            return Err(Refusal::ForeignSocketFolder { folder });
        }
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700))
            .map_err(Refusal::io("close", &folder))?;
        Ok(folder)
    }
}

/// A recorded folder that is gone is an error, never a new, empty database.
fn recorded(record: &Path, location: &str) -> Result<PathBuf, Refusal> {
    let folder = PathBuf::from(location);
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Refusal::LocationLost { record: record.to_path_buf(), location: folder })
}

/// The wanted folder, or one elsewhere when the server's user cannot enter it.
fn choose(wanted: PathBuf, record: &Path) -> Result<(PathBuf, Option<PathBuf>), Refusal> {
    let Some(who) = run_as(&wanted)? else { return Ok((wanted, None)) };
    let look = Refusal::io("look at", &wanted);
    let parent = wanted.parent().unwrap_or(&wanted);
    if wanted.join("data").exists() || access::barrier(parent, who).map_err(look)?.is_none() {
        return Ok((wanted, None));
    }
    let shared = [PathBuf::from("/var/lib/netfold"), std::env::temp_dir().join("netfold")];
    for parent in shared {
        let reachable = fs::create_dir_all(&parent).is_ok()
            && matches!(access::barrier(&parent, who), Ok(None));
        if reachable {
            let folder = parent.join(hex::encode(rand::random::<[u8; 8]>()));
            DirBuilder::new()
                .mode(0o700)
                .create(&folder)
                .map_err(Refusal::io("create", &folder))?;
            let line = format!("{}\n", folder.display());
            fs::write(record, line).map_err(Refusal::io("write", record))?;
            return Ok((folder, Some(wanted)));
        }
    }
    Err(Refusal::NoReachableFolder { wanted, uid: who.uid })
}

/// Nobody but root can or must change users. Root runs an existing database as its owner, so that
/// a folder made by an ordinary user stays that user's.
fn run_as(folder: &Path) -> Result<Option<RunAs>, Refusal> {
    let data = folder.join("data");
    let own_uid = own_uid()?;
    let owner = match fs::metadata(&data) {
        Ok(found) => Some(RunAs { uid: found.uid(), gid: found.gid() }),
        Err(_) => None,
    };
    match owner {
        Some(owner) if own_uid != 0 && owner.uid != own_uid => {
            Err(Refusal::ForeignOwner { data, uid: owner.uid })
        }
        Some(owner) if own_uid == 0 && owner.uid != 0 => Ok(Some(owner)),
        _ if own_uid == 0 => Ok(Some(service_user())),
        _ => Ok(None),
    }
}

/// The user of this process, as the kernel tells it without unsafe code.
fn own_uid() -> Result<u32, Refusal> {
    let own = Path::new("/proc/self");
    Ok(fs::metadata(own).map_err(Refusal::io("look at", own))?.uid())
}

fn service_user() -> RunAs {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| user_in(&users, name))
        .unwrap_or(RunAs { uid: 65534, gid: 65534 })
}

fn user_in(users: &str, name: &str) -> Option<RunAs> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        Some(RunAs { uid: fields.nth(1)?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    })
}

fn own(folder: &Path, who: RunAs) -> Result<(), Refusal> {
    lchown(folder, Some(who.uid), Some(who.gid)).map_err(Refusal::io("give to its user", folder))
}

fn short_name(folder: &Path) -> String {
    let digest = Sha256::digest(folder.as_os_str().as_encoded_bytes());
    let head: String = hex::encode(digest).chars().take(16).collect();
    format!("netfold-{head}")
}

/// 107 bytes less `/.s.PGSQL.5432`, and its lock file's `.lock` is no socket.
const SOCKET_FOLDER_MAX: usize = 107 - "/.s.PGSQL.5432".len();
/// The record of a database that lives elsewhere.
const LOCATION: &str = "location";

#[cfg(test)]
mod tests {
    use super::{RunAs, user_in};

    /// A user is found by its whole name, with its ids.
    #[test]
    fn users() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\npostgres2:x:7:8::/:/x\npostgres:x:101:104::/:/x\n";
        assert_eq!(user_in(users, "postgres"), Some(RunAs { uid: 101, gid: 104 }));
        assert_eq!(user_in(users, "nobody"), None);
    }
}
