. "$APP/../lib.sh"

url=http://$HOST:$PORT
fetch() { curl --silent --show-error --max-time 20 "$@"; }
sum() { fetch "$url/$1" | sha256sum | cut -d' ' -f1; }
slow() { fetch --limit-rate 400k "$url/big" | sha256sum | cut -d' ' -f1; }
uploaded() {
    seq 1200000 | fetch -o /dev/null -w '%{http_code} ' -T - "$url/put/numbers"
    sum put/numbers
    fetch -X DELETE "$url/put/numbers"
}
expected() { seq "$1" | head -c "$2" | sha256sum | cut -d' ' -f1; }

check "a page of another unikernel" says "$(expected 1000 612)" sum ""
check "a file of 1 MiB of another unikernel" says "$(expected 1000000 1048576)" sum big
check "404 is passed on" says 404 fetch -o /dev/null -w '%{http_code}' "$url/nothing"
check "an upload of 8 MB that is kept in a file on the way" says "201 $(seq 1200000 | sha256sum | cut -d' ' -f1)" uploaded
check "a client that reads slower than the server writes" says "$(expected 1000000 1048576)" slow
check "50 requests, 5 at a time" bash -c \
    "seq 50 | xargs -P 5 -I{} curl -s --max-time 30 -o /dev/null -w '%{http_code}\n' $url/big | grep -cx 200 | grep -qx 50"
