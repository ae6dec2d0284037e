rule train:
    input:
        data="results/data/{dataset}.npz",
        code=code("landscape.study.fits", "landscape.data"),
    output:
        "results/fits/{dataset}/{neurons}/{block}.npz",
    log:
        "logs/fits/{dataset}/{neurons}/{block}.log",
    benchmark:
        "results/benchmarks/fits/{dataset}/{neurons}/{block}.jsonl"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        margin=config["margin"],
        spaces=config["spaces"],
        options=config["training"],
    script:
        "../scripts/train.py"
