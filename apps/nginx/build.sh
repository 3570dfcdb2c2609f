set -eu
mkdir "$BUILD/site" "$BUILD/tls"
seq 1000 | head -c 612 >"$BUILD/site/index.html"
seq 1000 >"$BUILD/site/numbers"
seq 1000000 | head -c 1048576 >"$BUILD/site/big"
openssl req -x509 -newkey rsa:2048 -noenc -days 7 -subj /CN=nginx -addext subjectAltName=DNS:nginx \
    -keyout "$BUILD/tls/key.pem" -out "$BUILD/tls/cert.pem" 2>"$BUILD/openssl.log"
