. "$APP/../lib.sh"

url=http://$HOST:$PORT
fetch() { curl --silent --show-error --max-time 20 "$@"; }
sum() { fetch "$url/$1" | sha256sum | cut -d' ' -f1; }
uploaded() {
    seq 1200000 | fetch -o /dev/null -w '%{http_code} ' -T - "$url/put/numbers"
    sum put/numbers
}
expected() { seq "$1" | head -c "$2" | sha256sum | cut -d' ' -f1; }

check "a page" says "$(expected 1000 612)" sum ""
check "a file of 1 MiB" says "$(expected 1000000 1048576)" sum big
check "several requests on one connection" says "1 0 0 " \
    fetch -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects} ' "$url/" "$url/big" "$url/"
check "a part of a file" says "$(seq 1000 | head -c 612 | tail -c +11 | head -c 20)" fetch -r 10-29 "$url/"
check "HEAD" bash -c "curl -sI --max-time 20 $url/big | tr -d '\r' | grep -qx 'Content-Length: 1048576'"
check "404 for what is not there" says 404 fetch -o /dev/null -w '%{http_code}' "$url/nothing"
check "304 for what is not newer" says 304 \
    fetch -o /dev/null -w '%{http_code}' -z "$(date -u -d tomorrow '+%a, %d %b %Y %T GMT')" "$url/"
check "405 for a POST to a file" says 405 fetch -o /dev/null -w '%{http_code}' -d x=1 "$url/"
check "a file compressed on the way" says "$(expected 1000000 1048576)" bash -c \
    "curl -sS --max-time 20 -H 'Accept-Encoding: gzip' $url/zipped/big | gunzip | sha256sum | cut -d' ' -f1"
check "a file read by a pool of threads" says "$(expected 1000000 1048576)" sum threads/big
check "TLS and HTTP/2" says "2 200 1048576" fetch -k -o /dev/null -w '%{http_version} %{http_code} %{size_download}' "https://$HOST/big"
check "an upload of 8 MB, and the same again" says "201 $(seq 1200000 | sha256sum | cut -d' ' -f1)" uploaded
check "100 requests, 10 at a time" bash -c \
    "seq 100 | xargs -P 10 -I{} curl -s --max-time 30 -o /dev/null -w '%{http_code}\n' $url/big | grep -cx 200 | grep -qx 100"
