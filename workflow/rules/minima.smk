rule minima:
    """Descend from one block of trained points to local minima, and certify them."""
    input:
        data="<results>/data/{dataset}.parquet",
        fits=files("fits", blocks=["{block}"]),
    output:
        files("minima", blocks=["{block}"]),
    log:
        f"<logs>/minima/{JOB}/{{block}}.log",
    benchmark:
        f"<benchmarks>/minima/{JOB}/{{block}}.jsonl"
    priority: 30
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=COMPUTING,
        settings=settings(*MINIMA),
    script:
        "../scripts/minima.py"
