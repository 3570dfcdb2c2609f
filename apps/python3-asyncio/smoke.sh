. "$APP/../rest.sh"

check "a timer is not early" says '{"early":false}' get sleep/50
check "20 connections wait at once" says 20 many 20 sleep/200 false
check "a sum in the pool of threads" says '{"sum":499999500000}' get work/1000000
check "a task at the end of a queue" says '{"seen":true}' get seen
