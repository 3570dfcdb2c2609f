//! The order in which locks are taken.
//!
//! A thread that holds a lock takes only locks of a later rank, so no two threads wait for each other. Two locks of one rank are never held together. The
//! order is short because most locks are [`Leaf`]s, the rank of a [`Lock`](super::Lock) that names none: under them nothing is taken but memory.
//!
//! | level | rank | under it |
//! |---|---|---|
//! | 10 | [`Directory`] | the nodes of the image, a node's attributes |
//! | 20 | [`ImageNodes`] | a node's attributes |
//! | 30 | [`EpollItem`] | the list of ready items |
//! | 36 | [`Flights`] | an end of a Unix socket |
//! | 40 | [`Alarm`] | the queue of timers |
//! | 50 | [`Futexes`] | memory |
//! | 55 | [`Inheritance`] | the scheduler |
//! | 60 | [`CodeArena`] | the memory map |
//! | 70 | [`Network`] | the buffers that a card gets back |
//! | 200 | [`Leaf`] | memory |
//! | 240 | [`Heap`] | frames |
//! | 250 | [`Frames`] | nothing |
//!
//! A new rank is a row here and in the list below, with the reason why two locks have to be held at once; mostly they need not, if what is learnt under the
//! first is taken along and the first is given back.

/// The place of a lock in the order.
pub trait Rank {
    /// Locks are taken in rising order.
    const LEVEL: u8;
    /// What the rank is called in a report.
    const NAME: &'static str;
}

macro_rules! ranks {
    ($($(#[$doc:meta])* $name:ident = $level:literal;)*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl Rank for $name {
                const LEVEL: u8 = $level;
                const NAME: &'static str = stringify!($name);
            }
        )*
    };
}

ranks! {
    /// The entries of a directory: an entry and its node's link count change together.
    Directory = 10;
    /// The nodes of an image that have several names: a directory finds or makes one while it looks a name up.
    ImageNodes = 20;
    /// One file that an epoll instance watches: whether it is queued and the queue change together.
    EpollItem = 30;
    /// Descriptors in flight between Unix sockets: they leave an inbox and the count in one step, or a collection would take them for garbage.
    Flights = 36;
    /// A timer of a file, a signal or the network: what it shows and what is armed change together.
    Alarm = 40;
    /// Who waits at which futex: a word is compared under it, and what that takes of the memory map comes later.
    Futexes = 50;
    /// Who waits for which lock with an owner: the owner's priority is changed with it, or two changes could come in the wrong order.
    Inheritance = 55;
    /// The stubs of rewritten system calls: one more page for them is mapped where the arena says it is needed.
    CodeArena = 60;
    /// The TCP/IP stack: a frame that it has read gives its buffer back to the card.
    Network = 70;
    /// Everything else.
    Leaf = 200;
    /// The kernel's allocator.
    Heap = 240;
    /// Page frames.
    Frames = 250;
}
