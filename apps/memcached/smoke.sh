. "$APP/../lib.sh"

# talk LINE...: sends lines over one connection and prints the answers.
talk() {
    exec 3<>"/dev/tcp/$HOST/$PORT"
    printf '%s\r\n' "$@" quit >&3
    tr -d '\r' <&3
    exec 3>&-
}

gone() { [ "$(talk "get short")" = END ]; }

big() {
    local value
    value=$(head -c 1000000 /dev/zero | tr '\0' v)
    says STORED talk "set big 0 0 1000000" "$value" || return
    says "VALUE big 0 1000000
$value
END" talk "get big"
}

# 200 connections at once, each with a key of its own.
many() {
    local key fd answer
    local -a fds=()
    for key in $(seq 200); do
        exec {fd}<>"/dev/tcp/$HOST/$PORT" || return
        fds+=("$fd")
        printf 'set many%d 0 0 3\r\n%03d\r\nget many%d\r\nquit\r\n' "$key" "$key" "$key" >&"$fd"
    done
    for key in $(seq 200); do
        fd=${fds[key - 1]}
        answer=$(tr -d '\r' <&"$fd")
        exec {fd}>&-
        says "$(printf 'STORED\nVALUE many%d 0 3\n%03d\nEND' "$key" "$key")" echo "$answer" || return
    done
}

check "set and get" says "STORED
VALUE a 5 3
one
END" talk "set a 5 0 3" one "get a"
check "add, replace, append, delete" says "NOT_STORED
STORED
STORED
VALUE a 0 6
onetwo
END
DELETED
END" talk "add a 0 0 3" two "replace a 0 0 3" one "append a 0 0 3" two "get a" "delete a" "get a"
check "incr and decr" says "STORED
11
9" talk "set n 0 0 2" 10 "incr n 1" "decr n 2"
check "expiry" says "STORED
VALUE short 0 1
x
END" talk "set short 0 2 1" x "get short"
check "expiry takes the value away" eventually 10 gone
check "a value of a megabyte" big
check "200 connections at once" many
check "stats" bash -c 'memcstat --servers="$HOST:$PORT" | grep -q "curr_items"'
check "the text protocol (memccapable)" memccapable -h "$HOST" -p "$PORT" -a -t 10
check "the binary protocol (memccapable)" memccapable -h "$HOST" -p "$PORT" -b -t 10
