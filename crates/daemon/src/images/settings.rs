//! What an image says about running it, as the API tells it.

use std::{collections::BTreeMap, fs::File};

use uigniter_api::{image::Image, publish::PortMapping};
use uigniter_image::{
    Disk,
    configuration::{CPUS_LABEL, ImageConfiguration, MEMORY_LABEL, PUBLISH_LABEL},
};

/// How an image is run where a request does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    command: Vec<String>,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    cwd: Option<String>,
    user: Option<String>,
    memory_mib: Option<u32>,
    cpus: Option<u8>,
    publish: Vec<PortMapping>,
    volumes: Vec<String>,
}

impl Settings {
    /// One program, without anything else.
    pub(super) fn program(path: String) -> Self {
        Self {
            command: vec![path],
            ..Self::default()
        }
    }

    /// Of a disk: `program`, if the caller names one; what the disk's configuration says; or `/NAME`, if it has that.
    pub(super) fn of_disk(name: &str, disk: &Disk, file: &File, program: Option<String>) -> Self {
        let mut settings = disk.configuration.as_ref().map(Self::from).unwrap_or_default();
        if let Some(program) = program {
            (settings.command, settings.args) = (vec![program], Vec::new());
        } else if settings.command.is_empty() && settings.args.is_empty() {
            let usual = format!("/{name}");
            let has_usual = || Disk::contents(file).is_ok_and(|tree| tree.file_length(&usual).is_some());
            if disk.format.is_some() && has_usual() {
                settings.command = vec![usual];
            }
        }
        settings
    }

    /// Puts them into an image.
    pub(super) fn apply(self, image: Image) -> Image {
        Image {
            command: self.command,
            args: self.args,
            env: self.env,
            cwd: self.cwd,
            user: self.user,
            memory_mib: self.memory_mib,
            cpus: self.cpus,
            publish: self.publish,
            volumes: self.volumes,
            ..image
        }
    }
}

impl From<&ImageConfiguration> for Settings {
    /// `Entrypoint` is what is always run, `Cmd` what an instance's arguments replace.
    fn from(configuration: &ImageConfiguration) -> Self {
        let Some(config) = configuration.config() else {
            return Self::default();
        };
        let env = config.env().iter().flatten();
        // A stranger's label that says no number, or no port, says nothing.
        let label = |name| config.labels().as_ref()?.get(name);
        let published = label(PUBLISH_LABEL).map_or("", String::as_str);
        Self {
            command: config.entrypoint().clone().unwrap_or_default(),
            args: config.cmd().clone().unwrap_or_default(),
            env: env
                .filter_map(|variable| variable.split_once('='))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
            cwd: config.working_dir().clone().filter(|folder| !folder.is_empty()),
            user: config.user().clone().filter(|user| !user.is_empty()),
            memory_mib: label(MEMORY_LABEL).and_then(|text| text.parse().ok()),
            cpus: label(CPUS_LABEL).and_then(|text| text.parse().ok()),
            publish: published
                .split_whitespace()
                .filter_map(|port| port.parse().ok())
                .collect(),
            volumes: config.volumes().clone().unwrap_or_default(),
        }
    }
}
