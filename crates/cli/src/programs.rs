//! Other programs of this host, as a shell finds them.

use std::{
    ffi::CString,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

/// The first executable file of that name in the folders of `PATH`.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    in_folders(std::env::split_paths(&std::env::var_os("PATH")?), name)
}

/// The same in folders.
pub(crate) fn in_folders(folders: impl IntoIterator<Item = PathBuf>, name: &str) -> Option<PathBuf> {
    folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    let may_run = |file| access(&file, Access::EXEC_OK).is_ok();
    file.is_file() && CString::new(file.as_os_str().as_bytes()).is_ok_and(may_run)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::in_folders;

    #[test]
    fn every_folder_is_looked_into_and_only_programs_count() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
        for (folder, mode) in [(&first, 0o644), (&second, 0o755)] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("tool"), "").unwrap();
            fs::set_permissions(folder.join("tool"), fs::Permissions::from_mode(mode)).unwrap();
        }
        // A folder may be entered, which is the same bit.
        fs::create_dir(first.join("other")).unwrap();
        let folders = || ["/nowhere".into(), first.clone(), second.clone()];
        assert_eq!(in_folders(folders(), "tool"), Some(second.join("tool")));
        assert_eq!(in_folders(folders(), "other"), None);
    }
}
