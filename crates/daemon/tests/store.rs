//! The image store: names and disks, what holds them, and what damages them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]
#![expect(
    dead_code,
    unreachable_pub,
    reason = "each test uses a part of the common module"
)]
mod common;

use std::{fs, io::Write as _, os::unix::net::UnixStream};

use common::{Testbed, compile, disk, hear, send, store};
use uigniter_api::{
    Client, ErrorCode,
    client::Error,
    image::{Image, PruneQuery},
    instance::CreateRequest,
};

fn code(error: &Error) -> Option<ErrorCode> {
    error.code()
}

/// A static program that is another one for each number.
async fn import(testbed: &Testbed, name: &str, number: u32) -> Image {
    let source = format!("int main(void) {{ return {number}; }}");
    let file = format!("program-{number}");
    let program = compile(testbed.folder.path(), &file, &source, &["-static"]);
    testbed.client.import_image(name, program).await.unwrap()
}

async fn prune(client: &Client, all: bool) -> (Vec<String>, Vec<String>) {
    let pruned = client.prune_images(PruneQuery { all }).await.unwrap();
    assert_eq!(pruned.freed_bytes > 0, !pruned.digests.is_empty());
    (pruned.names, pruned.digests)
}

#[tokio::test]
async fn a_disk_goes_with_its_last_name() {
    let testbed = Testbed::start(0);
    let client = &testbed.client;
    let one = import(&testbed, "app", 1).await;
    let stable = client.tag_image("app", "app:stable").await.unwrap();
    assert_eq!((&*stable.name, &stable.digest), ("app:stable", &one.digest));
    // The name goes to another image; the first keeps its other name.
    let two = import(&testbed, "app", 2).await;
    assert_ne!(one.digest, two.digest);
    assert_eq!(client.get_image("app:stable").await.unwrap().digest, one.digest);
    client.tag_image("app", "app:stable").await.unwrap();
    let gone = client
        .get_image(one.digest.as_deref().unwrap())
        .await
        .unwrap_err();
    assert_eq!(code(&gone), Some(ErrorCode::ImageNotFound));
    assert!(!disk(&testbed, one.digest.as_deref().unwrap()).exists());
    // By a digest only an image with one name is deleted.
    let digest = two.digest.as_deref().unwrap();
    let several = client.delete_image(digest).await.unwrap_err();
    assert!(several.to_string().contains("app, app:stable"), "{several}");
    client.delete_image("app:latest").await.unwrap();
    client.delete_image(digest).await.unwrap();
    assert_eq!(store(&testbed), Vec::<String>::new());
    for (reference, name, expected) in [
        ("none", "other", ErrorCode::ImageNotFound),
        ("none", "a/b", ErrorCode::InvalidRequest),
    ] {
        let error = client.tag_image(reference, name).await.unwrap_err();
        assert_eq!(code(&error), Some(expected));
    }
    testbed.finish();
}

#[tokio::test]
async fn an_instance_holds_its_disk() {
    let testbed = Testbed::start(1);
    let client = &testbed.client;
    testbed.import("stays", common::STUBBORN).await;
    let image = client.get_image("stays").await.unwrap();
    let instance = client
        .create_instance(&CreateRequest::new("stays"))
        .await
        .unwrap();
    assert_eq!(instance.image_digest, image.digest);
    hear(client, &instance.id, "here").await;
    let error = client.delete_image("stays").await.unwrap_err();
    assert_eq!(code(&error), Some(ErrorCode::ImageInUse));
    // The name goes to another image; the disk stays, for the instance is of it.
    import(&testbed, "stays", 1).await;
    let path = disk(&testbed, image.digest.as_deref().unwrap());
    assert!(path.exists());
    import(&testbed, "unused", 2).await;
    let (names, digests) = prune(client, true).await;
    assert_eq!(
        (names, digests.len()),
        (vec!["stays".to_owned(), "unused".to_owned()], 2)
    );
    assert!(path.exists());
    client.delete_instance(&instance.id, true).await.unwrap();
    assert_eq!(prune(client, false).await, (vec![], vec![image.digest.unwrap()]));
    assert_eq!(store(&testbed), Vec::<String>::new());
    testbed.finish();
}

#[tokio::test]
async fn a_damaged_disk_is_found_and_mended_by_importing_it_again() {
    let mut testbed = Testbed::start(0);
    let image = import(&testbed, "app", 7).await;
    let path = disk(&testbed, image.digest.as_deref().unwrap());
    let run = async |testbed: &Testbed| {
        let request = CreateRequest {
            auto_remove: true,
            ..CreateRequest::new("app")
        };
        let instance = testbed.client.create_instance(&request).await?;
        testbed.client.wait_instance(&instance.id).await
    };
    assert_eq!(run(&testbed).await.unwrap().code, 7);
    let whole = fs::read(&path).unwrap();
    let mut changed = whole.clone();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(&path, &changed).unwrap();
    // Also a daemon that has never seen it whole finds it.
    for _ in 0..2 {
        let error = run(&testbed).await.unwrap_err();
        assert_eq!(code(&error), Some(ErrorCode::ImageDamaged), "{error}");
        testbed.stop();
        testbed.restart(true);
    }
    fs::write(&path, &whole).unwrap();
    assert_eq!(
        run(&testbed).await.unwrap().code,
        7,
        "the right bytes are right again"
    );
    fs::write(&path, &changed).unwrap();
    import(&testbed, "app", 7).await;
    assert_eq!(run(&testbed).await.unwrap().code, 7);
    fs::remove_file(&path).unwrap();
    let error = run(&testbed).await.unwrap_err();
    assert_eq!(code(&error), Some(ErrorCode::ImageDamaged), "{error}");
    testbed.client.delete_image("app").await.unwrap();
    testbed.finish();
}

#[tokio::test]
async fn a_disk_laid_by_hand_takes_the_name_s_place_until_an_import() {
    let testbed = Testbed::start(0);
    let client = &testbed.client;
    let image = import(&testbed, "app", 3).await;
    let laid = testbed.state("image/app.raw");
    fs::copy(disk(&testbed, image.digest.as_deref().unwrap()), &laid).unwrap();
    let found = client.get_image("app").await.unwrap();
    assert_eq!((found.digest, found.command), (None, image.command.clone()));
    let error = client.tag_image("app", "app:1").await.unwrap_err();
    assert!(error.to_string().contains("laid into the folder"), "{error}");
    assert_eq!(import(&testbed, "app", 3).await.digest, image.digest);
    assert!(!laid.exists());
    client.delete_image("app").await.unwrap();
    testbed.finish();
}

/// Of the same image and of different ones, under the same name and under different ones, while disks are collected.
#[tokio::test]
async fn imports_at_the_same_time_leave_a_store_that_is_whole() {
    const IMPORTS: usize = 24;
    let testbed = Testbed::start(0);
    let programs: Vec<_> = (0..3)
        .map(|number| {
            let source = format!("int main(void) {{ return {number}; }}");
            let name = format!("program-{number}");
            compile(testbed.folder.path(), &name, &source, &["-static"])
        })
        .collect();
    let mut imports = tokio::task::JoinSet::new();
    for number in 0..IMPORTS {
        let (client, program) = (testbed.client.clone(), programs[number % 3].clone());
        let name = format!("app:{}", number % 4);
        imports.spawn(async move {
            let image = client.import_image(&name, program).await.unwrap();
            prune(&client, false).await;
            image
        });
    }
    let mut made = std::collections::HashSet::new();
    while let Some(image) = imports.join_next().await {
        made.insert(image.unwrap().digest);
    }
    assert_eq!(made.len(), 3, "the same program makes the same disk");
    let images = testbed.client.list_images().await.unwrap();
    assert_eq!(images.len(), 4);
    for image in &images {
        let instance = testbed
            .client
            .create_instance(&CreateRequest::new(&*image.name))
            .await
            .unwrap();
        testbed.client.wait_instance(&instance.id).await.unwrap();
        testbed.client.delete_instance(&instance.id, true).await.unwrap();
    }
    prune(&testbed.client, true).await;
    assert_eq!(store(&testbed), Vec::<String>::new());
    testbed.finish();
}

/// The daemon is killed at different moments of an import: nothing of it is seen, and nothing stays.
#[tokio::test]
async fn an_import_that_is_killed_leaves_nothing() {
    let mut testbed = Testbed::start(0);
    let image = import(&testbed, "app", 1).await;
    let bytes = fs::read(disk(&testbed, image.digest.as_deref().unwrap())).unwrap();
    let other = store(&testbed);
    for sent in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        let mut stream = UnixStream::connect(testbed.state("api.sock")).unwrap();
        let head = format!(
            "POST /v1/images?name=half HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            bytes.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&bytes[..sent]).unwrap();
        // Once the file is there, the import is under way.
        let incoming = testbed.state("image/incoming");
        while fs::read_dir(&incoming).unwrap().next().is_none() {
            tokio::task::yield_now().await;
        }
        testbed.kill();
        testbed.restart(true);
        assert_eq!(store(&testbed), other);
        let (status, _) = send(&testbed, "GET", "/v1/images/half", "").await;
        assert_eq!(status, 404);
    }
    // Killed at any moment of a whole one, it is there or not; the disk that has no name yet is collected.
    for _ in 0..10 {
        let client = testbed.client.clone();
        let body = bytes.clone();
        let mut other = body.clone();
        other.extend_from_slice(&[1; 4096]);
        let import = tokio::spawn(async move { client.import_image_bytes("whole", other).await });
        let incoming = testbed.state("image/incoming");
        while fs::read_dir(&incoming).unwrap().next().is_none() && !import.is_finished() {
            tokio::task::yield_now().await;
        }
        testbed.kill();
        testbed.restart(true);
        let _ = import.await.unwrap();
        match testbed.client.get_image("whole").await {
            Ok(image) => {
                let stored = fs::read(disk(&testbed, image.digest.as_deref().unwrap())).unwrap();
                assert_eq!(stored.len(), body.len() + 4096);
                testbed.client.delete_image("whole").await.unwrap();
            }
            Err(error) => assert_eq!(code(&error), Some(ErrorCode::ImageNotFound)),
        }
        prune(&testbed.client, false).await;
        assert_eq!(store(&testbed).len(), 3, "{:?}", store(&testbed));
    }
    testbed.finish();
}

/// All bytes of an answer.
async fn collect(mut stream: uigniter_api::client::ByteStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await.unwrap() {
        bytes.extend_from_slice(&piece);
    }
    bytes
}

#[tokio::test]
async fn what_is_in_an_image_is_told_by_the_daemon() {
    let testbed = Testbed::start(0);
    let client = &testbed.client;
    let image = import(&testbed, "app", 1).await;
    let digest = image.digest.as_deref().unwrap();
    let bytes = collect(client.image_disk(digest).await.unwrap()).await;
    assert_eq!(uigniter_image::digest::of(&bytes), digest);
    let program = collect(client.image_file("app", "app").await.unwrap()).await;
    assert_eq!(program, fs::read(testbed.state("program-1")).unwrap());
    let listing = client.image_files("app", "/app").await.unwrap();
    assert_eq!(
        (listing.entries.len(), listing.entries[0].mode, listing.truncated),
        (1, 0o755, false)
    );
    import(&testbed, "other", 2).await;
    let changes = client.diff_images("app", "other").await.unwrap().changes;
    let path = |entry: &Option<uigniter_api::image::FileEntry>| entry.clone().map(|entry| entry.path);
    let told: Vec<_> = changes
        .iter()
        .map(|change| (path(&change.before), path(&change.after)))
        .collect();
    assert_eq!(
        told,
        [(Some("/app".to_owned()), None), (None, Some("/other".to_owned()))]
    );
    for (reference, path, expected) in [
        ("app", "/none", ErrorCode::FileNotFound),
        ("app", "/", ErrorCode::InvalidRequest),
        ("none", "/", ErrorCode::ImageNotFound),
    ] {
        let error = client.image_file(reference, path).await.unwrap_err();
        assert_eq!(code(&error), Some(expected), "{error}");
    }
    // A disk with another file system is an image, with nothing in it that is read here.
    let mut record = vec![0; 4096];
    record[450..].fill(0);
    record[446 + 4] = 0x83;
    record[446 + 8] = 1;
    record[446 + 12] = 1;
    record[510..512].copy_from_slice(&[0x55, 0xaa]);
    client.import_image_bytes("foreign", record).await.unwrap();
    let error = client.image_files("foreign", "/").await.unwrap_err();
    assert_eq!(code(&error), Some(ErrorCode::InvalidImage), "{error}");
    testbed.finish();
}
