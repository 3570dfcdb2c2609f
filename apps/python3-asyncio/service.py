"""A small REST service on asyncio: connections kept alive, timers, a queue between tasks, work in a pool of threads."""

import asyncio
import json

NOTES = {}
LOG = asyncio.Queue(maxsize=64)
SEEN = 0


async def count():
    """The task at the other end of the queue."""
    global SEEN
    while True:
        await LOG.get()
        SEEN += 1


async def answer(method, path, body):
    """Status and value for a request."""
    match method, path.strip("/").split("/"):
        case "GET", ["hello"]:
            return 200, {"hello": "world"}
        case "GET", ["sleep", milliseconds]:
            loop = asyncio.get_running_loop()
            begin = loop.time()
            await asyncio.sleep(int(milliseconds) / 1000)
            return 200, {"early": loop.time() - begin < int(milliseconds) / 1000}
        case "GET", ["work", count]:
            return 200, {"sum": await asyncio.to_thread(lambda: sum(range(int(count))))}
        case "GET", ["seen"]:
            return 200, {"seen": SEEN > 0}
        case "PUT", ["notes", name]:
            status = 200 if name in NOTES else 201
            NOTES[name] = json.loads(body)
            return status, NOTES[name]
        case "GET", ["notes", name] if name in NOTES:
            return 200, NOTES[name]
        case "DELETE", ["notes", name] if NOTES.pop(name, None) is not None:
            return 204, None
        case _:
            return 404, {"error": "no such thing"}


async def serve(reader, writer):
    """One connection, request by request."""
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            await LOG.put(path)
            status, value = await answer(method, path, body)
            said = b"" if value is None else json.dumps(value).encode()
            writer.write(
                b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (status, len(said), said)
            )
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main():
    counter = asyncio.create_task(count())
    server = await asyncio.start_server(serve, port=8080, backlog=128)
    await asyncio.gather(counter, server.serve_forever())


asyncio.run(main())
