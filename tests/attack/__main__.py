"""``make attack``: certify many near-degenerate points, judge each exactly, print a table."""

import argparse
import os
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from tests.attack.attack import COLUMNS, WRONG, draw, work  # noqa: E402
from tests.attack.families import FAMILIES  # noqa: E402

CHUNK = 25


def table(counts: dict[str, Counter[str]], *, markdown: bool) -> str:
    shown = [
        c
        for c in COLUMNS
        if c in (*COLUMNS[:5], *WRONG, "proved") or any(v[c] for v in counts.values())
    ]
    total: Counter[str] = sum(counts.values(), Counter())
    rows = [["family", *shown, "undecided %"]]
    for name, c in [*counts.items(), ("all", total)]:
        share = 100 * c["undecided"] / max(c["points"], 1)
        rows.append([name, *(str(c[k]) for k in shown), f"{share:.1f}"])
    widths = [max(len(r[j]) for r in rows) for j in range(len(rows[0]))]
    if markdown:
        lines = ["| " + " | ".join(r) + " |" for r in rows]
        lines.insert(1, "|---|" + "---:|" * (len(rows[0]) - 1))
        return "\n".join(lines)
    return "\n".join(
        "  ".join(
            [r[0].ljust(widths[0]), *(v.rjust(w) for v, w in zip(r[1:], widths[1:], strict=True))]
        )
        for r in rows
    )


def publish(counts: dict[str, Counter[str]], seed: int) -> None:
    path = Path(__file__).parents[2] / "docs" / "attack.md"
    head, mark = path.read_text().split("<!-- table -->")[0], "<!-- table -->"
    total: Counter[str] = sum(counts.values(), Counter())
    wrong = sum(total[c] for c in WRONG)
    path.write_text(
        f"{head}{mark}\n\nSeed {seed}: {total['points']} points, {wrong} wrong statements.\n\n"
        f"{table(counts, markdown=True)}\n"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument(
        "--points", type=int, default=21_000, help="points in all (default: %(default)s)"
    )
    parser.add_argument(
        "--family", action="append", choices=list(FAMILIES), help="only this one (may be repeated)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, metavar="INDEX", help="one point of one family")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--publish", action="store_true", help="write the table to docs/attack.md")
    parser.add_argument(
        "--show", type=int, default=3, help="wrong points printed per family and kind"
    )
    options = parser.parse_args(arguments)
    names = options.family or list(FAMILIES)
    each = -(-options.points // len(names))
    first, last = (0, each) if options.only is None else (options.only, options.only + 1)
    if options.only is not None:
        print(draw(names[0], options.seed, options.only).code())
    tasks = [
        (name, options.seed, start, min(start + CHUNK, last))
        for start in range(first, last, CHUNK)
        for name in names
    ]
    counts: dict[str, Counter[str]] = {name: Counter() for name in names}
    shown: Counter[tuple[str, str]] = Counter()
    cpu: Counter[str] = Counter()
    begin = time.monotonic()
    with get_context("spawn").Pool(max(1, min(options.processes, 2, len(tasks)))) as pool:
        for done, (name, found, notes, seconds) in enumerate(pool.imap_unordered(work, tasks), 1):
            counts[name].update(found)
            cpu[name] += seconds  # type: ignore[assignment]
            for index, note in sorted(notes):
                kind = note.split(":")[0]
                if kind not in (*WRONG, "harness errors"):
                    if options.only is not None:
                        print(note)
                    continue
                shown[name, kind] += 1
                if shown[name, kind] <= options.show:
                    print(f"  --family {name!r} --only {index}: {note}", flush=True)
            if sys.stderr.isatty() or done % 100 == 0 or done == len(tasks):
                print(
                    f"{done}/{len(tasks)} chunks, {time.monotonic() - begin:.0f} s", file=sys.stderr
                )
    counts = dict(sorted(counts.items(), key=lambda kv: names.index(kv[0])))
    print(table(counts, markdown=False))
    print(
        f"processor time: {sum(cpu.values()):.0f} s; most: "
        + ", ".join(f"{n} {t:.0f}" for n, t in cpu.most_common(3))
    )
    if options.publish:
        publish(counts, options.seed)
    return int(any(c[w] for c in counts.values() for w in (*WRONG, "harness errors")))


if __name__ == "__main__":
    sys.exit(main())
