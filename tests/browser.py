"""A real browser, driven by WebDriver's plain HTTP: nothing to install but Chromium itself."""

import base64
import json
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from contextlib import contextmanager

__all__ = ["MISSING", "Browser", "browser"]

PROGRAMS = {
    "Chromium": shutil.which("chromium") or shutil.which("google-chrome"),
    "chromedriver": shutil.which("chromedriver"),
}
#: Why there is no browser; empty where there is one.
MISSING = ", ".join(name for name, path in PROGRAMS.items() if path is None)

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1400,1000",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the standard's name for a reference


class Browser:
    """One window."""

    def __init__(self, port, profile):
        self.root = f"http://127.0.0.1:{port}/session"
        options = {"binary": PROGRAMS["Chromium"], "args": [*FLAGS, f"--user-data-dir={profile}"]}
        wanted = {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        session = self.call("", {"capabilities": {"alwaysMatch": wanted}})
        self.root += f"/{session['sessionId']}"

    def call(self, path, body=None, method=None):
        """One command; an error of the browser is raised with its own words."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data, method=method)
        request.add_header("Content-Type", "application/json")
        # No proxy: the driver is on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, url):
        self.call("/url", {"url": url})

    def run(self, script, *arguments):
        """The value that a script returns."""
        return self.call("/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector):
        found = self.call("/element", {"using": "css selector", "value": selector})
        return found[ELEMENT]

    def click(self, selector):
        self.call(f"/element/{self.find(selector)}/click", {})

    def click_at(self, x, y):
        """A click of the mouse at a point of the window."""
        steps = [
            {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)},
            {"type": "pause", "duration": 100},  # a plot sees where the mouse is once per frame
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
            {"type": "pause", "duration": 100},
        ]
        self.call("/actions", {"actions": [{"type": "pointer", "id": "mouse", "actions": steps}]})

    def screenshot(self):
        return base64.b64decode(self.call("/screenshot"))

    def type(self, selector, text):
        """Replace a field's text, key by key."""
        element = self.find(selector)
        self.call(f"/element/{element}/clear", {})
        if text:
            self.call(f"/element/{element}/value", {"text": text})

    def size(self, width, height):
        self.call("/window/rect", {"width": width, "height": height})

    def log(self, kind):
        return self.call("/se/log", {"type": kind})

    def requests(self):
        """Every address that the page asked for since the last time."""
        messages = [json.loads(entry["message"])["message"] for entry in self.log("performance")]
        return [
            message["params"]["request"]["url"]
            for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]


@contextmanager
def browser(profile):
    """A browser with an empty profile; gone at the end."""
    driver = subprocess.Popen(
        [PROGRAMS["chromedriver"], "--port=0"], stdout=subprocess.PIPE, text=True
    )
    try:
        lines = iter(driver.stdout.readline, "")
        port = next(
            m[1] for m in (re.search(r"successfully on port (\d+)", line) for line in lines) if m
        )
        window = Browser(port, profile)
        try:
            window.open("about:blank")
            window.requests()  # those of the browser's own first tab
            yield window
        finally:
            window.call("", method="DELETE")
    finally:
        driver.terminate()
        driver.wait(timeout=20)
        driver.stdout.close()
