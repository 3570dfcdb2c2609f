set -eu
# The cache goes with the folder; nothing is asked of a network.
GOCACHE=$BUILD/cache GO111MODULE=off GOFLAGS= go build -o "$BUILD/service" service.go
