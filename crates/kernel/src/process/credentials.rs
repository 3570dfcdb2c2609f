//! Who the program is: users and groups. What it may do with files follows from it (`fs::permission`).

use crate::{
    errno::{Errno, Result},
    sync::Lock,
};
use alloc::vec::Vec;

/// Capabilities 0 to 40.
pub const ALL_CAPABILITIES: u64 = (1 << 41) - 1;

/// Real, effective, saved and file system identity (`credentials(7)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Real.
    pub real: u32,
    /// Effective.
    pub effective: u32,
    /// Saved set-ID.
    pub saved: u32,
    /// For file access (`setfsuid(2)`).
    pub fs: u32,
}

/// "Leave it as it is" in `setreuid(2)` and its kind.
const KEEP: u32 = u32::MAX;

impl Ids {
    /// The same in all four roles.
    const fn of(id: u32) -> Self {
        Self {
            real: id,
            effective: id,
            saved: id,
            fs: id,
        }
    }

    /// `setuid(2)`: with privilege all of them, without only the effective one.
    ///
    /// # Errors
    ///
    /// `EPERM`, or `EINVAL` for -1.
    pub(crate) fn set(&mut self, id: u32, privileged: bool) -> Result<()> {
        if id == KEEP {
            return Err(Errno::EINVAL);
        }
        if privileged {
            *self = Self::of(id);
        } else if id == self.real || id == self.saved {
            (self.effective, self.fs) = (id, id);
        } else {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// `setresuid(2)`; -1 keeps.
    ///
    /// # Errors
    ///
    /// `EPERM`: without privilege each has to be one of those that there are.
    pub(crate) fn set_all(&mut self, new: [u32; 3], privileged: bool) -> Result<()> {
        let known = [self.real, self.effective, self.saved];
        if !privileged && new.iter().any(|id| *id != KEEP && !known.contains(id)) {
            return Err(Errno::EPERM);
        }
        let [real, effective, saved] = [0, 1, 2].map(|index| {
            if new[index] == KEEP {
                known[index]
            } else {
                new[index]
            }
        });
        *self = Self {
            real,
            effective,
            saved,
            fs: effective,
        };
        Ok(())
    }

    /// `setreuid(2)`: the saved one follows where the real one is set or the effective one becomes something else than the real one was.
    ///
    /// # Errors
    ///
    /// `EPERM`.
    pub(crate) fn set_two(&mut self, real: u32, effective: u32, privileged: bool) -> Result<()> {
        let real_allowed = [KEEP, self.real, self.effective].contains(&real);
        if !privileged && !real_allowed {
            return Err(Errno::EPERM);
        }
        let follows = real != KEEP || (effective != KEEP && effective != self.real);
        let becomes = if effective == KEEP {
            self.effective
        } else {
            effective
        };
        self.set_all(
            [real, effective, if follows { becomes } else { KEEP }],
            privileged,
        )
    }
}

/// Users and groups of the process.
#[derive(Debug)]
pub struct Credentials {
    /// Users.
    pub user: Ids,
    /// Groups.
    pub group: Ids,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

impl Credentials {
    /// Those of one user and group in all their roles.
    #[must_use]
    pub const fn of(uid: u32, gid: u32, groups: Vec<u32>) -> Self {
        Self {
            user: Ids::of(uid),
            group: Ids::of(gid),
            groups,
        }
    }

    /// True for the superuser.
    #[must_use]
    pub const fn privileged(&self) -> bool {
        self.user.effective == 0
    }

    /// Effective and permitted capabilities (`capabilities(7)`): those of who could be the superuser again are permitted.
    #[must_use]
    pub const fn capabilities(&self) -> (u64, u64) {
        let may = self.user.real == 0 || self.user.effective == 0 || self.user.saved == 0;
        (
            if self.privileged() { ALL_CAPABILITIES } else { 0 },
            if may { ALL_CAPABILITIES } else { 0 },
        )
    }
}

static CREDENTIALS: Lock<Credentials> = Lock::new(Credentials::of(0, 0, Vec::new()));

/// Users and groups of the process.
#[must_use]
pub fn get() -> &'static Lock<Credentials> {
    &CREDENTIALS
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: Ids = Ids {
        real: 10,
        effective: 20,
        saved: 30,
        fs: 20,
    };

    #[test]
    fn without_privilege_only_known_identities() {
        let mut ids = USER;
        assert_eq!(ids.set(11, false), Err(Errno::EPERM));
        assert_eq!(
            (ids.set(30, false), ids),
            (
                Ok(()),
                Ids {
                    effective: 30,
                    fs: 30,
                    ..USER
                }
            )
        );
        assert_eq!(ids.set_all([KEEP, 99, KEEP], false), Err(Errno::EPERM));
        assert_eq!(
            (ids.set_all([30, 10, KEEP], false), ids),
            (
                Ok(()),
                Ids {
                    real: 30,
                    effective: 10,
                    saved: 30,
                    fs: 10
                }
            )
        );
        let mut ids = USER;
        assert_eq!(
            ids.set_two(30, KEEP, false),
            Err(Errno::EPERM),
            "the saved one is no real one"
        );
        assert_eq!(
            (ids.set_two(20, 10, false), ids),
            (
                Ok(()),
                Ids {
                    real: 20,
                    effective: 10,
                    saved: 10,
                    fs: 10
                }
            )
        );
    }

    #[test]
    fn privilege_sets_all() {
        let mut ids = Ids::of(0);
        assert_eq!(
            (ids.set(5, true), ids),
            (
                Ok(()),
                Ids {
                    real: 5,
                    effective: 5,
                    saved: 5,
                    fs: 5
                }
            )
        );
        assert_eq!(ids.set(KEEP, true), Err(Errno::EINVAL));
    }
}
