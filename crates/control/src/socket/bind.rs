//! Creating the socket's file, and removing it.
//!
//! The socket is made in a private directory beside its place, given mode 0600
//! there and moved to its place, so at no moment can anybody else connect.
//! While looking for another server and moving, the directory of the socket is
//! locked: of two processes started at once one sees the other.

use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::client;

/// Why there is no control socket.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Another process answers there.
    #[error("another process serves the control socket {}; stop it, or set `control.socket` to another path", .0.display())]
    InUse(PathBuf),
    /// There is a file of another kind.
    #[error("{} is there and not a socket; remove it, or set `control.socket` to another path", .0.display())]
    NotASocket(PathBuf),
    /// The system says no.
    #[error("cannot create the control socket {}: {cause}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

/// The file of a bound socket; removed on drop unless it is another socket by now.
#[derive(Debug)]
pub(super) struct Name {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

pub(super) fn bind(path: &Path) -> Result<(UnixListener, Name), BindError> {
    let io = |cause| BindError::Io {
        path: path.to_owned(),
        cause,
    };
    let directory = directory_of(path);
    let _lock = lock(directory).map_err(io)?;
    match fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return Err(BindError::NotASocket(path.to_owned()));
        }
        Ok(_) => match client::connect(path, PROBE_TIMEOUT) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            Err(error) if error.kind() != io::ErrorKind::TimedOut => return Err(io(error)),
            // It takes connections, or is too busy to: either way it is there.
            Ok(_) | Err(_) => return Err(BindError::InUse(path.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    create(directory, path).map_err(io)
}

fn create(directory: &Path, path: &Path) -> io::Result<(UnixListener, Name)> {
    let private = Private::new(directory)?;
    let socket = private.socket();
    let listener = UnixListener::bind(&socket)?;
    fs::set_permissions(&socket, Permissions::from_mode(0o600))?;
    let file = fs::symlink_metadata(&socket)?;
    fs::rename(&socket, path)?;
    let name = Name {
        path: path.to_owned(),
        identity: (file.dev(), file.ino()),
    };
    Ok((listener, name))
}

/// A directory that only this user can enter, for as long as it takes.
struct Private(PathBuf);

impl Private {
    /// Only called with the directory locked, so what is there was left by a process that died.
    fn new(directory: &Path) -> io::Result<Self> {
        let private = Self(directory.join(format!(".ptl{}", std::process::id())));
        private.remove();
        DirBuilder::new().mode(0o700).create(&private.0)?;
        Ok(private)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("s")
    }

    fn remove(&self) {
        // Usually there is nothing to remove.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_dir(&self.0);
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        // Without the lock the check below is still right, only not atomic.
        let _lock = lock(directory_of(&self.path));
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == self.identity);
        if is_ours {
            // Nothing to be done about a failure: the next start replaces the file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// The lock ends when the file is closed.
fn lock(directory: &Path) -> io::Result<File> {
    let file = File::open(directory)?;
    for _ in 0..LOCK_ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::TimedOut,
        "another process has locked its directory",
    ))
}

const PROBE_TIMEOUT: Duration = Duration::from_secs(1);
const LOCK_ATTEMPTS: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(10);
