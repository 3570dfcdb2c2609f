//! Who is there: instances by id and by name, and how the last ones that are gone had ended.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uigniter_api::instance::{Exit, Instance};

use crate::{instance::Handle, refusal::Refusal};

/// How many ends of deleted instances are remembered, for callers that wait for an instance that removed itself.
const REMEMBERED: usize = 1024;

/// Instances of one daemon.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    handles: HashMap<String, Arc<Handle>>,
    /// Name to id; a launch under way has its name here before it has a handle.
    names: HashMap<String, String>,
    gone: VecDeque<(String, String, Exit)>,
}

impl Registry {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a name for an instance that is about to be.
    pub(crate) fn reserve(&self, name: &str, id: &str) -> Result<(), Refusal> {
        let mut inner = self.inner();
        let owner = inner
            .names
            .get(name)
            .or_else(|| inner.handles.get_key_value(name).map(|(id, _)| id));
        if let Some(owner) = owner.filter(|owner| *owner != id) {
            return Err(Refusal::NameTaken {
                name: name.to_owned(),
                owner: owner.clone(),
            });
        }
        inner.names.insert(name.to_owned(), id.to_owned());
        Ok(())
    }

    /// Gives a kept name back.
    pub(crate) fn release(&self, name: &str) {
        self.inner().names.remove(name);
    }

    pub(crate) fn insert(&self, handle: Arc<Handle>) {
        let mut inner = self.inner();
        inner.names.insert(handle.name.clone(), handle.id.clone());
        inner.handles.insert(handle.id.clone(), handle);
    }

    pub(crate) fn remove(&self, id: &str, exit: Option<Exit>) {
        let mut inner = self.inner();
        let Some(handle) = inner.handles.remove(id) else {
            return;
        };
        inner.names.remove(&handle.name);
        if let Some(exit) = exit {
            if inner.gone.len() == REMEMBERED {
                inner.gone.pop_front();
            }
            inner.gone.push_back((id.to_owned(), handle.name.clone(), exit));
        }
    }

    /// An instance by id or name.
    pub(crate) fn get(&self, reference: &str) -> Result<Arc<Handle>, Refusal> {
        let inner = self.inner();
        let by_name = || inner.handles.get(inner.names.get(reference)?);
        let handle = inner.handles.get(reference).or_else(by_name);
        handle
            .cloned()
            .ok_or_else(|| Refusal::NoInstance(reference.to_owned()))
    }

    /// How an instance that is gone had ended; the last one of that name.
    pub(crate) fn remembered(&self, reference: &str) -> Option<Exit> {
        let inner = self.inner();
        let found = inner
            .gone
            .iter()
            .rev()
            .find(|(id, name, _)| id == reference || name == reference);
        found.map(|(_, _, exit)| exit.clone())
    }

    pub(crate) fn handles(&self) -> Vec<Arc<Handle>> {
        self.inner().handles.values().cloned().collect()
    }

    /// Digests of the images that instances are of, also of those that have ended.
    pub(crate) fn image_digests(&self) -> HashSet<String> {
        let views = self.handles().into_iter().map(|handle| handle.view());
        views.filter_map(|instance| instance.image_digest).collect()
    }

    /// All instances, oldest first.
    pub(crate) fn list(&self) -> Vec<Instance> {
        let mut all: Vec<_> = self.handles().iter().map(|handle| handle.view()).collect();
        all.sort_by(|one, other| (one.created_at_ms, &one.id).cmp(&(other.created_at_ms, &other.id)));
        all
    }
}
