//! How an image is run where a request does not say: its OCI configuration, from its source's word, the manifest's and the command line's.

use uigniter_api::publish::PortMapping;
use uigniter_image::{
    Filesystem,
    configuration::{
        Arch, CPUS_LABEL, Config, ImageConfiguration, ImageConfigurationBuilder, MEMORY_LABEL, Os,
        PUBLISH_LABEL, RootFs,
    },
};

use crate::error::CliError;

/// `PATH` where an image has none, as container engines have it.
pub(super) const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What one place says; the rest is left as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) entrypoint: Option<String>,
    pub(super) args: Vec<String>,
    pub(super) env: Vec<(String, String)>,
    pub(super) workdir: Option<String>,
    pub(super) memory_mib: Option<u32>,
    pub(super) cpus: Option<u8>,
    pub(super) ports: Vec<PortMapping>,
    pub(super) volumes: Vec<String>,
}

impl Settings {
    /// Puts what is said here over what was said before.
    pub(super) fn apply(&self, config: &mut Config) {
        if let Some(program) = &self.entrypoint {
            // As with container engines: the arguments were for the other program.
            config.set_entrypoint(Some(vec![program.clone()])).set_cmd(None);
        }
        if !self.args.is_empty() {
            config.set_cmd(Some(self.args.clone()));
        }
        let mut env = config.env().clone().unwrap_or_default();
        for (key, value) in &self.env {
            env.retain(|variable| variable.split_once('=').is_none_or(|(other, _)| other != key));
            env.push(format!("{key}={value}"));
        }
        config.set_env(Some(env));
        if let Some(folder) = &self.workdir {
            config.set_working_dir(Some(folder.clone()));
        }
        let mut label = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let labels = config.labels_mut().get_or_insert_default();
                labels.insert(name.to_owned(), value);
            }
        };
        label(MEMORY_LABEL, self.memory_mib.map(|mib| mib.to_string()));
        label(CPUS_LABEL, self.cpus.map(|cpus| cpus.to_string()));
        let published: Vec<_> = self.ports.iter().map(PortMapping::to_string).collect();
        label(
            PUBLISH_LABEL,
            (!published.is_empty()).then(|| published.join(" ")),
        );
        let exposed = self
            .ports
            .iter()
            .map(|port| format!("{}/{}", port.guest_port, port.protocol));
        config.set_exposed_ports(joined(config.exposed_ports(), exposed));
        config.set_volumes(joined(config.volumes(), self.volumes.iter().cloned()));
    }
}

/// A list with more in it, each once and in order.
fn joined(list: &Option<Vec<String>>, more: impl Iterator<Item = String>) -> Option<Vec<String>> {
    let mut all: Vec<_> = list.iter().flatten().cloned().chain(more).collect();
    all.sort();
    all.dedup();
    (!all.is_empty()).then_some(all)
}

/// Finds the program that is run in the tree, so that the configuration has its path.
pub(super) fn resolve_program(config: &mut Config, tree: &mut Filesystem) -> Result<(), CliError> {
    let env = config.env().iter().flatten();
    let path = env
        .filter_map(|variable| variable.strip_prefix("PATH="))
        .next_back();
    let path = path.unwrap_or(USUAL_PATH).to_owned();
    let mut entrypoint = config.entrypoint().clone().unwrap_or_default();
    let mut cmd = config.cmd().clone().unwrap_or_default();
    let program = entrypoint.first_mut().or(cmd.first_mut()).ok_or_else(|| {
        CliError::new("the image would have no program to run").hint("say one: --entrypoint PROGRAM")
    })?;
    let found = tree.program(program, &path).map_err(CliError::new)?;
    *program = found.ok_or_else(|| {
        CliError::new(format!(
            "there is no program '{program}' in what the image is made of"
        ))
        .hint("name one that is there: --entrypoint PROGRAM")
    })?;
    config.set_entrypoint(Some(entrypoint)).set_cmd(Some(cmd));
    Ok(())
}

/// The configuration as it lies in the image.
pub(super) fn configuration(config: Config) -> Result<ImageConfiguration, CliError> {
    ImageConfigurationBuilder::default()
        .architecture(Arch::Amd64)
        .os(Os::Linux)
        .config(config)
        .rootfs(RootFs::default())
        .build()
        .map_err(CliError::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_word_counts_and_what_it_leaves_out_stays() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let mut config = Config::default();
        let first = Settings {
            entrypoint: Some("a".into()),
            args: vec!["x".into()],
            env: vec![pair("A", "1"), pair("B", "2")],
            memory_mib: Some(64),
            ports: vec!["8080:80".parse().unwrap(), "53/udp".parse().unwrap()],
            volumes: vec!["/data".into()],
            ..Settings::default()
        };
        first.apply(&mut config);
        let second = Settings {
            args: vec!["y".into()],
            env: vec![pair("A", "3")],
            cpus: Some(2),
            ..Settings::default()
        };
        second.apply(&mut config);
        assert_eq!(config.entrypoint().as_deref(), Some(&["a".to_owned()][..]));
        assert_eq!(config.cmd().as_deref(), Some(&["y".to_owned()][..]));
        assert_eq!(
            config.env().as_deref(),
            Some(&["B=2".to_owned(), "A=3".to_owned()][..])
        );
        assert_eq!(
            config.exposed_ports().as_deref(),
            Some(&["53/udp".to_owned(), "80/tcp".to_owned()][..])
        );
        assert_eq!(config.volumes().as_deref(), Some(&["/data".to_owned()][..]));
        let label = |name| config.labels().as_ref().unwrap()[name].clone();
        assert_eq!(label(MEMORY_LABEL), "64");
        assert_eq!(label(CPUS_LABEL), "2");
        assert_eq!(label(PUBLISH_LABEL), "127.0.0.1:8080:80/tcp 127.0.0.1:0:53/udp");
        let third = Settings {
            entrypoint: Some("b".into()),
            ..Settings::default()
        };
        third.apply(&mut config);
        assert_eq!(*config.cmd(), None, "arguments go with their program");
    }
}
