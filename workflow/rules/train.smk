rule train:
    """Train one block of starts over every space with scipy.optimize."""
    input:
        data="<results>/data/{dataset}.parquet",
        solver=solver_files([config["training"]["solver"]]),
    output:
        files("fits", blocks=["{block}"]),
    log:
        f"<logs>/fits/{JOB}/{{block}}.log",
    benchmark:
        f"<benchmarks>/fits/{JOB}/{{block}}.jsonl"
    priority: 30
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=COMPUTING,
        settings=settings(*FITS),
        own=own_solvers([config["training"]["solver"]]),
    script:
        "../scripts/train.py"


rule solvers:
    """Run every solver over N* from the same starts; judge its end points, then descend from them."""
    input:
        data="<results>/data/{dataset}.parquet",
        own=solver_files(config["solvers"]["solvers"]),
    output:
        files("solvers"),
    log:
        f"<logs>/solvers/{JOB}.log",
    benchmark:
        f"<benchmarks>/solvers/{JOB}.jsonl"
    priority: 25
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=COMPUTING,
        settings=settings(
            *("seed", "margin", "solvers", *OBJECTIVE),
            *("training.max_iter", "training.tol", "descent.max_iter"),
        ),
        own=own_solvers(config["solvers"]["solvers"]),
    script:
        "../scripts/solvers.py"
