"""From a task and a model to a callable, on tiny checkpoints with random weights."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from dedup_accelerate import (
    TASKS,
    AccelerateError,
    Encoder,
    ExportUnavailable,
    ModelUnavailable,
    ProviderUnavailable,
    pipeline,
    prepare,
)

PLAIN = {"optimize": False, "quantize": False}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("pipelines")


@pytest.fixture(scope="module")
def similarity(checkpoints, cache):
    return pipeline("sentence-similarity", str(checkpoints("labse")), quantize=False, threads=1, cache=cache)


def test_the_similarity_of_two_texts_is_the_cosine_of_their_embeddings(similarity, texts):
    rows = similarity.encoder.encode(texts)
    found = similarity(texts[0], texts[1])
    assert isinstance(found, float)
    assert found == pytest.approx(float(rows[0] @ rows[1]), abs=1e-5)
    assert similarity(texts[0], texts[0]) == pytest.approx(1, abs=1e-5)


def test_lists_give_a_row_a_column_or_a_table(similarity, texts):
    rows = similarity.encoder.encode(texts)
    assert similarity(texts[0], texts[1:]) == pytest.approx(rows[1:] @ rows[0], abs=1e-5)
    assert similarity(texts[:2], texts[3]) == pytest.approx(rows[:2] @ rows[3], abs=1e-5)
    table = similarity(texts[:2], texts[2:5])
    assert table.shape == (2, 3)
    assert np.abs(table - rows[:2] @ rows[2:5].T).max() < 1e-5
    assert similarity([], texts).shape == (0, len(texts))


def test_features_are_the_rows_of_the_encoder(checkpoints, cache, texts):
    pipe = pipeline("feature-extraction", str(checkpoints("labse")), quantize=False, cache=cache)
    expected = Encoder(prepare(str(checkpoints("labse")), precision="fp32", cache=cache)).encode(texts)
    assert np.abs(pipe(texts) - expected).max() < 1e-6
    assert np.abs(pipe(texts[0]) - expected[0]).max() < 1e-6
    assert pipe(texts[0]).shape == (40,)


def test_encoders_are_quantised_where_optimize_is_asked_unless_said_otherwise(checkpoints, cache, lenient):
    def precision(**options):
        pipe = pipeline("feature-extraction", str(checkpoints("labse")), cache=cache, settings=lenient, **options)
        return pipe.encoder.artifact.manifest.contract.precision

    assert precision() == "int8"
    assert precision(quantize=False) == "fp32"
    assert precision(optimize=False) == "fp32"
    assert precision(optimize=False, quantize=True) == "int8"


def test_an_unknown_task_names_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="zero-shot-classification") as error:
        pipeline("translation", "some/model", cache=tmp_path)
    assert all(task in str(error.value) for task in TASKS)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_is_refused_before_anything_is_built(tmp_path, checkpoints):
    with pytest.raises(ValueError, match="int8 weights for the CPU"):
        pipeline("feature-extraction", str(checkpoints("labse")), quantize=True, provider="cuda", cache=tmp_path)
    with pytest.raises(ValueError, match="needs a model"):
        pipeline("text-classification", cache=tmp_path)
    with pytest.raises(ModelUnavailable, match="sentence encoder"):
        pipeline("text-classification", "labse", cache=tmp_path)
    with pytest.raises(ModelUnavailable, match="no-such"):
        pipeline("text-classification", "no-such", cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


LABELS = {
    "text-classification": ["calm", "alarm"],
    "zero-shot-classification": ["contradiction", "neutral", "entailment"],
    "token-classification": ["O", "B-PER", "I-PER"],
}


@pytest.fixture(scope="module")
def classifiers(checkpoints, tmp_path_factory):
    """A tiny classifier for each task, made with the real libraries."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification, BertForTokenClassification

    checkpoints("labse")
    encoder = checkpoints("labse").with_name("labse-encoder")
    root = tmp_path_factory.mktemp("classifiers")
    for task, labels in LABELS.items():
        torch.manual_seed(5)
        names = dict(enumerate(labels))
        config = BertConfig.from_pretrained(
            encoder,
            id2label=names,
            label2id={name: number for number, name in names.items()},
            initializer_range=0.1,
        )
        kind = BertForTokenClassification if task == "token-classification" else BertForSequenceClassification
        kind(config).save_pretrained(root / task)
        AutoTokenizer.from_pretrained(encoder).save_pretrained(root / task)
    return root


def by_torch(folder, task):
    from transformers import pipeline as original

    return original(task, model=str(folder), device="cpu")


def asked(task):
    return {"candidate_labels": ["bank", "train"]} if task == "zero-shot-classification" else {}


def scores(answer):
    """Every number of an answer, in its order."""
    if isinstance(answer, dict):
        found = answer.get("scores", answer.get("score"))
        return list(found) if isinstance(found, list) else [found]
    return [number for item in answer for number in scores(item)]


# optimum 0.1 exports through TorchScript, which torch calls legacy.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("task", LABELS)
def test_a_classifier_answers_as_torch_does_optimised_or_not(classifiers, cache, task):
    text = "the bank kept its rate"
    expected = by_torch(classifiers / task, task)(text, **asked(task))
    for options in (PLAIN, {"optimize": True}):
        answer = pipeline(task, str(classifiers / task), cache=cache, threads=1, **options)(text, **asked(task))
        assert np.abs(np.subtract(scores(answer), scores(expected))).max() < 1e-3
        assert json.dumps(answer, default=float).count('"') == json.dumps(expected, default=float).count('"')


def test_a_quantised_classifier_is_smaller_and_answers_nearly_the_same(classifiers, cache):
    task = "text-classification"
    whole, small = (pipeline(task, str(classifiers / task), cache=cache, quantize=q) for q in (False, True))
    size = {
        name: sum(file.stat().st_size for file in (cache / "pipelines").glob(f"{task}-{name}-*/model.onnx*"))
        for name in ("o2", "o2-int8")
    }
    assert size["o2-int8"] < size["o2"]
    first, second = whole("the price left the train"), small("the price left the train")
    assert first[0]["label"] == second[0]["label"]
    assert first[0]["score"] != second[0]["score"]
    assert first[0]["score"] == pytest.approx(second[0]["score"], abs=0.1)


def test_a_classifier_is_built_once_and_anew_for_other_weights(classifiers, cache, tmp_path):
    import shutil

    task = "text-classification"
    folder = shutil.copytree(classifiers / task, tmp_path / "own")
    pipeline(task, str(folder), cache=tmp_path, **PLAIN)
    (built,) = (path for path in (tmp_path / "pipelines").iterdir() if path.is_dir())
    before = (built / "model.onnx").stat().st_mtime_ns
    pipeline(task, str(folder), cache=tmp_path, **PLAIN)
    assert (built / "model.onnx").stat().st_mtime_ns == before
    content = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    content["id2label"] = {"0": "quiet", "1": "alarm"}
    content["label2id"] = {"quiet": 0, "alarm": 1}
    (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
    pipe = pipeline(task, str(folder), cache=tmp_path, **PLAIN)
    assert {item["label"] for item in pipe("rain", top_k=2)} == {"quiet", "alarm"}


def test_a_folder_without_a_model_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(AccelerateError, match="could not export"):
        pipeline("text-classification", str(tmp_path / "empty"), cache=tmp_path / "cache")
    assert [path for path in (tmp_path / "cache" / "pipelines").iterdir() if path.is_dir()] == []


def test_without_the_extra_classifiers_name_it_and_encoders_work(checkpoints, cache, tmp_path):
    code = (
        "import sys, importlib.util as util; find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name in ('optimum', 'torch') else find(name, *rest)\n"
        "from dedup_accelerate import ExportUnavailable, pipeline\n"
        "try:\n    pipeline('text-classification', sys.argv[1], cache=sys.argv[2])\n"
        "except ExportUnavailable as error:\n    print(error)\n"
        "print(pipeline('feature-extraction', sys.argv[1], quantize=False, cache=sys.argv[2])('rain').shape)\n"
        "print({'torch', 'transformers', 'optimum'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(checkpoints("labse")), str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "news-dedup[export]" in done.stdout
    assert done.stdout.splitlines()[1:] == ["(40,)", "set()"]
    assert issubclass(ExportUnavailable, AccelerateError)


def test_cuda_without_its_wheel_is_refused(checkpoints, cache):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the CUDA wheel")
    with pytest.raises(ProviderUnavailable):
        pipeline("feature-extraction", str(checkpoints("labse")), provider="cuda", cache=cache)
