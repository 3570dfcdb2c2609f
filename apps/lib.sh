# What smoke tests share. A smoke.sh prints a line for each thing that it tried, 'ok NAME' or 'not ok NAME: WHY'.
# It finds the server at $HOST:$PORT and its own folder at $APP.
set -u

# check NAME COMMAND...: ok if the command is.
check() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "ok $name"
    else
        echo "not ok $name: $(tail -n 3 <<<"${said:-it failed}" | tr '\r\n' '  ')"
    fi
}

# says EXPECTED COMMAND...: fine if the command prints just that.
says() {
    local expected=$1 said
    shift
    said=$("$@" 2>&1)
    [ "$said" = "$expected" ] && return
    echo "'$(head -c 200 <<<"$said")' instead of '$(head -c 200 <<<"$expected")'"
    return 1
}

# eventually SECONDS COMMAND...: fine as soon as the command is.
eventually() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}
