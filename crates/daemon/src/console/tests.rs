use std::{fs, io::Write};

use futures_util::{StreamExt, TryStreamExt};

use super::*;

async fn collect(console: &Arc<Console>, from: From, follow: bool) -> String {
    let pieces: Vec<_> = stream(Arc::clone(console), from, follow, CancellationToken::new())
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    String::from_utf8(pieces.concat()).unwrap()
}

#[tokio::test]
async fn a_follower_gets_everything_until_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.log");
    let mut file = File::options().append(true).create(true).open(&path).unwrap();
    writeln!(file, "first").unwrap();
    let consoles = Arc::new(Consoles::new(1 << 20).unwrap());
    let console = consoles.watch(path).unwrap();
    let ending = CancellationToken::new();
    let watcher = tokio::spawn({
        let (consoles, ending) = (Arc::clone(&consoles), ending.clone());
        async move { consoles.run(&ending).await }
    });
    let mut followed = Box::pin(
        stream(
            Arc::clone(&console),
            From::Beginning,
            true,
            CancellationToken::new(),
        )
        .unwrap(),
    );
    assert_eq!(followed.next().await.unwrap().unwrap(), "first\n");
    // The next piece can only come through inotify: nothing is there when it is asked for.
    let next = tokio::spawn(async move {
        let piece = followed.next().await;
        (piece, followed)
    });
    tokio::task::yield_now().await;
    writeln!(file, "second").unwrap();
    let (piece, mut followed) = next.await.unwrap();
    assert_eq!(piece.unwrap().unwrap(), "second\n");
    writeln!(file, "third").unwrap();
    console.end();
    assert_eq!(followed.next().await.unwrap().unwrap(), "third\n");
    assert!(followed.next().await.is_none());
    ending.cancel();
    watcher.await.unwrap();
}

#[tokio::test]
async fn the_tail_is_counted_in_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.log");
    let text: String = (0..20_000).map(|line| format!("line {line}\n")).collect();
    fs::write(&path, &text).unwrap();
    let console = Consoles::ended(path.clone());
    assert_eq!(
        collect(&console, From::Lines(2), false).await,
        "line 19998\nline 19999\n"
    );
    assert_eq!(collect(&console, From::Lines(0), false).await, "");
    assert_eq!(collect(&console, From::Lines(u32::MAX), false).await, text);
    assert_eq!(
        collect(&console, From::Lines(10_000), true).await,
        text[text.find("line 10000\n").unwrap()..]
    );
    assert_eq!(collect(&console, From::Now, true).await, "");
    fs::write(&path, "no newline").unwrap();
    assert_eq!(collect(&console, From::Lines(1), false).await, "no newline");
}

#[tokio::test]
async fn a_console_stays_bounded() {
    use std::os::unix::fs::MetadataExt;

    const LIMIT: u64 = 256 << 10;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console.log");
    let mut file = File::options().append(true).create(true).open(&path).unwrap();
    let consoles = Consoles::new(LIMIT).unwrap();
    let console = consoles.watch(path.clone()).unwrap();
    for round in 0..40 {
        file.write_all(format!("{round:063}\n").repeat(1024).as_bytes())
            .unwrap();
        consoles.read_events();
    }
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(metadata.len(), 40 * 64 * 1024);
    assert!(
        metadata.blocks() * 512 <= LIMIT + 2 * PUNCH_STEP_BYTES,
        "{} blocks",
        metadata.blocks()
    );
    console.end();
    let kept = collect(&console, From::Beginning, false).await;
    assert!(kept.len() as u64 >= LIMIT && !kept.contains('\0'));
    assert!(kept.ends_with(&format!("{:063}\n", 39)));
}
