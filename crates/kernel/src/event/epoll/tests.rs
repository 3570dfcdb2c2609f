//! Clauses of `epoll(7)` and `epoll_ctl(2)`.

use super::*;
use crate::event::{eventfd::EventFd, pipe, testing::Counter};

fn open(file: Arc<dyn File>) -> Arc<OpenFile> {
    OpenFile::new(file, raw::O_RDWR)
}

fn interest(events: u32) -> Interest {
    Interest { events, data: 7 }
}

fn collect(epoll: &Epoll) -> Vec<u32> {
    let mut seen = Vec::new();
    epoll
        .collect(16, |_, event| {
            seen.push(event.events);
            Ok(())
        })
        .unwrap();
    seen
}

fn add(file: &OpenFile, value: u64) {
    file.file.write(0, &value.to_ne_bytes()).unwrap();
}

fn take(file: &OpenFile) {
    file.file.read(0, &mut [0; 8]).unwrap();
}

#[test]
fn level_triggered_is_reported_until_it_is_gone() {
    let (epoll, file) = (Epoll::new(), open(EventFd::new(0, false)));
    epoll.add(3, &file, interest(raw::EPOLLIN)).unwrap();
    assert!(collect(&epoll).is_empty());
    let (woken, waiter) = Counter::new();
    epoll.queue.add(&waiter);
    add(&file, 1);
    assert!(woken.count() > 0);
    assert_eq!(
        (collect(&epoll), collect(&epoll)),
        (vec![raw::EPOLLIN], vec![raw::EPOLLIN])
    );
    take(&file);
    assert!(collect(&epoll).is_empty());
    assert!(epoll.ready.lock().is_empty());
}

#[test]
fn edge_triggered_is_reported_once_per_change() {
    let (epoll, file) = (Epoll::new(), open(EventFd::new(1, false)));
    epoll
        .add(3, &file, interest(raw::EPOLLIN | raw::EPOLLET))
        .unwrap();
    assert_eq!((collect(&epoll), collect(&epoll)), (vec![raw::EPOLLIN], vec![]));
    add(&file, 1);
    assert_eq!((collect(&epoll), collect(&epoll)), (vec![raw::EPOLLIN], vec![]));
}

#[test]
fn one_shot_waits_for_a_modification() {
    let (epoll, file) = (Epoll::new(), open(EventFd::new(1, false)));
    epoll
        .add(3, &file, interest(raw::EPOLLIN | raw::EPOLLONESHOT))
        .unwrap();
    assert_eq!(collect(&epoll), [raw::EPOLLIN]);
    add(&file, 1);
    assert!(collect(&epoll).is_empty());
    epoll
        .modify(3, &file, interest(raw::EPOLLIN | raw::EPOLLONESHOT))
        .unwrap();
    assert_eq!(collect(&epoll), [raw::EPOLLIN]);
}

#[test]
fn hang_up_is_reported_without_being_asked_for() {
    let (reader, writer) = pipe::new();
    let (epoll, reader, writer) = (Epoll::new(), open(reader), open(writer));
    epoll.add(3, &reader, interest(0)).unwrap();
    drop(writer);
    assert_eq!(collect(&epoll), [raw::EPOLLHUP]);
}

#[test]
fn an_item_ends_with_its_description_and_not_with_a_descriptor() {
    let (epoll, file) = (Epoll::new(), open(EventFd::new(1, false)));
    epoll.add(3, &file, interest(raw::EPOLLIN)).unwrap();
    let duplicate = file.clone();
    drop(file);
    assert_eq!(collect(&epoll), [raw::EPOLLIN]);
    drop(duplicate);
    assert!(collect(&epoll).is_empty());
    assert!(epoll.items.lock().is_empty());
}

#[test]
fn a_quiet_dead_item_is_swept_when_its_number_comes_back() {
    let epoll = Epoll::new();
    for _ in 0..100 {
        let file = open(EventFd::new(0, false));
        epoll.add(3, &file, interest(raw::EPOLLIN)).unwrap();
    }
    assert_eq!(epoll.items.lock().len(), 1);
}

#[test]
fn errors_of_epoll_ctl() {
    let (epoll, file) = (Epoll::new(), open(EventFd::new(0, false)));
    let itself = open(epoll.clone());
    assert_eq!(epoll.modify(3, &file, interest(0)), Err(Errno::ENOENT));
    assert_eq!(epoll.remove(3, &file), Err(Errno::ENOENT));
    assert_eq!(epoll.add(4, &itself, interest(0)), Err(Errno::EINVAL));
    epoll.add(3, &file, interest(raw::EPOLLIN)).unwrap();
    assert_eq!(epoll.add(3, &file, interest(raw::EPOLLIN)), Err(Errno::EEXIST));
    // The same description under another number is another item (question 1).
    epoll.add(5, &file, interest(raw::EPOLLIN)).unwrap();
    assert_eq!(
        epoll.modify(3, &file, interest(raw::EPOLLEXCLUSIVE)),
        Err(Errno::EINVAL)
    );
    let bad = interest(raw::EPOLLEXCLUSIVE | raw::EPOLLONESHOT);
    assert_eq!(epoll.add(6, &file, bad), Err(Errno::EINVAL));
    epoll.remove(3, &file).unwrap();
    assert_eq!(epoll.remove(3, &file), Err(Errno::ENOENT));
}

#[test]
fn files_without_readiness_are_refused() {
    #[derive(Debug)]
    struct Plain;
    impl File for Plain {
        fn stat(&self) -> Result<Stat> {
            Ok(Stat::default())
        }
        fn as_any(&self) -> &dyn Any {
            self
        }
    }
    assert_eq!(
        Epoll::new().add(3, &open(Arc::new(Plain)), interest(raw::EPOLLIN)),
        Err(Errno::EPERM)
    );
}

#[test]
fn instances_watch_each_other_but_not_in_circles() {
    let (outer, inner, file) = (Epoll::new(), Epoll::new(), open(EventFd::new(0, false)));
    let (outer_file, inner_file) = (open(outer.clone()), open(inner.clone()));
    inner.add(3, &file, interest(raw::EPOLLIN)).unwrap();
    outer.add(4, &inner_file, interest(raw::EPOLLIN)).unwrap();
    assert!(collect(&outer).is_empty());
    add(&file, 1);
    assert_eq!(collect(&outer), [raw::EPOLLIN]);
    assert_eq!(collect(&inner), [raw::EPOLLIN]);
    take(&file);
    assert!(collect(&outer).is_empty());
    assert_eq!(
        inner.add(5, &outer_file, interest(raw::EPOLLIN)),
        Err(Errno::ELOOP)
    );
}

#[test]
fn chains_end_somewhere_from_either_side() {
    for downward in [true, false] {
        let files: Vec<_> = (0..8).map(|_| open(Epoll::new())).collect();
        let refused = files.windows(2).any(|pair| {
            let (parent, child) = if downward {
                (&pair[0], &pair[1])
            } else {
                (&pair[1], &pair[0])
            };
            let parent = parent.file.as_any().downcast_ref::<Epoll>().unwrap();
            parent.add(3, child, interest(raw::EPOLLIN)) == Err(Errno::ELOOP)
        });
        assert!(refused, "downward: {downward}");
    }
}

#[test]
fn no_more_than_asked_and_all_in_turn() {
    let epoll = Epoll::new();
    let files: Vec<_> = (0..4).map(|_| open(EventFd::new(1, false))).collect();
    for (index, file) in files.iter().enumerate() {
        epoll
            .add(
                index as i32,
                file,
                Interest {
                    events: raw::EPOLLIN,
                    data: index as u64,
                },
            )
            .unwrap();
    }
    let mut seen = Vec::new();
    for _ in 0..4 {
        let count = epoll.collect(1, |_, event| {
            seen.push(event.data);
            Ok(())
        });
        assert_eq!(count, Ok(1));
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3]);
}

#[test]
fn an_event_that_cannot_be_written_is_kept() {
    let (epoll, file) = (Epoll::new(), open(EventFd::new(1, false)));
    epoll
        .add(3, &file, interest(raw::EPOLLIN | raw::EPOLLET))
        .unwrap();
    assert_eq!(epoll.collect(1, |_, _| Err(Errno::EFAULT)), Err(Errno::EFAULT));
    assert_eq!(collect(&epoll), [raw::EPOLLIN]);
}

#[test]
fn a_closed_instance_leaves_nothing_behind() {
    let (epoll, file) = (Epoll::new(), open(EventFd::new(1, false)));
    epoll.add(3, &file, interest(raw::EPOLLIN)).unwrap();
    let watched = Arc::downgrade(epoll.items.lock().values().next().unwrap());
    drop(open(epoll.clone()));
    assert!(watched.upgrade().is_none() && epoll.ready.lock().is_empty());
}
