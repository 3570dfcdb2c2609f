. "$APP/../lib.sh"

url=http://$HOST:$PORT
fetch() { curl --silent --show-error --max-time 20 "$@"; }
sum() { fetch "$url/$1" | sha256sum; }
expected() { seq 1000000 | head -c 1048576 | sha256sum; }

check "a file of 1 MiB" says "$(expected)" sum big
check "the list of a folder" bash -c "curl -s --max-time 20 $url/ | grep -q '<a href=\"big\">big</a>'"
check "a folder's page" says "<p>hello" fetch "$url/folder/"
check "a folder without its slash is redirected" says 301 fetch -o /dev/null -w '%{http_code}' "$url/folder"
check "404 for what is not there" says 404 fetch -o /dev/null -w '%{http_code}' "$url/nothing"
check "304 for what is not newer" says 304 \
    fetch -o /dev/null -w '%{http_code}' -z "$(date -u -d tomorrow '+%a, %d %b %Y %T GMT')" "$url/big"
check "100 requests, 10 at a time" bash -c \
    "seq 100 | xargs -P 10 -I{} curl -s --max-time 60 -o /dev/null -w '%{http_code}\n' $url/big | grep -cx 200 | grep -qx 100"
