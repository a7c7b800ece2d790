"""Every error this room raises.

AccelerateError
├── ModelUnavailable      the checkpoint cannot be had: no hub, no package, no folder
├── UnsupportedModel      the direct writer does not know this architecture or head; `[export]` may
├── CheckpointInvalid     the checkpoint's own files are missing, contradict each other or cannot be read
├── ExportUnavailable     method="optimum" asked, the `[export]` extra is not installed
├── ParityTooLow          the quantised graph strays from the fp32 graph beyond the configured floor
├── ArtifactError
│   ├── ArtifactNotFound  no artifact in that folder
│   ├── ArtifactCorrupt   a file is missing, damaged or not the one the manifest describes
│   └── ArtifactTooNew    written by a later version of this package
├── EncoderBusy           too many texts wait for the encoder; ask again later
├── EncoderClosed         the batcher of the encoder was closed
└── ProviderError
    ├── ProviderUnavailable  the wheel installed here has no such provider, or two wheels fight
    └── ProviderFallback     CUDA was asked, onnxruntime silently gave the CPU
"""

# Names say what happened (`ModelUnavailable`), as the callers read them; the suffix would add nothing.
# ruff: noqa: N818

from __future__ import annotations


class AccelerateError(Exception):
    """Base of every error of `dedup_accelerate`."""


class ModelUnavailable(AccelerateError):
    """The checkpoint cannot be had; nothing was written."""


class UnsupportedModel(AccelerateError):
    """The direct writer does not know this architecture, pooling or head."""


class CheckpointInvalid(AccelerateError):
    """The checkpoint's files are missing, contradictory or unreadable."""


class ExportUnavailable(AccelerateError):
    """The optimum way was asked without the `[export]` extra."""


class ParityTooLow(AccelerateError):
    """The built graph strays from the fp32 graph beyond the configured floor."""


class ArtifactError(AccelerateError):
    """Base of what can be wrong with an artifact folder."""


class ArtifactNotFound(ArtifactError):
    """No artifact there."""


class ArtifactCorrupt(ArtifactError):
    """A file of the artifact is missing, damaged or foreign."""


class ArtifactTooNew(ArtifactError):
    """The artifact's schema is later than this package understands."""


class EncoderBusy(AccelerateError):
    """More texts wait for the encoder than may; the same call may succeed a moment later."""


class EncoderClosed(AccelerateError):
    """The batcher of the encoder was closed."""


class ProviderError(AccelerateError):
    """Base of what can be wrong with the execution provider."""


class ProviderUnavailable(ProviderError):
    """The installed onnxruntime has no such provider."""


class ProviderFallback(ProviderError):
    """CUDA was asked and the session would run on the CPU."""
