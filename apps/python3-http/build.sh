set -eu
mkdir -p "$BUILD/site/folder"
seq 1000000 | head -c 1048576 >"$BUILD/site/big"
echo "<p>hello" >"$BUILD/site/folder/index.html"
