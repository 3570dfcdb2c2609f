. "$APP/../lib.sh"

cli() { redis-cli -h "$HOST" -p "$PORT" "$@"; }

big() {
    head -c 5000000 /dev/zero | tr '\0' v | cli -x set big >/dev/null
    says 5000000 cli strlen big
}

heard() {
    # A fifo, so that the subscriber's first line is waited for and not slept for.
    local folder line
    folder=$(mktemp -d)
    mkfifo "$folder/out"
    redis-cli -h "$HOST" -p "$PORT" subscribe news >"$folder/out" 2>/dev/null &
    local subscriber=$!
    exec 4<"$folder/out"
    while read -r -t 10 line <&4 && [ "$line" != 1 ]; do :; done
    says 1 cli publish news hello || return
    while read -r -t 10 line <&4 && [ "$line" != hello ]; do :; done
    kill "$subscriber"
    exec 4<&-
    rm -r "$folder"
    [ "$line" = hello ]
}

gone() { [ "$(cli exists short)" = 0 ]; }

appended() {
    cli set kept value >/dev/null
    [ "$(cli info persistence | tr -d '\r' | sed -n 's/aof_last_write_status://p')" = ok ] || return
    [ "$(cli info persistence | tr -d '\r' | sed -n 's/aof_current_size://p')" -gt 0 ] || return
    # Everything is forgotten and read again from the file.
    says OK cli debug loadaof || return
    says value cli get kept
}

# Each is on the disk before it is answered.
many() {
    says OK cli config set appendfsync always || return
    seq 50000 | awk '{ printf "SET key%d %d\r\n", $1, $1 }' | cli --pipe | grep -qx 'errors: 0, replies: 50000' || return
    says OK cli config set appendfsync everysec || return
    says 777 cli get key777
}

check "PING" says PONG cli ping
check "SET and GET" says "OK
one" bash -c "redis-cli -h $HOST -p $PORT set a one; redis-cli -h $HOST -p $PORT get a"
check "INCR" says 8 cli incrby n 8
check "lists" says 3 cli rpush list a b c
check "sorted sets" says 2 cli zadd scores 1 one 2 two
check "hashes" says 2 cli hset hash f 1 g 2
check "a script in Lua" says 42 cli eval 'return ARGV[1] * 2' 0 21
check "a value of 5 MB" big
check "publish and subscribe" heard
check "expiry takes the value away" bash -c "[ \$(redis-cli -h $HOST -p $PORT set short x px 300) = OK ]"
check "an expired key is gone" eventually 10 gone
check "50,000 writes in a row, appendfsync always" many
check "the append-only file is written and read again" appended
check "SAVE" says OK cli save
