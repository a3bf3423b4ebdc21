"""Headless Chromium by its DevTools protocol, over pipes: what a page shows, says and asks for."""

import base64
import contextlib
import json
import os
import subprocess

CHROMIUM = [
    "chromium",
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
]


class Page:
    """One tab. `problems`: exceptions, console messages and refusals of the content policy since it
    was opened; `requests`: addresses that were asked for, but for the page itself and data."""

    def __init__(self, profile):
        from_page, self._out = os.pipe()
        self._in, to_page = os.pipe()

        def places():  # Chromium reads 3 and writes 4
            os.dup2(from_page, 3)
            os.dup2(to_page, 4)

        # Above 4, so that neither copy overwrites what the other needs.
        moved = [os.dup2(fd, 50 + i) for i, fd in enumerate((from_page, to_page))]
        os.close(from_page), os.close(to_page)
        from_page, to_page = moved
        self._process = subprocess.Popen(
            [*CHROMIUM, f"--user-data-dir={profile}"],
            preexec_fn=places,
            pass_fds=(3, 4),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(from_page), os.close(to_page)
        self._number, self._buffer, self._session = 0, b"", None
        self.problems, self.requests, self._events = [], [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        with contextlib.suppress(OSError, EOFError):
            self._session = None
            self.call("Browser.close")
        os.close(self._out), os.close(self._in)
        self._process.wait(30)

    def _message(self):
        while b"\0" not in self._buffer:
            more = os.read(self._in, 1 << 20)
            if not more:
                raise EOFError("Chromium is gone")
            self._buffer += more
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        method, given = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            self.problems.append(given["exceptionDetails"].get("exception", {}).get("description"))
        elif method == "Runtime.consoleAPICalled":
            self.problems.append(str(given["args"]))
        elif method == "Log.entryAdded":
            self.problems.append(given["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            address = given["request"]["url"]
            if not address.startswith("data:"):
                self.requests.append(address)
        if method:
            self._events.append(method)
        return message

    def call(self, method, **given):
        self._number += 1
        message = {"id": self._number, "method": method, "params": given}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def window(self, width, height=900, dark=False, media=""):
        """As wide as said, in light or dark, on a screen or (`media` "print") on paper."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def open(self, file):
        """Loads a file; returns the seconds until it has loaded and its scripts have run."""
        self.problems.clear(), self.requests.clear(), self._events.clear()
        self.call("Page.navigate", url=file.as_uri())
        while "Page.loadEventFired" not in self._events:
            self._message()
        self.requests.remove(file.as_uri())
        return self.run(
            "(() => { const t = performance.getEntriesByType('navigation')[0];"
            "return (t.loadEventEnd || performance.now()) / 1000; })()"
        )

    def run(self, script):
        """The value of an expression in the page; a promise's when it is kept."""
        done = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True,
            allowUnsafeEvalBlockedByCSP=False,
        )
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"].get("description"))
        return done["result"].get("value")

    def press(self, key):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key,
                      windowsVirtualKeyCode={"Tab": 9, "Enter": 13, "ArrowRight": 39}[key],
                      **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}))

    def point(self, x, y):
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def shot(self, whole=False):
        """A picture as PNG."""
        return base64.b64decode(
            self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        )

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])
