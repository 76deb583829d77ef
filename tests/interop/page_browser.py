"""Opens a report's page in headless Chromium and tries what a reader would.

    page_browser.py PAGE.html FOLDER-OF-ITS-SVGS [SCREENSHOT-FOLDER]

Speaks the DevTools protocol over a pipe: messages of JSON, each ended by a zero byte.
"""
import base64
import json
import os
import pathlib
import subprocess
import sys
import tempfile

page, folder = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
screenshots = pathlib.Path(sys.argv[3]) if len(sys.argv) > 3 else None


class Browser:
    def __init__(self, profile):
        to_read, self.to = os.pipe()
        self.back, to_write = os.pipe()
        # The browser expects its end of the pipes at descriptors 3 and 4.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec 8<&{to_read} 9>&{to_write} 3<&8 4>&9 8<&- 9>&-; exec "$@"', "bash",
             "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--hide-scrollbars", "--remote-debugging-pipe", f"--user-data-dir={profile}"],
            pass_fds=(to_read, to_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(to_write)
        self.number, self.session, self.buffer, self.events = 0, None, b"", []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def receive(self):
        while b"\0" not in self.buffer:
            data = os.read(self.back, 1 << 16)
            if not data:
                sys.exit("page: chromium ended early")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") != self.number:
                self.events.append(answer)
                continue
            if "error" in answer:
                sys.exit(f"page: {method}: {answer['error']}")
            return answer["result"]

    def wait_for(self, event):
        while not any(one.get("method") == event for one in self.events):
            self.events.append(self.receive())

    def run(self, script):
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            sys.exit(f"page: {script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def screenshot(self, name, width, dark=False):
        if screenshots is None:
            return
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=width < 500)
        self.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        picture = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        (screenshots / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))


def check(claim, holds):
    print(f"{'ok' if holds else 'FAILED'}: {claim}")
    if not holds:
        failures.append(claim)


failures = []
with tempfile.TemporaryDirectory() as profile:
    browser = Browser(profile)
    browser.call("Page.navigate", url=page.as_uri())
    browser.wait_for("Page.loadEventFired")

    figures = sorted(folder.glob("*.svg"))
    points = sum(svg.read_text().count('class="point"') for svg in figures)
    check("every figure is in the page",
          figures and browser.run("document.querySelectorAll('figure svg').length") == len(figures))
    check("every point of them knows what it is",
          points and browser.run("[...document.querySelectorAll('svg [data-tip]')]"
                                 ".filter((point) => point.dataset.tip).length") == points)

    column = "[...document.querySelectorAll('table.sortable')[0].tBodies].map(" \
             "(body) => body.rows[0].cells[{}].dataset.value ?? body.rows[0].cells[{}].textContent)"
    head = "document.querySelectorAll('table.sortable')[0].tHead.rows[0].cells[{}]"
    original = browser.run(column.format(1, 1))
    values = [float(value) for value in original]
    browser.run(head.format(1) + ".querySelector('button').click()")
    check("a click on a head sorts, the best first",
          [float(v) for v in browser.run(column.format(1, 1))] == sorted(values, reverse=True)
          and browser.run(head.format(1) + ".getAttribute('aria-sort')") == "descending")
    browser.run(head.format(1) + ".querySelector('button').click()")
    check("a second click turns it around",
          [float(v) for v in browser.run(column.format(1, 1))] == sorted(values)
          and browser.run(head.format(1) + ".getAttribute('aria-sort')") == "ascending")
    browser.run(head.format(1) + ".querySelector('button').focus()")
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter",
                     windowsVirtualKeyCode=13, text="\r" if kind == "keyDown" else "")
    check("a third one, by the keyboard, restores the page's order",
          browser.run(column.format(1, 1)) == original)
    browser.run(head.format(6) + ".querySelector('button').click()")
    alphas = browser.run(column.format(6, 6))
    check("rows without a value come last", "" not in alphas[:alphas.index("")]
          and set(alphas[alphas.index(""):]) == {""})

    browser.run("document.querySelector('.toggle').click()")
    check("a method's name opens its tasks",
          browser.run("!document.getElementById(document.querySelector('.toggle')"
                      ".getAttribute('aria-controls')).hidden"))
    browser.run("document.querySelector('.record').click()")
    record = browser.run("document.querySelector('dialog').open ? "
                         "document.querySelector('dialog').innerText : ''")
    check("a record says what was run, on which bytes, how long",
          all(word in record for word in ("split", "hash of data", "seconds", "program")))
    browser.run("document.querySelector('dialog .close').click()")

    place = browser.run("(() => { const point = document.querySelector('svg .point');"
                        "point.scrollIntoView({block: 'center'});"
                        "const box = point.getBoundingClientRect();"
                        "return {x: box.x + box.width / 2, y: box.y + box.height / 2}; })()")
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=place["x"] + 3, y=place["y"])
    tip = browser.run("document.getElementById('tip').hidden ? '' : "
                      "document.getElementById('tip').textContent")
    check("a point that is pointed at says what it is",
          tip in browser.run("[...document.querySelectorAll('svg .point')].map("
                             "(point) => point.dataset.tip)"))
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)

    browser.run("scrollTo(0, 0)")
    browser.screenshot("desktop-light", 1200)
    browser.screenshot("desktop-dark", 1200, dark=True)
    browser.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=1,
                 mobile=True)
    check("a phone need not scroll the page sideways",
          browser.run("document.documentElement.scrollWidth") <= 360)
    browser.screenshot("phone", 360)

    browser.run("1")  # events that are under way arrive before the answer
    requests = [event["params"]["request"]["url"] for event in browser.events
                if event.get("method") == "Network.requestWillBeSent"]
    check("nothing is loaded but the page",
          [url for url in requests if not url.startswith("data:")] == [page.as_uri()])
    errors = [event for event in browser.events
              if event.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded",
                                         "Runtime.consoleAPICalled")]
    check(f"the console is silent {errors if errors else ''}", not errors)
    browser.process.terminate()
    browser.process.wait()
sys.exit(1 if failures else 0)
