//! Error numbers, as `errno(3)` names them.
//!
//! A handler returns [`Result`]; the one place that turns an error into the negative number that the program sees is
//! [`syscall::dispatch`](crate::syscall::dispatch).

use core::fmt;
use linux_raw_sys::errno as raw;

/// A Linux error number, or one of the kernel-internal restart codes (512 and up, which never reach the program).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub u16);

/// What a system call handler returns.
pub type Result<T, E = Errno> = core::result::Result<T, E>;

macro_rules! errnos {
    ($($name:ident)*) => {
        #[expect(missing_docs, reason = "errno(3) documents each")]
        impl Errno { $(pub const $name: Self = Self(raw::$name as u16);)* }
        impl fmt::Debug for Errno {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match *self { $(Self::$name => f.write_str(stringify!($name)),)* Self(number) => write!(f, "errno {number}") }
            }
        }
    };
}

errnos! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST EXDEV
    ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK
    ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENODATA ETIME EPROTO EOVERFLOW EILSEQ ENOTSOCK EDESTADDRREQ EMSGSIZE
    EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL
    ENETDOWN ENETUNREACH ENETRESET ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ETIMEDOUT ETOOMANYREFS ECONNREFUSED EHOSTDOWN
    EHOSTUNREACH EALREADY EINPROGRESS ECANCELED EOWNERDEAD ENOTRECOVERABLE
}

impl Errno {
    /// Interrupted by a signal: restarted if the handler has `SA_RESTART`, else `EINTR` (read, write, accept, ...; `signal(7)`).
    pub const ERESTARTSYS: Self = Self(512);
    /// Interrupted by a signal: always restarted, as nobody must notice (`FUTEX_LOCK_PI` in `futex(2)`).
    pub const ERESTARTNOINTR: Self = Self(513);
    /// Interrupted by a signal: goes on, if no handler ran, with what [`Thread::resume_with`](crate::sched::Thread::resume_with) was told (`restart_syscall(2)`), else
    /// `EINTR` (sleeps and waits with a time that must not start anew).
    pub const ERESTART_RESTARTBLOCK: Self = Self(516);
    /// Interrupted by a signal: restarted only if no handler ran, else `EINTR` (sleeps, polls, ...; `signal(7)`).
    pub const ERESTARTNOHAND: Self = Self(514);
}
