rule train:
    input:
        data="results/data/{dataset}.npz",
        code=code("landscape.study.fits", "landscape.data"),
    output:
        "results/fits/{dataset}/{space}/{neurons}/{block}.npz",
    log:
        "logs/fits/{dataset}/{space}/{neurons}/{block}.log",
    benchmark:
        "results/benchmarks/fits/{dataset}/{space}/{neurons}/{block}.jsonl"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        margin=config["margin"],
        options=config["training"],
    script:
        "../scripts/train.py"
