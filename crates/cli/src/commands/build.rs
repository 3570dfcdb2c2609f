//! `uigniter build`: a program, a folder or a container image becomes an image.
//!
//! [`manifest`] reads `uigniter.toml`, [`source`] makes a tree of what the image is made of, [`settings`] says how it is run, [`boot_check`] tries it,
//! [`report`] tells of it.

mod boot_check;
mod manifest;
mod report;
mod settings;
mod source;
mod trace;

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use tempfile::NamedTempFile;
use uigniter_api::{
    Client,
    image::{Image, ImageName, ImportQuery},
};
use uigniter_image::{Addition, Format, configuration, disk, osv};

use crate::{
    cli::GlobalArgs,
    error::{CliError, Outcome},
    output::{self, OutputArgs},
    packing::AddArgs,
    progress::Progress,
    signals::Signals,
    values::key_value,
};
use manifest::Recipe;
use report::{Contents, Report};
use settings::Settings;
pub(crate) use source::path_and_name;
use source::{Origin, Source};
pub(crate) use trace::Traced;

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum FormatArg {
    /// Linux's read-only file system
    #[default]
    Erofs,
    /// OSv's; it keeps neither owners nor times
    Rofs,
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Self {
        match format {
            FormatArg::Erofs => Self::Erofs,
            FormatArg::Rofs => Self::Rofs,
        }
    }
}

/// Make an image from a program, a folder or a container image
///
/// The image is one file: an EROFS that Linux mounts, with an OCI configuration behind it. The daemon takes it under the name of --tag.
/// A program named without a slash is looked for in the image's PATH.
///
/// --from-osv takes a folder of OSv's apps as it stands: its usr.manifest, and the 'default' of its module.py, which is read and never run.
///
/// Without --from-*, a manifest says what the image is made of and how it is run, in the words of the options of this command and of 'uigniter run':
/// from-binary, from-folder, from-oci or from-osv, add, entrypoint, args, env, workdir, memory, cpus, ports, volumes. Options count more.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:
  uigniter build -t cache --from-binary /usr/bin/memcached -- -u root
  uigniter build -t site --from-folder ./root --entrypoint /usr/sbin/nginx
  uigniter build -t app --from-oci ./app.tar        # docker save app -o app.tar
  uigniter build -t native --from-osv ./osv-apps/native-example --format rofs
  uigniter run app

A uigniter.toml, for 'uigniter build -t cache' in its folder:
  entrypoint = '/usr/bin/memcached'
  args = ['-u', 'root']
  memory = '64M'
  ports = ['11211']
  add = ['./motd:/etc/motd']
  env = { LANG = 'C' }")]
pub(crate) struct Build {
    /// Name of the image; an image of that name is replaced
    #[arg(short, long, value_name = "NAME")]
    tag: String,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    add: AddArgs,
    /// With --from-osv: a value for %(NAME)s and ${NAME} in its lines; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    define: Vec<(String, String)>,
    /// Run the program once on this host, with its arguments and as whoever you are, and pack the files that it reads or looks at as well; each is shown
    #[arg(long)]
    trace: bool,
    /// How long it may run; then it is told to end (SIGTERM), and half a second later made to
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "trace", value_parser = clap::value_parser!(u64).range(1..=600))]
    trace_seconds: u64,
    /// File system of the image: Linux's, or OSv's on a disk as OSv looks for it
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    format: FormatArg,
    /// The program that is run, in place of the source's own
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Environment of the program; may be given several times
    #[arg(short, long, value_name = "KEY=VALUE", value_parser = key_value)]
    env: Vec<(String, String)>,
    /// Working directory of the program
    #[arg(short, long, value_name = "FOLDER")]
    workdir: Option<String>,
    /// Boot the image once before it gets its name, and say how long that took; if it does not boot, or its program ends by a signal or for want of a library,
    /// nothing is built
    #[arg(long)]
    boot_check: bool,
    #[command(flatten)]
    output: OutputArgs,
    /// Arguments of the program, where an instance does not give its own
    #[arg(last = true)]
    args: Vec<String>,
}

#[derive(Debug, Default, Args)]
#[group(multiple = false)]
struct SourceArgs {
    /// A manifest, or a folder with a uigniter.toml or OSv's usr.manifest [default: the current folder]
    #[arg(short = 'f', long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// A Linux program of this host, with the libraries that it needs (see --add for more)
    #[arg(long, value_name = "PROGRAM")]
    from_binary: Option<PathBuf>,
    /// A folder of this host that becomes the root
    #[arg(long, value_name = "FOLDER")]
    from_folder: Option<PathBuf>,
    /// A container image: an OCI image layout (a folder or an archive of it) or what `docker save` writes; PATH[@NAME] where it has several
    #[arg(long, value_name = "PATH[@NAME]")]
    from_oci: Option<String>,
    /// A folder of OSv's apps, after its Makefile has made what it lists
    #[arg(long, value_name = "FOLDER")]
    from_osv: Option<PathBuf>,
}

impl Build {
    pub(crate) async fn run(self, global: &GlobalArgs) -> Outcome {
        let begin = Instant::now();
        let client = global.client();
        let (output, tag, boot_check) = (self.output, self.tag.clone(), self.boot_check);
        let progress = Progress::new();
        let steps = progress.clone();
        let built = tokio::task::spawn_blocking(move || self.build(&steps)).await;
        let built = built.map_err(|error| CliError::new(format!("cannot build '{tag}': {error}")))??;
        progress.step(format!("sending {}", output::bytes(built.bytes)));
        let (image, booted) = if boot_check {
            checked(&client, built.file.path(), &tag, &progress).await?
        } else {
            (import(&client, built.file.path(), &tag).await?, None)
        };
        drop(progress);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let report = Report {
            image,
            contents: built.contents,
            build_ms: millis(begin.elapsed()),
            boot_ms: booted.map(millis),
        };
        report.print(output)?;
        Ok(ExitCode::SUCCESS)
    }

    fn build(self, progress: &Progress) -> Result<Built, CliError> {
        let recipe = self.recipe()?;
        let mut source = recipe.origin.read(&recipe.additions, &self.define, progress)?;
        if self.trace {
            source = self.traced(&recipe, source, progress)?;
        }
        let (mut tree, mut config) = (source.tree, source.config);
        recipe.settings.apply(&mut config);
        self.settings().apply(&mut config);
        settings::resolve_program(&mut config, &mut tree)?;
        tree.check_text().map_err(CliError::new)?;
        let files = tree.files();
        progress.step(format!("writing {} files", files.len()));
        let mut file = NamedTempFile::with_prefix("uigniter-image-")?;
        let bytes = files.iter().map(|(_, bytes)| bytes).sum();
        let mut output = progress.writer(bytes, file.as_file_mut());
        let written = disk::write(&tree, self.format.into(), &mut output).map_err(CliError::new)?;
        let configuration = settings::configuration(config)?;
        let bytes = configuration::write(&configuration, written, &mut output)?;
        drop(output);
        progress.plain();
        Ok(Built {
            file,
            bytes,
            contents: Contents::of(files),
        })
    }

    /// What the command line or a manifest says that the image is made of.
    fn recipe(&self) -> Result<Recipe, CliError> {
        let SourceArgs {
            file,
            from_binary,
            from_folder,
            from_oci,
            from_osv,
        } = &self.source;
        let given = from_binary.clone().map(Origin::Binary);
        let given = given.or_else(|| from_folder.clone().map(Origin::Folder));
        let given = given.or_else(|| from_oci.clone().map(Origin::Container));
        let given = given.or_else(|| Some(Origin::Osv(from_osv.clone()?)));
        let Some(origin) = given.or_else(|| osv_folder(file.as_deref()).map(Origin::Osv)) else {
            let mut recipe = manifest::read(&manifest_path(file.as_deref())?)?;
            recipe.additions.extend_from_slice(self.add.additions());
            return Ok(recipe);
        };
        Ok(Recipe {
            origin,
            additions: self.add.additions().to_vec(),
            settings: Settings::default(),
        })
    }

    /// The source again, with what the program opens on this host.
    fn traced(&self, recipe: &Recipe, mut source: Source, progress: &Progress) -> Result<Source, CliError> {
        let Origin::Binary(program) = &recipe.origin else {
            return Err(
                CliError::new("--trace runs a program of this host").hint("give one: --from-binary PROGRAM")
            );
        };
        progress.step(format!("running {}", program.display()));
        let (said, own) = (&recipe.settings, self.settings());
        let path = ("PATH".to_owned(), settings::USUAL_PATH.to_owned());
        let run = trace::Run {
            program: program.clone(),
            args: if own.args.is_empty() {
                said.args.clone()
            } else {
                own.args
            },
            env: [vec![path], said.env.clone(), own.env].concat(),
            limit: Duration::from_secs(self.trace_seconds),
        };
        let mut additions = recipe.additions.clone();
        for host in trace::opened_files(&run)? {
            if source
                .tree
                .has(host.as_os_str().as_encoded_bytes())
                .map_err(CliError::new)?
            {
                continue;
            }
            progress.note(&format!("the program uses {}; it is packed", host.display()));
            additions.push(Addition { host, guest: None });
        }
        recipe.origin.read(&additions, &self.define, progress)
    }

    fn settings(&self) -> Settings {
        Settings {
            entrypoint: self.entrypoint.clone(),
            args: self.args.clone(),
            env: self.env.clone(),
            workdir: self.workdir.clone(),
            ..Settings::default()
        }
    }
}

/// Makes an image of a container image, as `--from-oci` does.
pub(crate) async fn from_container(
    client: &Client,
    container: String,
    name: &ImageName,
) -> Result<Image, CliError> {
    let build = Build {
        source: SourceArgs {
            from_oci: Some(container),
            ..SourceArgs::default()
        },
        ..Build::default()
    };
    let progress = Progress::new();
    let steps = progress.clone();
    let built = tokio::task::spawn_blocking(move || build.build(&steps)).await;
    let built = built.map_err(|error| CliError::new(format!("cannot build '{name}': {error}")))??;
    progress.step(format!("sending {}", output::bytes(built.bytes)));
    import(client, built.file.path(), &name.to_string()).await
}

/// The folder of OSv's that `-f` names, or the one with the file that it names.
fn osv_folder(named: Option<&Path>) -> Option<PathBuf> {
    let named = named?;
    if named.file_name() == Some(OsStr::new(osv::MANIFEST)) {
        return named.parent().map(Path::to_owned);
    }
    (osv::is_there(named) && !named.join(manifest::FILE_NAME).exists()).then(|| named.to_owned())
}

/// The manifest that is meant: the file, the one in the folder, or the one here.
fn manifest_path(named: Option<&Path>) -> Result<PathBuf, CliError> {
    let path = named.unwrap_or(Path::new(""));
    let path = if named.is_none() || path.is_dir() {
        path.join(manifest::FILE_NAME)
    } else {
        path.to_owned()
    };
    if named.is_none() && !path.exists() {
        return Err(CliError::new("there is no uigniter.toml here, and no --from-* was given").hint(
            "say what the image is made of: --from-binary, --from-folder, --from-oci, --from-osv, or -f PATH of a manifest",
        ));
    }
    Ok(path)
}

/// An image that was built and not yet sent.
struct Built {
    file: NamedTempFile,
    bytes: u64,
    contents: Contents,
}

async fn import(client: &Client, file: &Path, name: &str) -> Result<Image, CliError> {
    let query = ImportQuery {
        name: name.to_owned(),
        program: None,
    };
    Ok(client.import_image_as(&query, file).await?)
}

/// Sends an image under a name of its own, which becomes the one that was asked for once it has booted.
async fn checked(
    client: &Client,
    file: &Path,
    name: &str,
    progress: &Progress,
) -> Result<(Image, Option<Duration>), CliError> {
    let trial = format!("boot-check-{}", std::process::id());
    let image = import(client, file, &trial).await?;
    progress.step("booting it");
    let mut signals = Signals::take()?;
    let booted = tokio::select! {
        booted = boot_check::boot(client, &image) => booted,
        () = signals.next() => Err(CliError::new("interrupted").status(130)),
    };
    let named = match booted {
        Ok(took) => client
            .tag_image(&trial, name)
            .await
            .map(|image| (image, Some(took)))
            .map_err(CliError::from),
        Err(error) => Err(error),
    };
    // An instance that an interruption left has the image still; it goes with the instance.
    let removed = client.delete_image(&trial).await;
    let named = named?;
    removed?;
    Ok(named)
}
