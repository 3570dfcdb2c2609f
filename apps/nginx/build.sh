set -eu
mkdir "$BUILD/site"
seq 1000 | head -c 612 >"$BUILD/site/index.html"
seq 1000000 | head -c 1048576 >"$BUILD/site/big"
