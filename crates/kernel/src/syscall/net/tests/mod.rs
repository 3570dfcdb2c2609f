//! Socket calls as a program makes them: numbers, addresses and structures in memory.

use crate::{
    errno::Errno,
    syscall::{Args, dispatch},
};
use linux_raw_sys::{general::*, net as raw};

fn call<const N: usize>(number: u32, args: [u64; N]) -> i64 {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    dispatch(u64::from(number), &Args(all))
}

fn at<T>(value: &mut T) -> u64 {
    std::ptr::from_mut(value) as u64
}

fn error(errno: Errno) -> i64 {
    -i64::from(errno.0)
}

fn loopback(port: u16) -> raw::sockaddr_in {
    raw::sockaddr_in {
        sin_family: raw::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: raw::in_addr {
            s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
        },
        __pad: [0; 8],
    }
}

#[test]
fn messages_travel_between_udp_sockets() {
    let kind = u64::from(raw::SOCK_DGRAM | O_NONBLOCK);
    let [from, to] = [0; 2].map(|_| call(__NR_socket, [u64::from(raw::AF_INET), kind, 0]) as u64);
    let mut address = loopback(0);
    assert_eq!(call(__NR_bind, [to, at(&mut address), 16]), 0);
    let mut len = 16;
    assert_eq!(call(__NR_getsockname, [to, at(&mut address), at(&mut len)]), 0);
    assert_ne!(address.sin_port, 0);

    let (mut one, mut two) = (*b"abc", *b"defgh");
    let mut vectors = [
        iovec {
            iov_base: one.as_mut_ptr().cast(),
            iov_len: 3,
        },
        iovec {
            iov_base: two.as_mut_ptr().cast(),
            iov_len: 5,
        },
    ];
    let mut header = raw::msghdr {
        msg_name: std::ptr::from_mut(&mut address).cast(),
        msg_namelen: 16,
        msg_iov: vectors.as_mut_ptr().cast(),
        msg_iovlen: 2,
        msg_control: std::ptr::null_mut(),
        msg_controllen: 0,
        msg_flags: 0,
    };
    assert_eq!(call(__NR_sendmsg, [from, at(&mut header), 0]), 8);

    let (mut first, mut second, mut source) = ([0u8; 2], [0u8; 4], loopback(0));
    let mut vectors = [
        iovec {
            iov_base: first.as_mut_ptr().cast(),
            iov_len: 2,
        },
        iovec {
            iov_base: second.as_mut_ptr().cast(),
            iov_len: 4,
        },
    ];
    header.msg_iov = vectors.as_mut_ptr().cast();
    header.msg_name = std::ptr::from_mut(&mut source).cast();
    header.msg_flags = 77;
    assert_eq!(call(__NR_recvmsg, [to, at(&mut header), 0]), 6);
    assert_eq!((&first, &second), (b"ab", b"cdef"));
    assert_eq!(header.msg_flags, raw::MSG_TRUNC);
    assert_eq!(header.msg_namelen, 16);
    assert_eq!(source.sin_addr.s_addr, loopback(0).sin_addr.s_addr);
    assert_eq!(
        call(__NR_recvfrom, [to, first.as_mut_ptr() as u64, 2, 0, 0, 0]),
        error(Errno::EAGAIN)
    );
    for fd in [from, to] {
        assert_eq!(
            call(__NR_getpeername, [fd, at(&mut address), at(&mut len)]),
            error(Errno::ENOTCONN)
        );
        crate::process::close(fd as i32).unwrap();
    }
}

#[test]
fn wrong_calls_get_the_errno_that_linux_gives() {
    let unix = u64::from(raw::AF_UNIX);
    assert_eq!(
        call(__NR_socket, [u64::from(raw::AF_X25), 1, 0]),
        error(Errno::EAFNOSUPPORT)
    );
    assert_eq!(
        call(__NR_socket, [u64::from(raw::AF_INET), 1 | 0x10, 0]),
        error(Errno::EINVAL)
    );
    assert_eq!(call(__NR_bind, [9999, 0, 0]), error(Errno::EBADF));
    let stream = call(__NR_socket, [u64::from(raw::AF_INET), 1, 0]) as u64;
    let mut address = loopback(9);
    assert_eq!(
        call(__NR_bind, [stream, at(&mut address), 8]),
        error(Errno::EINVAL)
    );
    assert_eq!(call(__NR_bind, [stream, 8, 16]), error(Errno::EFAULT));
    let mut buffer = [0u8; 4];
    assert_eq!(
        call(__NR_recvfrom, [stream, buffer.as_mut_ptr() as u64, 4, 0, 0, 0]),
        error(Errno::ENOTCONN)
    );
    assert_eq!(call(__NR_accept, [stream, 0, 0]), error(Errno::EINVAL));
    assert_eq!(call(__NR_shutdown, [stream, 0]), error(Errno::ENOTCONN));
    let mut one = 1i32;
    let level = u64::from(raw::SOL_SOCKET);
    assert_eq!(
        call(
            __NR_setsockopt,
            [stream, level, u64::from(raw::SO_REUSEADDR), at(&mut one), 4]
        ),
        0
    );
    let (mut value, mut len) = (0i32, 4i32);
    assert_eq!(
        call(
            __NR_getsockopt,
            [
                stream,
                level,
                u64::from(raw::SO_REUSEADDR),
                at(&mut value),
                at(&mut len)
            ]
        ),
        0
    );
    assert_eq!((value, len), (1, 4));
    assert_eq!(
        call(__NR_setsockopt, [stream, level, 9999, at(&mut one), 4]),
        error(Errno::ENOPROTOOPT)
    );
    let mut pair = [0i32; 2];
    assert_eq!(
        call(__NR_socketpair, [u64::from(raw::AF_INET), 1, 0, at(&mut pair)]),
        error(Errno::EOPNOTSUPP)
    );
    assert_eq!(call(__NR_socketpair, [unix, 1, 0, at(&mut pair)]), 0);
    assert_eq!(
        call(__NR_sendto, [pair[0] as u64, b"hi".as_ptr() as u64, 2, 0, 0, 0]),
        2
    );
    assert_eq!(
        call(
            __NR_recvfrom,
            [pair[1] as u64, buffer.as_mut_ptr() as u64, 4, 0, 0, 0]
        ),
        2
    );
    for fd in [stream as i32, pair[0], pair[1]] {
        crate::process::close(fd).unwrap();
    }
}
