rule probe:
    """Look for better realizations in balls around minima; build the controls C.1 to C.3."""
    input:
        data="<results>/data/{dataset}.npz",
        minima=job_blocks("minima"),
        code=code("landscape.study.probes", "landscape.study.controls", "landscape.data"),
    output:
        job_cells("probes"),
    log:
        f"<logs>/probes/{JOB}.log",
    benchmark:
        f"<benchmarks>/probes/{JOB}.jsonl"
    priority: 10
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        margin=config["margin"],
        probe=config["probe"],
        controls=config["controls"],
    script:
        "../scripts/probe.py"


rule pairs:
    """Measure pairs of networks: parameter distance against the exact seminorm."""
    input:
        data="<results>/data/{dataset}.npz",
        minima=job_blocks("minima"),
        code=code("landscape.study.pairs", "landscape.study.stability", "landscape.data"),
    output:
        job_cells("pairs"),
    log:
        f"<logs>/pairs/{JOB}.log",
    benchmark:
        f"<benchmarks>/pairs/{JOB}.jsonl"
    priority: 10
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        margin=config["margin"],
        pairs=config["pairs"],
        stability=config["stability"],
    script:
        "../scripts/pairs.py"


rule radii:
    """Bracket the radius of minima, in parameter space and in realization space."""
    input:
        data="<results>/data/{dataset}.npz",
        minima=job_blocks("minima"),
        code=code("landscape.study.radii", "landscape.study.brackets", "landscape.data"),
    output:
        job_cells("radii"),
    log:
        f"<logs>/radii/{JOB}.log",
    benchmark:
        f"<benchmarks>/radii/{JOB}.jsonl"
    priority: 20
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        margin=config["margin"],
        radius=config["radius"],
        realization=config["realization"],
    script:
        "../scripts/radii.py"


rule cases:
    """Minima outside N* as training finds them, and the converse of Proposition 1.2."""
    input:
        data="<results>/data/{dataset}.npz",
        minima=job_blocks("minima"),
        code=code("landscape.study.natural", "landscape.study.converse", "landscape.data"),
    output:
        job_cells("cases"),
    log:
        f"<logs>/cases/{JOB}.log",
    benchmark:
        f"<benchmarks>/cases/{JOB}.jsonl"
    priority: 10
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        margin=config["margin"],
        natural=config["natural"],
        converse=config["converse"],
    script:
        "../scripts/cases.py"
