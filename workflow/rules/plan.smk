# The plan, the paths that rules share, and what is known before any job runs. No rules.
#
# What the configuration leads to (machines, engines, the data set) is worked out when a rule first
# asks for it, so that describing machines, cleaning up and linting need none of it, and a job that
# reads the workflow again looks at no more than it works on.
import atexit
import os
from functools import cache

from segtrt.addresses import is_url, shown_place, without_secrets
from segtrt.config.typed import as_json
from segtrt.config.shown import shown_settings
from segtrt.data.labels import IGNORED
from segtrt.data.own_code import own_file
from segtrt.engines.matrix import at, make_matrix, plain_settings
from segtrt.graphs.sample import DEFAULT_SAMPLES
from segtrt.machine.facts import machines_of_plan, pass_machine_to_jobs
from segtrt.plan.checks import (
    check_calibration,
    check_compared,
    check_publishing,
    check_samples,
    check_search,
    refuse_own_outputs,
)
from segtrt.plan.contents import (
    code_of,
    code_of_function,
    digest_compared,
    digest_files,
    digest_templates,
    looks_of_runtimes,
    reported_settings,
    versions_of,
)
from segtrt.plan.declare import Plan, one_line_errors, verified
from segtrt.plan.hash_cache import HashCache
from segtrt.plan.run_start import start_run
from segtrt.plan.dataset import (
    FETCHED_FILES,
    dataset_form,
    digest_dataset,
    find_dataset,
    listed_dataset,
)
from segtrt.model.source import Overrides
from segtrt.plan.patch import size_of_patches
from segtrt.plan.sources import (
    TRAINED,
    describe_network,
    digest_weights,
    is_trained_here,
    locate,
)
from segtrt.plan.states import summarise_changes, table
from segtrt.plan.surroundings import mention_triggers, prefix_of
from segtrt.package.requirements import REQUIRED
from segtrt.publish.place import shown_uri, tracking_uri
from segtrt.precision import CODED, CONVERTED, MIXES, SOURCE, Graph, Precision
from segtrt.runtimes.registry import get_runtime
from segtrt.summary.closing import closing_lines

WILDCARDS = {
    "runtime": "[a-z_]+",
    "at": "(@[A-Za-z0-9_-]+)?",
    "batch": "[0-9]+",
    "precision": "[a-z0-9]+(_b[0-9])?(_dynamic)?",  # `EngineSpec.variant`
    "shard": "[0-9]+",
    "region": "[0-9]+",
    "part": "[0-9]+|whole",
    "mix": "|".join(MIXES),
    "number": "[0-9]+",
}

MANIFEST = "results/dataset/manifest.json"
SHARD_MANIFEST = "results/dataset/shard_{shard}.json"
TENSORS = "results/tensors/shard_{shard}.safetensors"
NETWORK = "results/model/network.json"
SEGMENTATION = "results/model/segmentation.json"
CODE = "results/model/code/normalisation.py"
WEIGHTS = "results/model/weights.safetensors"
GRAPH = "results/onnx/{graph}/model.onnx"
SOURCE_GRAPH = GRAPH.format(graph=SOURCE)
PROOF = "results/onnx/{graph}/proof.json"
REFERENCE = "results/reference/shard_{shard}.safetensors"
REFERENCE_SCORES = "results/reference/scores.json"
ENGINE = "results/engines/{runtime}{at}/b{batch}_{precision}/engine.bin"
RECORD = "results/engines/{runtime}{at}/b{batch}_{precision}/engine.json"
ANSWERS = "results/answers/{runtime}{at}/b{batch}_{precision}/shard_{shard}.safetensors"
TIMING = "results/timing/{runtime}{at}/b{batch}_{precision}.json"
SCORES = "results/scores/{runtime}{at}/b{batch}_{precision}.json"
VALIDATION = "results/validation/{runtime}{at}/b{batch}_{precision}.json"
REBUILD = "results/rebuilds/{runtime}{at}/b{batch}_{precision}/{number}/rebuild.json"
REBUILD_LABELS = "results/rebuilds/{runtime}{at}/b{batch}_{precision}/{number}/shard_{shard}.safetensors"
REBUILD_SCORES = (
    "results/rebuilds/{runtime}{at}/b{batch}_{precision}/{number}/scores.json"
)
WHOLE_GRAPH = "results/precision/graphs/{graph}/model.onnx"
WHOLE_PROOF = "results/precision/graphs/{graph}/proof.json"
REGIONS = "results/precision/regions.json"
SENSITIVITY = "results/precision/sensitivity/{graph}/{region}.json"
GAIN = "results/precision/gain/{runtime}{at}/{graph}/{part}.json"
MIX = "results/precision/mix/{runtime}{at}/{mix}.json"
MIX_GRAPH = "results/precision/mix/{runtime}{at}/{mix}/model.onnx"
MIX_PROOF = "results/precision/mix/{runtime}{at}/{mix}/proof.json"
CHANGES = "results/keys/changes.txt"

# Weights that are given apart from the network, and the graph of a network that is an ONNX file,
# which takes PyTorch's place.
GIVEN_WEIGHTS = WEIGHTS if SETTINGS.model.given_weights else []
IS_GRAPH = SETTINGS.model.network.lower().endswith(".onnx")
REFERENCE_GRAPH = SOURCE_GRAPH if IS_GRAPH else []
REFERENCE_PACKAGES = ["onnxruntime"] if IS_GRAPH else ["torch"]
CONVERSION_PACKAGES = [
    "numpy",
    "ml_dtypes",
    "onnx",
    "onnxruntime",
    "openvino",
    "nvidia-modelopt",
]
EXPORT_PACKAGES = ["torch", "onnx", "onnxruntime", "onnxscript", "onnxslim"]

# What the settings say of the network, and bytes of raw outputs that are kept of a shard.
OVERRIDES = Overrides(
    None if SETTINGS.model.activation == "auto" else SETTINGS.model.activation,
    SETTINGS.model.output,
    SETTINGS.model.input.channels,
    SETTINGS.model.input.size,
)
RAW_BYTES = SETTINGS.validation.raw_mib * 2**20 // SETTINGS.dataset.shards

# Patches' size where the settings say it; else prepared images are looked at.
PATCH_SIZE = size_of_patches(SETTINGS)

# The user's own normalisation, which goes along with the description of a segmentation.
OWN_CODE = {"code": CODE} if own_file(SETTINGS.tensors.normalisation) else {}

# Packages that decide how images become network input.
READING_PACKAGES = ["numpy", "pillow", "tifffile", "imagecodecs", "simpleitk"]
ENCODING_PACKAGES = [*READING_PACKAGES, "scipy", "scikit-image"]

SHARDS = [f"{shard:02d}" for shard in range(SETTINGS.dataset.shards)]
REGION_NUMBERS = [
    f"{region:02d}" for region in range(SETTINGS.precision_search.regions)
]
PARTS = [*REGION_NUMBERS, "whole"]
SAMPLES = [
    f"test_data_set_{i}"
    for i in range(
        DEFAULT_SAMPLES
        if SETTINGS.tensors.samples is None
        else len(SETTINGS.tensors.samples)
    )
]
PLACES = [at(name) for name in sorted(SETTINGS.machines)] or [at("")]

if workflow.is_main_process:
    pass_machine_to_jobs()


wildcard_constraints:
    **WILDCARDS,


def is_forced():
    """Whether jobs are made to run that need not (`-F`, `-f`, `-R`)."""
    settings = workflow.dag_settings
    return bool(settings.forceall or settings.forcetargets or settings.forcerun)


def changes_file():
    """What out-of-date jobs have as an input. The job that makes it runs whenever one does, and so
    do they: it is forced, as nothing else makes Snakemake run a job whose files look new.
    """
    workflow.dag.forcefiles.add(PLAN.prefix + CHANGES)
    return CHANGES


def look_at_options():
    """What there is to say of Snakemake's options, which are not known while it reads the rules."""
    if workflow.is_main_process:
        mention_triggers(
            frozenset(map(str, workflow.dag_settings.rerun_triggers)),
            workflow.storage_settings.default_storage_provider is not None,
        )


try:
    PLAN = Plan(
        WILDCARDS,
        anonymous=["at"],
        prefix=prefix_of(workflow.modifier),
        in_job=not workflow.is_main_process,
        ancient=ancient,
        is_forced=is_forced,
        trigger=changes_file,
        at_first=look_at_options,
    )
    if workflow.is_main_process:
        refuse_own_outputs(SETTINGS, Path(), PLAN.prefix)
except SegtrtError as error:
    raise WorkflowError(str(error)) from None


def all_shards(path):
    """The path for each shard; other wildcards stay."""
    return expand(path, shard=SHARDS, allow_missing=True)


@cache
def machines():
    """The machines that engines are for, by name."""
    return machines_of_plan(SETTINGS.machines, Path())


@cache
def matrix():
    """The engines asked for."""
    found = make_matrix(SETTINGS, get_runtime, machines())
    if workflow.is_main_process:
        for note in found.notes:
            print(f"segtrt: {note}", file=sys.stderr)
    return found


@cache
def hashes():
    """Hashes of source files, remembered from earlier runs."""
    return HashCache(Path(PLAN.prefix) / "results/keys/hashes.txt")


def remember_hashes():
    """Keep them for later runs; what runs no job writes nothing."""
    if workflow.executor_plugin and not workflow.dryrun:
        hashes().save()


if workflow.is_main_process:
    atexit.register(remember_hashes)


@cache
def dataset_root():
    """The folder of the subjects."""
    return find_dataset(SETTINGS.dataset, CHECKOUT)


@cache
def dataset():
    """Digest of the images: each is looked at."""
    digest = digest_dataset(SETTINGS.dataset, CHECKOUT, hashes())
    if workflow.is_main_process and digest.note:
        print(f"segtrt: {digest.note}", file=sys.stderr)
    return digest


@cache
def form():
    """Where the images' files are, and their labels."""
    return dataset_form(SETTINGS.dataset, dataset_root())


@cache
def encoding():
    """What of the settings decides patches."""
    tensors = SETTINGS.tensors
    return {
        **tensors.encoding,
        "normalisation": shown_place(tensors.normalisation),
        "function": code_of_function(tensors.normalisation),
    }


@cache
def dataset_as_listed():
    """Digest of the images; a job takes what they were when they were listed.

    The job that encodes them compares each with the list, so the digest is that of what it encodes.
    """
    listed = PLAN.recorded_parts("list_slices")
    if "dataset" not in listed:
        return dataset()
    return listed_dataset(SETTINGS.dataset, listed["dataset"])


@cache
def network():
    """Where the network comes from, and what decides it."""
    return describe_network(SETTINGS.model, CHECKOUT, hashes())


@cache
def decoding():
    """What of the settings decides how outputs become labels, before any component is dropped."""
    labels = dataset_as_listed().whole["form"]["labels"]
    return {
        "decide": as_json(SETTINGS.validation.decide),
        "ignored": IGNORED if labels and labels["ignored"] is not None else None,
    }


@cache
def weights():
    """Digest of the weights."""
    return digest_weights(SETTINGS.model, CHECKOUT, hashes())


def _of_engine(path, spec):
    """The path for an engine; a wildcard that is none of an engine's stays."""
    return path.format(
        number="{number}",
        runtime=spec.runtime,
        at=at(spec.machine),
        batch=spec.settings.batch_size,
        precision=spec.variant,
    )


def all_engines(path):
    """For `input`: the path for each engine asked for."""
    return lambda wildcards: [_of_engine(path, spec) for spec in matrix().engines]


def runnable_engines(path):
    """For `input`: the path for each engine that is run."""
    return lambda wildcards: [_of_engine(path, spec) for spec in matrix().runnable]


def all_rebuilds(path):
    """For `input`: the path for each rebuild of each engine that is run."""
    numbers = range(1, SETTINGS.engines.rebuilds + 1)
    return lambda wildcards: [
        one
        for engine in runnable_engines(path)(wildcards)
        for one in expand(engine, number=numbers)
    ]


def all_sensitivities(wildcards):
    """For `input`: what each region loses in each precision of the matrix."""
    return expand(SENSITIVITY, graph=matrix().lowered, region=REGION_NUMBERS)


def all_mixes(path):
    """For `input`: the path for each mix of the matrix."""

    def paths(wildcards):
        found = []
        for place, mix in matrix().mixes:
            runtime, _, machine = place.partition("@")
            found.append(path.format(runtime=runtime, at=at(machine), mix=mix))
        return found

    return paths


def engine_of(wildcards):
    """The cell of the matrix that a job's wildcards name."""
    return matrix().find(
        wildcards.runtime + wildcards.at, int(wildcards.batch), wildcards.precision
    )


def runtime_of(wildcards):
    return get_runtime(wildcards.runtime)


def machine_of_job(wildcards):
    """The machine that a job is for."""
    return machines()[wildcards.at.removeprefix("@")]


def target_of_engine(wildcards):
    """The device and versions that an engine is built for."""
    return runtime_of(wildcards).target(machine_of_job(wildcards))


def on_gpu(wildcards):
    return runtime_of(wildcards).device == "gpu"


def every_core(wildcards):
    """All cores for PyTorch and for an engine on the CPU, so that nothing disturbs its timing."""
    if hasattr(wildcards, "runtime") and on_gpu(wildcards):
        return 1
    return SETTINGS.inference.threads or available_cores()


def half_the_cores(wildcards):
    """Half the cores: two jobs side by side leave fewer of them idle than one on all, and none is timed."""
    if hasattr(wildcards, "runtime") and on_gpu(wildcards):
        return 1
    return SETTINGS.inference.threads or max(1, available_cores() // 2)


def lines_at_start():
    """Take this folder's lock and remove what killed runs left; what there is to say of it."""
    rules = [job.rule.name for job in workflow.dag.needrun_jobs()]
    try:
        return start_run(Path(), rules, map(Path, PLAN.unused()), PLAN.prefix)
    except SegtrtError as error:
        raise WorkflowError(str(error)) from None


def closing_words():
    """Verdict, recommendation and the report's path, if this run brought the report up to date."""
    if not PLAN.is_up_to_date("write_report"):
        return []
    results = Path(PLAN.prefix) / "results"
    return closing_lines(results / "summary.json", results / "report.html")
