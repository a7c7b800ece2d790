"""Which profile this or that machine gets: a pure function; and what the machine is asked."""

from __future__ import annotations

import pytest

from dedup_accelerate import PROFILES, Hardware, ProviderUnavailable, choose_profile, detect_hardware

OLD = Hardware(flags=frozenset({"avx2"}), openvino="2026.4.1")
VNNI = Hardware(flags=frozenset({"avx2", "avx512_vnni"}), openvino="2026.4.1")
AMX = Hardware(flags=frozenset({"avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16"}), openvino="2026.4.1")
BARE_AMX = Hardware(flags=AMX.flags)


def card(major: int, minor: int) -> Hardware:
    return Hardware(flags=OLD.flags, gpu_wheel=True, compute_capability=(major, minor))


@pytest.mark.parametrize(
    ("hardware", "name", "engine", "arithmetic"),
    [
        (Hardware(), "cpu-int8", "onnxruntime", "fp32"),
        (OLD, "cpu-int8", "onnxruntime", "fp32"),
        (AMX, "cpu-int8", "onnxruntime", "fp32"),
        (card(6, 1), "cuda-fp32", "onnxruntime", "fp32"),
        (card(7, 5), "cuda-fp16", "onnxruntime", "fp16"),
        (card(9, 0), "cuda-fp16", "onnxruntime", "fp16"),
    ],
)
def test_each_machine_gets_its_profile(hardware, name, engine, arithmetic):
    chosen = choose_profile(hardware)
    assert (chosen.name, chosen.engine, chosen.arithmetic) == (name, engine, arithmetic)


def test_the_near_lossless_profile_needs_bfloat16_and_openvino():
    chosen = choose_profile(AMX, "cpu-bf16")
    assert (chosen.engine, chosen.precision, chosen.arithmetic) == ("openvino", "bf16", "bf16")
    with pytest.raises(ProviderUnavailable, match="cpu-fp32"):
        choose_profile(VNNI, "cpu-bf16")
    with pytest.raises(ProviderUnavailable, match=r"news-dedup\[openvino\]"):
        choose_profile(BARE_AMX, "cpu-bf16")
    with pytest.raises(ProviderUnavailable, match="openvino"):
        choose_profile(AMX, "cpu-bf16", "onnxruntime")


def test_an_engine_that_is_asked_for_is_taken_or_refused():
    assert choose_profile(AMX, "cpu-int8", "onnxruntime") == PROFILES["cpu-int8"]
    assert choose_profile(OLD, "cpu-fp32", "openvino").engine == "openvino"
    with pytest.raises(ProviderUnavailable, match=r"news-dedup\[openvino\]"):
        choose_profile(BARE_AMX, "cpu-fp32", "openvino")
    with pytest.raises(ProviderUnavailable, match="onnxruntime"):
        choose_profile(card(9, 0), "cuda-fp16", "openvino")


@pytest.mark.parametrize(
    ("hardware", "name", "told"),
    [
        (OLD, "cuda-fp16", "make gpu"),
        (OLD, "tensorrt", "make gpu"),
        (Hardware(gpu_wheel=True), "cuda-fp32", "nvidia-smi"),
        (Hardware(gpu_wheel=True), "auto", "cpu-int8"),
        (card(3, 7), "cuda-fp32", "3.7"),
        (card(6, 1), "cuda-fp16", "cuda-fp32"),
        (card(6, 1), "tensorrt", "6.1"),
        (card(7, 0), "tensorrt", "TensorRT"),
    ],
)
def test_a_gpu_profile_that_cannot_run_is_refused_never_replaced(hardware, name, told):
    with pytest.raises(ProviderUnavailable, match=told):
        choose_profile(hardware, name)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="profile"):
        choose_profile(OLD, "cpu-int4")
    with pytest.raises(ValueError, match="engine"):
        choose_profile(OLD, "cpu-int8", "tvm")


def test_int8_in_openvino_needs_vnni_and_takes_bfloat16_where_it_is():
    for hardware, arithmetic in ((AMX, "bf16"), (VNNI, "fp32")):
        chosen = choose_profile(hardware, "cpu-int8", "openvino")
        assert (chosen.precision, chosen.engine, chosen.arithmetic) == ("int8", "openvino", arithmetic)
    with pytest.raises(ProviderUnavailable, match="AVX512-VNNI"):
        choose_profile(OLD, "cpu-int8", "openvino")
    with pytest.raises(ProviderUnavailable, match=r"news-dedup\[openvino\]"):
        choose_profile(BARE_AMX, "cpu-int8", "openvino")


def test_what_proc_cpuinfo_says_is_read(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nflags\t\t: fpu avx2 avx512_vnni amx_bf16\n\nprocessor\t: 1\n", encoding="utf-8")
    found = detect_hardware(cpuinfo)
    assert found.flags == {"fpu", "avx2", "avx512_vnni", "amx_bf16"}
    assert found.bf16
    arm = tmp_path / "arm"
    arm.write_text("processor\t: 0\nFeatures\t: fp asimd asimddp\n", encoding="utf-8")
    assert not detect_hardware(arm).bf16
    absent = detect_hardware(tmp_path / "absent")
    assert (absent.flags, absent.bf16) == (frozenset(), False)
