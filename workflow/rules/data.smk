rule data:
    """Make or read one data set, check and standardize it."""
    output:
        data="<results>/data/{dataset}.parquet",
        identity="<results>/datasets/{dataset}.parquet",
    log:
        "<logs>/data/{dataset}.log",
    benchmark:
        "<benchmarks>/data/{dataset}.jsonl"
    priority: 50
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=COMPUTING,
        content=lambda wildcards: content_of(dataset_config(wildcards)),
        dataset=dataset_config,
        objective=settings(*OBJECTIVE),
        generators=lambda wildcards: generators_of(dataset_config(wildcards)),
    script:
        "../scripts/data.py"
