rule data:
    """Make or read one data set, check and standardize it."""
    input:
        files=dataset_files,
        code=code("landscape.data"),
    output:
        "<results>/data/{dataset}.npz",
    log:
        "<logs>/data/{dataset}.log",
    benchmark:
        "<benchmarks>/data/{dataset}.jsonl"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        dataset=dataset_config,
        generators=lambda wildcards: generators_of(dataset_config(wildcards)),
    script:
        "../scripts/data.py"
