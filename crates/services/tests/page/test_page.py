"""The web page in headless Chromium, by Playwright: `cargo xtask page` runs this.

The platform runs as processes on free ports of the loopback, ended by their pid. Arguments: the binary of the services, Chromium, and a
folder for screenshots.
"""

import json
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

BINARY, CHROMIUM, SCREENSHOTS = sys.argv[1], sys.argv[2], Path(sys.argv[3])
PATIENCE = 20


class Service:
    """A process; `endpoint` is known once it listens."""

    def __init__(self, stack, *args, listen="127.0.0.1:0"):
        command = [BINARY, *args, "--listen", listen]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        stack.callback(self.end)
        for line in self.process.stderr:
            address = json.loads(line).get("address")
            if address:
                self.endpoint = address
                break
        else:
            raise AssertionError(f"{args} does not listen")
        # Nobody reads on: a service must not wait for that.
        self.drain = subprocess.Popen(["cat"], stdin=self.process.stderr, stdout=subprocess.DEVNULL)

    def end(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.drain.wait(PATIENCE)


def png(width, height, pixel):
    """A picture of which `pixel(x, y)` says the colours."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(v for x in range(width) for v in pixel(x, y)) for y in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def gradient(shade):
    return png(64, 48, lambda x, y: (x * 4, y * 5, shade))


def file(name, data, kind="image/png"):
    return {"name": name, "mimeType": kind, "buffer": data}


# Colours of a card's two pictures, as the browser shows them.
COLOURS = """card => Array.from(card.querySelectorAll("img"), image => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  return Array.from(context.getImageData(0, 0, canvas.width, canvas.height).data);
})"""


def wait_for_pictures(card, count):
    expect(card.locator("img")).to_have_count(count, timeout=PATIENCE * 1000)
    card.scroll_into_view_if_needed()
    card.page.wait_for_function(
        "card => Array.from(card.querySelectorAll('img')).every(image => image.complete && image.naturalWidth)",
        arg=card.element_handle(),
        timeout=PATIENCE * 1000,
    )


def first_look(page, services):
    expect(page).to_have_title("uigniter pictures")
    expect(page.locator("#connection")).to_have_text("live")
    expect(page.get_by_text("No pictures yet.")).to_be_visible()
    for name in services:
        row = page.locator("#services > li", has_text=name)
        expect(row.locator(".pill[data-state=up]")).to_have_count(1, timeout=PATIENCE * 1000)


def inverts(page):
    page.get_by_label("Choose pictures").set_input_files(file("sky.png", gradient(200)))
    card = page.locator(".card").first
    expect(card.locator(".state")).to_have_text("done", timeout=PATIENCE * 1000)
    expect(card.locator(".kind")).to_have_text("invert")
    expect(card.locator(".took")).to_contain_text("ms")
    assert len(card.locator(".trace").inner_text()) == 32
    wait_for_pictures(card, 2)
    before, after = card.evaluate(COLOURS)
    assert len(before) == len(after) == 64 * 48 * 4
    for place, (old, new) in enumerate(zip(before, after)):
        assert new == (old if place % 4 == 3 else 255 - old), place
    expect(page.locator("#counts")).to_contain_text("1 done")
    expect(page.locator("#uploads li")).to_have_count(0)
    expect(page.get_by_text("No pictures yet.")).to_be_hidden()


def parameters(page):
    what = page.get_by_label("What to do")
    what.select_option("resize")
    page.get_by_label("Width, pixels").fill("20")
    page.get_by_label("Height, pixels").fill("10")
    expect(page.get_by_label("Strength, pixels")).to_be_hidden()
    page.get_by_label("Choose pictures").set_input_files(file("small.png", gradient(100)))
    card = page.locator(".card", has=page.locator(".kind", has_text="resize"))
    expect(card.locator(".state")).to_have_text("done", timeout=PATIENCE * 1000)
    wait_for_pictures(card, 2)
    size = card.locator("img").nth(1).evaluate("image => [image.naturalWidth, image.naturalHeight]")
    assert size == [20, 10], size
    what.select_option("invert")


def progress(page):
    """On a slow line the bar is seen on its way, and there is one for each picture."""
    noise = random.Random(7)
    picture = png(400, 400, lambda x, y: noise.randbytes(3))
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 400_000}
    line.send("Network.emulateNetworkConditions", slow)
    files = [file(f"noise{n}.png", picture) for n in range(2)]
    page.get_by_label("Choose pictures").set_input_files(files)
    bars = page.get_by_role("progressbar", name="Upload of noise0.png")
    expect(bars).to_be_visible()
    on_its_way = "() => Array.from(document.querySelectorAll('progress')).some(bar => bar.value > 0.05 && bar.value < 0.99)"
    page.wait_for_function(on_its_way, timeout=PATIENCE * 1000)
    page.screenshot(path=SCREENSHOTS / "progress.png", full_page=True)
    line.send("Network.emulateNetworkConditions", {**slow, "uploadThroughput": -1})
    line.detach()
    expect(page.locator("#counts")).to_contain_text("4 done", timeout=PATIENCE * 1000)
    expect(page.locator("#uploads li")).to_have_count(0)


def wrong_files(page):
    page.get_by_label("Choose pictures").set_input_files(file("notes.txt", b"words", "text/plain"))
    expect(page.locator("#uploads .failed")).to_have_text("not a PNG or JPEG")
    expect(page.locator("#announcer")).to_contain_text("notes.txt was not uploaded")
    page.get_by_label("Choose pictures").set_input_files(file("<b>broken.png", b"no picture at all"))
    card = page.locator(".card").first
    expect(card.locator(".state")).to_have_text("given up", timeout=PATIENCE * 1000)
    expect(card.locator(".error")).to_contain_text("cannot be read")
    expect(card.locator("figure").first).to_contain_text("cannot be shown")


def a_worker_dies(page, stack, registry, worker):
    """What waits is seen to wait, and goes on when another worker comes."""
    worker.end(signal.SIGTERM)
    row = page.locator("#services > li", has_text="worker")
    expect(row).to_contain_text("none is up", timeout=PATIENCE * 1000)
    page.get_by_label("Choose pictures").set_input_files(file("later.png", gradient(10)))
    card = page.locator(".card").first
    expect(card.locator(".state")).to_have_text("waiting", timeout=PATIENCE * 1000)
    worker = Service(stack, "worker", "--registry", registry.endpoint)
    expect(card.locator(".state")).to_have_text("done", timeout=PATIENCE * 1000)
    expect(row.locator(".pill[data-state=up]")).to_have_text(f"{worker.endpoint}, answers")


def looks(page):
    page.screenshot(path=SCREENSHOTS / "light.png", full_page=True)
    page.emulate_media(color_scheme="dark")
    page.screenshot(path=SCREENSHOTS / "dark.png", full_page=True)
    page.set_viewport_size({"width": 360, "height": 740})
    wide = page.evaluate("() => document.documentElement.scrollWidth")
    assert wide <= 360, f"on a phone the page is {wide} pixels wide"
    page.screenshot(path=SCREENSHOTS / "phone.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})


def accessible(page):
    """By keyboard, with names and alternatives, one heading of the first order."""
    page.keyboard.press("Tab")
    reached = set()
    for _ in range(8):
        reached.add(page.evaluate("() => document.activeElement.id || document.activeElement.className"))
        page.keyboard.press("Tab")
    assert {"skip", "files", "type"} <= reached, reached
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.locator("img:not([alt])").count() == 0
    for title in ["Upload", "Services", "Before and after"]:
        expect(page.get_by_role("region", name=title)).to_be_visible()
    unnamed = page.evaluate(
        "() => Array.from(document.querySelectorAll('input, select')).filter(field => !field.labels.length).length"
    )
    assert unnamed == 0


def the_master_goes(page, stack, registry, master):
    endpoint = master.endpoint
    master.end(signal.SIGKILL)
    expect(page.locator("#services > li", has_text="master")).to_contain_text("none is up", timeout=PATIENCE * 1000)
    master = Service(stack, "master", "--registry", registry.endpoint, listen=endpoint)
    expect(page.locator("#services > li", has_text="master")).to_contain_text("answers", timeout=PATIENCE * 1000)


def the_page_goes(page, stack, registry, web):
    endpoint = web.endpoint
    begin = time.monotonic()
    web.end(signal.SIGTERM)
    assert time.monotonic() - begin < 5, "browsers that listen must not hold the service up"
    expect(page.locator("#connection")).to_have_text("connection lost, trying again", timeout=PATIENCE * 1000)
    Service(stack, "page", "--registry", registry.endpoint, listen=endpoint)
    expect(page.locator("#connection")).to_have_text("live", timeout=PATIENCE * 1000)


def main():
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        registry = Service(stack, "registry")
        at = ["--registry", registry.endpoint]
        Service(stack, "scheduler", *at, "--data", str(data / "tasks"))
        Service(stack, "storage", *at, "--data", str(data / "pictures"))
        master = Service(stack, "master", *at)
        worker = Service(stack, "worker", *at)
        web = Service(stack, "page", *at)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            errors = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.goto(f"http://{web.endpoint}/")
            steps = [
                (first_look, [["master", "scheduler", "storage", "worker", "page"]]),
                (accessible, []),
                (inverts, []),
                (parameters, []),
                (progress, []),
                (wrong_files, []),
                (looks, []),
                (a_worker_dies, [stack, registry, worker]),
                (the_master_goes, [stack, registry, master]),
                (the_page_goes, [stack, registry, web]),
            ]
            for step, more in steps:
                begin = time.monotonic()
                try:
                    step(page, *more)
                except Exception:
                    page.screenshot(path=SCREENSHOTS / "failed.png", full_page=True)
                    raise
                print(f"ok {step.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
            assert not errors, errors
            policy = urllib.request.urlopen(f"http://{web.endpoint}/").headers["Content-Security-Policy"]
            assert "default-src 'self'" in policy, policy
            browser.close()
    print(f"{len(steps)} passed, 0 failed")


main()
