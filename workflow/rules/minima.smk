rule minima:
    """Descend from one block of trained points to local minima, and certify them."""
    input:
        data="<results>/data/{dataset}.npz",
        fits=job_block("fits"),
        code=code("landscape.study.training", "landscape.rows.store"),
    output:
        job_block("minima"),
    log:
        f"<logs>/minima/{JOB}/{{block}}.log",
    benchmark:
        f"<benchmarks>/minima/{JOB}/{{block}}.jsonl"
    priority: 30
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=settings_of(config, "minima"),
    script:
        "../scripts/minima.py"
