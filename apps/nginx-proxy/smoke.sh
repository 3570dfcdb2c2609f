. "$APP/../lib.sh"

url=http://$HOST:$PORT
fetch() { curl --silent --show-error --max-time 20 "$@"; }
sum() { fetch "$url/$1" | sha256sum | cut -d' ' -f1; }
expected() { seq "$1" | head -c "$2" | sha256sum | cut -d' ' -f1; }

check "a page of another unikernel" says "$(expected 1000 612)" sum ""
check "a file of 1 MiB of another unikernel" says "$(expected 1000000 1048576)" sum big
check "404 is passed on" says 404 fetch -o /dev/null -w '%{http_code}' "$url/nothing"
check "50 requests, 5 at a time" bash -c \
    "seq 50 | xargs -P 5 -I{} curl -s --max-time 30 -o /dev/null -w '%{http_code}\n' $url/big | grep -cx 200 | grep -qx 50"
