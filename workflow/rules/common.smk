# The configuration, the plan, and the functions that rules name. No rules.
import sys

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from snakemake.exceptions import WorkflowError

from segtrt.config import resolve_config
from segtrt.errors import SegtrtError
from segtrt.hashcache import HashCache
from segtrt.matrix import make_matrix
from segtrt.pipeline import QUANTISED_GRAPHS, Pipeline
from segtrt.plan import State, States, explain, note_changes, shortened
from segtrt.runtimes import get_runtime
from segtrt.sources import digest_dataset, digest_weights, is_url, locate

CHECKOUT = Path(workflow.basedir)
CHANGES = "results/changes.txt"

try:
    config = resolve_config(config)
    MATRIX = make_matrix(config, get_runtime)
    _hashes = HashCache(Path("results/keys/hashes.json"))
    DATASET = digest_dataset(config["dataset"], CHECKOUT, _hashes)
    _weights = digest_weights(config["model"], CHECKOUT, _hashes)
except SegtrtError as error:
    raise WorkflowError(str(error)) from None

PIPELINE = Pipeline(config, MATRIX, DATASET, _weights, get_runtime)
STATES = States(Path())
if workflow.is_main_process:
    _changes = note_changes(
        Path(CHANGES), Path(), list(PIPELINE.nodes.values()), STATES
    )
    for line in [*MATRIX.notes, *shortened(_changes)]:
        print(f"segtrt: {line}", file=sys.stderr)
ENGINES = [spec.name for spec in MATRIX.engines]
RUNNABLE = [spec.name for spec in MATRIX.runnable]
SHARDS = PIPELINE.shards
SAMPLES = [f"test_data_set_{i}" for i in range(len(config["tensors"]["samples"]))]

# How a rule's wildcards name its node in the plan.
NODE_NAMES = {
    "encode_slices": "{shard}",
    "convert_onnx": "{graph}",
    "run_reference": "{shard}",
    "build_engine": "{runtime}/b{batch}_{precision}",
    "run_engine": "{runtime}/b{batch}_{precision}/{shard}",
    "time_engine": "{runtime}/b{batch}_{precision}",
    "score_engine": "{runtime}/b{batch}_{precision}",
    "validate_engine": "{runtime}/b{batch}_{precision}",
}


wildcard_constraints:
    runtime="[a-z_]+",
    batch="[0-9]+",
    precision="[a-z0-9]+",
    shard="[0-9]+",
    i="[0-9]+",


def node_of(rule, wildcards):
    name = NODE_NAMES.get(rule, "").format(**dict(wildcards.items()))
    try:
        return PIPELINE.node(rule, name)
    except KeyError:
        known = sorted(n for r, n in PIPELINE.nodes if r == rule)
        raise WorkflowError(
            f"{rule} {name}: the configuration asks for no such thing; it has {', '.join(known)}"
        ) from None


def plan_of(rule):
    """What the job is told of its place in the plan: a function for `params`."""

    def params(wildcards):
        return node_of(rule, wildcards).as_params()

    return params


def changes_of(rule):
    """What makes a job run again whose outputs exist but are out of date: a function for `input`."""

    def changes(wildcards):
        state = STATES.of(node_of(rule, wildcards)).state
        return [CHANGES] if state in (State.STALE, State.FOLLOWS) else []

    return changes


def settled(rule, files):
    """Inputs whose times mean nothing while the job need not run: a function for `input`."""

    def inputs(wildcards):
        found = files(wildcards) if callable(files) else files
        paths = [found] if isinstance(found, str) else found
        paths = [path.format(**dict(wildcards.items())) for path in paths]
        if STATES.settled(node_of(rule, wildcards)):
            paths = [ancient(path) for path in paths]
        return paths[0] if isinstance(found, str) else paths

    return inputs


def states_told(wildcards):
    """Every engine with its state, for people."""
    engines = [node for node in PIPELINE.nodes.values() if node.rule == "build_engine"]
    lines = explain(engines, STATES)
    return "\n".join(
        lines
        + [
            f"build_engine {cell.name}: left out ({cell.reason})"
            for cell in MATRIX.left_out
        ]
    )


def calibration_tensors(wildcards):
    if wildcards.graph not in QUANTISED_GRAPHS:
        return []
    return expand("results/tensors/shard_{shard}.safetensors", shard=SHARDS)


def engine_of(wildcards):
    return MATRIX.find(wildcards.runtime, int(wildcards.batch), wildcards.precision)


def graph_of_engine(wildcards):
    return f"results/onnx/{engine_of(wildcards).graph}/model.onnx"


def settings_of_engine(wildcards):
    return MATRIX.find(
        wildcards.runtime, int(wildcards.batch), wildcards.precision
    ).settings


def on_gpu(wildcards):
    return get_runtime(wildcards.runtime).device == "gpu"


def threads_of_engine(wildcards):
    """All cores for an engine on the CPU, so that nothing disturbs its timing."""
    return (
        1
        if on_gpu(wildcards)
        else config["inference"]["threads"] or workflow.cores or 1
    )


def threads_of_reference(wildcards):
    return config["inference"]["threads"] or workflow.cores or 1


def tolerance_of_engine(wildcards):
    return config["validation"]["tolerances"][wildcards.precision]
