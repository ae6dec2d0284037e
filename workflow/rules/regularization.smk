# The paper's regularizers, with paired starts; `snakemake regularization`, or `make regularization`,
# which also publishes table and figure in the docs. Not part of `rule all`.


localrules:
    regularization,


rule regularization_runs:
    """Train from paired starts with each of the paper's regularizers, one data set and m."""
    input:
        data="<results>/data/{dataset}.parquet",
    output:
        runs="<results>/regularization/{dataset}/{neurons}.parquet",
    log:
        "<logs>/regularization/{dataset}-{neurons}.log",
    benchmark:
        "<benchmarks>/regularization/{dataset}-{neurons}.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=COMPUTING,
        settings=settings(
            *("seed", "training.max_iter", "training.tol", "regularization", *OBJECTIVE)
        ),
    script:
        "../scripts/regularization.py"


rule regularization:
    """Compare the regularizers over all data sets: table and figure."""
    input:
        runs=expand(
            "<results>/regularization/{dataset}/{neurons}.parquet",
            dataset=DATASETS,
            neurons=config["regularization"]["neurons"],
        ),
    output:
        summary="<results>/tables/regularization.csv",
        figure="<results>/figures/regularization.png",
        svg="<results>/figures/regularization.svg",
    log:
        "<logs>/regularization/summary.log",
    benchmark:
        "<benchmarks>/regularization/summary.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=EVERYTHING,
        settings=settings(
            *("seed", "training.max_iter", "training.tol", "regularization", *OBJECTIVE)
        ),
        seed=config["seed"],
    script:
        "../scripts/regularization_summary.py"
