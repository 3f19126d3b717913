import html
import shutil
import subprocess

import pytest

from attention_zoo import report

CHROMIUM = shutil.which("chromium")
# The page in a frame as wide as a phone, which a headless window cannot be; its widths as text.
FRAME = """<!DOCTYPE html><iframe width="{width}" height="2000" srcdoc="{page}"></iframe><pre></pre>
<script>
onload = () => {{
  const root = document.querySelector("iframe").contentDocument.documentElement;
  document.querySelector("pre").textContent = root.scrollWidth + " of " + root.clientWidth;
}};
</script>"""


@pytest.fixture(scope="module")
def pages(make_run, tmp_path_factory):
    """The page of a run and one of three, all with names and values that do not break by blanks."""
    folder, long = tmp_path_factory.mktemp("runs"), "w" * 120
    token = {"number": 0, "label": long, "prediction": long, "likelihood": 0.5, "true": [0]}
    posts = [token | {"attention": [1.0], "tokens": [long]}]
    settings = {"config": {"data_dir": long, "dataset": long}}
    found = [
        make_run(folder / long, **settings),
        make_run(folder / "b", 1, examples={"way_to_predict": "soft", "worst": posts}),
        make_run(folder / "c", 2),
    ]
    both = [report.write(run) for run in found[:2]]
    return [*both, report.compare(*found, output=folder / "compare.html")]


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which is not installed")
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window(pages, tmp_path, width):
    for number, page in enumerate(pages):
        text = page.read_text("utf-8").replace("<details", "<details open")
        frame = tmp_path / f"{number}.html"
        frame.write_text(FRAME.format(width=width, page=html.escape(text)), "utf-8")
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", frame.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        measured = done.stdout.split("<pre>")[1].split("</pre>")[0]
        scrolled, window = map(int, measured.split(" of "))
        assert 0 < scrolled <= window <= width, f"{page}: {measured}"
