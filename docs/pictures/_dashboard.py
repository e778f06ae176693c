"""Draws the Grafana dashboard of configs/ from what a Prometheus knows.

    _dashboard.py URL SECONDS DASHBOARD PICTURE

The panels, their places, queries and units are the dashboard's own; what it shows are the last
SECONDS.
"""

import datetime
import json
import sys
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.dates
import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter

INK, PAPER, PANEL, GRID = "#d8d9da", "#111217", "#181b1f", "#2c3235"
COLOURS = ["#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#f2495c", "#b877d9", "#8ab8ff", "#c8f2c2"]
NAMED = {"green": "#2f7d32", "orange": "#b35c00", "red": "#a11a2b", "blue": "#1f4e8c"}
WIDTH, ROW = 20.0, 0.34


def get(url, path, **parameters):
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def in_unit(value, unit):
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s":
        for scale, name in ((3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms")):
            if abs(value) >= scale:
                return f"{value / scale:.3g} {name}"
        return f"{value * 1e6:.3g} µs"
    suffix = {"pps": " p/s", "bps": " b/s", "ops": " /s"}.get(unit, "")
    for scale, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= scale:
            return f"{value / scale:.3g} {name}{suffix}"
    return f"{value:.3g}{suffix}"


def legend(target, labels):
    text = target["legendFormat"]
    for name, value in labels.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def place(figure, panel, height):
    """Axes where the dashboard has the panel, with a background of its own."""
    at = panel["gridPos"]
    left, width = at["x"] / 24, at["w"] / 24
    top, tall = 1 - at["y"] / height, at["h"] / height
    card = figure.add_axes([left + 0.003, top - tall + 0.003, width - 0.006, tall - 0.006])
    card.set_facecolor(PANEL)
    card.set_xticks([])
    card.set_yticks([])
    for spine in card.spines.values():
        spine.set_color(GRID)
    return card, (left, top - tall, width, tall)


def stat(figure, panel, height, url, end):
    card, _ = place(figure, panel, height)
    found = get(url, "query", query=panel["targets"][0]["expr"].replace("$instance", ".*"), time=end)
    value = float(found[0]["value"][1]) if found else float("nan")
    defaults = panel["fieldConfig"]["defaults"]
    colour = "green"
    for step in defaults["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = step["color"]
    card.set_facecolor(NAMED[colour])
    card.text(0.5, 0.42, in_unit(value, defaults["unit"]), ha="center", va="center", color="white",
              fontsize=26, fontweight="bold", transform=card.transAxes)
    card.text(0.5, 0.84, panel["title"], ha="center", va="center", color="white", fontsize=13,
              transform=card.transAxes)


def series(figure, panel, height, url, begin, end):
    card, (left, bottom, width, tall) = place(figure, panel, height)
    card.text(0.012, 0.955, panel["title"], color=INK, fontsize=12, fontweight="bold", va="top",
              transform=card.transAxes)
    axes = figure.add_axes([left + width * 0.09, bottom + tall * 0.12, width * 0.60, tall * 0.70])
    axes.set_facecolor(PANEL)
    defaults = panel["fieldConfig"]["defaults"]
    unit, drawn = defaults["unit"], []
    for target in panel["targets"]:
        query = target["expr"].replace("$instance", ".*")
        for one in get(url, "query_range", query=query, start=begin, end=end, step=2):
            times = [datetime.datetime.fromtimestamp(at) for at, _ in one["values"]]
            drawn.append((legend(target, one["metric"]), times, [float(v) for _, v in one["values"]]))
    drawn.sort(key=lambda one: -one[2][-1])
    for number, (name, times, values) in enumerate(drawn[:9]):
        colour = COLOURS[number % len(COLOURS)]
        axes.plot(times, values, color=colour, linewidth=1.6)
        axes.fill_between(times, values, color=colour, alpha=0.08)
        card.text(0.715, 0.86 - number * 0.088, "—", color=colour, fontsize=11, fontweight="bold",
                  transform=card.transAxes)
        card.text(0.745, 0.86 - number * 0.088, f"{name}", color=INK, fontsize=9,
                  transform=card.transAxes)
        card.text(0.99, 0.86 - number * 0.088, in_unit(values[-1], unit), color=INK, fontsize=9,
                  ha="right", transform=card.transAxes)
    if not drawn:
        axes.text(0.5, 0.5, "nothing", color=GRID, fontsize=14, ha="center", transform=axes.transAxes)
    axes.set_xlim(datetime.datetime.fromtimestamp(begin), datetime.datetime.fromtimestamp(end))
    axes.set_ylim(bottom=0, top=defaults.get("max"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: in_unit(value, unit)))
    axes.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M"))
    axes.xaxis.set_major_locator(matplotlib.dates.MinuteLocator())
    axes.tick_params(colors=INK, labelsize=8)
    axes.grid(color=GRID, linewidth=0.6)
    for spine in axes.spines.values():
        spine.set_color(GRID)


def main(url, seconds, dashboard, picture):
    with open(dashboard, encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    end = time.time()
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = plt.figure(figsize=(WIDTH, height * ROW), facecolor=PAPER)
    for panel in panels:
        if panel["type"] == "row":
            figure.text(0.006, 1 - (panel["gridPos"]["y"] + 0.7) / height, panel["title"], color=INK,
                        fontsize=14, fontweight="bold")
        elif panel["type"] == "stat":
            stat(figure, panel, height, url, end)
        else:
            series(figure, panel, height, url, end - int(seconds), end)
    figure.savefig(picture, dpi=70, facecolor=PAPER)


if __name__ == "__main__":
    main(*sys.argv[1:])
