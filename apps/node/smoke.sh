. "$APP/../rest.sh"

stream() { fetch --compressed "$url/stream/100000" | sha256sum; }
hash() { seq 1000000 | fetch --data-binary @- "$url/hash"; }
expected() { seq "$1" | sha256sum; }

check "timers, and what comes before them" says '{"order":["tick","promise","immediate","short","long"],"late":true}' get timers/100
check "four worker threads" says '{"sum":1999998000000}' get workers/1000000
check "a compressed stream" says "$(expected 100000)" stream
check "a body as a stream" says "{\"sha256\":\"$(expected 1000000 | cut -d' ' -f1)\"}" hash
