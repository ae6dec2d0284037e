rule minima:
    input:
        data="results/data/{dataset}.npz",
        fits="results/fits/{dataset}/{space}/{neurons}/{block}.npz",
        code=code("landscape.study.certificates", "landscape.data"),
    output:
        "results/minima/{dataset}/{space}/{neurons}/{block}.npz",
    log:
        "logs/minima/{dataset}/{space}/{neurons}/{block}.log",
    benchmark:
        "results/benchmarks/minima/{dataset}/{space}/{neurons}/{block}.jsonl"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        margin=config["margin"],
        options=config["descent"],
    script:
        "../scripts/minima.py"
