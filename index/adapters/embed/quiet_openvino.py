"""OpenVINO without its telemetry, which would report each import and each conversion."""

import sys

# It has no switch but a file in the home folder. A None here makes the import inside openvino fail,
# whereupon it uses its own stub that does nothing: in this process only, and no file is touched.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]

import openvino  # noqa: E402

__all__ = ["openvino"]
