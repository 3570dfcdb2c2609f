//! Interest lists and ready lists, `epoll(7)`.
//!
//! An [`Item`] is a [`Wake`]: the watched file's queue tells it that something may have changed, and it puts itself on the ready list. Only items of that list
//! are asked how they are, so [`Epoll::collect`] costs what is ready and not what is watched. Level-triggered items that were reported go
//! to the list's end and are asked again next time; edge-triggered ones leave the list until their file speaks again.
//!
//! An item holds its open file description weakly and so ends with it, whatever descriptors there were (`epoll(7)`, question 6). What is left of it is
//! swept when it comes up in the ready list or when its descriptor number is added again.
//!
//! No lock is held while a watched file is asked or a waiter is woken: either may lead back here, through another epoll instance.

use super::{anonymous_stat, widen};
use crate::{
    errno::{Errno, Result},
    file::{File, OpenFile, Poll, Stat},
    sync::{Lock, rank},
    wait::{WaitQueue, Wake},
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Weak},
    vec::Vec,
};
use core::any::Any;
use linux_raw_sys::general as raw;

/// How deep instances may watch each other (`EP_MAX_NESTS` in Linux; `epoll_ctl(2)`, `ELOOP`).
const MAX_NESTING: usize = 5;

/// Bits of `events` that say how to report, and not what.
const MODES: u32 = raw::EPOLLET | raw::EPOLLONESHOT | raw::EPOLLWAKEUP | raw::EPOLLEXCLUSIVE;

/// What may stand beside `EPOLLEXCLUSIVE` (`epoll_ctl(2)`).
const WITH_EXCLUSIVE: u32 = raw::EPOLLIN
    | raw::EPOLLOUT
    | raw::EPOLLERR
    | raw::EPOLLHUP
    | raw::EPOLLRDNORM
    | raw::EPOLLWRNORM
    | raw::EPOLLWAKEUP
    | raw::EPOLLET
    | raw::EPOLLEXCLUSIVE;

/// What a program wants to know of a file, and what it wants to be told then (`struct epoll_event`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// `EPOLL*` bits.
    pub events: u32,
    /// Given back with each event.
    pub data: u64,
}

#[derive(Clone, Copy)]
struct Watch {
    interest: Interest,
    /// On the ready list.
    queued: bool,
    /// A one-shot that has shot; nothing is reported until it is modified.
    disabled: bool,
}

/// One watched file.
struct Item {
    this: Weak<Item>,
    epoll: Weak<Epoll>,
    key: Key,
    file: Weak<OpenFile>,
    watch: Lock<Watch, rank::EpollItem>,
}

/// Descriptor number and open file description, which together name an item (`epoll(7)`, question 1). The address stays taken while an item refers to it.
type Key = (i32, usize);

impl Item {
    /// What of its interest is there now.
    fn ready(&self, file: &OpenFile) -> u32 {
        let watch = *self.watch.lock();
        if watch.disabled {
            return 0;
        }
        widen(file.file.poll()) & (watch.interest.events & !MODES | raw::EPOLLERR | raw::EPOLLHUP)
    }
}

impl Wake for Item {
    fn wake(&self) {
        let (Some(epoll), Some(this)) = (self.epoll.upgrade(), self.this.upgrade()) else {
            return;
        };
        {
            let mut watch = self.watch.lock();
            if watch.disabled {
                return;
            }
            if !watch.queued {
                watch.queued = true;
                epoll.ready.lock().push_back(this);
            }
        }
        epoll.queue.wake_all();
    }
}

/// An epoll instance.
pub struct Epoll {
    this: Weak<Epoll>,
    items: Lock<BTreeMap<Key, Arc<Item>>>,
    ready: Lock<VecDeque<Arc<Item>>>,
    /// Instances that watch this one.
    parents: Lock<Vec<Weak<Epoll>>>,
    queue: WaitQueue,
}

impl core::fmt::Debug for Epoll {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Epoll({} watched)", self.items.lock().len())
    }
}

impl Epoll {
    /// An instance that watches nothing.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            items: Lock::new(BTreeMap::new()),
            ready: Lock::new(VecDeque::new()),
            parents: Lock::new(Vec::new()),
            queue: WaitQueue::new(),
        })
    }

    /// `EPOLL_CTL_ADD`.
    ///
    /// # Errors
    ///
    /// `EPERM` for files that are always ready, `EEXIST`, `EINVAL` for this instance itself or bits that do not go together, `ELOOP`; `epoll_ctl(2)`.
    pub fn add(&self, fd: i32, file: &Arc<OpenFile>, interest: Interest) -> Result<()> {
        self.check(file)?;
        let child = file.file.as_any().downcast_ref::<Self>();
        if interest.events & raw::EPOLLEXCLUSIVE != 0
            && (child.is_some() || interest.events & !WITH_EXCLUSIVE != 0)
        {
            return Err(Errno::EINVAL);
        }
        if let Some(child) = child {
            self.check_nesting(child)?;
        }
        let queue = file.file.queue().ok_or(Errno::EPERM)?;
        let key = key(fd, file);
        self.sweep(fd);
        let item = {
            let mut items = self.items.lock();
            if items.contains_key(&key) {
                return Err(Errno::EEXIST);
            }
            let item = Arc::new_cyclic(|this| Item {
                this: this.clone(),
                epoll: self.this.clone(),
                key,
                file: Arc::downgrade(file),
                watch: Lock::new(Watch {
                    interest,
                    queued: false,
                    disabled: false,
                }),
            });
            items.insert(key, item.clone());
            item
        };
        if let Some(child) = child {
            child.parents.lock().push(self.this.clone());
        }
        queue.add(&(item.clone() as Arc<dyn Wake>));
        if item.ready(file) != 0 {
            item.wake();
        }
        Ok(())
    }

    /// `EPOLL_CTL_MOD`.
    ///
    /// # Errors
    ///
    /// `ENOENT` if it is not watched, `EINVAL` where either side is `EPOLLEXCLUSIVE`, `EPERM`.
    pub fn modify(&self, fd: i32, file: &Arc<OpenFile>, interest: Interest) -> Result<()> {
        self.check(file)?;
        if interest.events & raw::EPOLLEXCLUSIVE != 0 {
            return Err(Errno::EINVAL);
        }
        let item = self
            .items
            .lock()
            .get(&key(fd, file))
            .cloned()
            .ok_or(Errno::ENOENT)?;
        {
            let mut watch = item.watch.lock();
            if watch.interest.events & raw::EPOLLEXCLUSIVE != 0 {
                return Err(Errno::EINVAL);
            }
            watch.interest = interest;
            watch.disabled = false;
        }
        if item.ready(file) != 0 {
            item.wake();
        }
        Ok(())
    }

    /// `EPOLL_CTL_DEL`.
    ///
    /// # Errors
    ///
    /// `ENOENT` if it is not watched, `EPERM`.
    pub fn remove(&self, fd: i32, file: &Arc<OpenFile>) -> Result<()> {
        self.check(file)?;
        let item = self.items.lock().remove(&key(fd, file)).ok_or(Errno::ENOENT)?;
        self.detach(&item);
        Ok(())
    }

    /// What every `epoll_ctl(2)` asks of its target first.
    fn check(&self, file: &OpenFile) -> Result<()> {
        if file.file.queue().is_none() {
            return Err(Errno::EPERM);
        }
        let itself = core::ptr::addr_eq(Arc::as_ptr(&file.file), self);
        if itself { Err(Errno::EINVAL) } else { Ok(()) }
    }

    /// Reports up to `max` events through `report`, each with its bits and data; gives how many. Does not wait.
    ///
    /// # Errors
    ///
    /// What `report` gives (`EFAULT`), if it was the first; that event is kept.
    pub fn collect(
        &self,
        max: usize,
        mut report: impl FnMut(usize, Interest) -> Result<()>,
    ) -> Result<usize> {
        let mut count = 0;
        // Items that stay ready go behind the others; each is looked at once.
        let mut left = self.ready.lock().len();
        while left > 0 && count < max {
            left -= 1;
            let Some(item) = self.ready.lock().pop_front() else {
                break;
            };
            item.watch.lock().queued = false;
            let Some(file) = item.file.upgrade() else {
                self.items.lock().remove(&item.key);
                continue;
            };
            let events = item.ready(&file);
            if events == 0 {
                continue;
            }
            let data = item.watch.lock().interest.data;
            if let Err(errno) = report(count, Interest { events, data }) {
                self.requeue(item);
                return if count > 0 { Ok(count) } else { Err(errno) };
            }
            count += 1;
            let modes = item.watch.lock().interest.events;
            if modes & raw::EPOLLONESHOT != 0 {
                item.watch.lock().disabled = true;
            } else if modes & raw::EPOLLET == 0 {
                self.requeue(item);
            }
        }
        Ok(count)
    }

    fn requeue(&self, item: Arc<Item>) {
        let mut watch = item.watch.lock();
        if !watch.queued {
            watch.queued = true;
            drop(watch);
            self.ready.lock().push_back(item);
        }
    }

    /// Takes a removed item off the ready list and off its file's queue.
    fn detach(&self, item: &Arc<Item>) {
        if item.watch.lock().queued {
            self.ready.lock().retain(|other| !Arc::ptr_eq(other, item));
        }
        item.watch.lock().disabled = true;
        let Some(file) = item.file.upgrade() else { return };
        if let Some(queue) = file.file.queue() {
            queue.remove(&(item.clone() as Arc<dyn Wake>));
        }
        if let Some(child) = file.file.as_any().downcast_ref::<Self>() {
            let mut parents = child.parents.lock();
            if let Some(index) = parents.iter().position(|parent| parent.ptr_eq(&self.this)) {
                parents.swap_remove(index);
            }
        }
    }

    /// Drops what is left of items under a descriptor number whose files are closed.
    fn sweep(&self, fd: i32) {
        let mut items = self.items.lock();
        let closed = |(key, item): (&Key, &Arc<Item>)| (item.file.strong_count() == 0).then_some(*key);
        while let Some(key) = items.range((fd, 0)..=(fd, usize::MAX)).find_map(closed) {
            items.remove(&key);
        }
    }

    /// Refuses circles, and chains that are too long (`ELOOP`).
    fn check_nesting(&self, child: &Self) -> Result<()> {
        let (Some(above), Some(below)) = (self.height(0), child.depth(self, 0)) else {
            return Err(Errno::ELOOP);
        };
        if above + below > MAX_NESTING {
            Err(Errno::ELOOP)
        } else {
            Ok(())
        }
    }

    /// Instances from this one down to the deepest that it watches; `None` if `forbidden` is among them or there are too many.
    fn depth(&self, forbidden: &Self, so_far: usize) -> Option<usize> {
        if core::ptr::eq(self, forbidden) || so_far >= MAX_NESTING {
            return None;
        }
        let files: Vec<Arc<OpenFile>> = self
            .items
            .lock()
            .values()
            .filter_map(|item| item.file.upgrade())
            .collect();
        let mut deepest = 0;
        for child in files
            .iter()
            .filter_map(|file| file.file.as_any().downcast_ref::<Self>())
        {
            deepest = deepest.max(child.depth(forbidden, so_far + 1)?);
        }
        Some(deepest + 1)
    }

    /// Instances from this one up to the highest that watches it.
    fn height(&self, so_far: usize) -> Option<usize> {
        if so_far >= MAX_NESTING {
            return None;
        }
        let parents: Vec<Arc<Self>> = self.parents.lock().iter().filter_map(Weak::upgrade).collect();
        let mut highest = 0;
        for parent in parents {
            highest = highest.max(parent.height(so_far + 1)?);
        }
        Some(highest + 1)
    }
}

fn key(fd: i32, file: &Arc<OpenFile>) -> Key {
    (fd, Arc::as_ptr(file) as usize)
}

impl File for Epoll {
    /// An instance is readable if a watched file is ready (`epoll(7)`, question 3); edge-triggered readiness is looked at, not used up.
    fn poll(&self) -> Poll {
        let queued: Vec<Arc<Item>> = self.ready.lock().iter().cloned().collect();
        let ready = |item: &Arc<Item>| item.file.upgrade().is_some_and(|file| item.ready(&file) != 0);
        if queued.iter().any(ready) {
            Poll::IN
        } else {
            Poll::empty()
        }
    }

    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.queue)
    }

    fn ignores_seeks(&self) -> bool {
        true
    }

    fn stat(&self) -> Result<Stat> {
        Ok(anonymous_stat())
    }

    fn release(&self) {
        let items = core::mem::take(&mut *self.items.lock());
        for item in items.values() {
            self.detach(item);
        }
        self.ready.lock().clear();
    }

    fn label(&self) -> &'static str {
        "[eventpoll]"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[cfg(test)]
mod tests;
