# The paper's items, computed; also by itself: python -m landscape.paper
# The same for every study, so outside their folders.


rule paper:
    """Compute the paper's items: table, page and figures."""
    output:
        table="results/paper/paper.csv",
        page="results/paper/paper.md",
        figures=directory("results/paper/figures"),
    log:
        "logs/paper.log",
    benchmark:
        "results/paper/benchmark.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        code=EVERYTHING,
    shell:
        "trap - INT; python -m landscape.paper --out results/paper > {log} 2>&1"
