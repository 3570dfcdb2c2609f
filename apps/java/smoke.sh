. "$APP/../rest.sh"

check "the collector runs" says '{"sum":500000,"collected":true}' get garbage/500000
check "the collector under 10 connections" says 10 many 10 garbage/100000 '"sum": 100000'
check "a parallel stream and 16 threads" says '{"sum":49999995000000}' get threads/10000000
check "what the compiler made" says '{"primes":78498}' get primes/1000000
check "and once it is hot, on 8 connections" says 8 many 8 primes/300000 25997
