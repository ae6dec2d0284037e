rule minima:
    """Descend from one block of trained points to local minima, and certify them."""
    input:
        data="<results>/data/{dataset}.npz",
        fits="<results>/fits/{dataset}/{neurons}/{block}.npz",
        code=code("landscape.study.certificates", "landscape.data"),
    output:
        "<results>/minima/{dataset}/{neurons}/{block}.npz",
    log:
        "<logs>/minima/{dataset}/{neurons}/{block}.log",
    benchmark:
        "<benchmarks>/minima/{dataset}/{neurons}/{block}.jsonl"
    priority: 30
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        seed=config["seed"],
        margin=config["margin"],
        spaces=config["spaces"],
        options=config["descent"],
    script:
        "../scripts/minima.py"
