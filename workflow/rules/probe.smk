rule probe:
    """Probe balls, controls, pairs of networks, minima outside N* and the converse."""
    input:
        data="<results>/data/{dataset}.npz",
        minima=job_blocks("minima"),
        code=code(
            "landscape.study.probes",
            "landscape.study.controls",
            "landscape.study.pairs",
            "landscape.study.converse",
            "landscape.study.distinct",
            "landscape.rows.store",
        ),
    output:
        probes=job_cells("probes"),
        controls=job_cells("controls"),
        pairs=job_cells("pairs"),
        natural=job_cells("natural"),
        converse=job_cells("converse"),
    log:
        f"<logs>/probes/{JOB}.log",
    benchmark:
        f"<benchmarks>/probes/{JOB}.jsonl"
    priority: 10
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=settings_of(config, "probes", "controls", "pairs", "natural", "converse"),
    script:
        "../scripts/probe.py"


rule radii:
    """Prove minima in rational arithmetic, and bracket their radii in both spaces."""
    input:
        data="<results>/data/{dataset}.npz",
        minima=job_blocks("minima"),
        code=code("landscape.study.radii", "landscape.study.distinct", "landscape.rows.store"),
    output:
        radii=job_cells("radii"),
        brackets=job_cells("brackets"),
    log:
        f"<logs>/radii/{JOB}.log",
    benchmark:
        f"<benchmarks>/radii/{JOB}.jsonl"
    priority: 20
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=settings_of(config, "radii", "brackets"),
    script:
        "../scripts/radii.py"
