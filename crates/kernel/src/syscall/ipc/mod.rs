//! What joins processes elsewhere, and threads here: message queues.

use super::{
    Row,
    Support::{Full, Partial},
};
use linux_raw_sys::general as raw;

mod common;
mod mq_getsetattr;
mod mq_notify;
mod mq_open;
mod mq_receive;
mod mq_send;
mod mq_unlink;

/// The family's rows.
pub(super) const ROWS: &[Row] = &[
    Row::new(
        raw::__NR_mq_getsetattr,
        "mq_getsetattr",
        mq_getsetattr::mq_getsetattr,
        Full,
    ),
    Row::new(
        raw::__NR_mq_notify,
        "mq_notify",
        mq_notify::mq_notify,
        Partial("SIGEV_THREAD is refused with EINVAL"),
    ),
    Row::new(
        raw::__NR_mq_open,
        "mq_open",
        mq_open::mq_open,
        Partial("queues are no files: there is no /dev/mqueue, and nobody's rights are checked"),
    ),
    Row::new(
        raw::__NR_mq_timedreceive,
        "mq_receive",
        mq_receive::mq_timedreceive,
        Full,
    ),
    Row::new(raw::__NR_mq_timedsend, "mq_send", mq_send::mq_timedsend, Full),
    Row::new(raw::__NR_mq_unlink, "mq_unlink", mq_unlink::mq_unlink, Full),
];
