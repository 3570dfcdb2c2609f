//! From method, path and body to a [`Command`], with Firecracker's checks and words.

use serde::de::DeserializeOwned;

use super::model::{
    Action, BalloonConfig, BalloonPatch, BootSource, Drive, DrivePatch, EntropyConfig, Folder, LoggerConfig,
    MachineConfig, MachinePatch, MetricsConfig, NetworkInterface, NetworkPatch, Pmem, SerialConfig, VmPatch,
};

/// Everything that can be asked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    GetInstance,
    GetVersion,
    GetVmConfig,
    GetMachine,
    PutMachine(MachineConfig),
    PatchMachine(MachinePatch),
    PutBootSource(BootSource),
    PutDrive(Drive),
    PatchDrive(DrivePatch),
    PutPmem(Pmem),
    PutFolder(Folder),
    PutNetwork(NetworkInterface),
    PatchNetwork(NetworkPatch),
    PutAction(Action),
    PatchVm(VmPatch),
    PutLogger(LoggerConfig),
    PutMetrics(MetricsConfig),
    PutEntropy(EntropyConfig),
    GetBalloon,
    PutBalloon(BalloonConfig),
    PatchBalloon(BalloonPatch),
    PutSerial(SerialConfig),
}

/// Why a request is no command.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No such thing to ask for.
    #[error("Invalid request method and/or path: {0} {1}.")]
    Path(String, String),
    /// The body is not what it should be.
    #[error("An error occurred when deserializing the json body of a request: {0}.")]
    Body(#[from] serde_json::Error),
    /// A body is missing.
    #[error("Empty {0} request.")]
    Empty(&'static str),
    /// A body where none belongs.
    #[error("GET request cannot have a body.")]
    UnexpectedBody,
    /// A path that ends too early.
    #[error("The ID cannot be empty.")]
    NoId,
    /// An id with strange characters.
    #[error("API Resource IDs can only contain alphanumeric characters and underscores.")]
    BadId,
    /// Path and body disagree.
    #[error("The id from the path [{0}] does not match the id from the body!")]
    OtherId(String),
}

/// Reads a request.
///
/// # Errors
///
/// See [`Error`]; each is answered with status 400.
pub(crate) fn parse(method: &str, path: &str, body: &[u8]) -> Result<Command, Error> {
    let unknown = || Error::Path(method.to_owned(), path.to_owned());
    // As in Firecracker, a query does not matter.
    let plain = path.split('?').next().unwrap_or("");
    let mut words = plain.trim_start_matches('/').splitn(3, '/');
    let (resource, id) = (words.next().unwrap_or(""), words.next());
    if words.next().is_some() {
        return Err(unknown());
    }
    let command = match (method, resource, id) {
        ("GET", "", None) => Command::GetInstance,
        ("GET", "version", None) => Command::GetVersion,
        ("GET", "machine-config", None) => Command::GetMachine,
        ("GET", "vm", Some("config")) => Command::GetVmConfig,
        ("PUT", "machine-config", None) => Command::PutMachine(put(body)?),
        ("PATCH", "machine-config", None) => Command::PatchMachine(patch(body)?),
        ("PUT", "boot-source", None) => Command::PutBootSource(put(body)?),
        ("PUT", "actions", None) => Command::PutAction(put(body)?),
        ("PATCH", "vm", None) => Command::PatchVm(patch(body)?),
        ("PUT", "logger", None) => Command::PutLogger(put(body)?),
        ("PUT", "metrics", None) => Command::PutMetrics(put(body)?),
        ("PUT", "entropy", None) => Command::PutEntropy(put(body)?),
        ("GET", "balloon", None) => Command::GetBalloon,
        ("PUT", "balloon", None) => Command::PutBalloon(put(body)?),
        ("PATCH", "balloon", None) => Command::PatchBalloon(patch(body)?),
        ("PUT", "serial", None) => Command::PutSerial(put(body)?),
        ("PUT" | "PATCH", "drives" | "network-interfaces", id) | ("PUT", "pmem" | "folders", id) => {
            device(method, resource, id, body)?
        }
        _ => return Err(unknown()),
    };
    if method == "GET" && !body.is_empty() {
        return Err(Error::UnexpectedBody);
    }
    Ok(command)
}

/// Requests whose path names a device.
fn device(method: &str, resource: &str, id: Option<&str>, body: &[u8]) -> Result<Command, Error> {
    let id = id.filter(|id| !id.is_empty()).ok_or(Error::NoId)?;
    if !id.chars().all(|c| c == '_' || c.is_ascii_alphanumeric()) {
        return Err(Error::BadId);
    }
    let (command, inner) = match (method, resource) {
        ("PUT", "drives") => {
            let drive: Drive = put(body)?;
            let inner = drive.drive_id.clone();
            (Command::PutDrive(drive), inner)
        }
        (_, "drives") => {
            let drive: DrivePatch = patch(body)?;
            let inner = drive.drive_id.clone();
            (Command::PatchDrive(drive), inner)
        }
        (_, "pmem") => {
            let pmem: Pmem = put(body)?;
            let inner = pmem.id.clone();
            (Command::PutPmem(pmem), inner)
        }
        (_, "folders") => {
            let folder: Folder = put(body)?;
            let inner = folder.tag.clone();
            (Command::PutFolder(folder), inner)
        }
        ("PUT", _) => {
            let network: NetworkInterface = put(body)?;
            let inner = network.iface_id.clone();
            (Command::PutNetwork(network), inner)
        }
        _ => {
            let network: NetworkPatch = patch(body)?;
            let inner = network.iface_id.clone();
            (Command::PatchNetwork(network), inner)
        }
    };
    if inner == id {
        Ok(command)
    } else {
        Err(Error::OtherId(id.to_owned()))
    }
}

fn put<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.is_empty() {
        return Err(Error::Empty("PUT"));
    }
    Ok(serde_json::from_slice(body)?)
}

fn patch<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    if body.is_empty() {
        return Err(Error::Empty("PATCH"));
    }
    Ok(serde_json::from_slice(body)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(method: &str, path: &str, body: &str) -> String {
        parse(method, path, body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn wrong_requests_are_named() {
        assert_eq!(
            message("GET", "/nothing", ""),
            "Invalid request method and/or path: GET /nothing."
        );
        assert_eq!(message("PUT", "/actions", ""), "Empty PUT request.");
        assert_eq!(message("GET", "/", "{}"), "GET request cannot have a body.");
        assert_eq!(message("PUT", "/drives/", "{}"), "The ID cannot be empty.");
        assert_eq!(
            message("PUT", "/pmem/a", r#"{"id":"b","path_on_host":"/x"}"#),
            "The id from the path [a] does not match the id from the body!"
        );
        assert!(message("PATCH", "/pmem/a", "{}").starts_with("Invalid request method"));
        assert!(message("PUT", "/drives/a-b", "{}").starts_with("API Resource IDs"));
        assert!(
            message(
                "PUT",
                "/machine-config",
                r#"{"vcpu_count":1,"mem_size_mib":8,"x":1}"#
            )
            .contains("unknown field `x`")
        );
        let drive = r#"{"drive_id":"b","path_on_host":"/x","is_root_device":true}"#;
        assert_eq!(
            message("PUT", "/drives/a", drive),
            "The id from the path [a] does not match the id from the body!"
        );
    }

    #[test]
    fn what_cannot_be_honoured_is_refused_and_null_is_not() {
        let network =
            |limiter| format!(r#"{{"iface_id":"e","host_dev_name":"t","rx_rate_limiter":{limiter}}}"#);
        assert!(parse("PUT", "/network-interfaces/e", network("null").as_bytes()).is_ok());
        let text = message("PUT", "/network-interfaces/e", &network("{\"ops\":null}"));
        assert!(text.contains("does not support rate limiters"), "{text}");
    }
}
