"""What has to be settled before JAX looks for devices: which machines take part, or how many devices to pretend."""

import jax

from dalle_mini.errors import ConfigError


def join_machines(coordinator: str | None = None, processes: int | None = None, process: int | None = None) -> None:
    """Join the run's other processes; what is None, JAX finds out on Slurm, TPU pods, Kubernetes and Open MPI.

    ConfigError if it can't, or if the others can't be reached.
    """
    try:
        jax.distributed.initialize(coordinator_address=coordinator, num_processes=processes, process_id=process)
    except (RuntimeError, ValueError, TypeError) as error:
        raise ConfigError(
            f"can't join the other machines: {str(error).partition(chr(10))[0]}",
            hint="outside of Slurm, TPU pods, Kubernetes and Open MPI, give --coordinator HOST:PORT --processes N "
            "--process K; the port must be reachable on the machine of process 0",
        ) from error


def simulate_devices(count: int) -> None:
    """Make this process's CPU pass for `count` devices; ConfigError for a number that is none."""
    if count < 1:
        raise ConfigError(f"{count!r} devices can't be simulated", hint="give a number from 1 up")
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", count)
