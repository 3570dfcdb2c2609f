//! HTTP/1.1 (RFC 9112), as far as this API needs it: requests with a length, answers with a length.

/// Longest request line and headers in bytes.
const HEAD_MAX: usize = 8 << 10;
/// Longest body in bytes, Firecracker's limit.
pub(crate) const BODY_MAX: usize = 51_200;
/// Most headers.
const HEADERS_MAX: usize = 32;
/// Longest whole request.
pub(crate) const REQUEST_MAX: usize = HEAD_MAX + BODY_MAX;

/// One whole request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `GET`.
    pub(crate) method: String,
    /// `/drives/rootfs`.
    pub(crate) path: String,
    /// The body, perhaps empty.
    pub(crate) body: Vec<u8>,
    /// The client wants to send more on this connection.
    pub(crate) keep_alive: bool,
}

/// What the bytes at hand are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// The beginning of a request; `expects_continue` if the client waits for a sign before the body.
    Partial {
        /// `Expect: 100-continue` was read.
        expects_continue: bool,
    },
    /// A request and the count of bytes that it took.
    Whole(Request, usize),
    /// No request that we take: answer with this status and message, then close.
    Bad(u16, &'static str),
}

/// Looks for one request at the beginning of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut headers);
    let head_length = match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() > HEAD_MAX => {
            return Parsed::Bad(431, "The request line and headers are too long.");
        }
        Ok(httparse::Status::Partial) => {
            return Parsed::Partial {
                expects_continue: false,
            };
        }
        Err(_) => return Parsed::Bad(400, "The request is not valid HTTP."),
    };
    let mut length = None;
    let mut keep_alive = head.version == Some(1);
    let mut expects_continue = false;
    for header in head.headers.iter() {
        let value = std::str::from_utf8(header.value).unwrap_or("").trim();
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            // Only digits (RFC 9112, section 6.3), and only one length.
            let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
            match value.parse::<usize>() {
                Ok(value) if digits && length.is_none_or(|length| length == value) => length = Some(value),
                _ => return Parsed::Bad(400, "The Content-Length header is invalid."),
            }
        } else if is("transfer-encoding") {
            return Parsed::Bad(400, "Transfer-Encoding is not supported; send a Content-Length.");
        } else if is("connection") {
            keep_alive = keep_alive && !value.eq_ignore_ascii_case("close");
        } else if is("expect") {
            expects_continue = value.eq_ignore_ascii_case("100-continue");
        }
    }
    let length = length.unwrap_or(0);
    if length > BODY_MAX {
        return Parsed::Bad(413, "The request body is too long: at most 51200 bytes.");
    }
    let Some(body) = bytes.get(head_length..head_length + length) else {
        return Parsed::Partial { expects_continue };
    };
    let request = Request {
        method: head.method.unwrap_or("").to_owned(),
        path: head.path.unwrap_or("").to_owned(),
        body: body.to_vec(),
        keep_alive,
    };
    Parsed::Whole(request, head_length + length)
}

/// The sign to go on with the body.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Writes an answer; no body means 204.
pub(crate) fn response(status: u16, body: Option<&str>, keep_alive: bool) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        413 => "Payload Too Large",
        431 => "Request Header Fields Too Large",
        _ => "Internal Server Error",
    };
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let mut head =
        format!("HTTP/1.1 {status} {reason}\r\nServer: Firecracker API\r\nConnection: {connection}\r\n");
    if let Some(body) = body {
        head.push_str(&format!(
            "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
    } else {
        head.push_str("\r\n");
    }
    head.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::virtio::testing::Random;

    const PUT: &[u8] = b"PUT /actions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{  }GET";

    #[test]
    fn every_prefix_is_partial_and_the_rest_is_left() {
        let whole = PUT.len() - 3;
        for length in 0..whole {
            assert!(
                matches!(parse(&PUT[..length]), Parsed::Partial { .. }),
                "{length}"
            );
        }
        let Parsed::Whole(request, taken) = parse(PUT) else {
            unreachable!("the request is whole")
        };
        assert_eq!(
            (request.path.as_str(), request.body.as_slice(), taken),
            ("/actions", b"{  }".as_slice(), whole)
        );
        assert!(request.keep_alive);
    }

    #[test]
    fn limits_and_smuggling_are_refused() {
        let bad = |text: &str| matches!(parse(text.as_bytes()), Parsed::Bad(..));
        assert!(bad("GET / HTTP/1.1\r\nContent-Length: 51201\r\n\r\n"));
        assert!(bad(
            "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n"
        ));
        assert!(bad("GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n"));
        assert!(bad("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"));
        assert!(bad(&format!("GET /{} HTTP/1.1\r\n", "a".repeat(HEAD_MAX))));
        assert!(bad("\u{1}\u{2}\u{3}"));
    }

    #[test]
    fn random_bytes_never_panic() {
        let mut random = Random::new(9112);
        for _ in 0..20_000 {
            let mut bytes = PUT.to_vec();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len() as u64) as usize;
                bytes[at] = random.next() as u8;
            }
            parse(&bytes);
        }
    }
}
