rule probe:
    """Probe balls, controls, pairs of networks, minima outside N* and the converse."""
    input:
        data="<results>/data/{dataset}.npz",
        minima=job_blocks("minima"),
        code=code(
            "landscape.study.probes",
            "landscape.study.controls",
            "landscape.study.pairs",
            "landscape.study.stability",
            "landscape.study.natural",
            "landscape.study.converse",
            "landscape.data",
        ),
    output:
        probes=job_cells("probes"),
        pairs=job_cells("pairs"),
        cases=job_cells("cases"),
    log:
        f"<logs>/probes/{JOB}.log",
    benchmark:
        f"<benchmarks>/probes/{JOB}.jsonl"
    priority: 10
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=settings_of(config, "probes", "pairs", "cases"),
    script:
        "../scripts/probe.py"


rule radii:
    """Bracket the radius of minima, in parameter space and in realization space."""
    input:
        data="<results>/data/{dataset}.npz",
        minima=job_blocks("minima"),
        code=code("landscape.study.radii", "landscape.study.brackets", "landscape.data"),
    output:
        radii=job_cells("radii"),
    log:
        f"<logs>/radii/{JOB}.log",
    benchmark:
        f"<benchmarks>/radii/{JOB}.jsonl"
    priority: 20
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=settings_of(config, "radii"),
    script:
        "../scripts/radii.py"
