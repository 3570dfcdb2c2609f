//! Shared libraries, found where the program's own dynamic linker will look: `ld.so(8)` of glibc, and musl's.
//!
//! Both look for a name breadth first and load it once. Searched are, in order: for glibc `DT_RPATH` of the one who needs it and of those
//! who needed that (only where it has no `DT_RUNPATH`), its `DT_RUNPATH`, the folders of `/etc/ld.so.conf`, the default folders;
//! for musl either path of the whole chain, then `/etc/ld-musl-x86_64.path` or the default folders. `LD_LIBRARY_PATH` is the
//! shell's, not the image's, and is not looked at.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    ffi::{OsStr, OsString},
    fs::{self, File},
    io,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::elf::{self, Dynamic};

/// Folders that glibc's linker searches last, of Debian and of Fedora; whoever is there is searched.
const GLIBC_FOLDERS: [&str; 6] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];
/// Of glibc's converters (`iconv(3)`) those that it takes for its core, and the lists in which it looks them up.
const GLIBC_CONVERTERS: [&str; 9] = [
    "gconv-modules",
    "gconv-modules.cache",
    "ANSI_X3.110.so",
    "CP1252.so",
    "ISO8859-1.so",
    "ISO8859-15.so",
    "UTF-16.so",
    "UTF-32.so",
    "UTF-7.so",
];
const MUSL_FOLDERS: [&str; 3] = ["/lib", "/usr/local/lib", "/usr/lib"];

/// musl's list of folders, which the guest reads too.
pub(crate) const MUSL_PATH: &str = "/etc/ld-musl-x86_64.path";

/// Most files of `/etc/ld.so.conf` that include each other.
const MAX_INCLUDES: usize = 64;

/// A library that was looked for and is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// Its name.
    pub library: String,
    /// Who needs it.
    pub needed_by: PathBuf,
}

/// A library that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where, by the path that the linker will use.
    pub(crate) path: PathBuf,
    /// The name that was looked for, if no folder that the guest's linker searches by itself has it.
    pub(crate) link: Option<OsString>,
}

/// What one program needs.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    pub(crate) found: Vec<Found>,
    pub(crate) missing: BTreeSet<Missing>,
}

/// The search of one dynamic linker.
#[derive(Debug)]
pub(crate) struct Linker {
    /// Its own path, and the names that it has loaded before anything else.
    interpreter: PathBuf,
    musl: bool,
    /// Folders of configuration files and the defaults, and those of them that the guest's linker knows without any file.
    folders: Vec<PathBuf>,
    known: HashMap<PathBuf, Option<Rc<Dynamic>>>,
}

/// Someone who needs libraries.
struct Needer {
    path: PathBuf,
    dynamic: Rc<Dynamic>,
    /// `DT_RPATH` of those who needed it, the nearest first, expanded.
    inherited: Rc<Vec<PathBuf>>,
}

impl Linker {
    /// The linker that a program names as its interpreter.
    pub(crate) fn new(interpreter: &Path) -> Self {
        let name = interpreter.file_name().unwrap_or_default().as_bytes();
        let musl = name.starts_with(b"ld-musl-");
        Self {
            interpreter: interpreter.to_owned(),
            musl,
            folders: if musl { musl_folders() } else { glibc_folders() },
            known: HashMap::new(),
        }
    }

    /// Finds what the ELF file at `path` needs, and what that needs.
    pub(crate) fn needs(&mut self, path: &Path, dynamic: Dynamic) -> Needs {
        let mut needs = Needs::default();
        let mut loaded: HashSet<OsString> =
            [self.interpreter.file_name().unwrap_or_default().to_owned()].into();
        let mut queue = VecDeque::from([Needer {
            // The program's $ORIGIN is asked of the kernel, which has followed links.
            path: fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
            dynamic: Rc::new(dynamic),
            inherited: Rc::default(),
        }]);
        while let Some(needer) = queue.pop_front() {
            let paths = Rc::new(self.own_and_inherited(&needer));
            let unsaid = self.unsaid(&needer).map(OsString::from);
            for name in needer.dynamic.needed.iter().chain(&unsaid) {
                if self.is_linker(name) || !loaded.insert(name.clone()) {
                    continue;
                }
                let Some((path, dynamic, by_folder)) = self.find(name, &needer, &paths) else {
                    if unsaid.as_ref() != Some(name) {
                        needs.missing.insert(Missing {
                            library: name.to_string_lossy().into_owned(),
                            needed_by: needer.path.clone(),
                        });
                    }
                    continue;
                };
                loaded.extend(dynamic.soname.clone());
                let link = (by_folder && !self.guest_finds(&path)).then(|| name.clone());
                needs.found.push(Found {
                    path: path.clone(),
                    link,
                });
                queue.push_back(Needer {
                    path,
                    dynamic,
                    inherited: Rc::clone(&paths),
                });
            }
        }
        needs
    }

    /// What a library loads by itself, without naming it in its headers: glibc's loads this one when a thread ends by `pthread_exit(3)` or is
    /// cancelled, and ends the program where it is not there.
    fn unsaid(&self, needer: &Needer) -> Option<&'static str> {
        let is_libc = needer.path.file_name().is_some_and(|name| name == "libc.so.6");
        (!self.musl && is_libc).then_some("libgcc_s.so.1")
    }

    /// musl's linker is its C library, and answers to these names.
    fn is_linker(&self, name: &OsStr) -> bool {
        let own = [
            "libc.",
            "libpthread.",
            "librt.",
            "libm.",
            "libdl.",
            "libutil.",
            "libxnet.",
        ];
        self.musl && own.iter().any(|own| name.as_bytes().starts_with(own.as_bytes()))
    }

    /// The folders that children inherit.
    fn own_and_inherited(&self, needer: &Needer) -> Vec<PathBuf> {
        let dynamic = &needer.dynamic;
        let own = match (&dynamic.rpath, &dynamic.runpath) {
            (_, Some(runpath)) if self.musl => Some(runpath),
            (_, Some(_)) => None,
            (rpath, None) => rpath.as_ref(),
        };
        let own = own.map(|list| expand(list, &needer.path)).unwrap_or_default();
        own.into_iter().chain(needer.inherited.iter().cloned()).collect()
    }

    /// Path, headers, and whether it was found in one of the linker's own folders.
    fn find(
        &mut self,
        name: &OsStr,
        needer: &Needer,
        rpaths: &[PathBuf],
    ) -> Option<(PathBuf, Rc<Dynamic>, bool)> {
        if name.as_bytes().contains(&b'/') {
            let [path] = &*expand_each([name.as_bytes()], &needer.path) else {
                return None;
            };
            return self.look(path).map(|dynamic| (path.clone(), dynamic, false));
        }
        let runpath = needer.dynamic.runpath.as_ref().filter(|_| !self.musl);
        let first = match runpath {
            Some(list) => expand(list, &needer.path),
            None => rpaths.to_vec(),
        };
        for folder in first {
            let path = folder.join(name);
            if let Some(dynamic) = self.look(&path) {
                return Some((path, dynamic, false));
            }
        }
        for index in 0..self.folders.len() {
            let path = self.folders[index].join(name);
            if let Some(dynamic) = self.look(&path) {
                return Some((path, dynamic, true));
            }
        }
        None
    }

    /// Whether there is a library for this processor; others are passed over, as the linkers do.
    fn look(&mut self, path: &Path) -> Option<Rc<Dynamic>> {
        if let Some(known) = self.known.get(path) {
            return known.clone();
        }
        let found = File::open(path)
            .map_err(elf::Error::Io)
            .and_then(Dynamic::read)
            .ok()
            .map(Rc::new);
        self.known.insert(path.to_owned(), found.clone());
        found
    }

    /// Whether the guest's linker, which has no cache of `ldconfig(8)`, finds what lies there.
    fn guest_finds(&self, path: &Path) -> bool {
        self.musl || path.parent().is_some_and(|folder| self.is_default(folder))
    }

    /// A default folder of this host's linker: those that all have, and the one where its C library is.
    fn is_default(&self, folder: &Path) -> bool {
        let libc = self.libc_folder();
        let usr = |folder: &Path| {
            folder
                .strip_prefix("/usr")
                .map_or_else(|_| folder.to_owned(), |rest| Path::new("/").join(rest))
        };
        folder == Path::new("/lib") || folder == Path::new("/usr/lib") || usr(folder) == usr(&libc)
    }

    /// Files that the C library itself opens and no header names, as far as this host has them.
    pub(crate) fn opened_later(&self) -> Vec<PathBuf> {
        if self.musl {
            return Vec::new();
        }
        let folder = self.libc_folder().join("gconv");
        let files = GLIBC_CONVERTERS.iter().map(|name| folder.join(name));
        files.filter(|path| path.is_file()).collect()
    }

    /// Where links go for libraries from other folders.
    pub(crate) fn libc_folder(&self) -> PathBuf {
        let has_libc = |folder: &&&str| Path::new(folder).join("libc.so.6").exists();
        GLIBC_FOLDERS.iter().find(has_libc).unwrap_or(&"/lib").into()
    }
}

/// The folders of a search path, with `$ORIGIN` and its like filled in.
fn expand(list: &OsStr, path: &Path) -> Vec<PathBuf> {
    expand_each(list.as_bytes().split(|byte| *byte == b':'), path)
}

fn expand_each<'a>(entries: impl IntoIterator<Item = &'a [u8]>, path: &Path) -> Vec<PathBuf> {
    let origin = path.parent().unwrap_or(Path::new("/")).as_os_str().as_bytes();
    let lib = if Path::new("/lib/x86_64-linux-gnu").is_dir() {
        "lib/x86_64-linux-gnu"
    } else {
        "lib64"
    };
    let tokens = [
        ("ORIGIN", origin),
        ("LIB", lib.as_bytes()),
        ("PLATFORM", b"x86_64"),
    ];
    let expanded = entries.into_iter().map(|entry| {
        let mut entry = entry.to_vec();
        for (token, value) in tokens {
            for written in [format!("${{{token}}}"), format!("${token}")] {
                entry = replace_each(&entry, written.as_bytes(), value);
            }
        }
        PathBuf::from(OsString::from_vec(entry))
    });
    // What is not absolute is relative to the folder where the program is started: no place of an image.
    expanded.filter(|path| path.is_absolute()).collect()
}

/// Puts `new` where `old` stands; not again into what it put there.
fn replace_each(text: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let (mut out, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        if text[at..].starts_with(old) {
            out.extend_from_slice(new);
            at += old.len();
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    out
}

fn musl_folders() -> Vec<PathBuf> {
    match fs::read(MUSL_PATH) {
        Ok(list) => list
            .split(|byte| matches!(byte, b'\n' | b':'))
            .filter(|folder| !folder.is_empty())
            .map(|folder| PathBuf::from(OsStr::from_bytes(folder)))
            .collect(),
        Err(_) => MUSL_FOLDERS.iter().map(PathBuf::from).collect(),
    }
}

fn glibc_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut files = 0;
    configured(Path::new("/etc/ld.so.conf"), &mut folders, &mut files);
    folders.extend(GLIBC_FOLDERS.iter().map(PathBuf::from));
    folders
}

/// The folders that a file of `ldconfig(8)` names; a file that is not there names none.
fn configured(file: &Path, folders: &mut Vec<PathBuf>, files: &mut usize) {
    *files += 1;
    let Ok(text) = fs::read_to_string(file) else {
        return;
    };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(patterns) = line
            .strip_prefix("include")
            .filter(|rest| rest.starts_with([' ', '\t']))
        {
            for included in patterns
                .split_whitespace()
                .flat_map(|pattern| matching(pattern, file))
            {
                if *files < MAX_INCLUDES {
                    configured(&included, folders, files);
                }
            }
        } else if line.starts_with('/') {
            folders.push(PathBuf::from(line));
        }
    }
}

/// The files that an `include` line means; a star stands for anything in the last part, as everywhere in practice.
fn matching(pattern: &str, from: &Path) -> Vec<PathBuf> {
    let pattern = from.parent().unwrap_or(Path::new("/")).join(pattern);
    let name = pattern
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let Some((before, after)) = name.split_once('*') else {
        return vec![pattern];
    };
    let listed = || -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(pattern.parent().unwrap_or(Path::new("/")))? {
            let path = entry?.path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after) {
                found.push(path);
            }
        }
        found.sort();
        Ok(found)
    };
    listed().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_paths_are_expanded() {
        let folders = expand(
            OsStr::new("$ORIGIN/../lib:${ORIGIN}:relative:/opt/$PLATFORM"),
            Path::new("/app/bin/x"),
        );
        assert_eq!(
            folders,
            ["/app/bin/../lib", "/app/bin", "/opt/x86_64"].map(PathBuf::from)
        );
        // A folder whose own name looks like a token does not go round for ever.
        assert_eq!(
            expand(OsStr::new("$ORIGIN"), Path::new("/$ORIGIN/x")),
            [PathBuf::from("/$ORIGIN")]
        );
    }

    #[test]
    fn configuration_includes_others_by_pattern_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(
            "ld.so.conf",
            "# comment\n/one # more\ninclude *.conf\ninclude missing\n",
        );
        write("a.conf", "/two\n");
        write("b.text", "/not\n");
        let (mut folders, mut files) = (Vec::new(), 0);
        configured(&folder.path().join("ld.so.conf"), &mut folders, &mut files);
        // `*.conf` names the file itself too: the bound ends that.
        assert_eq!(files, MAX_INCLUDES);
        assert!(folders.starts_with(&[PathBuf::from("/one"), PathBuf::from("/two")]));
        assert!(!folders.contains(&PathBuf::from("/not")));
    }

    fn needing(names: &[&str]) -> Dynamic {
        Dynamic {
            needed: names.iter().map(OsString::from).collect(),
            ..Dynamic::default()
        }
    }

    /// A linker that knows these files, and searches `/conf` by configuration.
    fn linker(interpreter: &str, files: Vec<(&str, Dynamic)>) -> Linker {
        let known = |(path, dynamic)| (PathBuf::from(path), Some(Rc::new(dynamic)));
        Linker {
            folders: vec!["/conf".into(), "/lib".into()],
            known: files.into_iter().map(known).collect(),
            ..Linker::new(Path::new(interpreter))
        }
    }

    const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";

    #[test]
    fn a_name_that_only_the_host_s_configuration_finds_gets_a_link() {
        let files = vec![
            ("/conf/libone.so", needing(&["libtwo.so"])),
            ("/lib/libtwo.so", needing(&[])),
        ];
        let program = needing(&["libone.so", "ld-linux-x86-64.so.2", "libnone.so"]);
        let needs = linker(GLIBC, files).needs(Path::new("/program"), program);
        let found: Vec<_> = needs
            .found
            .iter()
            .map(|found| (found.path.to_str().unwrap(), found.link.is_some()))
            .collect();
        assert_eq!(found, [("/conf/libone.so", true), ("/lib/libtwo.so", false)]);
        let missing: Vec<_> = needs.missing.into_iter().collect();
        assert_eq!((missing.len(), &*missing[0].library), (1, "libnone.so"));
    }

    #[test]
    fn an_own_runpath_hides_the_paths_of_those_who_came_before() {
        let hides = Dynamic {
            runpath: Some("/elsewhere".into()),
            ..needing(&["libtwo.so"])
        };
        let program = || Dynamic {
            rpath: Some("$ORIGIN/lib".into()),
            ..needing(&["libone.so"])
        };
        let two = || ("/lib/lib/libtwo.so", needing(&[]));
        let needs = linker(GLIBC, vec![("/lib/lib/libone.so", hides), two()])
            .needs(Path::new("/lib/program"), program());
        assert_eq!((needs.found.len(), needs.missing.len()), (1, 1));
        let plain = ("/lib/lib/libone.so", needing(&["libtwo.so"]));
        let needs = linker(GLIBC, vec![plain, two()]).needs(Path::new("/lib/program"), program());
        assert_eq!((needs.found.len(), needs.missing.len()), (2, 0));
        assert!(needs.found.iter().all(|found| found.link.is_none()));
    }

    #[test]
    fn glibc_brings_the_unwinder_that_it_loads_by_itself() {
        let with = |more: Vec<(&'static str, Dynamic)>| {
            let libc = ("/lib/libc.so.6", needing(&["ld-linux-x86-64.so.2"]));
            let files = more.into_iter().chain([libc]).collect();
            linker(GLIBC, files).needs(Path::new("/program"), needing(&["libc.so.6"]))
        };
        let needs = with(vec![("/lib/libgcc_s.so.1", needing(&["libc.so.6"]))]);
        assert_eq!((needs.found.len(), needs.missing.len()), (2, 0), "{needs:?}");
        // Most programs never need it: its absence is no reason to refuse them.
        let mut alone = Linker {
            folders: vec!["/conf".into()],
            ..linker(GLIBC, vec![("/conf/libc.so.6", needing(&[]))])
        };
        let needs = alone.needs(Path::new("/program"), needing(&["libc.so.6"]));
        assert_eq!((needs.found.len(), needs.missing.len()), (1, 0), "{needs:?}");
    }

    #[test]
    fn musl_is_its_own_library_and_its_runpath_is_inherited() {
        let program = Dynamic {
            runpath: Some("/app/lib".into()),
            ..needing(&["libc.so", "libone.so"])
        };
        let files = vec![
            ("/app/lib/libone.so", needing(&["libtwo.so", "libpthread.so.0"])),
            ("/app/lib/libtwo.so", needing(&[])),
        ];
        let needs = linker("/lib/ld-musl-x86_64.so.1", files).needs(Path::new("/app/program"), program);
        assert_eq!((needs.found.len(), needs.missing.len()), (2, 0), "{needs:?}");
    }
}
