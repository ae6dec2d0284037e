rule probe:
    """Probe balls, controls, pairs of networks, minima outside N* and the converse."""
    input:
        data="<results>/data/{dataset}.parquet",
        minima=files("minima", blocks=BLOCKS),
    output:
        **{kind: files(kind) for kind in STEPS},
    log:
        f"<logs>/probes/{JOB}.log",
    benchmark:
        f"<benchmarks>/probes/{JOB}.jsonl"
    priority: 10
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=COMPUTING,
        settings=settings(*MINIMA, *(key for key, _, _ in STEPS.values())),
    script:
        "../scripts/probe.py"


rule radii:
    """Prove minima in rational arithmetic, and bracket their radii in both spaces."""
    input:
        data="<results>/data/{dataset}.parquet",
        minima=files("minima", blocks=BLOCKS),
    output:
        radii=files("radii"),
        brackets=files("brackets"),
    log:
        f"<logs>/radii/{JOB}.log",
    benchmark:
        f"<benchmarks>/radii/{JOB}.jsonl"
    priority: 20
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=COMPUTING,
        settings=settings(*MINIMA, "radius", "realization"),
    script:
        "../scripts/radii.py"
