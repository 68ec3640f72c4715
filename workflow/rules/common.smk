# The configuration, the plan, and the functions that rules name. No rules.
import sys

sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from snakemake.exceptions import WorkflowError

from segtrt.config import resolve_config
from segtrt.errors import SegtrtError
from segtrt.hashcache import HashCache
from segtrt.matrix import make_matrix
from segtrt.pipeline import Pipeline
from segtrt.plan import State, States, explain
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
ENGINES = [spec.name for spec in MATRIX.engines]
RUNNABLE = [spec.name for spec in MATRIX.runnable]
SHARDS = PIPELINE.shards
SAMPLES = [f"test_data_set_{i}" for i in range(len(config["tensors"]["samples"]))]

# How a rule's wildcards name its node in the plan.
NODE_NAMES = {
    "encode_slices": "{shard}",
    "convert_onnx": "{precision}",
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
    """What makes a job run again whose outputs exist but are out of date: a function for `input`.

    All other inputs are `ancient`: their times mean nothing.
    """

    def changes(wildcards):
        state = STATES.of(node_of(rule, wildcards)).state
        return [CHANGES] if state in (State.STALE, State.FOLLOWS) else []

    return changes


def changes_told(wildcards):
    """What is out of date and why, for people."""
    lines = explain(
        list(PIPELINE.nodes.values()),
        STATES,
        lambda node: STATES.of(node).state in (State.STALE, State.FOLLOWS),
    )
    return "\n".join(["out of date:", *(f"  {line}" for line in lines)])


def states_told(wildcards):
    """Every engine with its state, for people."""
    lines = explain(
        list(PIPELINE.nodes.values()), STATES, lambda node: node.rule == "build_engine"
    )
    lines += [f"build_engine {cell.name}: left out ({cell.reason})" for cell in MATRIX.left_out]
    return "\n".join(lines)


def graph_of_engine(wildcards):
    precision = wildcards.precision if wildcards.precision != "tf32" else "fp32"
    return f"results/onnx/{precision}/model.onnx"


def settings_of_engine(wildcards):
    return MATRIX.find(wildcards.runtime, int(wildcards.batch), wildcards.precision).settings


def on_gpu(wildcards):
    return get_runtime(wildcards.runtime).device == "gpu"


def gpus_of_engine(wildcards):
    return int(on_gpu(wildcards))


def threads_of_engine(wildcards):
    """All cores for an engine on the CPU, so that nothing disturbs its timing."""
    return 1 if on_gpu(wildcards) else config["inference"]["threads"] or workflow.cores or 1


def threads_of_reference(wildcards):
    return config["inference"]["threads"] or workflow.cores or 1


def tolerance_of_engine(wildcards):
    return config["validation"]["tolerances"][wildcards.precision]
