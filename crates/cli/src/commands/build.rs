//! `uigniter build`: a program, a folder or a container image becomes an image.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use tempfile::NamedTempFile;
use uigniter_api::image::ImportQuery;
use uigniter_image::{
    Filesystem, Format,
    configuration::{
        self, Arch, Config, ConfigBuilder, ImageConfiguration, ImageConfigurationBuilder, Os, RootFs,
    },
    disk, gather, oci, pack,
};

use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
    output::{self, OutputArgs},
    packing::{self, AddArgs},
    values::key_value,
};

/// `PATH` where an image has none, as container engines have it.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Files that the table shows.
const LARGEST: usize = 5;

/// Make an image from a program, a folder or a container image
///
/// The image is one file: an EROFS that Linux mounts, with an OCI configuration behind it. The daemon takes it under the name of --tag.
/// A program named without a slash is looked for in the image's PATH.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  uigniter build -t cache --from-binary /usr/bin/memcached -- -u root
  uigniter build -t site --from-folder ./root --entrypoint /usr/sbin/nginx
  uigniter build -t app --from-oci ./app.tar        # docker save app -o app.tar
  uigniter run app")]
pub(crate) struct Build {
    /// Name of the image; an image of that name is replaced
    #[arg(short, long, value_name = "NAME")]
    tag: String,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    add: AddArgs,
    /// The program that is run, in place of the source's own
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Environment of the program; may be given several times
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    env: Vec<(String, String)>,
    /// Working directory of the program
    #[arg(short, long, value_name = "FOLDER")]
    workdir: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    /// Arguments of the program, where an instance does not give its own
    #[arg(last = true)]
    args: Vec<String>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct SourceArgs {
    /// A Linux program of this host, with the libraries that it needs (see --add for more)
    #[arg(long, value_name = "PROGRAM")]
    from_binary: Option<PathBuf>,
    /// A folder of this host that becomes the root
    #[arg(long, value_name = "FOLDER")]
    from_folder: Option<PathBuf>,
    /// A container image: an OCI image layout (a folder or an archive of it) or what `docker save` writes; PATH[@NAME] where it has several
    #[arg(long, value_name = "PATH[@NAME]")]
    from_oci: Option<String>,
}

/// What becomes an image.
struct Source {
    tree: Filesystem,
    config: Config,
}

impl Build {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let client = global.client();
        let (output, tag) = (self.output, self.tag.clone());
        let built = tokio::task::spawn_blocking(move || self.build()).await;
        let built = built.map_err(|error| CliError::new(format!("cannot build '{tag}': {error}")))??;
        progress(&format!("sending {}", output::bytes(built.bytes)));
        let query = ImportQuery {
            name: tag,
            program: None,
        };
        let image = client.import_image_as(&query, built.file.path()).await?;
        output.print(
            &image,
            &["IMAGE", "SIZE", "FILES", "COMMAND"],
            &[vec![
                image.name.clone(),
                output::bytes(image.size_bytes),
                built.files.to_string(),
                [&image.command[..], &image.args].concat().join(" "),
            ]],
        )?;
        if output.is_for_people() {
            output::line("\nLargest files:")?;
            for (path, bytes) in built.largest {
                output::line(&format!("{:>10}  {path}", output::bytes(bytes)))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn build(self) -> Result<Built, CliError> {
        let source = self.source()?;
        let mut tree = source.tree;
        let config = self.config(&source.config, &mut tree)?;
        let mut files = tree.files();
        let count = files.len();
        files.sort_unstable_by(|(path, bytes), (other, more)| more.cmp(bytes).then(path.cmp(other)));
        files.truncate(LARGEST);
        progress(&format!("writing {count} files"));
        let mut file = NamedTempFile::with_prefix("uigniter-image-")?;
        let written = disk::write(&tree, Format::Erofs, file.as_file_mut()).map_err(CliError::new)?;
        let bytes = configuration::write(&configuration_of(config)?, written, file.as_file_mut())?;
        Ok(Built {
            file,
            bytes,
            files: count,
            largest: files,
        })
    }

    fn source(&self) -> Result<Source, CliError> {
        let SourceArgs {
            from_binary,
            from_folder,
            from_oci,
        } = &self.source;
        if !self.add.is_empty() && from_binary.is_none() {
            return Err(CliError::new("--add goes with --from-binary")
                .hint("put the files into the folder, or into a layer of the container image"));
        }
        if let Some(program) = from_binary {
            progress(&format!("looking for what {} needs", program.display()));
            let gathered = gather(program, self.add.additions()).map_err(packing::refused)?;
            packing::warn(&gathered.unresolved);
            let config = ConfigBuilder::default().entrypoint(vec![gathered.path]).build();
            return Ok(Source {
                tree: gathered.tree,
                config: config.map_err(CliError::new)?,
            });
        }
        if let Some(folder) = from_folder {
            progress(&format!("listing {}", folder.display()));
            return Ok(Source {
                tree: pack::folder(folder).map_err(packing::refused)?,
                config: Config::default(),
            });
        }
        container(from_oci.as_deref().unwrap_or_default())
    }

    /// What the image says about running it: the source's word, and the command line's over it.
    fn config(&self, source: &Config, tree: &mut Filesystem) -> Result<Config, CliError> {
        let mut env: Vec<_> = source.env().clone().unwrap_or_default();
        for (key, value) in &self.env {
            env.retain(|variable| variable.split_once('=').is_none_or(|(other, _)| other != key));
            env.push(format!("{key}={value}"));
        }
        let path = env.iter().find_map(|variable| variable.strip_prefix("PATH="));
        let path = path.unwrap_or(USUAL_PATH).to_owned();
        let mut entrypoint = source.entrypoint().clone().unwrap_or_default();
        let mut cmd = source.cmd().clone().unwrap_or_default();
        if let Some(program) = &self.entrypoint {
            // As with container engines: the arguments were for the other program.
            (entrypoint, cmd) = (vec![program.clone()], Vec::new());
        }
        if !self.args.is_empty() {
            cmd.clone_from(&self.args);
        }
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
        let mut config = ConfigBuilder::default().entrypoint(entrypoint).cmd(cmd).env(env);
        if let Some(folder) = self.workdir.clone().or_else(|| source.working_dir().clone()) {
            config = config.working_dir(folder);
        }
        config.build().map_err(CliError::new)
    }
}

/// An image that was built and not yet sent.
struct Built {
    file: NamedTempFile,
    bytes: u64,
    files: usize,
    largest: Vec<(String, u64)>,
}

/// Reads `PATH[@NAME]`.
fn container(source: &str) -> Result<Source, CliError> {
    let (path, name) = match source.rsplit_once('@') {
        Some((path, name)) if !Path::new(source).exists() => (path, Some(name)),
        _ => (source, None),
    };
    progress(&format!("reading the layers of {path}"));
    File::open(path).map_err(|error| {
        CliError::new(format!("cannot read {path}: {error}"))
            .hint("name an OCI image layout, or a file that `docker save` wrote")
    })?;
    let loaded = oci::load(Path::new(path), name, oci::Limits::default())
        .map_err(|error| CliError::new(format!("{path} {error}")))?;
    if loaded.left_out > 0 {
        progress(&format!(
            "{} devices, pipes and sockets are left out",
            loaded.left_out
        ));
    }
    let mut tree = loaded.tree;
    pack::complete(&mut tree).map_err(CliError::new)?;
    Ok(Source {
        tree,
        config: loaded.configuration.config().clone().unwrap_or_default(),
    })
}

fn configuration_of(config: Config) -> Result<ImageConfiguration, CliError> {
    ImageConfigurationBuilder::default()
        .architecture(Arch::Amd64)
        .os(Os::Linux)
        .config(config)
        .rootfs(RootFs::default())
        .build()
        .map_err(CliError::new)
}

/// Says what is done now, on the terminal of who waits for it.
fn progress(what: &str) {
    eprintln!("uigniter: {what}");
}
