# From a segmentation network and real images to inference engines proven on those images.
# Read the rules in the order of the data; docs/design.md describes the whole.
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

CHECKOUT = Path(str(workflow.current_basedir))


configfile: CHECKOUT / "config.yaml"


# A workflow that has this one as a module keeps its own words.
if workflow.report_text is None:

    report: "workflow/report/workflow.rst"


# The first rule is the default, but not in place of the first one of a workflow that has this one as
# a module.
rule all:
    input:
        "results/report.html",


include: "workflow/rules/configuration.smk"
include: "workflow/rules/plan.smk"
include: "workflow/rules/functions.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/machines.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/model.smk"
include: "workflow/rules/onnx.smk"
include: "workflow/rules/engines.smk"
include: "workflow/rules/inference.smk"
include: "workflow/rules/validation.smk"
include: "workflow/rules/rebuilds.smk"
include: "workflow/rules/precision.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/package.smk"
include: "workflow/rules/publish.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/upkeep.smk"
include: "workflow/rules/terminal.smk"


onstart:
    for line in lines_at_start():
        print(f"segtrt: {line}", file=sys.stderr)


onsuccess:
    for line in closing_words():
        print(line, file=sys.stderr)
