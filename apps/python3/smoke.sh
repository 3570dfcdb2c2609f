. "$APP/../rest.sh"

check "a sum by four threads" says '{"sum":499999500000}' get work/1000000
check "20 connections that compute at once" says 20 many 20 work/100000 4999950000
