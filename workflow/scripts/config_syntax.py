"""Say where a config is no YAML: file, line, column and what is wrong there.

Snakemake reads the config before the Snakefile and says only that it is not valid. `make` runs this
before, with the same arguments: python workflow/scripts/config_syntax.py [--configfile FILE ...]
"""

import argparse
import sys
from pathlib import Path

import yaml


def mistake(path: Path) -> str:
    """One line on what is wrong with a file; empty if it can be read."""
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        text = f"config file '{path}'{place}: {error.problem or error.context}"
        return f"{text}. Expected: YAML, indented by spaces, one 'key: value' a line."
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        return f"config file '{path}': {text}. Expected: a text file in UTF-8, YAML."
    except OSError as error:
        return f"config file '{path}': {error.strerror}. Expected: a file that can be read."
    if not isinstance(root, yaml.MappingNode):
        return f"config file '{path}': holds no keys. Expected: lines as 'study: my-study'."
    if any(key.value == "__use_yte__" for key, _ in root.value):
        return f"config file '{path}': has the key __use_yte__, which runs code. Remove it."
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[])
    options, _ = parser.parse_known_args()
    lines = [
        line for path in options.configfile or [Path("config.yaml")] if (line := mistake(path))
    ]
    if lines:
        sys.exit("\n".join(lines))


if __name__ == "__main__":
    main()
