//! The calls of this family as a program makes them: through the table, with pointers to the test's own memory.

use crate::{
    errno::Errno,
    process,
    signal::{action::Action, info::SigInfo},
    syscall::{Args, dispatch},
};
use linux_raw_sys::general::*;

/// Makes a system call.
pub(in crate::syscall) fn call<const N: usize>(number: u32, arguments: [u64; N]) -> Result<i64, Errno> {
    let mut args = [0; 6];
    args[..N].copy_from_slice(&arguments);
    match dispatch(u64::from(number), &Args(args)) {
        value @ 0.. => Ok(value),
        error => Err(Errno(-error as u16)),
    }
}

/// The address of a variable.
pub(in crate::syscall) fn at<T>(value: &mut T) -> u64 {
    &raw mut *value as u64
}

fn pipe() -> [i32; 2] {
    let mut ends = [-1; 2];
    call(__NR_pipe2, [at(&mut ends), u64::from(O_NONBLOCK)]).unwrap();
    ends
}

fn write(fd: i32, bytes: &[u8]) {
    process::open_file(fd).unwrap().file.write(0, bytes).unwrap();
}

const CLOSED: i32 = 4000;

#[test]
fn poll_tells_what_each_descriptor_is() {
    let [reader, writer] = pipe();
    let entry = |fd, events: u32| pollfd {
        fd,
        events: events as i16,
        revents: 77,
    };
    let mut list = [
        entry(reader, POLLIN | POLLRDNORM),
        entry(writer, POLLOUT),
        entry(CLOSED, POLLIN),
        entry(-1, POLLIN),
    ];
    assert_eq!(call(__NR_poll, [list.as_mut_ptr() as u64, 4, 0]), Ok(2));
    assert_eq!(list.map(|entry| entry.revents as u32), [0, POLLOUT, POLLNVAL, 0]);
    write(writer, b"x");
    assert_eq!(call(__NR_poll, [list.as_mut_ptr() as u64, 1, u64::MAX]), Ok(1));
    assert_eq!(list[0].revents as u32, POLLIN | POLLRDNORM);
    assert_eq!(call(__NR_poll, [8, 1, 0]), Err(Errno::EFAULT));
    assert_eq!(
        call(__NR_poll, [list.as_mut_ptr() as u64, 1 << 20, 0]),
        Err(Errno::EINVAL)
    );
}

#[test]
fn poll_waits_as_long_as_it_was_told() {
    let [reader, _writer] = pipe();
    let mut entry = pollfd {
        fd: reader,
        events: POLLIN as i16,
        revents: 0,
    };
    let start = crate::time::now();
    assert_eq!(call(__NR_poll, [at(&mut entry), 1, 5]), Ok(0));
    assert!(crate::time::now().since(start) >= core::time::Duration::from_millis(5));
    let mut left = __kernel_timespec {
        tv_sec: 0,
        tv_nsec: 1000,
    };
    assert_eq!(call(__NR_ppoll, [at(&mut entry), 1, at(&mut left), 0]), Ok(0));
    assert_eq!((left.tv_sec, left.tv_nsec), (0, 0));
    left.tv_nsec = -1;
    assert_eq!(
        call(__NR_ppoll, [at(&mut entry), 1, at(&mut left), 0]),
        Err(Errno::EINVAL)
    );
}

#[test]
fn select_fills_in_its_sets() {
    let [reader, writer] = pipe();
    write(writer, b"x");
    let bits = |fds: &[i32]| {
        let mut set = [0u64; 16];
        fds.iter().for_each(|&fd| set[fd as usize / 64] |= 1 << (fd % 64));
        set
    };
    let (mut reads, mut writes, mut time) = (bits(&[reader, writer]), bits(&[reader, writer]), [1i64, 0]);
    let count = reader.max(writer) as u64 + 1;
    let arguments = [count, at(&mut reads), at(&mut writes), 0, at(&mut time)];
    assert_eq!(call(__NR_select, arguments), Ok(2));
    assert_eq!((reads, writes), (bits(&[reader]), bits(&[writer])));
    assert!(time[0] == 0 && time[1] > 0, "what was left: {time:?}");
    let mut closed = bits(&[900]);
    assert_eq!(
        call(__NR_select, [1000, at(&mut closed), 0, 0, at(&mut time)]),
        Err(Errno::EBADF)
    );
    assert_eq!(
        call(__NR_select, [u64::from(u32::MAX), 0, 0, 0, at(&mut time)]),
        Err(Errno::EINVAL)
    );
}

#[test]
fn epoll_reports_with_the_programs_data() {
    let epoll = call(__NR_epoll_create1, [u64::from(EPOLL_CLOEXEC)]).unwrap() as u64;
    let [reader, writer] = pipe();
    let mut event = epoll_event {
        events: EPOLLIN,
        data: 0x1_0000_0002,
    };
    let mut control = |operation: u32, fd: i32| {
        call(
            __NR_epoll_ctl,
            [epoll, u64::from(operation), fd as u64, at(&mut event)],
        )
    };
    assert_eq!(control(EPOLL_CTL_ADD, reader), Ok(0));
    assert_eq!(control(EPOLL_CTL_ADD, reader), Err(Errno::EEXIST));
    assert_eq!(control(EPOLL_CTL_MOD, writer), Err(Errno::ENOENT));
    assert_eq!(control(EPOLL_CTL_ADD, epoll as i32), Err(Errno::EINVAL));
    assert_eq!(control(EPOLL_CTL_ADD, CLOSED), Err(Errno::EBADF));
    assert_eq!(control(9, reader), Err(Errno::EINVAL));
    let mut events = [epoll_event { events: 0, data: 0 }; 4];
    let list = events.as_mut_ptr() as u64;
    assert_eq!(call(__NR_epoll_wait, [epoll, list, 4, 0]), Ok(0));
    assert_eq!(call(__NR_epoll_wait, [epoll, list, 4, 2]), Ok(0));
    write(writer, b"x");
    assert_eq!(call(__NR_epoll_pwait, [epoll, list, 4, u64::MAX, 0, 8]), Ok(1));
    let [first, ..] = events;
    assert_eq!(({ first.events }, { first.data }), (EPOLLIN, 0x1_0000_0002));
    assert_eq!(call(__NR_epoll_wait, [epoll, list, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(
        call(__NR_epoll_wait, [reader as u64, list, 1, 0]),
        Err(Errno::EINVAL)
    );
    assert_eq!(call(__NR_epoll_wait, [epoll, 8, 1, 0]), Err(Errno::EFAULT));
    assert_eq!(
        call(__NR_epoll_wait, [epoll, list, 1, 0]),
        Ok(1),
        "an event that could not be written is kept"
    );
}

#[test]
fn a_waiting_call_ends_with_a_signal_and_keeps_the_mask_for_the_handler() {
    let signals = &crate::sched::current().signals;
    let signal = 60;
    let handler = Action {
        handler: 0x1000,
        ..Action::DEFAULT
    };
    crate::signal::set_action(signal, handler).unwrap();
    let blocked = crate::signal::info::bit(signal);
    signals.set_mask(blocked);
    crate::signal::send_thread(&crate::sched::current(), SigInfo::new(signal, 0)).unwrap();
    let mut none = 0u64;
    assert_eq!(
        call(__NR_ppoll, [0, 0, 0, at(&mut none), 8]),
        Err(Errno::ERESTARTNOHAND)
    );
    assert_eq!(signals.mask(), 0);
    signals.end_wait(false);
    assert_eq!(signals.mask(), blocked);
    assert_eq!(call(__NR_ppoll, [0, 0, 0, at(&mut none), 4]), Err(Errno::EINVAL));
    let mut info = SigInfo::new(0, 0);
    let mut wanted = blocked;
    assert_eq!(
        call(__NR_rt_sigtimedwait, [at(&mut wanted), at(&mut info), 0, 8]),
        Ok(60)
    );
    let mut at_once = [0i64; 2];
    assert_eq!(
        call(__NR_rt_sigtimedwait, [at(&mut wanted), 0, at(&mut at_once), 8]),
        Err(Errno::EAGAIN)
    );
}

#[test]
fn descriptors_are_made_with_flags() {
    assert_eq!(call(__NR_eventfd2, [0, 1 << 30]), Err(Errno::EINVAL));
    assert_eq!(call(__NR_epoll_create1, [1]), Err(Errno::EINVAL));
    assert_eq!(call(__NR_epoll_create, [0]), Err(Errno::EINVAL));
    assert_eq!(call(__NR_timerfd_create, [99, 0]), Err(Errno::EINVAL));
    assert_eq!(call(__NR_pipe2, [8, 0]), Err(Errno::EFAULT));
    let fd = call(__NR_eventfd2, [3, u64::from(EFD_NONBLOCK | EFD_CLOEXEC)]).unwrap() as i32;
    let open = process::open_file(fd).unwrap();
    assert!(open.nonblocking() && process::process().files.lock().get(fd).unwrap().cloexec);
}

#[test]
fn a_timer_is_set_shown_and_read() {
    let timer = call(
        __NR_timerfd_create,
        [u64::from(CLOCK_REALTIME), u64::from(TFD_NONBLOCK)],
    )
    .unwrap() as u64;
    let (mut new, mut old) = ([0i64, 0, 3600, 0], [9i64; 4]);
    assert_eq!(
        call(__NR_timerfd_settime, [timer, 0, at(&mut new), at(&mut old)]),
        Ok(0)
    );
    assert_eq!(old, [0; 4]);
    assert_eq!(call(__NR_timerfd_gettime, [timer, at(&mut old)]), Ok(0));
    assert!((3590..=3600).contains(&old[2]), "{old:?}");
    // Absolute and long past.
    new = [0, 0, 1, 0];
    assert_eq!(
        call(
            __NR_timerfd_settime,
            [timer, u64::from(TFD_TIMER_ABSTIME), at(&mut new), 0]
        ),
        Ok(0)
    );
    let mut buffer = [0; 8];
    assert_eq!(
        process::open_file(timer as i32)
            .unwrap()
            .file
            .read(0, &mut buffer),
        Ok(8)
    );
    assert_eq!(buffer, 1u64.to_ne_bytes());
    new = [0, 0, 0, 1_000_000_000];
    assert_eq!(
        call(__NR_timerfd_settime, [timer, 0, at(&mut new), 0]),
        Err(Errno::EINVAL)
    );
    assert_eq!(
        call(__NR_timerfd_settime, [timer, 8, at(&mut new), 0]),
        Err(Errno::EINVAL)
    );
}
