"""Tables and figures of all atlases."""

from pathlib import Path

from job import job

from landscape.data import read_arrays, replace_file
from landscape.plots import render
from landscape.plots_atlas import atlas_figure, coverage_figure
from landscape.tables.atlas import atlas_frame, coverage_frame


def main(snakemake):
    with job(snakemake) as progress:
        read = {
            kind: {
                Path(path).stem: read_arrays(path, kind).arrays for path in snakemake.input[kind]
            }
            for kind in ("atlas", "coverage")
        }
        neurons = snakemake.params.neurons
        frames = {
            "atlas": atlas_frame({k: (neurons[k], v) for k, v in read["atlas"].items()}),
            "coverage": coverage_frame({k: (neurons[k], v) for k, v in read["coverage"].items()}),
        }
        for name, frame in frames.items():
            text = frame.to_csv(index=False, lineterminator="\n").encode()
            packed = frame.to_parquet(None, index=False, compression="zstd")
            replace_file(snakemake.output[f"{name}_csv"], lambda f, text=text: f.write(text))
            replace_file(
                snakemake.output[f"{name}_parquet"], lambda f, packed=packed: f.write(packed)
            )
            progress(f"{name}: {len(frame)} rows")
        entries = {name: len(arrays["loss"]) for name, arrays in read["atlas"].items()}
        figures = {
            "atlas": atlas_figure(read["atlas"]),
            "coverage": coverage_figure(frames["coverage"], entries),
        }
        for path in map(Path, [*snakemake.output.png, *snakemake.output[-2:]]):
            content = render(figures[path.stem], path.suffix[1:])
            replace_file(path, lambda file, content=content: file.write(content))
            progress(path.name)


main(snakemake)  # noqa: F821
