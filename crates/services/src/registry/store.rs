//! Keys, their values and instances, in memory.
//!
//! A key has a value, instances, or both. A value is what the first system's services set once; instances are those that announce
//! themselves again and again. Every change that somebody could see raises the index, on which watchers wait; an announcement that
//! only prolongs a life does not.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::sync::watch;

/// Keys that the registry holds, and instances of each.
const KEYS: usize = 10_000;
const INSTANCES: usize = 1_000;
/// Bytes of a key or an instance's name, and of a value. 250 is memcached's limit for keys.
const NAME: usize = 250;
const VALUE: usize = 64 << 10;

/// Why something was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The key or the instance's name.
    #[error("names have 1 to {NAME} bytes; take a shorter one")]
    Name,
    /// The value.
    #[error("values have at most {VALUE} bytes; store large things in the storage service")]
    Value,
    /// There is no room.
    #[error("the registry is full ({KEYS} keys, {INSTANCES} instances of each); delete some")]
    Full,
}

/// A value that may end.
#[derive(Clone, Debug)]
struct Value {
    text: String,
    ends: Option<Instant>,
}

/// What a key has.
#[derive(Debug, Default)]
struct Entry {
    value: Option<Value>,
    instances: BTreeMap<String, Instant>,
    /// Turns, so that plain readers of the key are spread over the instances.
    turn: usize,
}

impl Entry {
    /// Forgets what has ended; says whether that was anything.
    fn expire(&mut self, now: Instant) -> bool {
        let before = (self.value.is_some(), self.instances.len());
        let ends = self.value.as_ref().and_then(|value| value.ends);
        if ends.is_some_and(|ends| ends <= now) {
            self.value = None;
        }
        self.instances.retain(|_, ends| *ends > now);
        before != (self.value.is_some(), self.instances.len())
    }

    fn is_empty(&self) -> bool {
        self.value.is_none() && self.instances.is_empty()
    }

    /// The earliest end.
    fn next_end(&self) -> Option<Instant> {
        let value = self.value.as_ref().and_then(|value| value.ends);
        self.instances.values().copied().chain(value).min()
    }

    /// All that it points to, the plain value first.
    fn all(&self) -> Vec<String> {
        let value = self.value.as_ref().map(|value| value.text.clone());
        let others = self.instances.keys().filter(|name| Some(*name) != value.as_ref());
        value.iter().chain(others).cloned().collect()
    }
}

/// A key as others see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// The value, if one was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// The value and all instances.
    pub instances: Vec<String>,
}

/// The store. Time is given by the caller.
#[derive(Debug)]
pub struct Store {
    entries: Mutex<HashMap<String, Entry>>,
    index: watch::Sender<u64>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            entries: Mutex::default(),
            index: watch::Sender::new(1),
        }
    }
}

impl Store {
    /// The index now; it grows with every change.
    #[must_use]
    pub fn index(&self) -> u64 {
        *self.index.borrow()
    }

    /// Waits until the index is another than `known`.
    pub async fn changed(&self, known: u64) {
        // The sender lives as long as the store.
        let _ = self.index.subscribe().wait_for(|index| *index != known).await;
    }

    /// The value of `key`, or one of its instances, another each time.
    #[must_use]
    pub fn get(&self, key: &str, now: Instant) -> Option<String> {
        let mut entries = self.live(now);
        let entry = entries.get_mut(key)?;
        if let Some(value) = &entry.value {
            return Some(value.text.clone());
        }
        entry.turn = entry.turn.wrapping_add(1);
        let turn = entry.turn % entry.instances.len().max(1);
        entry.instances.keys().nth(turn).cloned()
    }

    /// All that `key` points to.
    #[must_use]
    pub fn instances(&self, key: &str, now: Instant) -> Vec<String> {
        self.live(now).get(key).map(Entry::all).unwrap_or_default()
    }

    /// Every key.
    #[must_use]
    pub fn list(&self, now: Instant) -> BTreeMap<String, Listed> {
        let entries = self.live(now);
        let listed = entries.iter().map(|(key, entry)| {
            let value = entry.value.as_ref().map(|value| value.text.clone());
            let instances = entry.all();
            (key.clone(), Listed { value, instances })
        });
        listed.collect()
    }

    /// Sets a value where there is neither value nor instance; says whether it did.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub fn set_absent(&self, key: &str, text: String, now: Instant) -> Result<bool, StoreError> {
        check(key, &text)?;
        let mut entries = self.live(now);
        if entries.contains_key(key) {
            return Ok(false);
        }
        room(&mut entries, key)?.value = Some(Value { text, ends: None });
        self.raise();
        Ok(true)
    }

    /// Sets a value, for `ttl` if there is one.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub fn set(
        &self,
        key: &str,
        text: String,
        ttl: Option<Duration>,
        now: Instant,
    ) -> Result<(), StoreError> {
        check(key, &text)?;
        let mut entries = self.live(now);
        let entry = room(&mut entries, key)?;
        let same = entry.value.as_ref().is_some_and(|value| value.text == text);
        entry.value = Some(Value {
            text,
            ends: ttl.map(|ttl| now + ttl),
        });
        if !same {
            self.raise();
        }
        Ok(())
    }

    /// Adds an instance, or prolongs its life.
    ///
    /// # Errors
    ///
    /// See [`StoreError`].
    pub fn announce(&self, key: &str, instance: &str, ttl: Duration, now: Instant) -> Result<(), StoreError> {
        check(key, "")?;
        check(instance, "")?;
        let mut entries = self.live(now);
        let entry = room(&mut entries, key)?;
        if entry.instances.len() >= INSTANCES && !entry.instances.contains_key(instance) {
            return Err(StoreError::Full);
        }
        if entry.instances.insert(instance.to_owned(), now + ttl).is_none() {
            self.raise();
        }
        Ok(())
    }

    /// Removes a key with all it has; says whether it was there.
    pub fn delete(&self, key: &str, now: Instant) -> bool {
        let was = self.live(now).remove(key).is_some();
        if was {
            self.raise();
        }
        was
    }

    /// Removes an instance; says whether it was there.
    pub fn withdraw(&self, key: &str, instance: &str, now: Instant) -> bool {
        let mut entries = self.live(now);
        let Some(entry) = entries.get_mut(key) else {
            return false;
        };
        let was = entry.instances.remove(instance).is_some();
        if entry.is_empty() {
            entries.remove(key);
        }
        if was {
            self.raise();
        }
        was
    }

    /// Forgets what has ended, and says when something ends next.
    pub fn sweep(&self, now: Instant) -> Option<Instant> {
        self.live(now).values().filter_map(Entry::next_end).min()
    }

    /// The entries, without those that have ended.
    fn live(&self, now: Instant) -> MutexGuard<'_, HashMap<String, Entry>> {
        // No code of others runs under this lock, and each change is one step: what a panic left behind is whole.
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ended = false;
        entries.retain(|_, entry| {
            ended |= entry.expire(now);
            !entry.is_empty()
        });
        if ended {
            self.raise();
        }
        entries
    }

    fn raise(&self) {
        self.index.send_modify(|index| *index += 1);
    }
}

fn check(name: &str, text: &str) -> Result<(), StoreError> {
    if name.is_empty() || name.len() > NAME {
        return Err(StoreError::Name);
    }
    if text.len() > VALUE {
        return Err(StoreError::Value);
    }
    Ok(())
}

/// The entry of `key`, made if there is room for one more.
fn room<'a>(entries: &'a mut HashMap<String, Entry>, key: &str) -> Result<&'a mut Entry, StoreError> {
    if entries.len() >= KEYS && !entries.contains_key(key) {
        return Err(StoreError::Full);
    }
    Ok(entries.entry(key.to_owned()).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(10);

    #[test]
    fn a_value_that_is_there_stays() {
        let (store, now) = (Store::default(), Instant::now());
        assert_eq!(store.set_absent("a", "1".to_owned(), now), Ok(true));
        assert_eq!(store.set_absent("a", "2".to_owned(), now), Ok(false));
        assert_eq!(store.get("a", now).as_deref(), Some("1"));
        store.set("a", "3".to_owned(), None, now).unwrap();
        assert_eq!(store.get("a", now).as_deref(), Some("3"));
        assert!(store.delete("a", now));
        assert_eq!(store.get("a", now), None);
    }

    #[test]
    fn what_is_not_prolonged_ends() {
        let (store, now) = (Store::default(), Instant::now());
        store.set("a", "1".to_owned(), Some(TTL), now).unwrap();
        store.announce("s", "h:1", TTL, now).unwrap();
        store.announce("s", "h:2", TTL, now + TTL / 2).unwrap();
        let index = store.index();
        assert_eq!(store.instances("s", now + TTL / 2).len(), 2);
        assert_eq!(store.sweep(now + TTL / 2), Some(now + TTL));
        assert_eq!(store.index(), index);
        assert_eq!(store.get("a", now + TTL), None);
        assert_eq!(store.instances("s", now + TTL), ["h:2"]);
        assert!(store.index() > index, "an end is a change");
    }

    #[test]
    fn prolonging_is_no_change() {
        let (store, now) = (Store::default(), Instant::now());
        store.announce("s", "h:1", TTL, now).unwrap();
        let index = store.index();
        store.announce("s", "h:1", TTL, now + TTL / 2).unwrap();
        assert_eq!(store.index(), index);
        assert!(store.withdraw("s", "h:1", now + TTL / 2));
        assert_eq!(store.index(), index + 1);
        assert!(!store.withdraw("s", "h:1", now + TTL / 2));
    }

    #[test]
    fn plain_readers_are_spread() {
        let (store, now) = (Store::default(), Instant::now());
        for instance in ["h:1", "h:2", "h:3"] {
            store.announce("s", instance, TTL, now).unwrap();
        }
        let seen: std::collections::BTreeSet<_> = (0..3).filter_map(|_| store.get("s", now)).collect();
        assert_eq!(seen.len(), 3);
        assert_eq!(store.set_absent("s", "x".to_owned(), now), Ok(false));
    }

    #[test]
    fn bounds_hold() {
        let (store, now) = (Store::default(), Instant::now());
        assert_eq!(store.set_absent("", String::new(), now), Err(StoreError::Name));
        let long = "x".repeat(VALUE + 1);
        assert_eq!(store.set("a", long, None, now), Err(StoreError::Value));
        for n in 0..INSTANCES {
            store.announce("s", &n.to_string(), TTL, now).unwrap();
        }
        assert_eq!(store.announce("s", "x", TTL, now), Err(StoreError::Full));
        store.announce("s", "0", TTL, now).unwrap();
    }
}
