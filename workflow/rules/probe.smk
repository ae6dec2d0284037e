rule probe:
    input:
        data="results/data/{dataset}.npz",
        minima=blocks("minima"),
        code=code("landscape.study.probes", "landscape.data"),
    output:
        "results/probes/{dataset}/{neurons}.npz",
    log:
        "logs/probes/{dataset}/{neurons}.log",
    benchmark:
        "results/benchmarks/probes/{dataset}/{neurons}.jsonl"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        margin=config["margin"],
        probe=config["probe"],
        controls=config["controls"],
    script:
        "../scripts/probe.py"


rule pairs:
    input:
        minima=blocks("minima"),
        code=code("landscape.study.pairs", "landscape.data"),
    output:
        "results/pairs/{dataset}/{neurons}.npz",
    log:
        "logs/pairs/{dataset}/{neurons}.log",
    benchmark:
        "results/benchmarks/pairs/{dataset}/{neurons}.jsonl"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        options=config["pairs"],
    script:
        "../scripts/pairs.py"
