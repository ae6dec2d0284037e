rule train:
    """Train one block of starts over every space with scipy.optimize."""
    input:
        data="<results>/data/{dataset}.npz",
        code=code("landscape.study.training", "landscape.study.own_solvers", "landscape.rows.store"),
        solver=solver_files([config["training"]["solver"]]),
    output:
        job_block("fits"),
    log:
        f"<logs>/fits/{JOB}/{{block}}.log",
    benchmark:
        f"<benchmarks>/fits/{JOB}/{{block}}.jsonl"
    priority: 30
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=settings_of(config, "fits"),
        own=own_solvers([config["training"]["solver"]]),
    script:
        "../scripts/train.py"


rule solvers:
    """Run every solver over N* from the same starts; judge its end points, then descend from them."""
    input:
        data="<results>/data/{dataset}.npz",
        code=code("landscape.study.solvers", "landscape.rows.store"),
        own=solver_files(config["solvers"]["solvers"]),
    output:
        job_cells("solvers"),
    log:
        f"<logs>/solvers/{JOB}.log",
    benchmark:
        f"<benchmarks>/solvers/{JOB}.jsonl"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        settings=settings_of(config, "solvers"),
        own=own_solvers(config["solvers"]["solvers"]),
    script:
        "../scripts/solvers.py"
