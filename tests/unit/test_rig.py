"""The test rig itself: what tests/conftest.py promises."""

import socket

import jax
import jax.numpy as jnp
import pytest

from dalle_mini.models.attention import KeyValue, attend


def test_other_machines_are_out_of_reach() -> None:
    with pytest.raises(RuntimeError, match="no network"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
    with pytest.raises(RuntimeError, match="no network"):
        socket.getaddrinfo("example.org", 443)


def test_this_machine_is_in_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=1).close()


def test_compiled_functions_run_on_the_cpu_and_are_kept() -> None:
    assert jax.default_backend() == "cpu"
    assert jax.config.values["jax_compilation_cache_dir"].endswith(".pytest_cache/d/jax")
    assert jax.config.values["jax_persistent_cache_min_compile_time_secs"] == 0


def test_shapes_in_annotations_are_checked() -> None:
    query, source = jnp.zeros((1, 2, 3, 4)), jnp.zeros((1, 2, 5, 4))
    with pytest.raises(TypeError, match="mask"):
        attend(query, KeyValue(source, source), jnp.zeros((1, 3, 5), bool))
