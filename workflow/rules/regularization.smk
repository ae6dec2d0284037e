# The paper's regularizers, with paired starts; `snakemake regularization`, or `make regularization`,
# which also publishes table and figure in the docs. Not part of `rule all`.

REGULARIZATION = {
    "neurons": [2, 4],
    "starts": 60,
    "strengths": [1.0e-2, 1.0e-1],  # in units of the target's variance
    "angle": 15,  # degrees, within which directions are penalized
    "merging_angle": 5,  # degrees, within which neurons are merged
    "every": 50,  # iterations between merges
    "solver": "SLSQP",
}


localrules:
    regularization,


rule regularization_runs:
    input:
        data="<results>/data/{dataset}.npz",
        code=code("landscape.study.regularization", "landscape.data"),
    output:
        runs="<results>/regularization/{dataset}-{neurons}.csv",
    log:
        "<logs>/regularization/{dataset}-{neurons}.log",
    benchmark:
        "<benchmarks>/regularization/{dataset}-{neurons}.jsonl"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        training={key: config["training"][key] for key in ("max_iter", "tol")},
        options=REGULARIZATION,
    script:
        "../scripts/regularization.py"


rule regularization:
    input:
        runs=expand(
            "<results>/regularization/{dataset}-{neurons}.csv",
            dataset=DATASETS,
            neurons=REGULARIZATION["neurons"],
        ),
        code=code("landscape.study.regularization", "landscape.plots_regularization"),
    output:
        summary="<results>/tables/regularization.csv",
        figure="<results>/figures/regularization.png",
        svg="<results>/figures/regularization.svg",
    log:
        "<logs>/regularization/summary.log",
    params:
        seed=config["seed"],
    script:
        "../scripts/regularization_summary.py"
