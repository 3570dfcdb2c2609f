//! A fuzz target: bytes of an API client.

use super::{
    http::{self, Parsed},
    routes,
};

#[test]
fn fuzz_api() {
    let put = |path: &str, body: &str| {
        format!(
            "PUT {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let seeds = [
        put(
            "/machine-config",
            r#"{"vcpu_count":1,"mem_size_mib":128,"smt":false}"#,
        ),
        put("/boot-source", r#"{"kernel_image_path":"/k","boot_args":"x"}"#),
        put(
            "/drives/root",
            r#"{"drive_id":"root","path_on_host":"/d","is_root_device":true,"is_read_only":true}"#,
        ),
        put(
            "/network-interfaces/eth0",
            r#"{"iface_id":"eth0","host_dev_name":"tap0","guest_mac":"02:00:00:00:00:01"}"#,
        ),
        put("/actions", r#"{"action_type":"InstanceStart"}"#),
        put("/logger", r#"{"log_path":"/l","level":"Info"}"#),
        put("/metrics", r#"{"metrics_path":"/m"}"#),
        put("/entropy", "{}"),
        put("/serial", r#"{"serial_out_path":"/s"}"#),
        "PATCH /vm HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 18\r\n\r\n{\"state\":\"Paused\"}"
            .to_owned(),
        "GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET /version HTTP/1.0\r\n\r\n".to_owned(),
    ];
    let seeds: Vec<&[u8]> = seeds.iter().map(String::as_bytes).collect();
    uigniter_fuzz::run("api", &seeds, |input| {
        let mut rest = input;
        while let Parsed::Whole(request, taken) = http::parse(rest) {
            assert!(taken > 0 && taken <= rest.len(), "a request has a length");
            rest = &rest[taken..];
            if let Err(error) = routes::parse(&request.method, &request.path, &request.body) {
                let answer = http::response(400, Some(&error.to_string()), request.keep_alive);
                assert!(answer.starts_with(b"HTTP/1.1 400 "));
            }
        }
    });
}
