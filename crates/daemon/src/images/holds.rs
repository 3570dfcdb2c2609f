//! Who is about to use a disk: a launch between finding its image and being an instance, or an answer under way.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How often each digest is held.
#[derive(Clone, Debug, Default)]
pub(super) struct Holds(Arc<Mutex<HashMap<String, usize>>>);

/// Keeps a disk from being collected until it is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    holds: Holds,
    digest: String,
}

impl Holds {
    pub(super) fn take(&self, digest: &str) -> Hold {
        *self.lock().entry(digest.to_owned()).or_default() += 1;
        Hold {
            holds: self.clone(),
            digest: digest.to_owned(),
        }
    }

    /// No digest comes to be held, or ceases to be, while the guard lives.
    pub(super) fn lock(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut held = self.holds.lock();
        if let Some(count) = held.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.digest);
            }
        }
    }
}
