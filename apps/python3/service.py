"""A small REST service, a thread a connection: notes are kept in memory, and /work computes."""

import contextlib
import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NOTES = {}
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one write, as headers are kept back until the body is there.
    wbufsize = -1
    disable_nagle_algorithm = True

    def handle(self):
        # A client may leave with an answer on its way.
        with contextlib.suppress(ConnectionError):
            super().handle()

    def log_message(self, *_):
        pass

    def reply(self, status, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def do_GET(self):
        match self.path.strip("/").split("/"):
            case ["hello"]:
                self.reply(HTTPStatus.OK, {"hello": "world"})
            case ["work", count]:
                self.reply(HTTPStatus.OK, {"sum": in_threads(int(count))})
            case ["notes"]:
                with LOCK:
                    self.reply(HTTPStatus.OK, sorted(NOTES))
            case ["notes", name] if name in NOTES:
                self.reply(HTTPStatus.OK, NOTES[name])
            case _:
                self.reply(HTTPStatus.NOT_FOUND, {"error": "no such thing"})

    def do_PUT(self):
        match self.path.strip("/").split("/"):
            case ["notes", name]:
                value = self.body()
                with LOCK:
                    status = HTTPStatus.OK if name in NOTES else HTTPStatus.CREATED
                    NOTES[name] = value
                self.reply(status, value)
            case _:
                self.reply(HTTPStatus.NOT_FOUND, {"error": "no such thing"})

    def do_DELETE(self):
        name = self.path.removeprefix("/notes/")
        with LOCK:
            gone = NOTES.pop(name, None)
        self.reply(HTTPStatus.NO_CONTENT if gone is not None else HTTPStatus.NOT_FOUND)


def in_threads(count):
    """The sum of 0..count, a part in each of four threads."""
    parts = [0] * 4

    def part(index):
        parts[index] = sum(range(index, count, 4))

    threads = [threading.Thread(target=part, args=[index]) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(parts)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


Server(("", 8080), Handler).serve_forever()
