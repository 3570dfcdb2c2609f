//! Folders of the host's in instances: `uigniter run --volume HOST:GUEST[:ro]`.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::Stdio,
    sync::LazyLock,
};

use crate::support::{Daemon, compile_with, until};

/// Works through what a program does with files, below its first argument, and says what went wrong.
static WORKS: LazyLock<PathBuf> = LazyLock::new(|| {
    compile_with(
        "works",
        &["-static", "-O1"],
        r#"
        #define _GNU_SOURCE
        #include <dirent.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/mman.h>
        #include <sys/stat.h>
        #include <sys/statfs.h>
        #include <unistd.h>
        #define CHECK(what) do { if (!(what)) { printf("line %d: %s: %s\n", __LINE__, #what, strerror(errno)); failed = 1; } } while (0)
        static int failed;
        static char block[300000], back[300000];
        static void whole(void) {
            struct stat st;
            CHECK(mkdir("dir", 0750) == 0 && mkdir("dir", 0750) == -1 && errno == EEXIST);
            int fd = open("dir/file", O_CREAT | O_EXCL | O_RDWR, 0640);
            CHECK(fd >= 0);
            for (unsigned i = 0; i < sizeof block; i++) block[i] = i * 2654435761u >> 13;
            CHECK(write(fd, block, sizeof block) == sizeof block);
            CHECK(pread(fd, back, sizeof back, 0) == sizeof back && !memcmp(block, back, sizeof back));
            CHECK(pwrite(fd, "hello", 5, 100000) == 5 && pread(fd, back, 5, 100000) == 5 && !memcmp(back, "hello", 5));
            CHECK(fstat(fd, &st) == 0 && st.st_size == sizeof block && (st.st_mode & 07777) == 0640);
            char *map = mmap(0, sizeof block, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
            CHECK(map != MAP_FAILED && !memcmp(map + 100000, "hello", 5) && map[299999] == block[299999]);
            CHECK(pwrite(fd, "again", 5, 100000) == 5 && !memcmp(map + 100000, "again", 5));
            map[0] = 'x';
            CHECK(pread(fd, back, 1, 0) == 1 && back[0] == block[0]);
            CHECK(mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
            CHECK(mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
            CHECK(ftruncate(fd, 10) == 0 && fstat(fd, &st) == 0 && st.st_size == 10);
            CHECK(pread(fd, back, 100, 0) == 10 && pread(fd, back, 100, 10) == 0);
            CHECK(lseek(fd, 0, SEEK_END) == 10 && fsync(fd) == 0 && fdatasync(fd) == 0);
            int more = open("dir/file", O_WRONLY | O_APPEND);
            CHECK(write(more, "end", 3) == 3 && fstat(fd, &st) == 0 && st.st_size == 13);
            CHECK(fchmod(fd, 0600) == 0 && fchown(fd, 12, 34) == 0 && fstat(fd, &st) == 0);
            CHECK((st.st_mode & 07777) == 0600 && st.st_uid == 12 && st.st_gid == 34);
            struct timespec times[2] = { { 1000, 5 }, { 2000, 7 } };
            CHECK(futimens(fd, times) == 0 && fstat(fd, &st) == 0 && st.st_mtim.tv_sec == 2000 && st.st_mtim.tv_nsec == 7);
            CHECK(link("dir/file", "dir/other") == 0 && fstat(fd, &st) == 0 && st.st_nlink == 2);
            CHECK(symlink("other", "dir/link") == 0 && readlink("dir/link", back, 100) == 5 && !memcmp(back, "other", 5));
            CHECK(access("dir/link", R_OK) == 0 && rename("dir/file", "moved") == 0 && access("dir/file", F_OK) == -1 && errno == ENOENT);
            CHECK(unlink("dir/other") == 0 && unlink("moved") == 0 && pread(fd, back, 3, 10) == 3 && !memcmp(back, "end", 3));
            CHECK(rmdir("dir") == -1 && errno == ENOTEMPTY);
            for (int i = 0; i < 300; i++) {
                char name[100];
                snprintf(name, sizeof name, "dir/a-name-of-some-length-so-that-a-listing-has-several-parts-%d", i);
                CHECK(close(open(name, O_CREAT | O_WRONLY, 0644)) == 0);
            }
            DIR *dir = opendir("dir");
            int entries = 0;
            for (struct dirent *entry; (entry = readdir(dir));) {
                if (entry->d_name[0] == '.') continue;
                entries++;
                char name[300];
                snprintf(name, sizeof name, "dir/%s", entry->d_name);
                CHECK(unlink(name) == 0);
            }
            CHECK(entries == 301 && rmdir("dir") == 0 && access("dir", F_OK) == -1);
            struct statfs fs;
            CHECK(statfs(".", &fs) == 0 && fs.f_type == 0x65735546 && fs.f_blocks > 0);
        }
        static void reads_only(void) {
            CHECK(open("file", O_RDWR) == -1 && errno == EROFS);
            CHECK(open("made", O_CREAT | O_WRONLY, 0600) == -1 && errno == EROFS);
            CHECK(mkdir("made", 0700) == -1 && errno == EROFS);
            CHECK(unlink("file") == -1 && errno == EROFS && rename("file", "x") == -1 && errno == EROFS);
            CHECK(chmod("file", 0600) == -1 && errno == EROFS && truncate("file", 0) == -1 && errno == EROFS);
            CHECK(access("file", R_OK) == 0);
        }
        static void show(const char *path) {
            char text[100] = "";
            int fd = open(path, O_RDONLY);
            int went = fd >= 0 && read(fd, text, sizeof text - 1) >= 0;
            printf("%s: %s\n", path, went ? text : strerror(errno));
            fflush(stdout);
            if (fd >= 0) close(fd);
        }
        int main(int argc, char **argv) {
            umask(0);
            if (chdir(argv[1])) return perror(argv[1]), 1;
            if (!strcmp(argv[2], "whole")) whole();
            if (!strcmp(argv[2], "ro")) reads_only();
            if (!strcmp(argv[2], "make")) {
                int fd = open("made", O_CREAT | O_WRONLY, 0640);
                CHECK(write(fd, "of the guest", 12) == 12);
            }
            if (!strcmp(argv[2], "show")) {
                char line[100];
                puts("ready");
                fflush(stdout);
                while (fgets(line, sizeof line, stdin)) { line[strcspn(line, "\n")] = 0; show(line); }
            }
            printf("%s\n", failed ? "failed" : "all went well");
            return failed;
        }"#,
    )
});

fn works() -> &'static str {
    WORKS.to_str().unwrap()
}

#[test]
fn a_program_does_all_that_it_does_with_files() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    let volume = format!("{}:/srv/deep/data", folder.path().display());
    let said = daemon.ask(["run", "--rm", "-v", &volume, works(), "/srv/deep/data", "whole"]);
    assert_eq!(said.stdout, "all went well\n", "{said:?}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "something stays");
}

#[test]
fn what_the_guest_writes_is_on_the_host_as_its_user_made_it() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let volume = format!("{}:/data", folder.path().display());
    daemon
        .ask([
            "run",
            "--rm",
            "--user",
            "1000:100",
            "-v",
            &volume,
            works(),
            "/data",
            "make",
        ])
        .ok();
    let made = folder.path().join("made");
    assert_eq!(fs::read(&made).unwrap(), b"of the guest");
    let metadata = fs::metadata(&made).unwrap();
    assert_eq!(
        (metadata.uid(), metadata.gid(), metadata.mode() & 0o7777),
        (1000, 100, 0o640)
    );
}

#[test]
fn changes_on_the_host_are_seen_and_links_lead_nowhere_else() {
    use std::io::{BufRead as _, Write as _};
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(&outside, "not shared").unwrap();
    fs::write(folder.path().join("file"), "first").unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("out")).unwrap();
    let volume = format!("{}:/data:ro", folder.path().display());
    let mut run = daemon.command_with(["run", "-i", "--rm", "-v", &volume, works(), "/data", "show"]);
    let mut process = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = process.stdin.take().unwrap();
    let mut output = until(&mut process, "ready");
    let mut ask = |name: &str| {
        writeln!(input, "{name}").unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        line
    };
    assert_eq!(ask("file"), "file: first\n");
    assert_eq!(ask("later"), "later: No such file or directory\n");
    assert_eq!(
        ask("out"),
        "out: No such file or directory\n",
        "a link out of the folder"
    );
    fs::write(folder.path().join("file"), "second, and longer").unwrap();
    fs::write(folder.path().join("later"), "came later").unwrap();
    // What was told is believed for a moment; then it is asked for again.
    let begun = std::time::Instant::now();
    while ask("file") != "file: second, and longer\n" {
        assert!(begun.elapsed().as_secs() < 5, "the change is never seen");
    }
    assert_eq!(ask("later"), "later: came later\n");
    drop(input);
    assert!(process.wait().unwrap().success());
}

#[test]
fn a_read_only_folder_is_read_only() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    let volume = format!("{}:/data:ro", folder.path().display());
    let said = daemon.ask(["run", "--rm", "--volume", &volume, works(), "/data", "ro"]);
    assert_eq!(said.stdout, "all went well\n", "{said:?}");
    let mounts = daemon.ask([
        "run",
        "-d",
        "--name",
        "x",
        "--volume",
        &volume,
        works(),
        "/data",
        "show",
    ]);
    mounts.ok();
    let shown = daemon.ask(["inspect", "x"]).json();
    assert_eq!(shown[0]["volumes"][0]["target"], "/data");
    assert_eq!(shown[0]["volumes"][0]["read_only"], true);
}

#[test]
fn what_cannot_be_mounted_is_named() {
    let daemon = Daemon::start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "x").unwrap();
    let (folder, file) = (folder.path().display(), file.display());
    for (volume, thing) in [
        (format!("{folder}/none:/data"), "none"),
        (format!("{file}:/data"), "is no folder"),
        (format!("{folder}:/proc"), "/proc"),
    ] {
        daemon
            .ask(["run", "-v", &volume, works(), "/", "ro"])
            .fails(125, thing);
    }
    daemon.ask(["run", "-v", "x", works()]).fails_parsing("'x'");
    assert_eq!(daemon.ask(["ps", "-qa"]).ok(), "");
}
