"""Measures the dashboard with 1,470 employees, all of them scored with their reasons: median time of a page.

make bench-dashboard
"""

import statistics
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

from programs import REPOSITORY, Programs

ROUNDS = 3
CALLS = 40
EXTRACTS = ("extrait_sirh", "extrait_eval", "extrait_sondage")


def score_all(programs: Programs) -> tuple[float, str]:
    """Seconds of scoring everybody from the screen, and the page of the results."""
    start = time.perf_counter()
    form = urllib.parse.urlencode({"which": "all"}).encode()
    with urllib.request.urlopen(f"{programs.web}/ui/employees/score", data=form, timeout=60) as answer:
        text = answer.read().decode()
    seconds = time.perf_counter() - start
    return seconds, "/ui/batches/" + text.split("/ui/batches/")[1][:36]


def median_of(url: str) -> float:
    """Median milliseconds of a page."""
    times = []
    for _ in range(CALLS):
        start = time.perf_counter()
        with urllib.request.urlopen(url, timeout=30) as answer:
            answer.read()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, Programs(Path(folder)) as programs:
        programs.import_files({name: REPOSITORY / f"scripts/training/data/{name}.csv" for name in EXTRACTS})
        seconds, results = zip(*(score_all(programs) for _ in range(ROUNDS)), strict=True)
        pages = {
            "list": "/ui/employees",
            "search": "/ui/employees?search=manager",
            "filter by department and risk": "/ui/employees?department=Consulting&risk_band=HIGH",
            "order by score": "/ui/employees?order_by=latest_probability+desc",
            "employee": "/ui/employees/4",
            "results of a batch": results[0],
            "history": "/ui/history",
            "model": "/ui/model",
        }
        figures: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, path in pages.items():
                figures.setdefault(name, []).append(median_of(programs.web + path))
    print(
        f"1,470 employees, {3 * 1470} scores on SQLite; {ROUNDS} rounds of {CALLS} calls, median of medians"
    )
    for name, rounds in figures.items():
        print(f"{name:30} {statistics.median(rounds):6.1f} ms")
    print(f"score everybody, with reasons  {statistics.median(seconds):6.2f} s")


if __name__ == "__main__":
    main()
