"""Before the start how much there is to do; at the end where the time went."""

import atexit
import json

from snakemake import benchmark

from landscape.data import make_dataset, replace_file
from landscape.study.cost import LAWS, UNKNOWN, describe, job_seconds

# For `benchmark:` Snakemake looks at all processes of a job twice a second, 30 times, and then every
# half minute. That took more of its time than anything else, and long jobs lost their last half minute.
benchmark.BENCHMARK_INTERVAL_SHORT = 4


def data_size(name):
    """Samples and features of a data set."""
    entry = config["datasets"][name]
    if entry["kind"] in ("teacher", "smooth"):
        return entry["n_samples"], entry["n_features"]
    if entry["kind"] == "diabetes":
        return 442, 10  # known, and scikit-learn takes a second to import
    made = make_dataset(name, entry, generators=generators_of(entry))
    return made.n_samples, made.n_features


def expected_seconds(jobs):
    """CPU seconds of each of these jobs, as far as measured laws tell."""
    known, seconds = {}, []
    for job in jobs:
        sizes, n_starts = [], config["starts"]
        if job.rule.name in LAWS:
            name = job.wildcards.dataset
            known[name] = known.get(name) or data_size(name)
            neurons = NEURONS if TOGETHER else [int(job.wildcards.neurons)]
            sizes = [(*known[name], m) for m in neurons]
        if "block" in job.wildcards.keys():
            first, stop = map(int, job.wildcards.block.split("-"))
            n_starts = stop - first
        seconds.append(job_seconds(job.rule.name, config, sizes, n_starts))
    return seconds


def spent_by_rule(folder):
    """Jobs, wall clock time and CPU time of every rule, from its benchmark files."""
    spent = {}
    for path in sorted(folder.rglob("*.jsonl")):
        step = path.relative_to(folder).parts[0].removesuffix(".jsonl")
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            jobs, wall, cpu = spent.get(step, (0, 0.0, 0.0))
            # Jobs that end before the first measurement have no CPU time.
            own = entry["cpu_time"] if isinstance(entry["cpu_time"], float) else 0.0
            spent[step] = (jobs + 1, wall + entry["s"], cpu + own)
    return sorted(spent.items(), key=lambda item: -item[1][1])


def write_times():
    """Write benchmarks/summary.csv; one line for the terminal."""
    folder = Path(f"results/{config['study']}/benchmarks")
    spent = spent_by_rule(folder)
    total = sum(wall for _, (_, wall, _) in spent)
    if not total:
        return "no job was measured"
    lines = ["step,jobs,wall_s,cpu_s,share"]
    for step, (jobs, wall, cpu) in spent:
        lines.append(f"{step},{jobs},{wall:.1f},{cpu:.1f},{wall / total:.3f}")
    text = ("\n".join(lines) + "\n").encode()
    replace_file(folder / "summary.csv", lambda file: file.write(text))
    shares = ", ".join(f"{step} {100 * wall / total:.0f} %" for step, (_, wall, _) in spent[:6])
    return f"Where the time went (all runs of this study): {shares}; {folder / 'summary.csv'}"


def announce():
    """How many jobs there are, and how long they take, in one line."""
    dag = workflow.dag
    waiting = [job for job in dag.jobs if dag.needrun(job) and job.rule.output]
    rules = {job.rule.name for job in waiting}
    unknown = [name for name in UNKNOWN if name in rules]
    print(describe(expected_seconds(waiting), workflow.cores or 1, unknown), file=sys.stderr)


onstart:
    announce()


# Snakemake has no such place for a dry run: there the line comes last.
if RUNS_HERE and workflow.output_settings.dryrun:
    atexit.register(lambda: workflow.dag and announce())


onsuccess:
    print(write_times(), file=sys.stderr)
    if (report := Path(f"results/{config['study']}/report.html")).exists():
        print(f"Read {report} first.", file=sys.stderr)
