. "$APP/../rest.sh"

check "10,000 goroutines and a channel" says '{"sum":49995000}' get goroutines/10000
check "the collector runs" says '{"collected":true,"kept":1000}' get garbage/100000
check "the collector under 10 connections" says 10 many 10 garbage/50000 '"collected":true'
check "a sleep is not early" says '{"early":false}' get sleep/50
check "20 connections sleep at once" says 20 many 20 sleep/200 false
check "goroutines that never call are stopped for others" bash -c \
    "curl -s --max-time 60 -o /dev/null $url/busy/2000 & curl -s --max-time 60 $url/hello | grep -q world; found=\$?; wait; exit \$found"
