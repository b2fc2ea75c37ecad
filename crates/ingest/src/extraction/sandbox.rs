//! What the kernel keeps from a process that reads hostile files: other files (Landlock), the network and other programs
//! (Landlock, seccomp), memory and time (limits). What a kernel does not offer is said, never passed over in silence.

use std::fs::File;
use std::io;
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use landlock::{
    ABI, Access, AccessFs, AccessNet, Compatible, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use serde::Serialize;

/// Whether the process may start another program in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Programs {
    Refused,
    /// As an OCR program is started, confined like the one that starts it.
    Allowed,
}

/// Why the kernel refused to confine the process.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    #[error("Landlock: {0}")]
    Landlock(#[from] RulesetError),
    #[error("seccomp: {0}")]
    Filter(#[from] seccompiler::BackendError),
    #[error("seccomp: {0}")]
    Seccomp(#[from] seccompiler::Error),
    #[error(transparent)]
    Limit(#[from] rustix::io::Errno),
}

/// Confines this thread and those it starts, for good: only `readable` can be read and nothing written, opened to the
/// network, traced or mounted. A kernel without Landlock or seccomp lets it pass; [`try_forbidden`] tells.
pub(super) fn confine(readable: &[PathBuf], programs: Programs) -> Result<(), SandboxError> {
    let access = match programs {
        Programs::Refused => AccessFs::ReadFile.into(),
        Programs::Allowed => AccessFs::from_read(ABI::V1),
    };
    let (files, ports, scope) = (
        AccessFs::from_all(ABI::V5),
        AccessNet::from_all(ABI::V4),
        Scope::from_all(ABI::V6),
    );
    // The kernel refuses rights of folders on a file: the crate narrows them, as best it can.
    Ruleset::default()
        .set_compatibility(landlock::CompatLevel::BestEffort)
        .handle_access(files)?
        .handle_access(ports)?
        .scope(scope)?
        .create()?
        .add_rules(path_beneath_rules(readable, access))?
        .restrict_self()?;
    match apply_filter(&refused_calls(programs)?) {
        // Without seccomp in the kernel there is nothing to apply.
        Err(seccompiler::Error::Seccomp(cause)) if cause.raw_os_error() == Some(libc::ENOSYS) => {
            Ok(())
        }
        applied => Ok(applied?),
    }
}

/// System calls that no reader of files needs.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_io_uring_setup,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
];

const REFUSED_WITHOUT_PROGRAMS: &[libc::c_long] = &[libc::SYS_execve, libc::SYS_execveat];

fn refused_calls(programs: Programs) -> Result<BpfProgram, SandboxError> {
    let more: &[libc::c_long] = match programs {
        Programs::Refused => REFUSED_WITHOUT_PROGRAMS,
        Programs::Allowed => &[],
    };
    let calls = REFUSED.iter().chain(more);
    let rules = calls.map(|call| (*call, Vec::new())).collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok(filter.try_into()?)
}

/// Address space, and nothing written to any file, for the whole life of the process.
pub(super) fn limit(memory_bytes_max: u64) -> Result<(), SandboxError> {
    setrlimit(Resource::As, hard(memory_bytes_max))?;
    setrlimit(Resource::Fsize, hard(0))?;
    setrlimit(Resource::Core, hard(0))?;
    Ok(())
}

pub(super) fn hard(most: u64) -> Rlimit {
    Rlimit {
        current: Some(most),
        maximum: Some(most),
    }
}

/// What a confined process could do although it must not; all false is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Tried {
    opened_other_file: bool,
    wrote_file: bool,
    opened_socket: bool,
    ran_program: bool,
}

/// Tries what must fail, and tells what did not.
pub(super) fn try_forbidden(readable: &Path) -> Tried {
    let refused = |result: io::Result<()>| {
        result.is_err_and(|cause| cause.kind() == io::ErrorKind::PermissionDenied)
    };
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
    let file = readable.join(format!("sandbox-check-{}", std::process::id()));
    let wrote = File::create(&file).map(drop);
    if wrote.is_ok() {
        drop(std::fs::remove_file(&file));
    }
    let mut program = Command::new(&own);
    program.arg("--version").env_clear();
    program.stdin(Stdio::null()).stdout(Stdio::null());
    let ran = program.stderr(Stdio::null()).spawn();
    let ran = ran.map(|mut child| drop(child.wait()));
    // Where nobody listens: a refused connection was tried, a refused permission was not.
    let tcp = TcpStream::connect(("127.0.0.1", 9)).map(drop);
    let udp = UdpSocket::bind(("127.0.0.1", 0)).map(drop);
    Tried {
        opened_other_file: !refused(File::open(own).map(drop)),
        wrote_file: wrote.is_ok(),
        opened_socket: !refused(tcp) || !refused(udp),
        ran_program: !refused(ran),
    }
}

/// What this machine's kernel keeps from workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Sandbox {
    /// Landlock's version in the kernel; `None` when there is none.
    pub(crate) landlock_abi: Option<i32>,
    /// What a hostile file could reach if it took a worker over; empty is good.
    pub(crate) missing: Vec<&'static str>,
}

impl Sandbox {
    /// Confines a thread of this process, which then tries what it must not be able to do.
    pub(crate) fn of_this_kernel(readable: &Path) -> Self {
        let readable = readable.to_owned();
        let tried = std::thread::Builder::new()
            .name("sandbox-check".into())
            .spawn(move || {
                confine(std::slice::from_ref(&readable), Programs::Refused)
                    .inspect_err(|cause| tracing::warn!(%cause, "a thread could not be confined"))
                    .map(|()| try_forbidden(&readable))
            })
            .map(std::thread::JoinHandle::join);
        let tried = match tried {
            Ok(Ok(Ok(tried))) => tried,
            _ => Tried {
                opened_other_file: true,
                wrote_file: true,
                opened_socket: true,
                ran_program: true,
            },
        };
        let missing = [
            (tried.opened_other_file, "reading other files"),
            (tried.wrote_file, "making empty files"),
            (tried.opened_socket, "the network"),
            (tried.ran_program, "running programs"),
        ];
        Self {
            landlock_abi: landlock_abi(),
            missing: missing
                .into_iter()
                .filter(|(reached, _)| *reached)
                .map(|(_, what)| what)
                .collect(),
        }
    }

    /// One line for the log.
    pub(crate) fn log(&self) {
        let landlock = self.landlock_abi.unwrap_or(0);
        if self.missing.is_empty() {
            tracing::info!(
                landlock,
                "extraction workers read only what is stored, write nothing, and have no network"
            );
        } else {
            let missing = self.missing.join(", ");
            tracing::warn!(
                landlock,
                "this kernel does not keep workers from: {missing}; memory and time limits hold"
            );
        }
    }
}

fn landlock_abi() -> Option<i32> {
    let ruleset = Ruleset::default().handle_access(AccessFs::ReadFile).ok()?;
    let created = ruleset.create().ok()?;
    // Only restricting tells the version; a thread of its own keeps the restriction.
    let status = std::thread::spawn(move || created.restrict_self()).join();
    match status.ok()?.ok()?.landlock {
        LandlockStatus::Available {
            effective_abi,
            kernel_abi,
        } => Some(kernel_abi.unwrap_or(effective_abi as i32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confined_thread_reads_its_folder_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("inside");
        std::fs::write(&inside, "stored").unwrap();
        let sandbox = Sandbox::of_this_kernel(folder.path());
        let Some(abi) = sandbox.landlock_abi else {
            eprintln!("this kernel has no Landlock: files are not tested");
            return;
        };
        assert!(abi >= 1);
        assert_eq!(sandbox.missing, Vec::<&str>::new());
        let path = folder.path().to_owned();
        let read = std::thread::spawn(move || {
            confine(&[path], Programs::Refused).unwrap();
            (std::fs::read(&inside), std::fs::read("/etc/passwd"))
        });
        let (inside, outside) = read.join().unwrap();
        assert_eq!(inside.unwrap(), b"stored");
        assert_eq!(outside.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert!(std::fs::read("/etc/passwd").is_ok(), "others stay free");
    }
}
