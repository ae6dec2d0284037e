"""Put table and figure of a finished `snakemake regularization` into docs/regularization.md.

Run from the repository's root: python workflow/scripts/regularization_publish.py
"""

import shutil
import sys
from pathlib import Path

import pandas as pd

from landscape.data import write_text
from landscape.paper.pages import table

BEGIN, END = (f"<!-- {word}: made by regularization_publish.py -->" for word in ("begin", "end"))
#: Measures with an interval, and those with a sign test, by their heading.
INTERVALS = {
    "trained_imbalance": "imbalance, trained",
    "trained_cosine": "largest cosine, trained",
    "trained_opposite_cosine": "smallest cosine, trained",
    "trained_flip_gap": "flip gap, trained",
    "loss": "mean loss",
}
SHARES = ("best", "near_best", "spare", "silent", "opposite", "violated", "certified")
KEYS = ["dataset", "neurons", "arm", "strength", "against"]


def interval(row):
    text = f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
    return f"**{text}**" if row.low > 0 or row.high < 0 else text


def name(arm, strength, against):
    text = arm if strength != strength else f"{arm} {strength:g}"
    return f"{text} (to {against})" if against not in ("", "none") else text


def digest(summary):
    """In how many cells each arm's interval lies below and above 0, and its tests reject."""
    lines = [["arm", *INTERVALS.values(), "loss, sign test", "best", "near_best", "violated"]]
    frame = summary[summary["against"] != ""]
    for (arm, strength, against), rows in frame.groupby(KEYS[2:], sort=False, dropna=False):
        line = [name(arm, strength, against)]
        for measure in INTERVALS:
            own = rows[rows["measure"] == measure]
            line.append(f"{(own['high'] < 0).sum()} ↓ {(own['low'] > 0).sum()} ↑")
        for measure in ("loss", "best", "near_best", "violated"):
            own = rows[(rows["measure"] == measure) & (rows["p_holm"] < 0.05)]
            less = (own["n_less"] > own["n_more"]).sum()
            line.append(f"{less} ↓ {len(own) - less} ↑")
        lines.append(line)
    return table(lines[0], lines[1:], 1)


def details(summary):
    """All differences with intervals, and the counts of starts."""
    moved = [["data", "m", "arm", *INTERVALS.values()]]
    counts = [["data", "m", "arm", "lower / higher loss", "p", "p (Holm)", *SHARES]]
    for (dataset, m, *arm), group in summary.groupby(KEYS, sort=False, dropna=False):
        rows = {row.measure: row for row in group.itertuples()}
        loss, own = rows["loss"], [dataset, m, name(*arm)]
        starts = [round(rows[share].mean * rows[share].n) for share in SHARES]
        if not arm[-1]:
            counts.append([*own, "", "", "", *starts])
            continue
        moved.append([*own, *(interval(rows[measure]) for measure in INTERVALS)])
        tests = [f"{p:.2g}" for p in (loss.p, loss.p_holm)]
        tests[1] = f"**{tests[1]}**" if loss.p_holm < 0.05 else tests[1]
        counts.append([*own, f"{loss.n_less} / {loss.n_more}", *tests, *starts])
    return table(moved[0], moved[1:], 3), table(counts[0], counts[1:], 3)


def tables(summary):
    moved, counts = details(summary)
    return (
        f"{digest(summary)}\n\n"
        "<details><summary>Paired differences with 95 % intervals</summary>\n\n"
        f"{moved}\n\n</details>\n\n"
        "<details><summary>Starts with lower and higher loss; starts with each property"
        f"</summary>\n\n{counts}\n\n</details>"
    )


def main(results):
    results = Path(results)
    summary = pd.read_csv(results / "tables/regularization.csv").fillna({"against": ""})
    page = Path("docs/regularization.md")
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    write_text(page, f"{before}{BEGIN}\n\n{tables(summary)}\n\n{END}{after}")
    shutil.copyfile(results / "figures/regularization.png", "docs/figures/regularization.png")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["results/default"]))
