rule probe:
    input:
        data="results/data/{dataset}.npz",
        minima=blocks("minima"),
        code=code("landscape.study.probes", "landscape.data"),
    output:
        "results/probes/{dataset}/{space}/{neurons}.npz",
    log:
        "logs/probes/{dataset}/{space}/{neurons}.log",
    benchmark:
        "results/benchmarks/probes/{dataset}/{space}/{neurons}.jsonl"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        margin=config["margin"],
        options={key: config["probe"][key] for key in ("max_minima", "rigid_fraction")},
    script:
        "../scripts/probe.py"


rule controls:
    input:
        data="results/data/{dataset}.npz",
        minima=blocks("minima", space="restricted"),
        code=code("landscape.study.probes", "landscape.data"),
    output:
        "results/controls/{dataset}/{neurons}.npz",
    log:
        "logs/controls/{dataset}/{neurons}.log",
    benchmark:
        "results/benchmarks/controls/{dataset}/{neurons}.jsonl"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        margin=config["margin"],
        options=config["controls"],
    script:
        "../scripts/controls.py"


rule pairs:
    input:
        minima=blocks("minima", space="restricted"),
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
