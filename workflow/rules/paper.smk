# The paper's items, computed; also by itself: python -m landscape.paper
# The same for every study, so outside their folders.


rule paper:
    """Compute the paper's items: table, page and figures."""
    input:
        code=code(
            "landscape.paper.__main__",
            "landscape.paper.output",
            "landscape.paper.section1",
            "landscape.paper.section2",
            "landscape.paper.section3",
            "landscape.paper.proof",
            "landscape.paper.appendix",
            "landscape.paper.figures",
        ),
    output:
        table="results/paper/paper.csv",
        page="results/paper/paper.md",
        figures=directory("results/paper/figures"),
    log:
        "logs/paper.log",
    benchmark:
        "results/paper/benchmark.jsonl"
    resources:
        mem_mb=2000,
        runtime=15,
    shell:
        "trap - INT; python -m landscape.paper --out results/paper > {log} 2>&1"
