"""Whether a Prometheus that scrapes Portolan can answer what the dashboard and the rules ask.

    _prometheus.py URL DASHBOARD

Ends with 0 and says how many expressions there are; else says which one was not answered.
"""

import json
import sys
import urllib.parse
import urllib.request

# Nothing to see while nothing happens.
MAY_BE_EMPTY = ("> 0", "exhaustion:seconds")


def get(url, path, **parameters):
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=10) as answer:
        return json.load(answer)["data"]


def expressions(dashboard):
    with open(dashboard, encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    for panel in panels:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"].replace("$instance", ".*")


def main(url, dashboard):
    faults = []
    asked = 0
    for title, expression in expressions(dashboard):
        asked += 1
        found = get(url, "query", query=expression)["result"]
        may_be_empty = any(part in expression for part in MAY_BE_EMPTY)
        if not found and not may_be_empty:
            faults.append(f"{title}: nothing for {expression}")
        if any(one["value"][1] == "NaN" for one in found):
            faults.append(f"{title}: no number for {expression}")
    for group in get(url, "rules")["groups"]:
        for rule in group["rules"]:
            asked += 1
            if rule["health"] != "ok":
                faults.append(f"{rule['name']}: {rule['health']} {rule.get('lastError', '')}")
            if rule.get("state") == "firing":
                faults.append(f"{rule['name']} fires")
    series = float(get(url, "query", query='count({job="portolan"})')["result"][0]["value"][1])
    if series > 5000:
        faults.append(f"{series} series of a small appliance")
    print(f"{asked} expressions, {series:.0f} series")
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
