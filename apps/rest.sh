# What the smoke tests of REST services share: each keeps notes at /notes/NAME and greets at /hello.
. "$APP/../lib.sh"

url=http://$HOST:$PORT
fetch() { curl --silent --show-error --max-time 60 "$@"; }
# Without blanks, as each language's JSON has its own.
get() { fetch "$url/$1" | tr -d ' \n'; }
status() { fetch -o /dev/null -w '%{http_code}' "$@"; }
json=(-H "Content-Type: application/json")

check "an answer in JSON" says '{"hello":"world"}' get hello
check "404 for what is not there" says 404 status "$url/notes/nothing"
check "a note is made" says 201 status -X PUT "${json[@]}" -d '{"text":"one"}' "$url/notes/a"
check "a note is changed" says 200 status -X PUT "${json[@]}" -d '{"text":"two"}' "$url/notes/a"
check "a note is read" says '{"text":"two"}' get notes/a
check "a note is taken away" says 204 status -X DELETE "$url/notes/a"
check "it is gone" says 404 status "$url/notes/a"
check "several requests on one connection" says "1 0 0 " \
    fetch -o /dev/null -o /dev/null -o /dev/null -w '%{num_connects} ' "$url/hello" "$url/hello" "$url/hello"
check "200 requests, 20 at a time" bash -c \
    "seq 200 | xargs -P 20 -I{} curl -s --max-time 60 -o /dev/null -w '%{http_code}\n' $url/hello | grep -cx 200 | grep -qx 200"

# many N PATH WORD: how many of N requests at once are answered with WORD.
many() { seq "$1" | xargs -P "$1" -I{} curl -s --max-time 60 "$url/$2" | grep -o "$3" | wc -l; }
