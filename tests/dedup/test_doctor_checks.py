"""The doctor sees what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from dedup import doctor


def by_name(report):
    return {check["name"]: check for check in report["checks"]}


def test_a_healthy_installation_is_ok(news_day):
    report = news_day.json("doctor")
    checks = by_name(report)
    assert report["ok"] is True
    assert {"python", "packages", "cpu", "onnxruntime", "gpu", "configuration", "model", "database"} <= set(checks)
    for name in ("python", "packages", "onnxruntime", "configuration", "model", "database"):
        assert checks[name]["status"] == "ok", checks[name]
    assert str(news_day.folder / "my.toml") in checks["configuration"]["detail"]
    assert "CPUExecutionProvider" in checks["onnxruntime"]["detail"]
    assert "verified" in checks["model"]["detail"]
    assert "verified" in news_day.run("doctor").stdout


def test_a_fresh_installation_is_no_illness_and_stays_fresh(command_line):
    cache = {"DEDUP_CACHE": str(command_line.folder / "cache")}
    before = sorted(path.name for path in command_line.folder.iterdir())
    report = command_line.json("doctor", **cache)
    checks = by_name(report)
    assert report["ok"] is True
    assert (checks["model"]["status"], checks["database"]["status"]) == ("warning", "note")
    assert "dedup model export" in checks["model"]["advice"]
    assert sorted(path.name for path in command_line.folder.iterdir()) == before


def test_a_damaged_model_is_broken(news_day, command_line):
    described = news_day.json("model", "info")
    folder = command_line.folder / "cache" / "models" / described["path"].rpartition("/")[2]
    shutil.copytree(described["path"], folder)
    with (folder / "tokenizer.json").open("ab") as file:
        file.write(b" ")
    done = command_line.run("doctor", "--json", DEDUP_CACHE=str(command_line.folder / "cache"))
    model = by_name(json.loads(done.stdout))["model"]
    assert (done.returncode, model["status"]) == (1, "broken")
    assert "tokenizer.json" in model["detail"]
    assert "--rebuild" in model["advice"]


def test_a_database_that_is_none_is_broken(command_line):
    command_line.database.write_bytes(b"This is a shopping list." * 100)
    done = command_line.run("doctor", "--json")
    assert done.returncode == 1
    assert by_name(json.loads(done.stdout))["database"]["status"] == "broken"


def test_a_configuration_that_is_refused_does_not_hide_the_machine(command_line):
    (command_line.folder / "my.toml").write_text("[model]\nnam = 1\n", encoding="utf-8")
    done = command_line.run("doctor", "--json")
    checks = by_name(json.loads(done.stdout))
    assert done.returncode == 1
    assert checks["configuration"]["status"] == "broken"
    assert "model.nam" in checks["configuration"]["detail"]
    assert checks["python"]["status"] == "ok"


def test_cuda_without_a_card_is_broken(command_line):
    done = command_line.run("doctor", "--json", DEDUP_MODEL__PROFILE="cuda-fp32", PATH="/nonexistent")
    broken = {check["name"] for check in json.loads(done.stdout)["checks"] if check["status"] == "broken"}
    assert done.returncode == 1
    assert "gpu" in broken


def test_two_onnxruntime_wheels_together_are_broken(command_line):
    for name in ("onnxruntime", "onnxruntime-gpu"):
        record = command_line.folder / "site" / f"{name.replace('-', '_')}-1.26.0.dist-info"
        record.mkdir(parents=True)
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.26.0\n", encoding="utf-8")
    done = command_line.run("doctor", "--json", PYTHONPATH=str(command_line.folder / "site"))
    check = by_name(json.loads(done.stdout))["onnxruntime"]
    assert (done.returncode, check["status"]) == (1, "broken")
    assert "onnxruntime-gpu 1.26.0" in check["detail"]


@pytest.mark.parametrize(
    ("answer", "status", "told"),
    [
        ("NVIDIA GeForce GTX 1080, 6.1, 535.183.01", "ok", "onnxruntime-gpu>=1.22,<=1.26.0"),
        ("NVIDIA H100, 9.0, 580.65.06", "ok", "onnxruntime-gpu>=1.27,<2"),
        ("Tesla K80, 3.7, 470.57.02", "warning", "compute capability 3.7"),
        ("Some card, [N/A], 535.1", "warning", "[N/A]"),
        ("Odd line", "warning", "unknown"),
    ],
)
def test_a_card_is_told_with_the_wheels_that_fit_it(tmp_path, answer, status, told):
    command = tmp_path / "nvidia-smi"
    command.write_text(f"#!/bin/sh\necho '{answer}'\n", encoding="utf-8")
    command.chmod(0o755)
    (check,) = doctor.gpus("cpu", str(command))
    assert check.status == status
    assert told in check.detail


@pytest.mark.parametrize(
    ("wheels", "status", "told"),
    [
        ({"onnxruntime-gpu": "1.26.0", "nvidia-cudnn-cu12": "9.10.2.21"}, "ok", "nvidia-cudnn-cu12 9.10.2.21"),
        ({"onnxruntime-gpu": "1.26.0", "nvidia-cudnn-cu12": "9.20.0.48"}, "broken", "nvidia-cudnn-cu12 9.20.0.48 has"),
        ({"onnxruntime-gpu": "1.31.0", "nvidia-cudnn-cu13": "9.20"}, "broken", "onnxruntime-gpu 1.31.0 and nvidia"),
        ({}, "ok", "no GPU wheel"),
    ],
)
def test_installed_wheels_without_code_for_the_card_are_named(command_line, wheels, status, told):
    for name, number in wheels.items():
        record = command_line.folder / "site" / f"{name.replace('-', '_')}-{number}.dist-info"
        record.mkdir(parents=True)
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n", encoding="utf-8")
    command = command_line.folder / "nvidia-smi"
    command.write_text("#!/bin/sh\necho 'NVIDIA GeForce GTX 1080, 6.1, 535.183.01'\n", encoding="utf-8")
    command.chmod(0o755)
    code = (
        "import sys; from dedup.doctor import gpus; (found,) = gpus('cuda', sys.argv[1])\n"
        "print(found.status, found.detail, found.advice)"
    )
    environment = command_line.environment | {"PYTHONPATH": str(command_line.folder / "site")}
    answer = subprocess.run(
        [sys.executable, "-c", code, str(command)], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert answer.startswith(status)
    assert told in answer


def test_a_driver_that_fails_is_a_warning_and_for_cuda_broken(tmp_path):
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\necho 'driver mismatch'\nexit 18\n", encoding="utf-8")
    command.chmod(0o755)
    assert [check.status for check in doctor.gpus("cpu", str(command))] == ["warning"]
    assert [check.status for check in doctor.gpus("cuda", str(command))] == ["broken"]


@pytest.mark.parametrize(
    ("cpuinfo", "status", "told"),
    [
        ("model name\t: Big Core\nflags\t\t: fpu avx2 avx512f avx512_vnni avx512_bf16 amx_int8", "ok", "AVX512-VNNI"),
        ("model name\t: Old Core\nflags\t\t: fpu sse2 avx2", "note", "AVX2"),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp i8mm bf16", "ok", "I8MM"),
        ("", "ok", "none known"),
    ],
)
def test_the_processor_is_told_by_what_speeds_the_encoder_up(tmp_path, cpuinfo, status, told):
    path = tmp_path / "cpuinfo"
    path.write_text(cpuinfo, encoding="utf-8")
    check = doctor.cpu(path)
    assert check.status == status
    assert told in check.detail
