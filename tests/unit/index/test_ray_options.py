"""Shares of processors and GPUs reach Ray as they are configured."""

from index.adapters.embed.ray_actor import actor_options
from index.adapters.embed.ray_serve import replica_options
from index.settings import RaySettings


def test_actors_ask_for_their_share_of_a_gpu() -> None:
    options = actor_options("embed", RaySettings(cpus=1.5, gpus=0.25))

    assert (options["num_cpus"], options["num_gpus"]) == (1.5, 0.25)
    assert options["max_task_retries"] == 0


def test_replicas_ask_for_their_share_of_a_gpu() -> None:
    settings = RaySettings(cpus=2, gpus=1, replica_cpus=0.5, replica_gpus=0.125)

    assert replica_options(settings) == {"num_cpus": 0.5, "num_gpus": 0.125}
