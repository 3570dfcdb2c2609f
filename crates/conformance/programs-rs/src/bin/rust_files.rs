//! The standard library's files.

use std::{
    env, fs,
    io::{self, Read, Seek, SeekFrom, Write},
};

fn main() -> io::Result<()> {
    fs::create_dir_all("a/b/c")?;
    fs::write("a/b/file", "some text")?;
    println!("{:?}", fs::read_to_string("a/b/file")?);
    println!("{}", fs::copy("a/b/file", "a/copy")?);
    fs::rename("a/copy", "a/b/c/moved")?;
    let mut names: Vec<_> = fs::read_dir("a/b")?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<_>>()?;
    names.sort();
    println!("{names:?}");
    let mut file = fs::File::options().read(true).append(true).open("a/b/file")?;
    file.write_all(b", and more")?;
    file.seek(SeekFrom::Start(5))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    println!("{text}");
    let metadata = fs::metadata("a/b/file")?;
    println!(
        "{} {} {}",
        metadata.len(),
        metadata.is_file(),
        metadata.modified().is_ok()
    );
    file.set_len(4)?;
    println!("{:?}", fs::read("a/b/file")?);
    std::os::unix::fs::symlink("b/file", "a/link")?;
    println!(
        "{:?} {}",
        fs::read_link("a/link")?,
        fs::canonicalize("a/link")?.ends_with("a/b/file")
    );
    println!(
        "{:?}",
        fs::File::create_new("a/b/file")
            .map_err(|error| error.kind())
            .err()
    );
    println!("{:?}", fs::remove_dir("a").map_err(|error| error.kind()).err());
    println!("{:?}", fs::read("absent").map_err(|error| error.kind()).err());
    fs::remove_dir_all("a")?;
    println!("{}", fs::exists("a")?);
    println!("{:?} {}", env::var("LANG"), env::current_exe().is_ok());
    file.lock()?;
    println!("{:?}", file.try_lock().is_ok());
    io::stdout().write_all(b"done\n")
}
