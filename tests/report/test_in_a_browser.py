import html
import shutil
import subprocess
from types import SimpleNamespace

import pytest

from attention_zoo import report
from experiments.reproduction import page as suite
from experiments.reproduction.job import Job, comparison
from experiments.reproduction.outcome import Outcome

CHROMIUM = shutil.which("chromium")
# The page in a frame as wide as a phone, which a headless window cannot be; as text, its widths and
# what is cut: beyond its sides and not in a part that scrolls, or wider than a box that hides.
FRAME = """<!DOCTYPE html><iframe width="{width}" height="2000" srcdoc="{page}"></iframe><pre></pre>
<script>
onload = () => {{
  const root = document.querySelector("iframe").contentDocument.documentElement;
  const seen = [...root.querySelectorAll("body *")].filter(
    (one) => !one.closest(".scroll *, .hidden") && one.getClientRects().length);
  const cut = seen.filter((one) => {{
    const box = one.getBoundingClientRect(), hides = getComputedStyle(one).overflowX === "hidden";
    const over = box.left < -1 || box.right > root.clientWidth + 1;
    return over || (hides && one.scrollWidth > one.clientWidth + 1);
  }});
  const names = cut.map((one) => one.tagName + "." + one.className);
  const texts = [root.scrollWidth, root.clientWidth, names.join(" ")];
  document.querySelector("pre").textContent = texts.join("; ");
}};
</script>"""


LONG = "w" * 120


@pytest.fixture(scope="module")
def pages(make_run, tmp_path_factory):
    """Of a run, of a run of posts, of three and of 14 runs, a sweep, a suite; with long names."""
    folder = tmp_path_factory.mktemp("runs")
    token = {"number": 0, "label": LONG, "prediction": LONG, "likelihood": 0.5, "true": [0]}
    posts = [token | {"attention": [1.0], "tokens": [LONG]}]
    settings = {"config": {"data_dir": LONG, "dataset": LONG}}
    found = [
        make_run(folder / LONG, **settings),
        make_run(folder / "b", 1, examples={"way_to_predict": "soft", "worst": posts}),
        make_run(folder / "c", 2),
    ]
    both = [report.write(run) for run in found[:2]]
    of_three = report.compare(*found, output=folder / "compare.html")
    of_sweep, jobs = sweep(make_run, folder / "sweep")
    many = report.compare(*found[:2], *jobs, output=folder / "many.html")
    return [*both, of_three, many, of_sweep, results(make_run, folder / "suite")]


def sweep(make_run, folder):
    """The page of a sweep over a long text and seeds, and the folders of its runs."""
    jobs = [
        SimpleNamespace(name=f"{name},seed={seed}", settings={"data_dir": name, "seed": seed})
        for name in (LONG, "learning_rate=0.05,num_segments=10,attention=hybrid")
        for seed in range(6)
    ]
    found = [
        make_run(folder / job.name, i, without=("examples", "histograms", "mosaics"))
        for i, job in enumerate(jobs)
    ]
    report.write_sweep(folder, jobs)
    return folder / "sweep.html", found


def results(make_run, folder):
    """The page of a suite of which some jobs are done, and one has failed."""
    jobs = comparison(LONG, trainer="sdc", data=LONG, seeds=(0, 1), num_segments=5)
    for job in jobs:
        make_run(folder / job.name, without=("examples", "histograms", "mosaics"))
    outcomes = [Outcome(job, "done") for job in jobs]
    bad = Job(name=f"bad/{LONG}", trainer="sdc", data="bad", settings={"num_segments": 5})
    suite.write("quick", folder, [*outcomes, Outcome(bad, "failed", f"{LONG} {LONG}")])
    return folder / "results.html"


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium, which is not installed")
@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_its_window_and_nothing_is_cut(pages, tmp_path, width):
    for number, page in enumerate(pages):
        text = page.read_text("utf-8").replace("<details", "<details open")
        frame = tmp_path / f"{number}.html"
        frame.write_text(FRAME.format(width=width, page=html.escape(text)), "utf-8")
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", frame.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        measured = done.stdout.split("<pre>")[1].split("</pre>")[0]
        scrolled, window, cut = measured.split("; ")
        assert 0 < int(scrolled) <= int(window) <= width, f"{page}: {measured}"
        assert not cut.strip(), f"{page}: {measured}"
