"""report.html as a browser shows it, on a phone and on a screen. Skipped without Chromium (Debian: chromium)."""

import html
import json
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import job
from program_test import ProgramTest

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
WIDTHS = (390, 1280)  # pixels: a phone, a small screen

# Opens the page in a frame of each width, and says what it finds there.
LOOK = """<!doctype html><title>look</title><body><script>
const found = [];
async function look(width) {
  const frame = document.createElement("iframe");
  frame.width = width; frame.height = 800; frame.src = "PAGE";
  document.body.append(frame);
  await new Promise(done => frame.onload = done);
  const page = frame.contentDocument, root = page.documentElement;
  const outside = [...page.querySelectorAll("h1, h2, p, svg, img")].filter(
    e => e.getBoundingClientRect().right > width + 1 && !e.closest("[style*=overflow], .scroll, pre"));
  const boxes = [...page.querySelectorAll("svg")].map(e => e.getBoundingClientRect());
  found.push({width, wide: root.scrollWidth, outside: outside.map(e => e.outerHTML.slice(0, 80)), text: page.body.innerText,
              charts: boxes.filter(b => b.width > 100 && b.height > 50).length,
              broken: [...page.images].filter(i => !i.complete || i.naturalWidth == 0).length,
              fetched: frame.contentWindow.performance.getEntriesByType("resource").map(r => r.name).filter(n => !n.startsWith("data:"))});
}
(async () => { for (const width of WIDTHS) await look(width);
  const said = document.createElement("pre"); said.id = "found"; said.textContent = JSON.stringify(found); document.body.replaceChildren(said); })();
</script>"""


class ReportTest(ProgramTest):
    def look(self, report):
        """What the page shows at each of WIDTHS, and what the browser has said on its console."""
        page = self.folder / "look.html"
        page.write_text(LOOK.replace("PAGE", report.as_uri()).replace("WIDTHS", json.dumps(WIDTHS)))
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--enable-logging=stderr",
             f"--user-data-dir={self.folder}/browser", "--virtual-time-budget=20000", "--dump-dom", page.as_uri()],
            text=True, capture_output=True, timeout=job.LIMIT)
        found = re.search('<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
        self.assertTrue(found, done.stdout[-2000:] + done.stderr[-2000:])
        return json.loads(html.unescape(found[1])), [line for line in done.stderr.splitlines() if "CONSOLE" in line]

    def check(self, report, *texts):
        views, console = self.look(report)
        self.assertEqual(console, [])
        for view in views:
            with self.subTest(width=view["width"]):
                self.assertLessEqual(view["wide"], view["width"], "nothing to be scrolled sideways")
                self.assertEqual(view["outside"], [])
                self.assertEqual(view["broken"], 0, "every picture is in the file")
                self.assertEqual(view["fetched"], [], "nothing is fetched")
                self.assertGreaterEqual(view["charts"], 3)
                for text in texts:
                    self.assertIn(text, view["text"])

    def test_the_report_of_a_run_that_was_restarted_fits_a_phone_and_a_screen_and_needs_nothing_else(self):
        self.train(max_duration="8ba", save_interval="4ba", eval_interval="4ba")
        self.train(max_duration="16ba", save_interval="4ba", eval_interval="4ba", autoresume="true")
        self.check(self.log_folder / "report.html", "tiny", "red")

    def test_the_report_of_two_runs_names_both(self):
        runs = [self.train(name, max_duration="8ba", eval_interval="4ba", run_name=name) for name in ("first", "second")]
        both = self.folder / "both.html"
        done = subprocess.run([job.MOSAIC_RESNET, "--report", *runs, both], text=True, capture_output=True, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.check(both, "first", "second")


if __name__ == "__main__":
    if not BROWSER:
        print("skipped: no Chromium")
        sys.exit(0)
    unittest.main()
