# The plan, and the functions that rules name. No rules.
from segtrt.summary.closing import closing_lines
from segtrt.plan.hash_cache import HashCache
from segtrt.machine.facts import machines_of_plan, tell_jobs
from segtrt.engines.matrix import at, make_matrix
from segtrt.plan.pipeline import QUANTISED_GRAPHS, Pipeline
from segtrt.plan.nodes import State, States, note_changes, shortened, state_table, told
from segtrt.runtimes.registry import get_runtime
from segtrt.plan.sources import (
    FETCHED_FILES,
    digest_dataset,
    digest_weights,
    is_url,
    locate,
)

CHECKOUT = Path(workflow.basedir)
CAUSES = "results/keys/changes.txt"
CHANGES = "results/changes.txt"

if workflow.is_main_process:
    tell_jobs()

try:
    MACHINES = machines_of_plan(config["machines"], Path())
    MATRIX = make_matrix(config, get_runtime, MACHINES)
    _hashes = HashCache(Path("results/keys/hashes.json"))
    DATASET = digest_dataset(config["dataset"], CHECKOUT, _hashes)
    _weights = digest_weights(config["model"], CHECKOUT, _hashes)
except SegtrtError as error:
    raise WorkflowError(str(error)) from None

PIPELINE = Pipeline(config, MATRIX, DATASET, _weights, get_runtime)
STATES = States(Path())
_changes = []
if workflow.is_main_process:
    _changes = note_changes(
        Path(CAUSES), Path(CHANGES), list(PIPELINE.nodes.values()), STATES
    )
    for line in [*MATRIX.notes, *shortened(_changes)]:
        print(f"segtrt: {line}", file=sys.stderr)
ENGINES = [spec.name for spec in MATRIX.engines]
RUNNABLE = [spec.name for spec in MATRIX.runnable]
PLACES = [at(name) for name in MACHINES]
SHARDS = PIPELINE.shards
SAMPLES = [f"test_data_set_{i}" for i in range(len(config["tensors"]["samples"]))]
TEMPORARY = {
    path for node in PIPELINE.nodes.values() if node.temporary for path in node.outputs
}

# How a rule's wildcards name its node in the plan.
NODE_NAMES = {
    "encode_slices": "{shard}",
    "convert_onnx": "{graph}",
    "run_reference": "{shard}",
    "time_preparation": "{at}",
    "time_reference": "{at}",
    "build_engine": "{runtime}{at}/b{batch}_{precision}",
    "run_engine": "{runtime}{at}/b{batch}_{precision}/{shard}",
    "time_engine": "{runtime}{at}/b{batch}_{precision}",
    "score_engine": "{runtime}{at}/b{batch}_{precision}",
    "validate_engine": "{runtime}{at}/b{batch}_{precision}",
}


wildcard_constraints:
    runtime="[a-z_]+",
    at="(@[A-Za-z0-9_-]+)?",
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

    While anything is out of date, jobs whose outputs are missing have it as well: see
    `segtrt.plan.nodes.note_changes`.
    """

    def changes(wildcards):
        node = node_of(rule, wildcards)
        return [CHANGES] if _changes and not STATES.settled(node) else []

    return changes


def forced():
    """Whether jobs are made to run that need not (`-F`, `-f`, `-R`)."""
    settings = workflow.dag_settings
    return bool(settings.forceall or settings.forcetargets or settings.forcerun)


def settled(rule, files):
    """Inputs that start nothing while the job need not run: a function for `input`.

    Times do not count then (`ancient`). A file that is gone would count even so, and is left out;
    but for temporary files, which are gone by right, and where jobs are forced to run.
    """

    def inputs(wildcards):
        found = files(wildcards) if callable(files) else files
        paths = [found] if isinstance(found, str) else found
        paths = [path.format(**dict(wildcards.items())) for path in paths]
        if STATES.settled(node_of(rule, wildcards)):
            paths = [
                ancient(path)
                for path in paths
                if forced() or path in TEMPORARY or Path(path).exists()
            ]
        return paths[0] if isinstance(found, str) and paths else paths

    return inputs


def states_told(wildcards):
    """Every engine with its state, for people."""
    engines = [node for node in PIPELINE.nodes.values() if node.rule == "build_engine"]
    rows = [(node.name, told(STATES.of(node))) for node in engines]
    rows += [(cell.name, f"left out ({cell.reason})") for cell in MATRIX.left_out]
    return f"the {len(rows)} engines asked for\n{state_table(rows)}"


def engine_records(wildcards):
    """Key records of every engine asked for."""
    return [
        node.record for node in PIPELINE.nodes.values() if node.rule == "build_engine"
    ]


def calibration_tensors(wildcards):
    if wildcards.graph not in QUANTISED_GRAPHS:
        return []
    return expand("results/tensors/shard_{shard}.safetensors", shard=SHARDS)


def engine_of(wildcards):
    return MATRIX.find(
        wildcards.runtime + wildcards.at, int(wildcards.batch), wildcards.precision
    )


def closing_words():
    """Verdict, recommendation and the report's path, if the report is up to date."""
    page = Path("results/report.html")
    # The states at the start of the run no longer hold.
    if States(Path()).of(PIPELINE.node("write_report")).runs:
        return []
    return closing_lines(Path("results/summary.json"), page)


def graph_of_engine(wildcards):
    return f"results/onnx/{engine_of(wildcards).graph}/model.onnx"


def settings_of_engine(wildcards):
    return engine_of(wildcards).settings


def on_gpu(wildcards):
    return get_runtime(wildcards.runtime).device == "gpu"


def threads_of_engine(wildcards):
    """All cores for an engine on the CPU, so that nothing disturbs its timing."""
    return 1 if on_gpu(wildcards) else config["inference"]["threads"] or cores_at_hand()


def threads_of_reference(wildcards):
    return config["inference"]["threads"] or cores_at_hand()


def tolerance_of_engine(wildcards):
    return config["validation"]["tolerances"][wildcards.precision]
