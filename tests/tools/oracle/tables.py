"""What decides what, written by hand: the tables of the oracle. Nothing here asks the library.

A test that fails because of a table is a question: should this edit really make those artefacts
again? If so, mend the table; if not, mend the imports.
"""

CODE = {
    "arrays": (
        "build_engine convert_onnx run_engine run_reference score_engine score_reference "
        "summarise time_engine time_reference write_report write_samples"
    ),
    "config.settings": "summarise",
    "data.encode": "encode_slices time_preparation",
    "data.encoding": "encode_slices time_preparation",
    "data.entries": "list_slices",
    "data.fetched_folder": "list_slices",
    "data.first_slices": "time_engine time_reference",
    "data.form": "list_slices",
    "data.formats.arrays": "encode_slices list_slices score_engine time_preparation",
    "data.formats.dicom": "encode_slices list_slices score_engine time_preparation",
    "data.formats.image": "encode_slices list_slices score_engine time_preparation",
    "data.formats.kinds": (
        "build_engine convert_onnx encode_slices export_onnx list_slices run_engine "
        "run_reference score_engine score_reference summarise time_engine time_preparation "
        "time_reference train write_samples"
    ),
    "data.formats.pictures": "encode_slices list_slices score_engine time_preparation",
    "data.formats.read": "encode_slices list_slices score_engine time_preparation",
    "data.formats.tiff": "encode_slices list_slices score_engine time_preparation",
    "data.formats.volumes": "encode_slices list_slices score_engine time_preparation",
    "data.formats.write": "score_engine",
    "data.geometry": (
        "build_engine convert_onnx encode_slices export_onnx run_engine run_reference "
        "score_engine score_reference summarise time_engine time_preparation time_reference "
        "train write_samples"
    ),
    "data.intensity": "encode_slices time_preparation",
    "data.labels": (
        "build_engine convert_onnx encode_slices export_onnx list_slices run_engine "
        "run_reference score_engine score_reference summarise time_engine time_preparation "
        "time_reference train write_samples"
    ),
    "data.layout": (
        "build_engine convert_onnx encode_slices export_onnx list_slices run_engine "
        "run_reference score_engine score_reference summarise time_engine time_preparation "
        "time_reference train write_samples"
    ),
    "data.listing": "list_slices",
    "data.make_manifest": "list_slices",
    "data.manifest": "encode_slices list_slices summarise time_preparation",
    "data.nnunet": "list_slices",
    "data.normalisations": "encode_slices time_preparation",
    "data.normalise": "encode_slices time_preparation",
    "data.placement": (
        "build_engine convert_onnx encode_slices export_onnx run_engine run_reference "
        "score_engine score_reference summarise time_engine time_preparation time_reference "
        "train write_samples"
    ),
    "data.preparation": "encode_slices time_preparation",
    "data.preparation_file": "summarise time_preparation",
    "data.preparation_timing": "time_preparation",
    "data.prepared": (
        "build_engine convert_onnx encode_slices export_onnx run_engine run_reference "
        "score_engine score_reference summarise time_engine time_preparation time_reference "
        "train write_samples"
    ),
    "data.resampling": (
        "build_engine convert_onnx encode_slices export_onnx run_engine run_reference "
        "score_engine score_reference summarise time_engine time_preparation time_reference "
        "train write_samples"
    ),
    "data.roots": "list_slices",
    "data.scan": "list_slices",
    "data.sharding": "list_slices",
    "data.stored": "encode_slices time_preparation",
    "data.tensor_file": (
        "build_engine convert_onnx encode_slices export_onnx run_engine run_reference "
        "score_engine score_reference summarise time_engine time_preparation time_reference "
        "train write_samples"
    ),
    "data.volume": "encode_slices time_preparation",
    "data.walk": "list_slices",
    "data.wildcards": (
        "build_engine convert_onnx encode_slices export_onnx list_slices run_engine "
        "run_reference score_engine score_reference summarise time_engine time_preparation "
        "time_reference train write_samples"
    ),
    "data.windows": (
        "build_engine convert_onnx encode_slices export_onnx run_engine run_reference "
        "score_engine score_reference summarise time_engine time_preparation time_reference "
        "train write_samples"
    ),
    "engines.budget": "summarise time_engine time_reference",
    "engines.build": "build_engine",
    "engines.load": "run_engine time_engine",
    "engines.record": "build_engine run_engine score_engine summarise time_engine validate_engine",
    "engines.run": "run_engine",
    "engines.time": "time_engine",
    "engines.timing": "time_engine time_reference",
    "engines.timing_file": "summarise time_engine time_reference",
    "files": (
        "build_engine convert_onnx encode_slices export_onnx fetch_weights list_slices "
        "run_engine run_reference score_engine score_reference summarise time_engine "
        "time_preparation time_reference train validate_engine write_report write_samples"
    ),
    "formats": (
        "build_engine encode_slices list_slices run_engine score_engine score_reference "
        "summarise time_engine time_preparation time_reference validate_engine write_report"
    ),
    "graphs.activation_ranges": "convert_onnx",
    "graphs.calibration": "convert_onnx",
    "graphs.clean": "build_engine:tensorrt convert_onnx export_onnx",
    "graphs.convert": "convert_onnx",
    "graphs.converters": "convert_onnx",
    "graphs.ending": "convert_onnx export_onnx",
    "graphs.export": "export_onnx",
    "graphs.modelopt": "convert_onnx",
    "graphs.modelopt_process": "convert_onnx",
    "graphs.normalise": "export_onnx",
    "graphs.proof": "convert_onnx export_onnx",
    "graphs.quantise": "convert_onnx",
    "graphs.running": "convert_onnx export_onnx",
    "graphs.sample": "summarise write_samples",
    "graphs.samples": "write_samples",
    "graphs.static_quantisation": "convert_onnx",
    "machine.cpu": "run_engine:onnxruntime run_engine:openvino time_engine",
    "machine.gpu": "time_engine",
    "model.download": "fetch_weights",
    "model.inference": "run_reference time_reference write_samples",
    "model.input": "export_onnx",
    "model.outputs": "export_onnx",
    "model.reference": "run_reference write_samples",
    "model.reference_timing": "time_reference",
    "model.reference_timing_file": "summarise time_reference",
    "model.unet": "export_onnx fetch_weights run_reference time_reference train write_samples",
    "model.weight_files": (
        "export_onnx fetch_weights run_reference time_reference train write_samples"
    ),
    "model.weights": "export_onnx fetch_weights run_reference time_reference train write_samples",
    "model.weights_source": "fetch_weights",
    "plan.rule_graph": "summarise",
    "precision": (
        "build_engine convert_onnx export_onnx run_engine score_engine summarise time_engine "
        "time_reference validate_engine write_report"
    ),
    "quality.failure_words": "summarise write_report",
    "quality.failures": "summarise validate_engine write_report",
    "quality.judging": "validate_engine",
    "quality.mask_shards": "score_engine score_reference summarise",
    "quality.metric_table": "summarise validate_engine write_report",
    "quality.metrics": "score_engine score_reference",
    "quality.non_finite": "score_engine score_reference",
    "quality.outlines": "score_engine summarise",
    "quality.precision_proof": "validate_engine",
    "quality.reference_scores": "score_engine score_reference summarise",
    "quality.reference_scoring": "score_reference",
    "quality.scores": "score_engine score_reference summarise validate_engine",
    "quality.scoring": "score_engine",
    "quality.verdict": "summarise validate_engine",
    "report.chart": "write_report",
    "report.charts_quality": "write_report",
    "report.charts_speed": "write_report",
    "report.charts_subjects": "write_report",
    "report.machines": "write_report",
    "report.matrix": "write_report",
    "report.overview": "write_report",
    "report.page": "write_report",
    "report.wording": "write_report",
    "runtimes.base": "build_engine run_engine time_engine write_report",
    "runtimes.cpu.messages": (
        "build_engine:onnxruntime build_engine:openvino run_engine:onnxruntime "
        "run_engine:openvino time_engine:onnxruntime time_engine:openvino"
    ),
    "runtimes.cpu.session": (
        "run_engine:onnxruntime run_engine:openvino time_engine:onnxruntime time_engine:openvino"
    ),
    "runtimes.description": (
        "build_engine run_engine score_engine summarise time_engine time_reference "
        "validate_engine write_report"
    ),
    "runtimes.onnxruntime.build": "build_engine:onnxruntime",
    "runtimes.onnxruntime.run": "run_engine:onnxruntime time_engine:onnxruntime",
    "runtimes.openvino.build": "build_engine:openvino",
    "runtimes.openvino.properties": (
        "build_engine:openvino run_engine:openvino time_engine:openvino"
    ),
    "runtimes.openvino.run": "run_engine:openvino time_engine:openvino",
    "runtimes.registry": "build_engine run_engine time_engine write_report",
    "runtimes.tensorrt.build": "build_engine:tensorrt",
    "runtimes.tensorrt.cache": "run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt.cuda": "run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt.graph": "build_engine:tensorrt",
    "runtimes.tensorrt.inspect": "build_engine:tensorrt run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt.lane": "run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt.log": "build_engine:tensorrt run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt.session": "run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt.tf32": "build_engine:tensorrt run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt.timing_cache": "build_engine:tensorrt",
    "summary.benchmark_files": "summarise",
    "summary.comparison": "summarise",
    "summary.document": "summarise write_report",
    "summary.engines": "summarise",
    "summary.machines": "summarise",
    "summary.overlay_index": "summarise write_report",
    "summary.overlays": "summarise",
    "summary.selection_rule": "summarise",
    "summary.summarise": "summarise",
    "training.augmentation": "train",
    "training.data": "train",
    "training.device": "train",
    "training.ending": "train",
    "training.optimisation": "train",
    "training.report": "train",
    "training.targets": "train",
    "training.train": "train",
    "training.validation": "train",
    "user_function": "check encode_slices score_engine score_reference summarise time_preparation",
}
"""Library module -> rules (`rule` or `rule:runtime`) whose outcome it decides."""

NO_ARTEFACT = frozenset(
    {
        "__main__",
        "cli.compare",
        "cli.engine",
        "cli.inspect",
        "cli.limits",
        "cli.main",
        "cli.pick",
        "cli.picture",
        "cli.run",
        "cli.text",
        "config.duplicates",
        "config.faults",
        "config.images",
        "config.reference",
        "config.resolve",
        "config.resources",
        "config.schema",
        "data.archive",
        "data.kaggle",
        "data.kaggle_download",
        "engines.matrix",
        "errors",
        "graphs.intake",
        "machine.facts",
        "model.bundle",
        "model.load",
        "model.probe",
        "model.source",
        "model.spec",
        "model.user_code",
        "plan.checks",
        "plan.contents",
        "plan.dataset",
        "plan.declare",
        "plan.fingerprint",
        "plan.hash_cache",
        "plan.job",
        "plan.jobs",
        "plan.node",
        "plan.patterns",
        "plan.records",
        "plan.removal",
        "plan.rules",
        "plan.run_lock",
        "plan.run_start",
        "plan.sources",
        "plan.states",
        "plan.store",
        "plan.upkeep",
        "plan.verify",
        "progress",
        "quality.answers",
        "quality.check",
        "quality.decode",
        "quality.labels",
        "quality.metric",
        "quality.overlap",
        "quality.raw_sample",
        "runtimes.cpu.base",
        "runtimes.onnxruntime.runtime",
        "runtimes.openvino.runtime",
        "runtimes.tensorrt.runtime",
        "summary.closing",
        "summary.selection",
    }
)
"""Library modules that decide no artefact, or only by what they tell the plan: an edit of one that
makes no difference to a key builds nothing."""

SCRIPTS = [
    "build_engine",
    "convert_onnx",
    "encode_slices",
    "export_onnx",
    "fetch_weights",
    "list_slices",
    "run_engine",
    "run_reference",
    "score_engine",
    "score_reference",
    "summarise",
    "time_engine",
    "time_preparation",
    "time_reference",
    "train",
    "validate_engine",
    "write_report",
    "write_samples",
]
"""Scripts that make an artefact; each decides the rule of its name."""

PACKAGES = {
    "numpy": "encode_slices time_preparation convert_onnx score_reference score_engine summarise",
    "pillow": "list_slices encode_slices time_preparation summarise",
    "scipy": "encode_slices time_preparation score_reference score_engine summarise",
    "scikit-image": "encode_slices time_preparation score_engine summarise",
    "torch": "train fetch_weights export_onnx write_samples run_reference time_reference",
    "matplotlib": "train",
    "onnx": "export_onnx convert_onnx build_engine:onnxruntime",
    "onnxscript": "export_onnx",
    "onnxslim": "export_onnx",
    "nvidia-modelopt": "convert_onnx",
    "onnxruntime": "convert_onnx",
    "jinja2": "write_report",
    "plotly": "write_report",
}
"""Package -> rules whose outcome its version decides, beside the runtimes' own packages."""

GRAPHS = {
    ("onnxruntime", "fp32"): "fp32",
    ("onnxruntime", "int8"): "int8",
    ("openvino", "fp32"): "fp32",
    ("openvino", "int8"): "int8",
    ("tensorrt", "fp32"): "fp32",
    ("tensorrt", "fp16"): "fp16",
    ("tensorrt", "int8"): "int8_signed",
}
"""(runtime, precision) -> its graph; a pair that is missing cannot be had on this machine."""

NOT_REPEATABLE = frozenset(
    {
        "build_engine",
        "summarise",
        "time_engine",
        "time_preparation",
        "time_reference",
        "train",
    }
)
"""Rules that may give other bytes when they run again: their outputs hold measured times."""
