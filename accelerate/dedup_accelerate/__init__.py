"""Sentence encoders without torch: checkpoint → one ONNX graph → int8 → an artifact that vouches for itself → vectors.

    from dedup_accelerate import Encoder, prepare

    encoder = Encoder(prepare("e5-small"))
    vectors = encoder.encode(["The bank left its rate unchanged.", "Банк сохранил ставку."])

Importing this package loads neither onnxruntime nor onnx nor torch; what needs them imports them when called.
"""

from ._artifact import (
    Artifact,
    Contract,
    Manifest,
    Parity,
    Step,
    Trim,
    default_cache,
    find_artifacts,
    load_artifact,
)
from ._batcher import DynamicBatcher
from ._build import prepare, prepared
from ._detection import Hardware, detect_hardware
from ._encoder import Encoder, embedding_fingerprint
from ._errors import (
    AccelerateError,
    ArtifactCorrupt,
    ArtifactError,
    ArtifactNotFound,
    ArtifactTooNew,
    CheckpointInvalid,
    EncoderBusy,
    EncoderClosed,
    ExportUnavailable,
    ModelUnavailable,
    ParityTooLow,
    ProviderError,
    ProviderFallback,
    ProviderUnavailable,
    UnsupportedModel,
)
from ._fidelity import record_fidelity
from ._hardware import GpuPins, GpuWheel, carries_code, gpu_pins, gpu_wheels, installed_gpu_wheels
from ._longtexts import LongTexts
from ._parity import measure_parity, parity_texts
from ._pipeline import TASKS, FeatureExtraction, SentenceSimilarity, pipeline
from ._profiles import PROFILES, Profile, choose_profile
from ._registry import DEFAULT_MODEL, REGISTRY, ModelSpec
from ._scripts import scripts_of
from ._session import installed_wheels
from ._settings import BuildSettings, ParityFloor, Progress
from ._trim import trim_vocabulary

__all__ = [
    "DEFAULT_MODEL",
    "PROFILES",
    "REGISTRY",
    "TASKS",
    "AccelerateError",
    "Artifact",
    "ArtifactCorrupt",
    "ArtifactError",
    "ArtifactNotFound",
    "ArtifactTooNew",
    "BuildSettings",
    "CheckpointInvalid",
    "Contract",
    "DynamicBatcher",
    "Encoder",
    "EncoderBusy",
    "EncoderClosed",
    "ExportUnavailable",
    "FeatureExtraction",
    "GpuPins",
    "GpuWheel",
    "Hardware",
    "LongTexts",
    "Manifest",
    "ModelSpec",
    "ModelUnavailable",
    "Parity",
    "ParityFloor",
    "ParityTooLow",
    "Profile",
    "Progress",
    "ProviderError",
    "ProviderFallback",
    "ProviderUnavailable",
    "SentenceSimilarity",
    "Step",
    "Trim",
    "UnsupportedModel",
    "carries_code",
    "choose_profile",
    "default_cache",
    "detect_hardware",
    "embedding_fingerprint",
    "find_artifacts",
    "gpu_pins",
    "gpu_wheels",
    "installed_gpu_wheels",
    "installed_wheels",
    "load_artifact",
    "measure_parity",
    "parity_texts",
    "pipeline",
    "prepare",
    "prepared",
    "record_fidelity",
    "scripts_of",
    "trim_vocabulary",
]
