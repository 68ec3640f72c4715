"""What decides what, written by hand: the tables of the oracle. Nothing here asks the library.

A test that fails because of a table is a question: should this edit really make those artefacts
again? If so, mend the table; if not, mend the imports.
"""

CODE = {
    "activation_ranges": "convert_onnx",
    "augmentation": "train",
    "benchmark_files": "summarise write_report",
    "calibration": "convert_onnx",
    "comparison": "summarise write_report",
    "cpu_info": "run_engine run_reference time_engine time_reference write_samples",
    "dataset": "encode_slices list_slices score_engine summarise time_preparation validate_engine "
    "write_report",
    "download": "fetch_weights",
    "engine": "build_engine",
    "files": "build_engine convert_onnx encode_slices export_onnx fetch_weights list_slices "
    "run_engine run_reference score_engine summarise time_engine time_preparation time_reference "
    "train validate_engine write_report write_samples",
    "gpu": "run_engine run_reference time_engine time_reference write_samples",
    "inference": "run_engine run_reference time_engine time_reference write_samples",
    "kaggle_layout": "encode_slices list_slices score_engine summarise time_preparation "
    "validate_engine write_report",
    "metrics": "score_engine summarise validate_engine write_report",
    "normalise": "encode_slices score_engine summarise time_preparation validate_engine "
    "write_report write_samples",
    "onnx_clean": "build_engine:tensorrt convert_onnx export_onnx",
    "onnx_export": "export_onnx",
    "onnx_precision": "convert_onnx",
    "onnx_quantise": "convert_onnx",
    "optimisation": "train",
    "outlines": "score_engine summarise validate_engine write_report",
    "overlays": "summarise write_report",
    "precision": "build_engine convert_onnx export_onnx run_engine run_reference score_engine "
    "summarise time_engine time_reference validate_engine write_report write_samples",
    "preparation": "summarise time_preparation write_report",
    "record": "build_engine run_engine run_reference score_engine summarise time_engine "
    "time_reference validate_engine write_report write_samples",
    "reference": "run_reference time_reference write_samples",
    "report": "write_report",
    "report.chart": "write_report",
    "report.charts_quality": "write_report",
    "report.charts_speed": "write_report",
    "report.charts_subjects": "write_report",
    "report.machines": "write_report",
    "report.matrix": "write_report",
    "report.overview": "write_report",
    "report.page": "write_report",
    "report.wording": "write_report",
    "rulegraph": "summarise",
    "runtimes": "build_engine run_engine run_reference time_engine time_reference write_samples",
    "runtimes.base": "build_engine convert_onnx export_onnx run_engine run_reference score_engine "
    "summarise time_engine time_reference validate_engine write_report write_samples",
    "runtimes.cpu_session": "run_engine:onnxruntime run_engine:openvino time_engine:onnxruntime "
    "time_engine:openvino",
    "runtimes.cuda": "run_engine:tensorrt time_engine:tensorrt",
    "runtimes.messages": "build_engine:onnxruntime build_engine:openvino run_engine:onnxruntime "
    "run_engine:openvino time_engine:onnxruntime time_engine:openvino",
    "runtimes.onnxruntime_build": "build_engine:onnxruntime",
    "runtimes.onnxruntime_run": "run_engine:onnxruntime time_engine:onnxruntime",
    "runtimes.openvino_build": "build_engine:openvino",
    "runtimes.openvino_properties": "build_engine:openvino run_engine:openvino "
    "time_engine:openvino",
    "runtimes.openvino_run": "run_engine:openvino time_engine:openvino",
    "runtimes.tensorrt_build": "build_engine:tensorrt",
    "runtimes.tensorrt_cache": "run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt_graph": "build_engine:tensorrt",
    "runtimes.tensorrt_inspect": "build_engine:tensorrt run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt_lane": "run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt_log": "build_engine:tensorrt run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tensorrt_session": "run_engine:tensorrt time_engine:tensorrt",
    "runtimes.tf32": "build_engine:tensorrt run_engine:tensorrt time_engine:tensorrt",
    "runtimes.timing_cache": "build_engine:tensorrt",
    "samples": "write_samples",
    "scoring": "score_engine summarise validate_engine write_report",
    "selection_rule": "summarise write_report",
    "shardfile": "convert_onnx encode_slices run_engine run_reference score_engine summarise "
    "time_engine time_reference train validate_engine write_report write_samples",
    "sharding": "encode_slices list_slices score_engine summarise time_preparation validate_engine "
    "write_report",
    "summary": "summarise write_report",
    "summary_engines": "summarise write_report",
    "summary_machines": "summarise write_report",
    "tensors": "encode_slices score_engine summarise validate_engine write_report",
    "timing": "run_engine run_reference time_engine time_reference write_samples",
    "training": "train",
    "training_data": "train",
    "training_report": "train",
    "unet": "export_onnx fetch_weights run_reference time_reference train write_samples",
    "validation": "summarise validate_engine write_report",
    "volume": "encode_slices score_engine summarise time_preparation validate_engine write_report "
    "write_samples",
    "weights": "export_onnx fetch_weights run_reference time_reference train write_samples",
    "weights_source": "fetch_weights",
}
"""Library module -> rules (`rule` or `rule:runtime`) whose outcome it decides."""

NO_ARTEFACT = frozenset(
    {
        "__main__",
        "archive",
        "cli",
        "cli_compare",
        "cli_engine",
        "cli_inspect",
        "cli_pick",
        "cli_run",
        "cli_text",
        "closing",
        "codeprint",
        "config",
        "deciding",
        "errors",
        "hashcache",
        "job",
        "kaggle_download",
        "machine",
        "matrix",
        "phantom",
        "phantom_anatomy",
        "phantom_contrast",
        "phantom_fields",
        "phantom_templates",
        "phantom_tiff",
        "picture",
        "pipeline",
        "plan",
        "progress",
        "runtimes.cpu",
        "runtimes.onnxruntime",
        "runtimes.openvino",
        "runtimes.tensorrt",
        "selection",
        "sources",
        "store",
        "upkeep",
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
    "numpy": "encode_slices time_preparation convert_onnx score_engine summarise",
    "pillow": "list_slices encode_slices time_preparation summarise",
    "scipy": "encode_slices time_preparation score_engine summarise",
    "scikit-image": "encode_slices time_preparation score_engine summarise",
    "torch": "train fetch_weights export_onnx write_samples run_reference time_reference",
    "matplotlib": "train",
    "onnx": "export_onnx convert_onnx build_engine:onnxruntime",
    "onnxscript": "export_onnx",
    "onnxruntime": "convert_onnx",
    "ml_dtypes": "convert_onnx",
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
